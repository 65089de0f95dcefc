"""`manage.py credential …`: add, list, switch and test credentials. Secrets are never arguments."""

import getpass
import os
import sys
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _, ngettext
from typing_extensions import override

from platforms.adding import add_credential, set_secret, without_password
from platforms.management.verbs import (
    Row,
    VerbCommand,
    iso,
    json_option,
    platform_of,
    slug_argument,
)
from platforms.models import AuthStyle, Credential
from platforms.probing import probe_and_note
from platforms.secrets import rotate_all
from platforms.state import Shown, shown


class Command(VerbCommand):
    """Thin: parse, call a function that the admin calls too, print."""

    help = "Add and manage credentials: your own keys for the platforms."
    option_of = {
        "name": "--name",
        "weight": "--weight",
        "tier": "--priority",
        "groups": "--group",
        "max_concurrency": "--concurrency",
        "rpm": "--rpm",
        "proxy": "--proxy",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._states: dict[int, Shown] = {}

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        as_json, slug, secret = json_option(), slug_argument(), _secret_options()
        one = CommandParser(add_help=False)
        one.add_argument("id", type=int, metavar="ID", help="As `credential list` shows it.")
        add = verbs.add_parser("add", parents=[slug, secret, as_json], help="Add one.")
        add.add_argument("--name", default="default", help="To tell it from others.")
        add.add_argument("--weight", type=int, default=1, help="Share of the calls. Default: 1.")
        add.add_argument(
            "--priority", type=int, default=1, help="Tier; 2 while none of 1 can. Default: 1."
        )
        add.add_argument(
            "--group", action="append", default=[], help="A name to ask for it by. Repeat it."
        )
        add.add_argument("--concurrency", type=int, help="Calls at once. Default: no bound.")
        add.add_argument("--rpm", type=int, help="Calls a minute. Default: no bound.")
        add.add_argument("--proxy", default="", metavar="URL", help="For this key alone.")
        listing = verbs.add_parser("list", parents=[as_json], help="Show all, without secrets.")
        listing.add_argument("slug", metavar="SLUG", nargs="?", help="Of this platform only.")
        verbs.add_parser(
            "enable", parents=[one, as_json], help="Switch it on, and forgive it everything."
        )
        drain = verbs.add_parser("drain", parents=[one, as_json], help="Give it no new calls.")
        drain.add_argument("--end", action="store_true", help="Give it calls again.")
        verbs.add_parser("disable", parents=[one, as_json], help="Switch it off.")
        verbs.add_parser("test", parents=[one, as_json], help="Try it.")
        verbs.add_parser("set-secret", parents=[one, secret, as_json], help="Replace its secret.")
        verbs.add_parser(
            "rotate-encryption", help="Encrypt all secrets with the first of the keys."
        )

    def do_add(self, options: Row) -> None:
        """Add a credential."""
        platform = platform_of(options["slug"])
        existing = platform.credentials.filter(name=options["name"]).first()
        if existing is not None:
            raise CommandError(
                _(
                    "%(platform)s has a credential “%(name)s” already. Choose another --name, or "
                    "replace its secret: manage.py credential set-secret %(id)s …"
                )
                % {"platform": platform, "name": existing.name, "id": existing.pk}
            )
        credential = add_credential(
            platform,
            options["name"],
            _secret(options),
            weight=options["weight"],
            tier=options["priority"],
            groups=options["group"],
            max_concurrency=options["concurrency"],
            rpm=options["rpm"],
            proxy=options["proxy"],
        )
        sentence = _("%(it)s: added, with the number %(id)s.")
        sentence %= {"it": credential, "id": credential.pk}
        if platform.auth_style == AuthStyle.NONE:
            sentence += " " + _("It is not used: this platform asks for no key.")
        self.show_one(self.public(credential), options, sentence)

    def do_list(self, options: Row) -> None:
        """Show credentials, without their secrets."""
        rows = Credential.objects.select_related("platform")
        if options["slug"]:
            rows = rows.filter(platform=platform_of(options["slug"]))
        columns = (
            *("id", "platform", "name", "enabled", "state", "reason", "until"),
            *("tier", "weight", "in_flight", "success_percent", "last_used", "last_error"),
        )
        found = list(rows)
        self._states = shown(found)
        empty = _("No credentials. Add one: manage.py credential add SLUG --secret-env VAR")
        self.show([self.public(it) for it in found], columns, options, empty)

    def do_enable(self, options: Row) -> None:
        """Switch a credential on."""
        self.show_switched(_credential(options["id"]), True, options)

    def do_disable(self, options: Row) -> None:
        """Switch a credential off."""
        self.show_switched(_credential(options["id"]), False, options)

    def do_drain(self, options: Row) -> None:
        """Let a credential end what it carries, or give it calls again."""
        credential = _credential(options["id"])
        credential.draining = not options["end"]
        credential.save(update_fields=["draining", "updated_at"])
        said = _("draining ended") if options["end"] else _("draining, no new calls")
        self.show_one(self.public(credential), options, f"{credential}: {said}.")

    def do_test(self, options: Row) -> None:
        """Try a credential."""
        credential = _credential(options["id"])
        result = probe_and_note(credential.platform, credential)
        self.show_probes([(credential.name, result)], options)

    def do_set_secret(self, options: Row) -> None:
        """Replace a secret."""
        credential = _credential(options["id"])
        set_secret(credential, _secret(options))
        self.show_one(self.public(credential), options, _("%s: secret replaced.") % credential)

    def do_rotate_encryption(self, options: Row) -> None:
        """Encrypt everything with the newest key."""
        count = rotate_all()
        self.stdout.write(
            ngettext(
                "%(count)d secret is encrypted with the first key now.",
                "%(count)d secrets are encrypted with the first key now.",
                count,
            )
            % {"count": count}
        )

    @override
    def public(self, row: Credential) -> Row:
        state = self._states.get(row.pk) or shown([row])[row.pk]
        return {
            "id": row.pk,
            "platform": row.platform.slug,
            "name": row.name,
            "enabled": row.enabled,
            "state": state.state.value,
            "reason": state.reason or None,
            "until": iso(state.until),
            "in_flight": state.in_flight,
            "success_percent": state.success_percent,
            "tier": row.tier,
            "weight": row.weight,
            "groups": row.groups,
            "concurrency": row.max_concurrency,
            "rpm": row.rpm,
            "draining": row.draining,
            "proxy": without_password(row.proxy),
            "last_used": iso(row.last_used_at),
            "last_error": row.last_error or None,
            "last_error_at": iso(row.last_error_at),
            "created_at": iso(row.created_at),
        }


def _secret_options() -> CommandParser:
    """No option takes the secret itself: others on the machine can read a command's arguments."""
    parser = CommandParser(add_help=False)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--secret-env", metavar="VAR", help="Read it from this variable.")
    source.add_argument("--secret-stdin", action="store_true", help="Read it from standard input.")
    return parser


def _credential(id_: int) -> Credential:
    credential = Credential.objects.select_related("platform").filter(pk=id_).first()
    if credential is None:
        raise CommandError(
            _("There is no credential %s; `manage.py credential list` shows them.") % id_
        )
    return credential


def _secret(options: Row) -> str:
    if options["secret_stdin"]:
        return getpass.getpass() if sys.stdin.isatty() else sys.stdin.read()
    secret = os.environ.get(options["secret_env"], "")
    if not secret:
        # The name is not repeated: by mistake, it may be the secret.
        raise CommandError(_("--secret-env names a variable that is not set; `export` it first."))
    return secret
