"""Ready lines for those who hold a licence: which platforms and models they name, and how."""

import html
import re
from typing import Any

import pytest
from django.test import Client

from licences import issuing, snippets
from licences.forms import platform_choices
from licences.models import Licence
from licences.panels import Reach, panels
from tests.licences.people import bob
from tests.licences.test_admin import KEY, LIST, page, posted

ORIGIN = "https://tokens.example"
KNOWN = [
    Reach("acme", "Acme", ("a-1", "m-1"), passes_unmapped=True),
    Reach("other", "Other", ("o-1",)),
    Reach("bare", "Bare", passes_unmapped=True),
]


@pytest.fixture
def reaches(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the gateway would tell of three platforms."""
    monkeypatch.setattr(panels, "reaches", lambda: KNOWN)


def draft(**fields: Any) -> Licence:
    return Licence(name="x", key_start="tk-aaaaa", **fields)


@pytest.mark.usefixtures("reaches")
@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        pytest.param(
            {},
            [("acme", "a-1"), ("other", "o-1"), ("bare", "MODEL"), ("/", "acme/a-1")],
            id="all platforms",
        ),
        pytest.param(
            {"platforms": ["other"]}, [("other", "o-1"), ("/", "other/o-1")], id="one platform"
        ),
        pytest.param(
            {"platforms": ["acme"], "model_patterns": ["m-*"]},
            [("acme", "m-1"), ("/", "acme/m-1")],
            id="model patterns",
        ),
        pytest.param(
            {"model_patterns": ["o-*"]},
            [("other", "o-1"), ("acme", "MODEL"), ("bare", "MODEL"), ("/", "other/o-1")],
            id="the first platform where a model is known",
        ),
        pytest.param(
            {"platforms": ["bare"], "model_patterns": ["gpt-*", "gpt-4o"]},
            [("bare", "gpt-4o"), ("/", "bare/gpt-4o")],
            id="a name that the licence itself says",
        ),
        pytest.param(
            {"platforms": ["other"], "model_patterns": ["gpt-4o"]},
            [("other", "MODEL"), ("/", "other/MODEL")],
            id="but not where only mapped models can be called",
        ),
        pytest.param(
            {"platforms": ["gone"]}, [("gone", "MODEL"), ("/", "gone/MODEL")], id="no such platform"
        ),
    ],
)
def test_where_a_licence_may_call(licence: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    found = snippets.targets(draft(**licence))

    assert [(target.value, target.model) for target in found] == expected


@pytest.mark.parametrize("known", [[], [("sandbox", "Sandbox")]])
def test_without_the_gateway_there_are_placeholders(
    known: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform_choices, "source", lambda: known)

    found = snippets.targets(draft())

    slug = known[0][0] if known else "PLATFORM"
    assert [(target.value, target.model) for target in found] == [
        (slug, "MODEL"),
        ("/", f"{slug}/MODEL"),
    ]


def test_a_model_that_would_need_quoting_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("x'; rm -rf ~; '", 'a"b', "a b", "$(id)", "a\nb", "plain")
    monkeypatch.setattr(panels, "reaches", lambda: [Reach("acme", "Acme", names)])

    assert snippets.targets(draft())[0].model == "plain"


@pytest.mark.usefixtures("reaches")
def test_every_text_has_its_fields_filled_for_every_target() -> None:
    shown = snippets.shown(draft(), ORIGIN, "tk-KEY")

    texts, places = shown["templates"]["texts"], shown["templates"]["places"]
    for place in places.values():
        for text in texts.values():
            assert re.search(r"\{(root|openai|model|key)\}", snippets.filled(text, place)) is None
    assert places["acme"]["openai"] == f"{ORIGIN}/acme/v1"
    assert places["acme"]["root"] == f"{ORIGIN}/acme"
    assert places["/"]["openai"] == f"{ORIGIN}/v1"
    assert places["/"]["root"] == ORIGIN
    first = {one["id"]: one["text"] for program in shown["programs"] for one in program["snippets"]}
    assert f"ANTHROPIC_BASE_URL={ORIGIN}/acme\n" in first["claude-code"]
    assert f'base_url = "{ORIGIN}/acme/v1"' in first["codex-file"]


@pytest.mark.django_db
@pytest.mark.usefixtures("reaches")
def test_the_key_stands_in_every_snippet_of_the_key_page_only(operator: Client) -> None:
    answer = operator.post(f"{LIST}add/", posted(name="carol", platforms="acme"))

    text = answer.content.decode()
    licence = Licence.objects.get()
    [key] = set(KEY.findall(text))
    blocks = dict(re.findall(r'<pre [^>]*id="snippet-([\w-]+)"[^>]*>(.*?)</pre>', text, re.S))
    assert set(blocks) >= {"curl", "python", "node", "claude-code", "codex", "gemini-cli"}
    assert f'api_key="{key}"' in html.unescape(blocks["python"])
    assert 'model="a-1"' in html.unescape(blocks["python"])
    later = operator.get(page(licence)).content.decode()
    assert "tk-…" in later
    assert key not in later


@pytest.mark.django_db
def test_names_of_platforms_and_models_are_shown_as_text(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    evil = "</script><script>alert(1)</script>"
    monkeypatch.setattr(panels, "reaches", lambda: [Reach("acme", evil, (evil,))])
    licence, _key = issuing.issue(name=evil, owner=evil)

    pages = [
        operator.get(page(licence)),
        operator.post(page(licence, "rotate"), {"overlap_h": "24"}),
        operator.get(page(licence)),
    ]

    assert all("<script>alert" not in answer.content.decode() for answer in pages)


@pytest.mark.django_db
def test_a_revoked_licence_has_no_snippets(operator: Client) -> None:
    licence, _key = bob()
    issuing.revoke(licence)

    assert "snippet-curl" not in operator.get(page(licence)).content.decode()
