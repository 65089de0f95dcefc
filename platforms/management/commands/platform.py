"""`manage.py platform …`: add, list, switch and test platforms."""

from argparse import ArgumentTypeError

from django.core.management.base import CommandParser
from django.db.models import Count, Q
from django.utils.translation import gettext as _
from typing_extensions import override

from platforms.adding import add_platform, without_password
from platforms.management.verbs import (
    Row,
    VerbCommand,
    iso,
    json_option,
    platform_of,
    slug_argument,
    usable_credentials,
)
from platforms.models import AuthStyle, Platform
from platforms.presets import PRESETS, PROTOCOLS
from platforms.probing import probe_and_note

_FIELDS = ("name", "base_url", "protocol", "auth_style", "headers", "proxy", "pass_unmapped")


class Command(VerbCommand):
    """Thin: parse, call a function that the admin calls too, print."""

    help = "Add and manage platforms: the AI services, or engines of your own, that are called."
    option_of = {
        "slug": "SLUG",
        "preset": "--preset",
        "name": "--name",
        "base_url": "--base-url",
        "protocol": "--protocol",
        "auth_style": "--auth",
        "headers": "--header",
        "proxy": "--proxy",
        "pass_unmapped": "--no-pass-unmapped",
    }

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        as_json, one = json_option(), slug_argument()
        _add_add(verbs.add_parser("add", parents=[one, as_json], help="Add; repeat it freely."))
        verbs.add_parser("list", parents=[as_json], help="Show all.")
        verbs.add_parser("presets", parents=[as_json], help="Show the services that are known.")
        verbs.add_parser("enable", parents=[one, as_json], help="Switch it on.")
        verbs.add_parser("disable", parents=[one, as_json], help="Switch it off.")
        verbs.add_parser("test", parents=[one, as_json], help="Try it with each credential.")

    def do_add(self, options: Row) -> None:
        """Add a platform; the same again changes nothing."""
        over = {name: options[name] for name in _FIELDS if options[name] is not None}
        if "headers" in over:
            over["headers"] = dict(over["headers"])
        platform, is_new = add_platform(options["slug"], preset=options["preset"], **over)
        sentence = f"{platform}: {_('added') if is_new else _('was there already')}."
        if is_new and platform.auth_style != AuthStyle.NONE:
            sentence += " " + _("Next: manage.py credential add %s --secret-env VAR") % platform
        self.show_one(self.public(platform), options, sentence)

    def do_list(self, options: Row) -> None:
        """Show all platforms."""
        columns = ("slug", "name", "preset", "base_url", "enabled", "credentials", "models")
        empty = _("No platforms. Add one: manage.py platform add SLUG --preset NAME")
        found = Platform.objects.annotate(
            keys=Count("credentials", filter=Q(credentials__enabled=True), distinct=True),
            mappings=Count("model_mappings", distinct=True),
        )
        rows = [{**self.public(it), "credentials": it.keys, "models": it.mappings} for it in found]
        self.show(rows, columns, options, empty)

    def do_presets(self, options: Row) -> None:
        """Show what a platform can be made from."""
        rows = [
            {
                "preset": it.slug,
                "title": it.title,
                "base_url": it.base_url,
                "needs_base_url": it.needs_base_url,
                "protocol": it.protocol,
                "auth_style": it.auth_style,
                "notes": it.notes,
            }
            for it in PRESETS.values()
        ]
        self.show(rows, ("preset", "title", "base_url", "auth_style", "notes"), options, "")

    def do_enable(self, options: Row) -> None:
        """Switch a platform on."""
        self.show_switched(platform_of(options["slug"]), True, options)

    def do_disable(self, options: Row) -> None:
        """Switch a platform off."""
        self.show_switched(platform_of(options["slug"]), False, options)

    def do_test(self, options: Row) -> None:
        """Try a platform with each of its enabled credentials."""
        platform = platform_of(options["slug"])
        probes = [
            (key.name if key else _("none needed"), probe_and_note(platform, key))
            for key in usable_credentials(platform)
        ]
        self.show_probes(probes, options)

    @override
    def public(self, row: Platform) -> Row:
        return {
            "id": row.pk,
            "slug": row.slug,
            "name": row.name,
            "preset": row.preset,
            "protocol": row.protocol,
            "base_url": row.base_url,
            "auth_style": row.auth_style,
            "chat_path": row.chat_path,
            "models_path": row.models_path,
            "headers": row.headers,
            "proxy": without_password(row.proxy),
            "pass_unmapped": row.pass_unmapped,
            "enabled": row.enabled,
            "created_at": iso(row.created_at),
        }


def _add_add(parser: CommandParser) -> None:
    add = parser.add_argument
    add("--preset", required=True, metavar="NAME", help="See `platform presets`.")
    add("--name", help="Shown in the admin. Default: the preset's title.")
    add("--base-url", metavar="URL", help="Default: the preset's.")
    add("--protocol", metavar="NAME", help=f"One of {', '.join(PROTOCOLS)}.")
    add(
        "--auth",
        dest="auth_style",
        choices=AuthStyle.values,
        help="How the key is sent. Default: the preset's.",
    )
    add(
        "--header",
        dest="headers",
        type=_header,
        action="append",
        metavar="NAME=VALUE",
        help="Sent with every call; may be repeated. Not for secrets.",
    )
    add("--proxy", metavar="URL", help="Outbound proxy: http://host:port.")
    add(
        "--no-pass-unmapped",
        dest="pass_unmapped",
        action="store_false",
        default=None,
        help="Only models with a mapping can be called.",
    )


def _header(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        # Not repeated: by mistake, it may be a secret.
        raise ArgumentTypeError(_("it takes NAME=VALUE, such as OpenAI-Project=p-1"))
    return name.strip(), value.strip()
