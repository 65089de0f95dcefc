"""The console's words in other languages: found in the sources, kept in catalogues, compiled.

`python -m tests.translations` (or `make messages`) puts new words into each app's
`locale/zh_Hans/LC_MESSAGES/django.po`, drops those that are gone, and compiles. It needs no GNU
gettext: Python is read by `ast`, templates by Django's own `templatize`.
"""

import ast
import functools
import io
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import django
from babel.messages import mofile, pofile
from babel.messages.catalog import Catalog

ROOT = Path(__file__).parent.parent
LANGUAGE = "zh_Hans"
APPS = ("licences", "platforms", "gateway", "tokens_site")
# Packages without Chinese words of their own, whose words the console shows.
ADOPTED = {"tokens_site": ("unfold", "axes", "django_otp")}
_ONE = {"_", "_t", "gettext", "gettext_lazy", "gettext_noop"}
_MANY = {"ngettext", "ngettext_lazy"}
_IN_CONTEXT = {"pgettext", "pgettext_lazy"}
_SAID = re.compile(
    r"\b(n?p?gettext)\((?:u?('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"))"
    r"(?:,\s*u?('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"))?"
)
_PLACE = re.compile(r"%\((\w+)\)[sd]|%[sd]|\{(\w*)\}")


@dataclass(frozen=True)
class Message:
    """Words that are shown: `plural` and `context` where they have them."""

    id: str
    plural: str = ""
    context: str = ""
    places: list[str] = field(default_factory=list, compare=False)
    """Where they stand, as file:line."""

    @property
    def key(self) -> str | tuple[str, str]:
        """As babel's catalogues have it."""
        return (self.id, self.plural) if self.plural else self.id


def messages(app: str) -> dict[Message, Message]:
    """All that an app shows, and the packages whose words it has adopted."""
    found: dict[Message, Message] = {}
    for message, place in _all(app):
        found.setdefault(message, message).places.append(place)
    return found


def catalogue_path(app: str) -> Path:
    """An app's catalogue of our one other language."""
    return ROOT / app / "locale" / LANGUAGE / "LC_MESSAGES" / "django.po"


def read(app: str) -> Catalog:
    """An app's catalogue; an empty one where there is none yet."""
    path = catalogue_path(app)
    if not path.exists():
        return Catalog(locale=LANGUAGE)
    with path.open("rb") as file:
        return pofile.read_po(file, locale=LANGUAGE)


def compiled(catalogue: Catalog) -> bytes:
    """As Django reads it: without what is missing or doubtful, and the same at any time."""
    catalogue.creation_date = datetime(2000, 1, 1, tzinfo=UTC)  # babel would take this minute
    out = io.BytesIO()
    mofile.write_mo(out, catalogue)
    return out.getvalue()


def placeholders(text: str) -> list[str]:
    """What a text leaves open, in alphabetical order."""
    return sorted(match[0] for match in _PLACE.finditer(text.replace("%%", "")))


def update(app: str) -> int:
    """Bring an app's catalogue up to date and compile it; how many words have no translation."""
    old, new = (
        read(app),
        Catalog(locale=LANGUAGE, project="Tokens", header_comment=_HEADER, fuzzy=False),
    )
    for message in sorted(messages(app), key=lambda message: (message.places[0], message.id)):
        known = old.get(message.id, message.context or None)
        said = strings(known.string) if known is not None and not known.fuzzy else ("",)
        new.add(
            message.key,
            said if message.plural else said[0],
            locations=[],  # line numbers would change the file at every edit
            auto_comments=[message.places[0].rpartition(":")[0]],
            context=message.context or None,
        )
    path = catalogue_path(app)
    path.parent.mkdir(parents=True, exist_ok=True)
    out = io.BytesIO()
    pofile.write_po(out, new, width=100, omit_header=False, include_previous=False)
    # A date would make each run a change.
    text = re.sub(rb'"(POT-Creation|PO-Revision)-Date: .*\n', b"", out.getvalue())
    path.write_bytes(text)
    path.with_suffix(".mo").write_bytes(compiled(read(app)))
    return sum(bool(message.id) and not all(strings(message.string)) for message in new)


_HEADER = "# Simplified Chinese words of Tokens. Brought up to date by `make messages`."


def strings(said: Any) -> tuple[str, ...]:
    """A translation as babel has it, one text for each plural form."""
    return tuple(said) if isinstance(said, tuple | list) and said else (said or "",)


def _all(app: str) -> Iterator[tuple[Message, str]]:
    yield from _of_folder(ROOT / app, ROOT)
    known = _djangos()
    for package in ADOPTED.get(app, ()):
        module = __import__(package)
        assert module.__file__ is not None
        folder = Path(module.__file__).parent
        for message, place in _of_folder(folder, folder.parent):
            if message.id not in known:
                yield message, place


@functools.cache
def _djangos() -> frozenset[str]:
    """What Django itself says in this language: nobody needs to say it again."""
    known: set[str] = set()
    folder = Path(django.__file__).parent
    for path in folder.glob(f"**/locale/{LANGUAGE}/LC_MESSAGES/django.po"):
        with path.open("rb") as file:
            for message in pofile.read_po(file, locale=LANGUAGE):
                if message.id and all(strings(message.string)) and not message.fuzzy:
                    known.add(message.id if isinstance(message.id, str) else message.id[0])
    return frozenset(known)


def _of_folder(folder: Path, root: Path) -> Iterator[tuple[Message, str]]:
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(root))
        if "migrations" in path.parts or "node_modules" in path.parts:
            continue
        if path.suffix == ".py":
            yield from _of_python(path.read_text("utf-8"), name)
        elif "templates" in path.parts and path.suffix in (".html", ".txt"):
            yield from _of_template(path.read_text("utf-8"), name)


def _of_python(text: str, name: str) -> Iterator[tuple[Message, str]]:
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        strings = [
            arg.value
            for arg in node.args
            if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
        ]
        place = f"{name}:{node.lineno}"
        if called in _ONE and len(strings) == 1 == len(node.args):
            yield Message(strings[0]), place
        elif called in _MANY and len(strings) >= 2:
            yield Message(strings[0], strings[1]), place
        elif called in _IN_CONTEXT and len(strings) == 2:
            yield Message(strings[1], context=strings[0]), place


def _of_template(text: str, name: str) -> Iterator[tuple[Message, str]]:
    from django.utils.translation.template import templatize

    plain = templatize(text, name)
    for match in _SAID.finditer(plain):
        line = plain.count("\n", 0, match.start()) + 1
        first = ast.literal_eval(match[2])
        second = ast.literal_eval(match[3]) if match[3] else ""
        place = f"{name}:{line}"
        if match[1] == "ngettext":
            yield Message(first, second), place
        elif match[1] == "pgettext":
            yield Message(second, context=first), place
        else:
            yield Message(first), place


if __name__ == "__main__":
    missing = {app: update(app) for app in APPS}
    for app, count in missing.items():
        sys.stdout.write(f"{app}: {count} without a translation\n")
    sys.exit(1 if any(missing.values()) else 0)
