"""Syncing models in the console: shown first, applied as ticked, harmless when repeated."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils.html import escape

from platforms import probing, syncing
from platforms.models import Kind, ModelMapping, Platform
from platforms.probing import ProbeResult
from tests.make import make_credential, make_mapping, make_platform
from tests.platforms.running import BAD
from tests.upstreams import Upstream, answer, running_upstream

pytestmark = pytest.mark.django_db
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
def operator(admin_client: Client) -> Client:
    return admin_client


@pytest.fixture
def listing(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lets the platform list these names."""

    def use(*names: str) -> None:
        result = ProbeResult(True, 200, 5, "listed", names)
        monkeypatch.setattr(probing, "_probes", [lambda _platform, _key: result])

    return use


@pytest.fixture
def platform() -> Platform:
    made = make_platform("acme")
    make_credential(made)
    return made


def page(client: Client, platform: Platform, **query: str) -> str:
    return client.get(f"/admin/platforms/platform/{platform.pk}/models/", query).content.decode()


def apply(client: Client, platform: Platform, **ticked: Any) -> Any:
    url = f"/admin/platforms/platform/{platform.pk}/models/"
    return client.post(url, ticked, follow=True)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("gpt-5-mini", Kind.CHAT),
        ("text-embedding-3-large", Kind.EMBEDDING),
        ("BAAI/bge-m3", Kind.EMBEDDING),
        ("dall-e-3", Kind.IMAGE),
        ("gemini-3-flash-image", Kind.IMAGE),
        ("doubao-seedance-1-0", Kind.VIDEO),
        ("veo-3.1-generate", Kind.VIDEO),
        ("whisper-1", Kind.AUDIO),
        ("gpt-4o-mini-tts", Kind.AUDIO),
        ("deepseek-v4", Kind.CHAT),
        ("flexible-chat", Kind.CHAT),
    ],
)
def test_a_kind_is_guessed_by_the_name(name: str, kind: Kind) -> None:
    assert syncing.guess_kind(name) == kind


def test_the_plan_tells_new_mapped_and_gone(
    platform: Platform, listing: Callable[..., None]
) -> None:
    make_mapping(platform, "there")
    make_mapping(platform, "best", upstream_name="big")
    make_mapping(platform, "gone")
    make_mapping(platform, "off", enabled=False)
    listing("there", "big", "new", "new")

    plan = syncing.plan(platform)

    assert [(it.name, it.sent_by) for it in plan.new] == [("big", "best"), ("new", "")]
    assert [it.name for it in plan.mapped] == ["there"]
    assert [it.public_name for it in plan.gone] == ["gone"]


def test_looking_changes_nothing(
    operator: Client, platform: Platform, listing: Callable[..., None]
) -> None:
    make_mapping(platform, "gone")
    listing("a", EVIL)

    text = page(operator, platform)

    assert escape(EVIL) in text
    assert EVIL not in text
    assert 'value="a"' in text
    assert "gone" in text
    assert list(ModelMapping.objects.values_list("public_name", "enabled")) == [("gone", True)]
    platform.refresh_from_db()
    assert platform.credentials.get().last_error == ""


def test_only_what_is_ticked_is_applied_and_twice_is_harmless(
    operator: Client, platform: Platform, listing: Callable[..., None]
) -> None:
    gone, kept = make_mapping(platform, "gone"), make_mapping(platform, "kept")
    listing("a", "b", EVIL, "dall-e-3")

    for _time in range(2):
        apply(operator, platform, add=["dall-e-3", EVIL], off=[gone.pk])

    rows = dict(ModelMapping.objects.values_list("public_name", "kind"))
    assert rows == {"gone": "chat", "kept": "chat", EVIL: "chat", "dall-e-3": "image"}
    gone.refresh_from_db()
    kept.refresh_from_db()
    assert (gone.enabled, kept.enabled) == (False, True)
    history = operator.get(f"/admin/platforms/platform/{platform.pk}/history/").content.decode()
    assert history.count("2 models added") == 1
    assert EVIL not in history + page(operator, platform)


def test_one_kind_can_be_said_for_all(
    operator: Client, platform: Platform, listing: Callable[..., None]
) -> None:
    listing("a")

    apply(operator, platform, add=["a"], kind="video")

    assert ModelMapping.objects.get().kind == "video"


def test_nothing_ticked_is_said(operator: Client, platform: Platform) -> None:
    assert "Nothing was changed" in apply(operator, platform).content.decode()


def test_a_name_that_cannot_be_one_takes_all_of_it_back(
    operator: Client, platform: Platform
) -> None:
    response = apply(operator, platform, add=["fine", "x" * 201])

    assert "at most 200 characters" in response.content.decode()
    assert not ModelMapping.objects.exists()


def test_mappings_of_another_platform_stay(operator: Client, platform: Platform) -> None:
    other = make_mapping(make_platform("other"), "m")

    apply(operator, platform, off=[other.pk, "x", "²"])

    other.refresh_from_db()
    assert other.enabled


def test_a_pattern_narrows_long_lists(
    operator: Client, platform: Platform, listing: Callable[..., None]
) -> None:
    listing(*(f"m-{number}" for number in range(700)), "gpt-x")

    text = page(operator, platform)
    assert text.count('name="add"') == 500
    assert "201 more are not shown" in text
    narrowed = page(operator, platform, match="gpt-*")
    assert narrowed.count('name="add"') == 1


def test_what_the_platform_says_is_told_in_words(operator: Client, platform: Platform) -> None:
    with running_upstream(answer({"error": {"message": f"No {EVIL}"}}, 401)) as upstream:
        Platform.objects.update(base_url=f"{upstream.base_url}/v1")
        text = page(operator, platform)

    assert "acme does not list its models: " in text
    assert escape(f"No {EVIL}") in text
    assert EVIL not in text


def test_the_list_is_all_that_is_asked_for(operator: Client, platform: Platform) -> None:
    make_mapping(platform, "m")
    with running_upstream(answer({"object": "list", "data": [{"id": "m"}]})) as upstream:
        Platform.objects.update(base_url=f"{upstream.base_url}/v1")
        page(operator, platform)
        asked = asked_of(upstream)

    assert asked == [("GET", "/v1/models")]


def asked_of(upstream: Upstream) -> list[tuple[str, str]]:
    return [(one.method, one.path) for one in upstream.requests]


@pytest.mark.parametrize(
    ("change", "says"),
    [({"models_path": ""}, "has no list of models"), ({"slug": "acme"}, "no enabled credential")],
)
def test_where_there_is_no_list_the_page_says_what_to_do(
    operator: Client, change: dict[str, str], says: str
) -> None:
    platform = make_platform(**{"slug": "acme", **change})

    text = page(operator, platform)

    assert says in text
    assert f"/admin/platforms/modelmapping/add/?platform={platform.pk}" in text


def test_a_key_in_service_is_asked_with(platform: Platform, answer: Any) -> None:
    platform.credentials.update(name="bad", disabled_reason="key: no")
    make_credential(platform, "well")
    answer(bad=BAD)

    assert syncing.plan(platform).new


def test_a_viewer_is_refused(platform: Platform) -> None:
    client = Client()
    viewer = User.objects.create(username="viewer", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(viewer)
    url = f"/admin/platforms/platform/{platform.pk}/models/"

    assert client.get(url).status_code == 403
    assert client.post(url, {"add": ["a"]}).status_code == 403
    assert not ModelMapping.objects.exists()
    text = client.get(f"/admin/platforms/platform/{platform.pk}/change/").content.decode()
    assert url not in text
    assert '<form method="post" action="/admin/platforms' not in text
