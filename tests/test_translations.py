"""Everything that the console shows is there in Chinese, too."""

import html
import re
from pathlib import Path

import pytest

from tests.translations import (
    APPS,
    ROOT,
    Message,
    catalogue_path,
    compiled,
    messages,
    placeholders,
    read,
    strings,
)

TEMPLATES = [path for app in APPS for path in sorted((ROOT / app).glob("templates/**/*.html"))]
_TAGS = re.compile(
    r"\{%\s*(blocktrans(?:late)?|comment)\b.*?\{%\s*end\1\s*%\}"
    r"|\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<!--.*?-->|<(script|style|pre|code)\b.*?</\2>",
    re.DOTALL,
)
_ATTRIBUTES = re.compile(
    r"\b(?:title|alt|placeholder|aria-label)=\"([^\"{}]*[A-Za-z]{2}[^\"{}]*)\""
)
_WORDS = re.compile(r"[A-Za-z]{2,}")
# Names and what programs read: the same in every language.
_NAMES = {"Tokens", "curl", "Python", "Node", "openapi", "json", "CSV", "SHA", "ms"}
_ICONS = re.compile(r"<span[^>]*material-symbols[^>]*>.*?</span>", re.DOTALL)


@pytest.mark.parametrize("app", APPS)
def test_the_catalogue_has_every_word_of_the_app_and_no_other(app: str) -> None:
    known = {
        Message(
            strings(message.id)[0],
            "".join(strings(message.id)[1:]),
            message.context or "",
        )
        for message in read(app)
        if message.id
    }
    shown = {Message(one.id, one.plural, one.context) for one in messages(app)}

    assert shown - known == set(), "run `make messages` and translate what is new"
    assert known - shown == set(), "run `make messages`"


@pytest.mark.parametrize("app", APPS)
def test_every_word_is_translated_and_leaves_the_same_things_open(app: str) -> None:
    wrong = []
    for message in read(app):
        if not message.id:
            continue
        asked = strings(message.id)[-1]  # of a plural, the form that names the number
        for said in strings(message.string):
            if not said or message.fuzzy:
                wrong.append(("missing", asked))
            elif placeholders(said) != placeholders(asked):
                wrong.append(("placeholders", asked))
            elif asked[0] == "\n" != said[0] or asked[-1] == "\n" != said[-1]:
                wrong.append(("line ends", asked))

    assert wrong == []


@pytest.mark.parametrize("app", APPS)
def test_what_is_compiled_is_what_was_translated(app: str) -> None:
    assert catalogue_path(app).with_suffix(".mo").read_bytes() == compiled(read(app))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_says_nothing_in_one_language_only(path: Path) -> None:
    text = path.read_text("utf-8")
    plain = html.unescape(re.sub(r"<[^>]*>", " ", _TAGS.sub(" ", _ICONS.sub(" ", text))))

    assert {*_WORDS.findall(plain)} - _NAMES == set()
    said = _ATTRIBUTES.findall(_TAGS.sub("{}", text))
    assert [words for words in said if "*" not in words] == []  # a pattern is no word
