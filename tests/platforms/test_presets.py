"""The table of known services."""

import re
from urllib.parse import urlsplit

import pytest
from django.utils.translation import gettext, override

from gateway.protocols import PROTOCOLS as SPOKEN
from platforms.adding import fill_from_preset
from platforms.models import AuthStyle, Platform
from platforms.presets import PRESETS, PROTOCOLS, Preset
from platforms.validators import validate_base_url

every_preset = pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)


def filled(preset: Preset) -> Platform:
    """What becomes of a preset when its operator fills in what is left open."""
    platform = Platform(slug="acme")
    fill_from_preset(platform, preset)
    platform.base_url = re.sub(r"\{\w+\}", "part", platform.base_url) or "http://10.0.0.5/v1"
    return platform


@every_preset
def test_a_platform_of_every_preset_is_valid(preset: Preset) -> None:
    platform = filled(preset)

    platform.clean_fields()

    assert platform.auth_style in AuthStyle.values
    assert platform.preset == preset.slug


@every_preset
def test_base_urls_are_complete_but_for_named_parts(preset: Preset) -> None:
    assert not preset.base_url.endswith(("/", "/chat/completions"))
    if preset.base_url:
        validate_base_url(preset.base_url)
    assert preset.needs_base_url == (not preset.base_url or "{" in preset.base_url)
    assert len(re.findall(r"[{}]", preset.base_url)) == 2 * preset.base_url.count("{")


@every_preset
def test_paths_can_be_appended(preset: Preset) -> None:
    assert preset.chat_path.startswith("/")
    assert preset.models_path == "" or preset.models_path.startswith("/")


@every_preset
def test_services_in_the_net_are_called_encrypted_and_with_a_key(preset: Preset) -> None:
    if urlsplit(preset.base_url).hostname in (None, "127.0.0.1", "{host}", "local"):
        return  # an engine of the operator's own, or the sandbox

    assert preset.base_url.startswith("https://")
    assert preset.auth_style != AuthStyle.NONE


@every_preset
def test_an_engine_of_ones_own_is_never_the_gateway_itself(preset: Preset) -> None:
    assert not preset.base_url.startswith("http://127.0.0.1:8000")


@every_preset
def test_every_preset_says_something_to_the_operator(preset: Preset) -> None:
    assert preset.title
    assert preset.notes.endswith((".", "…"))


@every_preset
def test_every_preset_says_it_in_chinese_too(preset: Preset) -> None:
    with override("zh-hans"):
        assert re.search("[\u4e00-\u9fff]", gettext(preset.notes))


def test_names_fit_their_columns_and_are_unique() -> None:
    titles = [preset.title for preset in PRESETS.values()]

    assert len(set(titles)) == len(titles)
    assert all(name == preset.slug for name, preset in PRESETS.items())
    assert max(map(len, PRESETS)) <= 50


def test_the_gateway_speaks_every_protocol() -> None:
    assert set(PROTOCOLS) == set(SPOKEN)


@pytest.mark.parametrize(
    ("slug", "base_url", "auth"),
    [
        ("openai", "https://api.openai.com/v1", "bearer"),
        ("azure-openai", "https://{resource}.openai.azure.com/openai/v1", "api-key"),
        ("deepseek", "https://api.deepseek.com", "bearer"),
        ("dashscope", "https://dashscope.aliyuncs.com/compatible-mode/v1", "bearer"),
        ("zhipu", "https://open.bigmodel.cn/api/paas/v4", "bearer"),
        ("ollama", "http://127.0.0.1:11434/v1", "none"),
        ("sandbox", "sandbox://local/v1", "none"),
    ],
)
def test_known_services(slug: str, base_url: str, auth: str) -> None:
    assert (PRESETS[slug].base_url, PRESETS[slug].auth_style) == (base_url, auth)


def test_the_sandbox_says_that_it_is_made_up() -> None:
    assert "made up" in PRESETS["sandbox"].notes


def test_a_retired_service_is_not_offered() -> None:
    # GitHub Models answers 410 since 2026-07-30.
    assert not any("models.github.ai" in preset.base_url for preset in PRESETS.values())
