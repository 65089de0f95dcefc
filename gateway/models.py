"""What was used: a record per request, sums per day, and which journal batches are booked."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from gateway.alert_rows import (  # noqa: F401 # Django looks for models here
    Alert,
    AlertMessage,
    AlertNotice,
    AlertRound,
    AlertTarget,
)
from gateway.audit import AuditEvent as AuditEvent  # Django finds models from here


class Outcome(models.TextChoices):
    """How a request ended."""

    COMPLETED = "completed", _("completed")
    CANCELLED = "cancelled", _("cancelled by the client")
    UPSTREAM_ERROR = "upstream_error", _("error of the platform")
    TRUNCATED = "truncated", _("cut off")
    REFUSED = "refused", _("refused")


class UsageRecord(models.Model):
    """One finished request. Names are copied, not linked: a record says what was true then.

    Money is in micro-units of the site's currency, times are milliseconds, `prices` holds the unit
    prices that the cost was worked out with (keys as in `platforms.routes.Price`).
    """

    request_id = models.CharField(_("request"), max_length=64, unique=True)
    at = models.DateTimeField(_("time"))
    licence_id = models.BigIntegerField(_("licence number"), null=True)
    licence_name = models.CharField(_("licence"), max_length=100, blank=True)
    platform = models.CharField(_("platform"), max_length=50, blank=True)
    credential_id = models.BigIntegerField(_("credential number"), null=True)
    credential_name = models.CharField(_("credential"), max_length=100, blank=True)
    endpoint = models.CharField(_("endpoint"), max_length=40)
    model = models.CharField(_("model"), max_length=200, blank=True)
    upstream_model = models.CharField(_("upstream model"), max_length=200, blank=True)
    stream = models.BooleanField(_("streamed"), default=False)
    outcome = models.CharField(_("outcome"), max_length=20, choices=Outcome.choices)
    status = models.PositiveSmallIntegerField(
        _("status"), help_text=_("The HTTP status that the client was answered with.")
    )
    error_code = models.CharField(_("error code"), max_length=60, blank=True)
    error = models.CharField(_("error"), max_length=300, blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    tries = models.JSONField(
        _("what became of each attempt"),
        default=list,
        help_text=_("Where there was more than one, or none that went well."),
    )
    prompt_tokens = models.PositiveIntegerField(_("prompt tokens"), default=0)
    cached_tokens = models.PositiveIntegerField(_("cached tokens"), default=0)
    cache_write_tokens = models.PositiveIntegerField(
        _("tokens written to the cache"),
        default=0,
        help_text=_("Of the prompt tokens, those that the platform kept for later calls."),
    )
    completion_tokens = models.PositiveIntegerField(_("completion tokens"), default=0)
    reasoning_tokens = models.PositiveIntegerField(_("reasoning tokens"), default=0)
    images = models.PositiveIntegerField(_("images"), default=0)
    seconds = models.FloatField(_("seconds"), default=0)
    measured = models.BooleanField(
        _("measured"),
        default=False,
        help_text=_("Yes: the platform reported these numbers. No: the gateway estimated them."),
    )
    cost_micros = models.BigIntegerField(_("cost"), default=0)
    price_version = models.PositiveIntegerField(_("price version"), default=0)
    prices = models.JSONField(_("unit prices"), default=dict)
    first_byte_ms = models.PositiveIntegerField(_("time to first byte"), null=True)
    latency_ms = models.PositiveIntegerField(_("latency"), default=0)

    class Meta:
        verbose_name = _("usage record")
        verbose_name_plural = _("usage records")
        ordering = ["-at"]
        permissions = [
            ("watch_live", "Can watch requests as they happen"),
            ("use_playground", "Can use the playground"),
        ]
        indexes = [
            models.Index(fields=["at"], name="usage_at"),
            models.Index(fields=["licence_id", "at"], name="usage_licence_at"),
            models.Index(fields=["platform", "at"], name="usage_platform_at"),
            models.Index(fields=["outcome", "at"], name="usage_outcome_at"),
            models.Index(
                fields=["at"], name="usage_estimated_at", condition=models.Q(measured=False)
            ),
        ]

    @override
    def __str__(self) -> str:
        return self.request_id


class UsageDay(models.Model):
    """Sums of one day (UTC) for one licence, platform and model."""

    day = models.DateField(_("day"))
    licence_id = models.BigIntegerField(_("licence number"), default=0)
    licence_name = models.CharField(_("licence"), max_length=100, blank=True)
    platform = models.CharField(_("platform"), max_length=50, blank=True)
    model = models.CharField(_("model"), max_length=200, blank=True)
    requests = models.PositiveBigIntegerField(_("requests"), default=0)
    errors = models.PositiveBigIntegerField(_("errors"), default=0)
    prompt_tokens = models.PositiveBigIntegerField(_("prompt tokens"), default=0)
    cached_tokens = models.PositiveBigIntegerField(_("cached tokens"), default=0)
    cache_write_tokens = models.PositiveBigIntegerField(_("tokens written to the cache"), default=0)
    completion_tokens = models.PositiveBigIntegerField(_("completion tokens"), default=0)
    reasoning_tokens = models.PositiveBigIntegerField(_("reasoning tokens"), default=0)
    images = models.PositiveBigIntegerField(_("images"), default=0)
    seconds = models.FloatField(_("seconds"), default=0)
    cost_micros = models.BigIntegerField(_("cost"), default=0)
    latency_ms = models.PositiveBigIntegerField(_("latency, summed"), default=0)

    class Meta:
        verbose_name = _("usage of a day")
        verbose_name_plural = _("usage by day")
        ordering = ["-day"]
        indexes = [
            models.Index(fields=["platform", "day"], name="usage_day_platform"),
            models.Index(fields=["licence_id", "day"], name="usage_day_licence_day"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["day", "licence_id", "platform", "model"], name="usage_day_once"
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.day} {self.licence_name} {self.platform}/{self.model}"


class UsageHour(models.Model):
    """Sums of one hour (UTC): of everything, of each platform, and of each model.

    Each axis apart, not platform by model: a page that shows months reads one axis, and the pairs
    would be many times as many rows (docs/decisions/0010).
    """

    class By(models.TextChoices):
        """What is summed."""

        ALL = "all", _("everything")
        PLATFORM = "platform", _("platform")
        MODEL = "model", _("model")

    hour = models.DateTimeField(_("hour"))
    by = models.CharField(_("summed by"), max_length=8, choices=By.choices)
    name = models.CharField(_("name"), max_length=200, blank=True)
    requests = models.PositiveBigIntegerField(_("requests"), default=0)
    errors = models.PositiveBigIntegerField(_("errors"), default=0)
    failed = models.PositiveBigIntegerField(
        _("failed"),
        default=0,
        help_text=_("Of the errors, those of platforms and the gateway; the rest are callers'."),
    )
    prompt_tokens = models.PositiveBigIntegerField(_("prompt tokens"), default=0)
    cached_tokens = models.PositiveBigIntegerField(_("cached tokens"), default=0)
    completion_tokens = models.PositiveBigIntegerField(_("completion tokens"), default=0)
    images = models.PositiveBigIntegerField(_("images"), default=0)
    seconds = models.FloatField(_("seconds"), default=0)
    cost_micros = models.BigIntegerField(_("cost"), default=0)

    class Meta:
        verbose_name = _("usage of an hour")
        verbose_name_plural = _("usage by hour")
        default_permissions = ()  # no page shows its rows
        indexes = [models.Index(fields=["by", "name", "hour"], name="usage_hour_of_one")]
        constraints = [
            models.UniqueConstraint(fields=["by", "hour", "name"], name="usage_hour_once")
        ]

    @override
    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H:%M} {self.by} {self.name}"


class UsageTiming(models.Model):
    """How many answers of one hour (UTC) took how long: a histogram, so that hours can be added up.

    What a bucket is says `gateway.usage.timings`.
    """

    class Kind(models.TextChoices):
        """What is timed."""

        LATENCY = "latency", _("latency")
        FIRST_BYTE = "first_byte", _("time to first token")

    hour = models.DateTimeField(_("hour"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    bucket = models.PositiveSmallIntegerField(_("bucket"))
    count = models.PositiveBigIntegerField(_("answers"), default=0)

    class Meta:
        verbose_name = _("timing of an hour")
        verbose_name_plural = _("timings by hour")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["hour", "kind", "bucket"], name="usage_timing_once")
        ]

    @override
    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H:%M} {self.kind} {self.bucket}"


class CoarseSums(models.Model):
    """What the coarser roll-ups add up, of the days' columns: for reports over long periods."""

    platform = models.CharField(_("platform"), max_length=50, blank=True)
    model = models.CharField(_("model"), max_length=200, blank=True)
    requests = models.PositiveBigIntegerField(_("requests"), default=0)
    errors = models.PositiveBigIntegerField(_("errors"), default=0)
    prompt_tokens = models.PositiveBigIntegerField(_("prompt tokens"), default=0)
    completion_tokens = models.PositiveBigIntegerField(_("completion tokens"), default=0)
    cached_tokens = models.PositiveBigIntegerField(_("cached tokens"), default=0)
    images = models.PositiveBigIntegerField(_("images"), default=0)
    seconds = models.FloatField(_("seconds"), default=0)
    cost_micros = models.BigIntegerField(_("cost"), default=0)
    latency_ms = models.PositiveBigIntegerField(_("latency, summed"), default=0)

    class Meta:
        abstract = True


