"""The add form that presets lead: what is filled in, asked for, and saved."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from platforms.forms import PlatformForm
from platforms.models import Platform
from platforms.preset_form import GROUP_TITLES, PresetForm, parts_of
from platforms.preset_links import GROUPS, HELP
from platforms.presets import PRESETS, Preset
from tests.make import make_platform
from tests.platforms.running import run

pytestmark = pytest.mark.django_db
ADD = "/admin/platforms/platform/add/"
PARTS = {"part_resource": "mine", "part_region": "eu-west-1", "part_location": "europe-west4"}
PARTS |= {"part_project": "p-1", "part_host": "10.0.0.5"}
every_preset = pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
same_for_both = [
    *("preset", "name", "base_url", "protocol", "auth_style", "chat_path", "models_path"),
    *("headers", "rules", "pass_unmapped", "enabled", "connect_s", "idle_s", "total_s", "rpm"),
]


@pytest.fixture
def operator(admin_client: Client) -> Client:
    return admin_client


def sent_back(form: Any) -> dict[str, Any]:
    """The form as it comes, as a browser would send it back."""
    values: dict[str, Any] = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in values.items() if value not in (None, False)}


def filled_in(client: Client, preset: str) -> dict[str, Any]:
    """The page's form."""
    page: Any = client.get(ADD, {"preset": preset})
    filled: dict[str, Any] = sent_back(page.context["adminform"].form)
    return filled


def completed(preset: Preset) -> str:
    """The base URL with all its parts."""
    return re.sub(r"\{(\w+)\}", lambda found: PARTS[f"part_{found[1]}"], preset.base_url)


def columns(slug: str) -> dict[str, Any]:
    found: dict[str, Any] = Platform.objects.values(*same_for_both).get(slug=slug)
    return found


def test_what_presets_say_is_said_in_the_operators_language(operator: Client) -> None:
    operator.cookies["django_language"] = "zh-hans"

    every, one = (operator.get(ADD, asked).content.decode() for asked in ({}, {"preset": "vllm"}))

    assert "自建引擎。" in every
    assert "自建引擎。" in one
    assert "&lt;think&gt;" in every  # still text, not tags
    assert "Your own engine." not in every + one


def test_every_preset_stands_in_one_group_and_every_group_has_a_title() -> None:
    grouped = [slug for slugs in GROUPS.values() for slug in slugs]

    assert sorted(grouped) == sorted(PRESETS)
    assert list(GROUPS) == list(GROUP_TITLES)


def test_links_are_the_services_own_and_of_known_presets() -> None:
    assert set(HELP) <= set(PRESETS)
    assert all(re.match(r"https://[a-z0-9.-]+(/|$)", url) for url in HELP.values())
    assert PRESETS["openai"].help_url == HELP["openai"]
    assert PRESETS["custom"].help_url == ""


@every_preset
def test_every_part_of_an_address_is_asked_for_in_words(preset: Preset) -> None:
    assert set(parts_of(preset)) <= set(PresetForm.base_fields)


@every_preset
def test_what_the_form_saves_is_what_the_command_saves(preset: Preset) -> None:
    url = completed(preset) or "http://10.0.0.5/v1"
    asked = {name: PARTS[name] for name in parts_of(preset)}
    given = {"base_url": url} if not preset.base_url else {}

    empty = PlatformForm(initial={"preset_choice": preset.slug, "slug": "by-form"})
    form = PlatformForm({**sent_back(empty), **asked, **given})
    assert form.is_valid(), form.errors
    form.save()
    base_url = ("--base-url", url) if preset.needs_base_url else ()
    run("platform", "add", "by-command", "--preset", preset.slug, *base_url)

    assert columns("by-form") == columns("by-command")


def test_the_page_saves_what_its_form_shows(operator: Client) -> None:
    sent = {**filled_in(operator, "vertex"), **PARTS}

    response = operator.post(f"{ADD}?preset=vertex", sent)

    assert response.status_code == 302, response.context["adminform"].form.errors
    assert columns("vertex")["base_url"] == completed(PRESETS["vertex"])


def test_the_page_begins_with_a_choice_and_keeps_the_way_back(operator: Client) -> None:
    text = operator.get(ADD, {"next": "/admin/first-steps/"}).content.decode()

    for preset in PRESETS.values():
        assert f'href="?preset={preset.slug}&amp;next=%2Fadmin%2Ffirst-steps%2F"' in text
        assert escape(preset.title) in text
    assert 'name="slug"' not in text


def test_links_to_other_hosts_tell_them_nothing(operator: Client) -> None:
    text = operator.get(ADD, {"preset": "openai"}).content.decode()

    [link] = re.findall(r"<a [^>]*platform\.openai\.com[^>]*>", text)
    assert 'rel="noopener noreferrer"' in link


def test_a_short_name_that_is_taken_is_not_suggested(operator: Client) -> None:
    make_platform("openai")

    assert filled_in(operator, "openai")["slug"] == ""
    assert filled_in(operator, "xai")["slug"] == "xai"


@pytest.mark.parametrize("part", ["", "a/b", "x y", "evil.example/?", "h@st"])
def test_a_part_that_is_missing_or_odd_is_named_at_its_field(operator: Client, part: str) -> None:
    sent = {**filled_in(operator, "azure-openai"), "part_resource": part}

    response = operator.post(f"{ADD}?preset=azure-openai", sent)

    errors = response.context["adminform"].form.errors
    assert "part_resource" in errors
    assert not Platform.objects.exists()


def test_what_is_changed_under_advanced_wins(operator: Client) -> None:
    changed = {"base_url": "https://proxy.example/v1", "protocol": "openai", "chat_path": "/chat"}
    sent = {**filled_in(operator, "anthropic"), **changed, "rules": '{"n_max": 1}'}

    operator.post(f"{ADD}?preset=anthropic", sent)

    row = columns("anthropic")
    assert {name: row[name] for name in changed} == changed
    assert (row["auth_style"], row["rules"]) == ("x-api-key", {"n_max": 1})


def test_after_adding_one_is_led_to_the_platforms_page(operator: Client) -> None:
    for preset, says in (("groq", "Add a key of yours."), ("ollama", "test whether it answers")):
        response = operator.post(ADD, filled_in(operator, preset), follow=True)
        text = response.content.decode()
        platform = Platform.objects.get(slug=preset)
        assert response.redirect_chain[-1][0] == reverse(
            "admin:platforms_platform_change", args=[platform.pk]
        )
        assert f"/{preset}/v1</code>" in text
        key = f"/admin/platforms/credential/add/?platform={platform.pk}"
        assert (key in text) is (preset == "groq")
        assert says in text


def test_a_viewer_may_not_even_choose(client: Client, django_user_model: Any) -> None:
    client.force_login(django_user_model.objects.create(username="v", is_staff=True))

    assert client.get(ADD).status_code == 403
    assert client.get(ADD, {"preset": "openai"}).status_code == 403
