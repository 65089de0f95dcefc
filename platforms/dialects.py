"""How a dialect is put together: preset, platform and model each say what differs. Pure.

Rules are JSON objects whose keys are the fields of `routes.Dialect`. What a later one says replaces
the field's value; `"+drop_params": […]` adds to it instead. What a value may be is read from the
fields' types, so a new field needs nothing here.
"""

import difflib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from platforms.presets import PRESETS, Json
from platforms.routes import PLAIN, Dialect

Rules = Mapping[str, Json]

HINTS: Mapping[str, Any] = get_type_hints(Dialect)
"""The fields of a dialect in their order, with what each may be."""
_SHOWN = 60  # characters of a wrong value that a message repeats
# Where, what stands there, and what would be right.
_Misfits = Iterator[tuple[str, Json, str]]


def dialect_of(preset_slug: str, *overrides: Rules) -> Dialect:
    """The plain dialect with the preset's rules, then the platform's, then the model's.

    The rules must have no `problems`; a preset that is not known says nothing.
    """
    dialect = PLAIN
    for rules in (rules_of(preset_slug), *overrides):
        if rules:
            dialect = _merged(dialect, rules)
    return dialect


def rules_of(preset_slug: str) -> Rules:
    """What this preset says; nothing where it is not known."""
    preset = PRESETS.get(preset_slug)
    return preset.rules if preset else {}


def as_rules(dialect: Dialect) -> dict[str, Json]:
    """Every field as rules say it, so that these rules alone make this dialect again."""
    return {name: _thawed(hint, getattr(dialect, name)) for name, hint in HINTS.items()}


def problems(rules: Json) -> list[str]:
    """What is wrong with rules, a sentence each; none where they can be merged."""
    if not isinstance(rules, Mapping):
        return [f'Rules are a JSON object, such as {{"n_max": 1}}, not {_shown(rules)}.']
    found = []
    for key, value in rules.items():
        name = key.removeprefix("+")
        hint = HINTS.get(name)
        if hint is None:
            found.append(_unknown(name))
        elif key != name and not _is_list(hint):
            found.append(f"'{key}' would add to a list, which '{name}' is not; write '{name}'.")
        elif key != name and name in rules:
            found.append(f"'{name}' and '{key}' exclude each other; write one of them.")
        elif hint is str and value == "" and (usual := getattr(PLAIN, name)):
            found.append(f"'{key}' is empty; it must be a text, such as {_shown(usual)}.")
        else:
            found += [
                f"'{where}' is {_shown(wrong)}; it must be {right}."
                for where, wrong, right in _misfits(hint, value, key)
            ]
    return found


def _merged(dialect: Dialect, rules: Rules) -> Dialect:
    changes: dict[str, Any] = {}
    for key, value in rules.items():
        name = key.removeprefix("+")
        changes[name] = value = _frozen(value)
        if key == name:
            continue
        before = getattr(dialect, name)
        if _is_object(HINTS[name]):
            changes[name] = tuple({**dict(before), **dict(value)}.items())
        else:
            changes[name] = tuple(dict.fromkeys((*before, *value)))
    return replace(dialect, **changes)


def _frozen(value: Json) -> Any:
    if isinstance(value, Mapping):
        return tuple(value.items())
    return tuple(value) if isinstance(value, list) else value


def _thawed(hint: Any, value: Any) -> Json:
    if _is_object(hint):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, HINTS, n=1)
    meant = f"; did you mean '{near[0]}'?" if near else "."
    return f"'{name}' is no rule{meant} Rules are {', '.join(HINTS)}."


def _shown(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _is_list(hint: Any) -> bool:
    """Whether it is `tuple[…, ...]`: a JSON list, or an object where its items are pairs."""
    return get_origin(hint) is tuple and get_args(hint)[-1] is Ellipsis


def _is_object(hint: Any) -> bool:
    """Whether it is `tuple[tuple[str, …], ...]`: a JSON object, kept in its order."""
    return _is_list(hint) and get_origin(get_args(hint)[0]) is tuple


def _misfits(hint: Any, value: Json, where: str, tail: str = "") -> _Misfits:
    """What of a value is not as its type wants it; `tail` is added to what would be right."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        [inner] = [part for part in get_args(hint) if part is not NoneType]
        if value is not None:
            yield from _misfits(inner, value, where, " or null")
    elif origin is Literal:
        if value not in (choices := get_args(hint)):
            yield where, value, _either(choices) + tail
    elif _is_object(hint):
        yield from _object_misfits(hint, value, where)
    elif _is_list(hint):
        yield from _list_misfits(hint, value, where)
    elif origin is tuple:
        if not _is_range(value):
            yield where, value, f"two numbers, the lower first, such as [0, 1]{tail}"
    else:
        fits, right = _PLAIN[hint]
        if not fits(value):
            yield where, value, right + tail


def _object_misfits(hint: Any, value: Json, where: str) -> _Misfits:
    _key, item = get_args(get_args(hint)[0])
    if not isinstance(value, Mapping):
        example = json.dumps({"1008": (get_args(item) or ["…"])[0]}, ensure_ascii=False)
        yield where, value, f"a JSON object, such as {example}"
        return
    for name, part in value.items():
        yield from _misfits(item, part, f"{where}.{name}")


def _list_misfits(hint: Any, value: Json, where: str) -> _Misfits:
    item = get_args(hint)[0]
    if not isinstance(value, list):
        example = json.dumps([(get_args(item) or ["…"])[0]], ensure_ascii=False)
        yield where, value, f"a list, such as {example}"
        return
    for index, part in enumerate(value):
        if item is str and part == "":
            yield f"{where}[{index}]", part, "a text that is not empty"
        else:
            yield from _misfits(item, part, f"{where}[{index}]")


def _is_range(value: Json) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(type(end) in (int, float) and -math.inf < end < math.inf for end in value)
        and value[0] <= value[1]
    )


def _either(choices: tuple[str, ...]) -> str:
    *most, last = (f'"{choice}"' for choice in choices)
    return f"{', '.join(most)} or {last}" if most else last


_PLAIN: Mapping[Any, tuple[Callable[[Json], bool], str]] = {
    str: (lambda value: isinstance(value, str), "a text"),
    bool: (lambda value: isinstance(value, bool), "true or false"),
    int: (lambda value: type(value) is int and value >= 0, "a whole number, 0 or more"),
}