class UsageWeek(CoarseSums):
    """Sums of one week (UTC, from its Monday) for one licence, platform and model."""

    week = models.DateField(_("week"))
    licence_id = models.BigIntegerField(_("licence number"), default=0)

    class Meta:
        verbose_name = _("usage of a week")
        verbose_name_plural = _("usage by week")
        constraints = [
            models.UniqueConstraint(
                fields=["week", "licence_id", "platform", "model"], name="usage_week_once"
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.week} {self.licence_id} {self.platform}/{self.model}"


class UsageModelDay(CoarseSums):
    """Sums of one day (UTC) for one platform and model, of all licences."""

    day = models.DateField(_("day"))

    class Meta:
        verbose_name = _("usage of a model on a day")
        verbose_name_plural = _("usage of models by day")
        constraints = [
            models.UniqueConstraint(
                fields=["day", "platform", "model"], name="usage_model_day_once"
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.day} {self.platform}/{self.model}"


class JournalBatch(models.Model):
    """A stretch of a journal file that is booked; its uniqueness is what books it exactly once."""

    file = models.CharField(_("journal file"), max_length=120)
    start = models.PositiveBigIntegerField(_("first byte"))
    end = models.PositiveBigIntegerField(_("byte after the last"))
    records = models.PositiveIntegerField(_("records"))
    booked_at = models.DateTimeField(_("booked"))

    class Meta:
        verbose_name = _("journal batch")
        verbose_name_plural = _("journal batches")
        constraints = [models.UniqueConstraint(fields=["file", "start"], name="journal_batch_once")]

    @override
    def __str__(self) -> str:
        return f"{self.file} {self.start}-{self.end}"


class TaskState(models.TextChoices):
    """Where a media task stands; `media.tasks` says which change is allowed."""

    QUEUED = "queued", _("queued")
    SUBMITTING = "submitting", _("submitting")
    RUNNING = "running", _("running")
    STORING = "storing", _("copying")
    COMPLETED = "completed", _("completed")
    FAILED = "failed", _("failed")


ENDED = (TaskState.COMPLETED, TaskState.FAILED)


class MediaTask(models.Model):
    """A picture or film that was ordered, from before the platform is asked to after its end.

    The rows are the workers' queue. Names are copied, not linked, as in usage records.
    """

    id = models.CharField(max_length=40, primary_key=True)
    kind = models.CharField(
        _("kind"), max_length=10, choices=[("image", _("image")), ("video", _("video"))]
    )
    endpoint = models.CharField(_("endpoint"), max_length=40)
    request_id = models.CharField(_("request"), max_length=64)
    licence_id = models.BigIntegerField(_("licence number"))
    licence_name = models.CharField(_("licence"), max_length=100, blank=True)
    platform = models.CharField(_("platform"), max_length=50)
    credential_id = models.BigIntegerField(_("credential number"), null=True)
    credential_name = models.CharField(_("credential"), max_length=100, blank=True)
    model = models.CharField(_("model"), max_length=200)
    upstream_model = models.CharField(_("upstream model"), max_length=200)
    asked = models.JSONField(
        _("what was asked"), default=dict, help_text=_("Prompt, parameters and input files.")
    )
    response_format = models.CharField(_("answer as"), max_length=10, default="b64_json")
    blocking = models.BooleanField(
        _("blocking"), default=False, help_text=_("The caller waited for the answer.")
    )
    state = models.CharField(
        _("state"), max_length=12, choices=TaskState.choices, default=TaskState.QUEUED
    )
    progress = models.PositiveSmallIntegerField(_("progress"), default=0)
    upstream_id = models.CharField(_("the platform's number"), max_length=500, blank=True)
    results = models.JSONField(
        _("results to copy"), default=list, help_text=_("Where the platform shows what it made.")
    )
    facts = models.JSONField(_("facts"), default=dict)
    used = models.JSONField(_("used"), default=dict)
    price = models.JSONField(_("unit prices"), default=dict)
    error_status = models.PositiveSmallIntegerField(_("status"), default=0)
    error_type = models.CharField(_("error type"), max_length=60, blank=True)
    error_code = models.CharField(_("error code"), max_length=60, blank=True)
    error_message = models.TextField(_("error"), blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    failures = models.PositiveSmallIntegerField(
        _("failures in a row"), default=0, help_text=_("Of polls or copies; each waits longer.")
    )
    created_at = models.DateTimeField(_("ordered"))
    submitted_at = models.DateTimeField(_("submitted"), null=True)
    completed_at = models.DateTimeField(_("ended"), null=True)
    due_at = models.DateTimeField(_("due"))
    deadline_at = models.DateTimeField(_("given up at"))
    expires_at = models.DateTimeField(_("files kept until"), null=True)
    lease_by = models.CharField(_("worker"), max_length=80, blank=True)
    lease_until = models.DateTimeField(_("leased until"), null=True)
    idempotency_key = models.CharField(_("idempotency key"), max_length=255, blank=True)
    fingerprint = models.CharField(_("digest of the request"), max_length=64, blank=True)
    remixed_from = models.CharField(_("made from"), max_length=40, blank=True)

    class Meta:
        verbose_name = _("media task")
        verbose_name_plural = _("media tasks")
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["state", "due_at"], name="task_state_due"),
            models.Index(fields=["licence_id", "kind", "-created_at"], name="task_licence_kind"),
            models.Index(fields=["created_at"], name="task_created"),
            models.Index(fields=["expires_at"], name="task_expires"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["licence_id", "idempotency_key"],
                condition=~models.Q(idempotency_key=""),
                name="task_idempotency_once",
            )
        ]

    @override
    def __str__(self) -> str:
        return self.id


class MediaFile(models.Model):
    """A file of a media task in our own storage: what came with it, or what it made.

    The row is written before the file, so that nothing is stored that nobody knows of.
    """

    id = models.CharField(max_length=32, primary_key=True)
    task = models.ForeignKey(
        MediaTask, models.CASCADE, related_name="files", null=True, verbose_name=_("task")
    )
    variant = models.CharField(
        _("variant"), max_length=12, help_text=_("input, image, video, thumbnail or spritesheet.")
    )
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    name = models.CharField(_("name in the storage"), max_length=200)
    content_type = models.CharField(_("type"), max_length=100)
    size = models.PositiveBigIntegerField(_("bytes"), default=0)
    sha256 = models.CharField(_("SHA-256"), max_length=64, blank=True)
    revised_prompt = models.TextField(_("revised prompt"), blank=True)
    created_at = models.DateTimeField(_("stored"))

    class Meta:
        verbose_name = _("media file")
        verbose_name_plural = _("media files")
        ordering = ["task", "position"]
        indexes = [models.Index(fields=["task", "created_at"], name="file_task_created")]

    @override
    def __str__(self) -> str:
        return self.name
