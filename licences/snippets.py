"""Ready lines for those who hold a licence: how common programs are told of address, key, model.

The forms are those of docs/clients.md. Each is a text with `{root}`, `{openai}`, `{model}` and
`{key}` in it, filled here and, when another platform is chosen, in the browser.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from licences.forms import platform_choices
from licences.holders import Holder
from licences.models import Licence
from licences.panels import Reach, panels

NO_KEY = "tk-…"
"""Stands where the key would, once nobody can show it any more."""
NO_MODEL = "MODEL"
NO_PLATFORM = "PLATFORM"
EVERYWHERE = "/"  # no platform's short name
# What needs no quoting in shells, TOML, Python, JavaScript and addresses.
_PLAIN = re.compile(r"[A-Za-z0-9._:@+/-]+")
_FIELD = re.compile(r"\{(root|openai|model|key)\}")

_CURL = """\
curl {openai}/models -H "Authorization: Bearer {key}"
curl {openai}/chat/completions \\
  -H "Authorization: Bearer {key}" \\
  -H "Content-Type: application/json" \\
  -d '{"model": "{model}", "messages": [{"role": "user", "content": "Hello"}]}'
"""
_PYTHON = """\
from openai import OpenAI

client = OpenAI(base_url="{openai}", api_key="{key}")
completion = client.chat.completions.create(
    model="{model}",
    messages=[{"role": "user", "content": "Hello"}],
)
print(completion.choices[0].message.content)
"""
_NODE = """\
import OpenAI from "openai";

const client = new OpenAI({ baseURL: "{openai}", apiKey: "{key}" });
const completion = await client.chat.completions.create({
  model: "{model}",
  messages: [{ role: "user", content: "Hello" }],
});
console.log(completion.choices[0].message.content);
"""
_CLAUDE_CODE = """\
export ANTHROPIC_BASE_URL={root}
export ANTHROPIC_AUTH_TOKEN={key}
export ANTHROPIC_MODEL={model} ANTHROPIC_DEFAULT_HAIKU_MODEL={model}
claude
"""
_CODEX = """\
export TOKENS_LICENCE={key}
codex
"""
_CODEX_FILE = """\
model = "{model}"
model_provider = "tokens"

[model_providers.tokens]
name = "Tokens"
base_url = "{openai}"
env_key = "TOKENS_LICENCE"
wire_api = "responses"
"""
_GEMINI_CLI = """\
export GOOGLE_GEMINI_BASE_URL={root}
export GEMINI_API_KEY={key}
gemini --model {model}
"""
_GEMINI_FILE = """\
{"security": {"auth": {"selectedType": "gemini-api-key"}}}
"""
_VARIABLES = """\
export OPENAI_BASE_URL={openai}
export OPENAI_API_KEY={key}
export ANTHROPIC_BASE_URL={root}
export ANTHROPIC_AUTH_TOKEN={key}
export GOOGLE_GEMINI_BASE_URL={root}
export GEMINI_API_KEY={key}
"""


@dataclass(frozen=True, slots=True)
class Snippet:
    """One text to copy."""

    id: str
    note: Any
    """What to do with it, for people."""
    text: str
    """With fields to fill; see the module."""


@dataclass(frozen=True, slots=True)
class Program:
    """A tab of snippets."""

    id: str
    name: Any
    snippets: tuple[Snippet, ...]


PROGRAMS = (
    Program(
        "curl",
        "curl",
        (Snippet("curl", _("List the models that this licence may call, then ask one:"), _CURL),),
    ),
    Program("python", "Python", (Snippet("python", _("After pip install openai:"), _PYTHON),)),
    Program(
        "node", "Node.js", (Snippet("node", _("In a file .mjs, after npm install openai:"), _NODE),)
    ),
    Program(
        "claude-code",
        "Claude Code",
        (Snippet("claude-code", _("In the terminal in which it is started:"), _CLAUDE_CODE),),
    ),
    Program(
        "codex",
        "Codex",
        (
            Snippet("codex-file", _("In ~/.codex/config.toml:"), _CODEX_FILE),
            Snippet("codex", _("In the terminal in which it is started:"), _CODEX),
        ),
    ),
    Program(
        "gemini-cli",
        "Gemini CLI",
        (
            Snippet("gemini-cli", _("In the terminal in which it is started:"), _GEMINI_CLI),
            Snippet("gemini-file", _("Once, in ~/.gemini/settings.json:"), _GEMINI_FILE),
        ),
    ),
    Program(
        "variables",
        _("Environment variables"),
        (Snippet("variables", _("What most command-line tools and SDKs look at:"), _VARIABLES),),
    ),
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where the snippets lead: one platform, or the address at which the model names it."""

    value: str
    """The short name, or EVERYWHERE."""
    label: Any
    path: str
    """Of the address, without `/v1`; empty for EVERYWHERE."""
    model: str


