"""Dialects: what the presets say, who wins, and what is wrong with a rule."""

import difflib
import json
import os
import re
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest

from gateway.shapes import FailureKind
from platforms.dialects import HINTS, as_rules, dialect_of, problems, rules_of
from platforms.presets import PRESETS
from platforms.routes import PLAIN, Dialect, FailureName

HERE = Path(__file__).parent
SNAPSHOT = HERE / "dialects.json"
DOCUMENT = HERE.parent.parent / "docs/dialects.md"
UPDATE = "TOKENS_TEST_UPDATE=1 python -m pytest tests/platforms/test_dialects.py"
# Fields of a request without which the answer is the same.
HINT_FIELDS = {
    *("store", "metadata", "user", "safety_identifier", "service_tier", "prediction"),
    *("prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"),
}


def as_text(dialects: dict[str, dict[str, Any]]) -> str:
    """JSON with a line for each rule, so that a changed rule is a changed line."""
    blocks = []
    for name, rules in dialects.items():
        lines = [f'    "{rule}": {json.dumps(value)}' for rule, value in rules.items()]
        block = "{\n" + ",\n".join(lines) + "\n  }" if lines else "{}"
        blocks.append(f'  "{name}": {block}')
    return "{\n" + ",\n".join(blocks) + "\n}\n"


def resolved() -> dict[str, dict[str, Any]]:
    """The plain dialect whole, and where each preset's departs from it."""
    plain = as_rules(PLAIN)
    departures = {
        slug: {
            rule: value
            for rule, value in as_rules(dialect_of(slug)).items()
            if value != plain[rule]
        }
        for slug in PRESETS
    }
    return {"plain": plain, **departures}


def test_the_dialects_of_the_presets_are_the_recorded_ones() -> None:
    now = as_text(resolved())
    if os.environ.get("TOKENS_TEST_UPDATE"):
        SNAPSHOT.write_text(now, "utf-8")

    recorded = SNAPSHOT.read_text("utf-8")

    changes = difflib.unified_diff(
        recorded.splitlines(), now.splitlines(), "recorded", "now", n=2, lineterm=""
    )
    assert now == recorded, "\n".join(
        [f"Rules of presets have changed. If that is meant, run: {UPDATE}", *changes]
    )


@pytest.mark.parametrize("slug", PRESETS)
def test_the_rules_of_a_preset_are_right(slug: str) -> None:
    assert problems(rules_of(slug)) == []


@pytest.mark.parametrize("slug", PRESETS)
def test_no_preset_drops_what_changes_the_answer(slug: str) -> None:
    assert set(dialect_of(slug).drop_params) <= HINT_FIELDS


def test_presets_without_rules_speak_plainly() -> None:
    assert dialect_of("custom") is PLAIN
    assert dialect_of("sandbox") is PLAIN
    assert dialect_of("a preset of yesterday") is PLAIN


def test_the_kinds_of_failures_are_the_gateways() -> None:
    assert get_args(FailureName) == get_args(FailureKind)


class Merge(NamedTuple):
    id: str
    layers: list[dict[str, Any]]
    expected: dict[str, Any]


MERGES = [
    Merge("the platform wins over the preset", [{"n_max": 5}], {"n_max": 5}),
    Merge("the model wins over both", [{"n_max": 5}, {"n_max": 7}], {"n_max": 7}),
    Merge("what the model does not say stays", [{"n_max": 5}, {"responses": True}], {"n_max": 5}),
    Merge("a default undoes the preset", [{"n_max": 0}], {"n_max": 0}),
    Merge("null undoes a range", [{"temperature_range": None}], {"temperature_range": None}),
    Merge("a list replaces", [{"drop_params": ["user"]}], {"drop_params": ("user",)}),
    Merge(
        "a list with + adds, each once",
        [{"drop_params": ["user"]}, {"+drop_params": ["store", "user"]}],
        {"drop_params": ("user", "store")},
    ),
    Merge(
        "codes replace",
        [{"error_codes": {"7": "rate"}}],
        {"error_codes": (("7", "rate"),)},
    ),
    Merge(
        "codes with + add, and mean the later",
        [{"error_codes": {"7": "rate", "8": "key"}}, {"+error_codes": {"8": "quota", "9": "key"}}],
        {"error_codes": (("7", "rate"), ("8", "quota"), ("9", "key"))},
    ),
]


@pytest.mark.parametrize("case", MERGES, ids=[case.id for case in MERGES])
def test_the_later_layer_wins(case: Merge) -> None:
    for layer in case.layers:
        assert problems(layer) == []

    dialect = dialect_of("minimax", *case.layers)

    assert {name: getattr(dialect, name) for name in case.expected} == case.expected
    assert dialect.reasoning_out == "think"  # the preset's, of which no layer speaks


def test_a_plus_adds_to_what_the_preset_has() -> None:
    before = dialect_of("mistral").drop_params

    assert dialect_of("mistral", {"+drop_params": ["seed"]}).drop_params == (*before, "seed")


@pytest.mark.parametrize("slug", PRESETS)
def test_a_dialect_can_be_said_as_rules(slug: str) -> None:
    rules = as_rules(dialect_of(slug))

    assert problems(rules) == []
    assert dialect_of("custom", rules) == dialect_of(slug)
    json.dumps(rules)


