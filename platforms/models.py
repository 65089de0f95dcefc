"""Whom we call: platforms, the operator's credentials for them, and the names of their models."""

from typing import Any

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from platforms.records import (  # noqa: F401 # Django looks for models here
    Cooldown,
    LastTest,
    PoolReport,
)
from platforms.validators import (
    validate_base_url,
    validate_fallbacks,
    validate_groups,
    validate_headers,
    validate_parameters,
    validate_path,
    validate_proxy,
    validate_rules,
    validate_slug_is_free,
)


class AuthStyle(models.TextChoices):
    """How a platform wants to be shown the credential."""

    BEARER = "bearer", _("Authorization: Bearer …")
    API_KEY = "api-key", _("api-key: …")
    X_API_KEY = "x-api-key", _("x-api-key: …")
    X_GOOG_API_KEY = "x-goog-api-key", _("x-goog-api-key: …")
    GOOGLE_SERVICE_ACCOUNT = (
        "google-service-account",
        _("Google service account (JSON), as OAuth2 token"),
    )
    NONE = "none", _("none: this platform asks for no key")


class Kind(models.TextChoices):
    """What a model makes."""

    CHAT = "chat", _("chat")
    IMAGE = "image", _("image")
    VIDEO = "video", _("video")
    EMBEDDING = "embedding", _("embedding")
    AUDIO = "audio", _("audio")