def targets(licence: Licence) -> list[Target]:
    """Where this licence may call; at least one, if only with a placeholder."""
    found = [
        Target(reach.slug, reach.name, f"/{reach.slug}", _model(licence, reach))
        for reach in _reaches(licence)
    ]
    first = next((one for one in found if one.model != NO_MODEL), found[0])
    everywhere = Target(
        EVERYWHERE,
        _("all platforms at one address, with platform/model as model"),
        "",
        f"{first.value}/{first.model}",
    )
    return [first, *(one for one in found if one is not first), everywhere]


def filled(text: str, fields: Mapping[str, str]) -> str:
    """A snippet's text with these in place of its fields."""
    return _FIELD.sub(lambda match: fields[match[1]], text)


def shown(licence: Licence, origin: str, key: str = NO_KEY) -> dict[str, Any]:
    """What the template of snippets wants: tabs filled for the first target, and all targets.

    `origin`: the gateway's address as callers reach it, without a slash at its end.
    """
    all_targets = targets(licence)
    places = [_fields(target, origin, key) for target in all_targets]
    return {
        "programs": [
            {
                "id": program.id,
                "name": program.name,
                "snippets": [
                    {"id": one.id, "note": one.note, "text": filled(one.text, places[0])}
                    for one in program.snippets
                ],
            }
            for program in PROGRAMS
        ],
        "targets": all_targets,
        "needs_model": all_targets[0].model.endswith(NO_MODEL),
        "templates": {
            "texts": {one.id: one.text for program in PROGRAMS for one in program.snippets},
            "no_model": NO_MODEL,
            "places": {
                target.value: place for target, place in zip(all_targets, places, strict=True)
            },
        },
    }


def _fields(target: Target, origin: str, key: str) -> dict[str, str]:
    root = f"{origin}{target.path}"
    return {"root": root, "openai": f"{root}/v1", "model": target.model, "key": key}


def _reaches(licence: Licence) -> list[Reach]:
    known: Iterable[Reach]
    if panels.reaches is not None:
        known = panels.reaches()
    else:
        known = [Reach(slug, name) for slug, name in platform_choices()]
    found = [one for one in known if not licence.platforms or one.slug in licence.platforms]
    # Platforms that nobody knows, or none at all: what the licence says must do.
    return found or [Reach(slug, slug) for slug in licence.platforms or [NO_PLATFORM]]


def _model(licence: Licence, reach: Reach) -> str:
    """A model that the licence may really call there, or the placeholder."""
    patterns: tuple[str, ...] = tuple(licence.model_patterns)
    holder = Holder(licence.pk, licence.name, licence.key_start, patterns=patterns)
    for name in reach.models:
        if holder.may_use(name) and _PLAIN.fullmatch(name):
            return name
    if reach.passes_unmapped and licence.platforms == [reach.slug]:
        for name in patterns:
            if "*" not in name and _PLAIN.fullmatch(name):
                return name
    return NO_MODEL