KINDS = (
    '"rate", "quota", "key", "overloaded", "context_length", "content_filter", "not_found", '
    '"bad_request", "unreachable", "timeout" or "broken"'
)
RANGE = "it must be two numbers, the lower first, such as [0, 1] or null."
PROBLEMS: list[tuple[Any, str]] = [
    (None, 'Rules are a JSON object, such as {"n_max": 1}, not null.'),
    ([], 'Rules are a JSON object, such as {"n_max": 1}, not [].'),
    (
        {"max_token_field": "max_tokens"},
        "'max_token_field' is no rule; did you mean 'max_tokens_field'? "
        f"Rules are {', '.join(HINTS)}.",
    ),
    ({"+wings": []}, f"'wings' is no rule. Rules are {', '.join(HINTS)}."),
    (
        {"stream_usage": "sometimes"},
        '\'stream_usage\' is "sometimes"; it must be "stream_options", "always" or "never".',
    ),
    (
        {"json_schema": None},
        '\'json_schema\' is null; it must be "native", "json_object" or "prompt".',
    ),
    ({"image_input": ["url"]}, '\'image_input\' is ["url"]; it must be "url" or "data".'),
    ({"n_max": "1"}, "'n_max' is \"1\"; it must be a whole number, 0 or more."),
    ({"n_max": -1}, "'n_max' is -1; it must be a whole number, 0 or more."),
    ({"n_max": True}, "'n_max' is true; it must be a whole number, 0 or more."),
    ({"n_max": 1.5}, "'n_max' is 1.5; it must be a whole number, 0 or more."),
    ({"responses": 1}, "'responses' is 1; it must be true or false."),
    ({"api_version": 2}, "'api_version' is 2; it must be a text."),
    (
        {"tool_choice_required": ""},
        "'tool_choice_required' is empty; it must be a text, such as \"required\".",
    ),
    ({"drop_params": "user"}, '\'drop_params\' is "user"; it must be a list, such as ["…"].'),
    ({"drop_params": ["user", 3]}, "'drop_params[1]' is 3; it must be a text."),
    ({"+drop_params": [""]}, "'+drop_params[0]' is \"\"; it must be a text that is not empty."),
    ({"efforts": "low"}, '\'efforts\' is "low"; it must be a list, such as ["none"].'),
    (
        {"tool_choices": ["auto", "maybe"]},
        '\'tool_choices[1]\' is "maybe"; it must be "auto", "none", "required" or "function".',
    ),
    ({"temperature_range": [1, 0]}, f"'temperature_range' is [1, 0]; {RANGE}"),
    ({"temperature_range": [0]}, f"'temperature_range' is [0]; {RANGE}"),
    ({"temperature_range": "0-1"}, f"'temperature_range' is \"0-1\"; {RANGE}"),
    ({"top_p_range": [0, True]}, f"'top_p_range' is [0, true]; {RANGE}"),
    ({"top_p_range": [2, 10**400, 3]}, f"'top_p_range' is [2, 1{'0' * 55}…; {RANGE}"),
    ({"top_p_range": [0, float("inf")]}, f"'top_p_range' is [0, Infinity]; {RANGE}"),
    ({"error_codes": {"1008": "money"}}, f"'error_codes.1008' is \"money\"; it must be {KINDS}."),
    (
        {"error_codes": ["1008"]},
        '\'error_codes\' is ["1008"]; it must be a JSON object, such as {"1008": "rate"}.',
    ),
    ({"+n_max": 1}, "'+n_max' would add to a list, which 'n_max' is not; write 'n_max'."),
    (
        {"+top_p_range": [0, 1]},
        "'+top_p_range' would add to a list, which 'top_p_range' is not; write 'top_p_range'.",
    ),
]


@pytest.mark.parametrize(("rules", "sentence"), PROBLEMS, ids=[str(rules) for rules, _ in PROBLEMS])
def test_a_mistake_is_said_with_its_place_and_what_would_be_right(
    rules: Any, sentence: str
) -> None:
    assert problems(rules) == [sentence]


def test_every_mistake_is_said() -> None:
    found = problems(
        {"n_max": "x", "drop_params": [], "+drop_params": ["user"], "nmax": 1, "efforts": []}
    )

    assert [sentence.split()[0] for sentence in found] == ["'n_max'", "'drop_params'", "'nmax'"]
    assert found[1] == "'drop_params' and '+drop_params' exclude each other; write one of them."


def test_a_long_value_is_not_repeated_whole() -> None:
    [sentence] = problems({"n_max": "x" * 1000})

    assert len(sentence) < 150


@pytest.mark.parametrize("name", HINTS)
@pytest.mark.parametrize(
    "value",
    [object(), {"a": [1]}, [[{}]], [10**400, 10**400], "\N{SNOWMAN}", 10**400, float("nan")],
)
def test_no_value_of_any_field_breaks_the_check(name: str, value: Any) -> None:
    for key in (name, f"+{name}"):
        assert all(isinstance(sentence, str) for sentence in problems({key: value}))


def test_the_document_lists_every_rule() -> None:
    table = DOCUMENT.read_text("utf-8").split("## All rules")[1].split("## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*)$", table, re.MULTILINE))

    assert list(rows) == [field.name for field in fields(Dialect)]
    for name, hint in HINTS.items():
        may_be, default, _meaning = rows[name].split(" | ", 2)
        missing = [choice for choice in words(hint) if f'"{choice}"' not in may_be]
        assert missing == [], name
        plain = as_rules(PLAIN)[name]
        assert default == ("all four" if name == "tool_choices" else f"`{json.dumps(plain)}`"), name


def words(hint: Any) -> list[str]:
    """The choices in a type, however deep; not the kinds of failures, which have their own page."""
    if hint == FailureName:
        return []
    return [
        word
        for part in get_args(hint)
        for word in ([part] if isinstance(part, str) else words(part))
    ]