class Platform(models.Model):
    """An upstream AI service, or an engine of the operator's own."""

    slug = models.CharField(
        _("short name"),
        max_length=50,
        unique=True,
        validators=[
            RegexValidator(
                r"^[a-z0-9][a-z0-9_-]*\Z",
                _("Small letters, digits, - and _; it begins with a letter or digit."),
            ),
            validate_slug_is_free,
        ],
        help_text=_("Part of the address that clients call: /short-name/v1/chat/completions."),
    )
    name = models.CharField(_("name"), max_length=100, help_text=_("Shown in the admin."))
    preset = models.CharField(_("preset"), max_length=50, default="custom", editable=False)
    protocol = models.CharField(
        _("protocol"),
        max_length=30,
        default="openai",
        help_text=_("The language that this platform speaks."),
    )
    base_url = models.CharField(
        _("base URL"),
        max_length=500,
        validators=[validate_base_url],
        help_text=_(
            "Address of the platform's API up to and without /chat/completions, such as "
            "https://api.openai.com/v1. A private address is fine for an engine of your own."
        ),
    )
    enabled = models.BooleanField(
        _("enabled"),
        default=True,
        help_text=_("Switch off to answer 404 for this platform. Acts within a second."),
    )
    auth_style = models.CharField(
        _("how the key is sent"),
        max_length=30,
        choices=AuthStyle.choices,
        default=AuthStyle.BEARER,
        help_text=_("The header in which this platform expects a credential's secret."),
    )
    chat_path = models.CharField(
        _("chat path"),
        max_length=200,
        default="/chat/completions",
        validators=[validate_path],
        help_text=_("Appended to the base URL for chat."),
    )
    models_path = models.CharField(
        _("models path"),
        max_length=200,
        default="/models",
        blank=True,
        validators=[validate_path],
        help_text=_("Appended to the base URL to list models. Empty: it has no such list."),
    )
    headers = models.JSONField(
        _("extra headers"),
        default=dict,
        blank=True,
        validators=[validate_headers],
        help_text=_(
            'Sent with every call, as a JSON object: {"OpenAI-Organization": "org-1"}. '
            "Not for secrets: they are shown here in clear."
        ),
    )
    proxy = models.CharField(
        _("outbound proxy"),
        max_length=500,
        blank=True,
        validators=[validate_proxy],
        help_text=_("Such as http://proxy.example:3128. Empty: direct."),
    )
    connect_s = models.FloatField(
        _("connect time-out"),
        default=10,
        validators=[MinValueValidator(0.1)],
        help_text=_("Seconds until the connection must stand."),
    )
    first_byte_s = models.FloatField(
        _("first-byte time-out"),
        default=120,
        validators=[MinValueValidator(0.1)],
        help_text=_("Seconds until the first byte of an answer must be there."),
    )
    idle_s = models.FloatField(
        _("idle time-out"),
        default=120,
        validators=[MinValueValidator(0.1)],
        help_text=_("Seconds that a stream may stay silent between two events."),
    )
    total_s = models.FloatField(
        _("total time-out"),
        default=1800,
        validators=[MinValueValidator(0.1)],
        help_text=_("Seconds after which a call is ended whatever it does."),
    )
    pass_unmapped = models.BooleanField(
        _("pass unmapped models through"),
        default=True,
        help_text=_(
            "A model name without a mapping is sent to the platform as it is. "
            "Off: only mapped models can be called."
        ),
    )
    rules = models.JSONField(
        _("parameter rules"),
        default=dict,
        blank=True,
        validators=[validate_rules],
        help_text=_(
            "Where this platform departs from what its preset says, as a JSON object: "
            '{"n_max": 1, "+drop_params": ["user"]}. A name with + adds to a list, one without '
            "replaces the value; docs/dialects.md lists them. Acts within a second."
        ),
    )
    rpm = models.PositiveIntegerField(
        _("requests per minute"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Of all licences together; more are answered 429. Empty: no bound."),
    )
    tpm = models.PositiveIntegerField(
        _("tokens per minute"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Of all licences together, prompts and completions. Empty: no bound."),
    )
    concurrency = models.PositiveIntegerField(
        _("parallel requests"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Of all licences together, at the same moment. Empty: no bound."),
    )
    note = models.TextField(_("note"), blank=True, help_text=_("Anything worth remembering."))
    created_at = models.DateTimeField(_("added"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("platform")
        verbose_name_plural = _("platforms")
        ordering = ["slug"]

    @override
    def __str__(self) -> str:
        return self.slug


class Credential(models.Model):
    """One of the operator's own keys for a platform. The secret is encrypted and never shown."""

    platform = models.ForeignKey(
        Platform, models.CASCADE, related_name="credentials", verbose_name=_("platform")
    )
    name = models.CharField(
        _("name"), max_length=100, help_text=_("To tell this key from the platform's others.")
    )
    secret_encrypted = models.TextField(editable=False)
    enabled = models.BooleanField(
        _("enabled"),
        default=True,
        help_text=_("Switch off to stop using this key. Acts within a second."),
    )
    weight = models.PositiveIntegerField(
        _("weight"),
        default=1,
        validators=[MinValueValidator(1)],
        help_text=_("A key of weight 3 is chosen three times as often as one of weight 1."),
    )
    proxy = models.CharField(
        _("outbound proxy"),
        max_length=500,
        blank=True,
        validators=[validate_proxy],
        help_text=_("For this key alone. Empty: the platform's."),
    )
    tier = models.PositiveIntegerField(
        _("priority tier"),
        default=1,
        validators=[MinValueValidator(1)],
        help_text=_("Keys of tier 2 are used only while none of tier 1 can be, and so on."),
    )
    groups = models.JSONField(
        _("groups"),
        default=list,
        blank=True,
        validators=[validate_groups],
        help_text=_(
            'Names such as ["team-a", "cheap"]. A model can be held to a group, and a caller can '
            "ask for one: docs/pools.md."
        ),
    )
    max_concurrency = models.PositiveIntegerField(
        _("parallel requests"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("At most so many calls with this key at once. Empty: no bound."),
    )
    rpm = models.PositiveIntegerField(
        _("requests per minute"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("At most so many calls a minute; others go to other keys. Empty: no bound."),
    )
    draining = models.BooleanField(
        _("draining"),
        default=False,
        help_text=_("Ends the calls that it carries and gets no new ones."),
    )
    # Written by running gateways (platforms/health.py), never by the form.
    cooling_until = models.DateTimeField(_("cooling until"), null=True, blank=True, editable=False)
    cooling_reason = models.CharField(
        _("cooling because"), max_length=300, blank=True, editable=False
    )
    disabled_reason = models.CharField(
        _("disabled because"), max_length=300, blank=True, editable=False
    )
    disabled_at = models.DateTimeField(_("disabled at"), null=True, blank=True, editable=False)
    strikes = models.PositiveSmallIntegerField(
        _("times disabled in a row"), default=0, editable=False
    )
    probe_at = models.DateTimeField(_("probed next"), null=True, blank=True, editable=False)
    # When a probe or the operator has found it well: every process forgets what it held against it.
    reset_at = models.DateTimeField(_("found well"), null=True, blank=True, editable=False)

    last_error = models.CharField(_("last error"), max_length=300, blank=True, editable=False)
    last_error_at = models.DateTimeField(_("last error at"), null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("added"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("credential")
        verbose_name_plural = _("credentials")
        ordering = ["platform__slug", "name"]
        constraints = [
            models.UniqueConstraint(fields=["platform", "name"], name="credential_name_once")
        ]

    @override
    def __str__(self) -> str:
        return f"{self.platform.slug}: {self.name}"


class ModelMapping(models.Model):
    """A model under the name that clients use, and what it is called and costs upstream.

    Prices are integers in micro-units of the site's currency: per million tokens, per image, per
    second of video.
    """

    platform = models.ForeignKey(
        Platform, models.CASCADE, related_name="model_mappings", verbose_name=_("platform")
    )
    public_name = models.CharField(
        _("public name"), max_length=200, help_text=_("The name that clients send as “model”.")
    )
    upstream_name = models.CharField(
        _("upstream name"),
        max_length=200,
        blank=True,
        help_text=_("The name sent to the platform. Empty: the public name."),
    )
    kind = models.CharField(
        _("kind"),
        max_length=10,
        choices=Kind.choices,
        default=Kind.CHAT,
        help_text=_("What the model makes."),
    )
    enabled = models.BooleanField(
        _("enabled"),
        default=True,
        help_text=_("Off: this name is refused, even where unmapped models pass through."),
    )
    price_prompt_micros = models.BigIntegerField(
        _("price of prompt tokens"), default=0, validators=[MinValueValidator(0)]
    )
    price_cached_micros = models.BigIntegerField(
        _("price of cached prompt tokens"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
    )
    price_cache_write_micros = models.BigIntegerField(
        _("price of prompt tokens written to the cache"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
    )
    price_completion_micros = models.BigIntegerField(
        _("price of completion tokens"), default=0, validators=[MinValueValidator(0)]
    )
    price_image_micros = models.BigIntegerField(
        _("price of an image"), default=0, validators=[MinValueValidator(0)]
    )
    price_second_micros = models.BigIntegerField(
        _("price of a second of video"), default=0, validators=[MinValueValidator(0)]
    )
    price_request_micros = models.BigIntegerField(
        _("price of a request"), default=0, validators=[MinValueValidator(0)]
    )
    price_version = models.PositiveIntegerField(_("price version"), default=1, editable=False)
    groups = models.JSONField(
        _("credential groups"),
        default=list,
        blank=True,
        validators=[validate_groups],
        help_text=_("Only keys of one of these groups carry this model. Empty: all keys."),
    )
    parameters = models.JSONField(
        _("name parameters"),
        default=dict,
        blank=True,
        validators=[validate_parameters],
        help_text=_(
            "What callers may append to the name, and the fields that it sets: "
            '{"high": {"reasoning_effort": "high"}} makes name-high a name of this model.'
        ),
    )
    overrides = models.JSONField(
        _("rule overrides"),
        default=dict,
        blank=True,
        validators=[validate_rules],
        help_text=_(
            "Where this model departs from its platform, in the same way: "
            '{"reasoning_in": "thinking"}. Acts within a second.'
        ),
    )
    fallbacks = models.JSONField(
        _("fallbacks"),
        default=list,
        blank=True,
        validators=[validate_fallbacks],
        help_text=_(
            'Where to go, in this order, when this platform cannot answer: ["claude/sonnet"]. '
            "A licence goes only where it may."
        ),
    )
    created_at = models.DateTimeField(_("added"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    PRICES = (
        "price_prompt_micros",
        "price_cached_micros",
        "price_cache_write_micros",
        "price_completion_micros",
        "price_image_micros",
        "price_second_micros",
        "price_request_micros",
    )

    class Meta:
        verbose_name = _("model mapping")
        verbose_name_plural = _("model mappings")
        ordering = ["platform__slug", "public_name"]
        constraints = [
            models.UniqueConstraint(
                fields=["platform", "public_name"], name="model_public_name_once"
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.platform.slug}/{self.public_name}"

    @override
    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; a changed price makes a new price version, which usage records name."""
        if self.pk:
            before = ModelMapping.objects.filter(pk=self.pk).values(*self.PRICES).first()
            if before and any(before[name] != getattr(self, name) for name in self.PRICES):
                self.price_version += 1
                if (fields := kwargs.get("update_fields")) is not None:
                    kwargs["update_fields"] = {*fields, "price_version"}
        super().save(*args, **kwargs)


class CatalogueVersion(models.Model):
    """One row whose number grows with every change above; processes rebuild when it does."""

    number = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("version of the catalogue")
        verbose_name_plural = _("versions of the catalogue")

    @override
    def __str__(self) -> str:
        return str(self.number)

    @classmethod
    def bump(cls) -> None:
        """Tell every process to rebuild. Needed by hand only after `QuerySet.update()`."""
        if not cls.objects.filter(pk=1).update(number=F("number") + 1):
            # The row came with a migration; `manage.py flush` takes it away.
            CatalogueVersion.objects.bulk_create(
                [CatalogueVersion(pk=1, number=1)], ignore_conflicts=True
            )

    @classmethod
    def bump_on_signal(cls, **_signal: Any) -> None:
        """Bump after a save or delete; connected in apps.py."""
        cls.bump()

    @classmethod
    def current(cls) -> int:
        """The number now; 0 when the row is not there."""
        return cls.objects.filter(pk=1).values_list("number", flat=True).first() or 0
