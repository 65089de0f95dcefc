"""`manage.py model …`: give models names and prices."""

from fnmatch import fnmatchcase
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _, pgettext
from typing_extensions import override

from platforms import syncing
from platforms.adding import add_mapping, from_micros, to_micros
from platforms.management.verbs import (
    Row,
    VerbCommand,
    iso,
    json_option,
    platform_of,
    slug_argument,
)
from platforms.models import Kind, ModelMapping

_PRICES = {
    "prompt": "per million prompt tokens",
    "cached": "per million cached prompt tokens; default: as other prompt tokens",
    "cache_write": "per million tokens written to the cache; default: as other prompt tokens",
    "completion": "per million completion tokens",
    "image": "per image",
    "second": "per second of video",
    "request": "per request",
}


def _option(price: str) -> str:
    return f"--price-{price.replace('_', '-')}"


class Command(VerbCommand):
    """Thin: parse, call a function that the admin calls too, print."""

    help = "Manage model mappings: the names that clients use, and what models cost."
    option_of = {
        "public_name": "PUBLIC",
        "upstream_name": "--upstream",
        "kind": "--kind",
        "groups": "--group",
        "fallbacks": "--fallback",
        **{f"price_{name}_micros": _option(name) for name in _PRICES},
    }

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        as_json, platform = json_option(), slug_argument()
        one = CommandParser(add_help=False)
        one.add_argument("public", metavar="PUBLIC", help="The name that clients use.")
        add = verbs.add_parser(
            "add", parents=[platform, one, as_json], help="Add; repeat it freely."
        )
        add.add_argument("--upstream", metavar="NAME", help="Its name there. Default: the same.")
        add.add_argument("--kind", choices=Kind.values, help="What it makes. Default: chat.")
        add.add_argument(
            "--group", action="append", help="Only credentials of this group. Repeat it."
        )
        add.add_argument(
            "--fallback", action="append", metavar="PLATFORM/MODEL", help="Next one. Repeat it."
        )
        for name, what in _PRICES.items():
            add.add_argument(_option(name), metavar="AMOUNT", help=f"Price {what}.")
        listing = verbs.add_parser("list", parents=[as_json], help="Show all.")
        listing.add_argument("slug", metavar="SLUG", nargs="?", help="Of this platform only.")
        verbs.add_parser("enable", parents=[platform, one, as_json], help="Let it be called.")
        verbs.add_parser("disable", parents=[platform, one, as_json], help="Refuse this name.")
        sync = verbs.add_parser("sync", parents=[platform, as_json], help="Add what it lists.")
        sync.add_argument("--match", default="*", metavar="PATTERN", help="Only these: gpt-*")
        sync.add_argument("--kind", choices=Kind.values, help="What they make. Default: chat.")
        sync.add_argument("--dry-run", action="store_true", help="Only show what would be added.")

    def do_add(self, options: Row) -> None:
        """Add a mapping; the same again changes nothing."""
        given_texts = {"upstream_name": options["upstream"], "kind": options["kind"]}
        fields: dict[str, Any] = {n: text for n, text in given_texts.items() if text is not None}
        for name, option in (("groups", "group"), ("fallbacks", "fallback")):
            if options[option] is not None:
                fields[name] = options[option]
        for name in _PRICES:
            if (given := options[f"price_{name}"]) is not None:
                fields[f"price_{name}_micros"] = _micros(_option(name), given)
        mapping, is_new = add_mapping(platform_of(options["slug"]), options["public"], **fields)
        said = pgettext("a row", "added") if is_new else _("was there already")
        self.show_one(self.public(mapping), options, f"{mapping}: {said}.")

    def do_list(self, options: Row) -> None:
        """Show mappings with their prices."""
        found = ModelMapping.objects.select_related("platform")
        if options["slug"]:
            found = found.filter(platform=platform_of(options["slug"]))
        columns = (
            *("platform", "public_name", "upstream_name", "kind", "enabled"),
            *("price_prompt", "price_cached", "price_completion"),
        )
        empty = _("No model mappings. Add one: manage.py model add SLUG PUBLIC")
        self.show([self.public(it) for it in found], columns, options, empty)

    def do_enable(self, options: Row) -> None:
        """Let a mapped model be called."""
        self.show_switched(_mapping(options), True, options)

    def do_disable(self, options: Row) -> None:
        """Refuse a mapped model."""
        self.show_switched(_mapping(options), False, options)

    def do_sync(self, options: Row) -> None:
        """Add a mapping for every model that the platform lists and that has none."""
        platform = platform_of(options["slug"])
        try:
            found = syncing.plan(platform).new
        except syncing.NoKeyToAsk as error:
            hint = _("Add one: manage.py credential add %(it)s --secret-env VAR")
            raise CommandError(f"{error} {hint % {'it': platform}}") from error
        except syncing.CannotList as error:
            if platform.models_path:
                raise CommandError(str(error)) from error
            hint = _("Add them: manage.py model add %(it)s PUBLIC") % {"it": platform}
            raise CommandError(f"{error} {hint}") from error
        new = [it.name for it in found if fnmatchcase(it.name, options["match"])]
        if not options["dry_run"]:
            syncing.add(platform, dict.fromkeys(new, options["kind"]))
        empty = _("Nothing to add: every listed model has a mapping.")
        self.show([{"public_name": name} for name in new], ("public_name",), options, empty)

    @override
    def public(self, row: ModelMapping) -> Row:
        prices = {
            f"price_{name}": None if micros is None else from_micros(micros)
            for name in _PRICES
            for micros in [getattr(row, f"price_{name}_micros")]
        }
        return {
            "id": row.pk,
            "platform": row.platform.slug,
            "public_name": row.public_name,
            "upstream_name": row.upstream_name or row.public_name,
            "kind": row.kind,
            "enabled": row.enabled,
            **prices,
            "created_at": iso(row.created_at),
        }


def _mapping(options: Row) -> ModelMapping:
    platform = platform_of(options["slug"])
    mapping = platform.model_mappings.filter(public_name=options["public"]).first()
    if mapping is None:
        raise CommandError(
            _("%(platform)s has no mapping “%(name)s”; `manage.py model list` shows them.")
            % {"platform": platform, "name": options["public"]}
        )
    return mapping


def _micros(option: str, text: str) -> int:
    try:
        return to_micros(text)
    except ValueError as error:
        raise CommandError(f"{option}: {error}") from error
