"""The platforms in memory."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from platforms.catalogue import Catalogue, spec_of
from platforms.dialects import dialect_of
from platforms.errors import ModelUnknown, PlatformUnknown
from platforms.models import CatalogueVersion, Credential, ModelMapping, Platform
from platforms.routes import FREE, PLAIN, Price, Timeouts
from platforms.secrets import SecretUnreadable
from tests.make import make_credential, make_mapping, make_platform

pytestmark = pytest.mark.django_db
MARKER = "MARKER-SECRET-4711"


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue()


def test_nothing_is_known_before_the_first_load(catalogue: Catalogue) -> None:
    make_platform("acme")

    with pytest.raises(PlatformUnknown):
        catalogue.platform("acme")
    assert catalogue.refresh()
    assert catalogue.platform("acme").slug == "acme"


def test_a_platform_is_as_its_row(catalogue: Catalogue) -> None:
    row = make_platform(
        base_url="https://x.example/v1/",
        preset="openai",
        chat_path="/chat",
        models_path="",
        pass_unmapped=False,
        connect_s=1,
        first_byte_s=2,
        idle_s=3,
        total_s=4,
    )
    catalogue.load()

    spec = catalogue.platform("acme")

    assert (spec.id, spec.name, spec.preset, spec.protocol) == (row.pk, "Acme", "openai", "openai")
    assert (spec.base_url, spec.chat_path, spec.models_path) == (
        "https://x.example/v1",
        "/chat",
        "",
    )
    assert (spec.needs_credential, spec.pass_unmapped) == (True, False)
    assert spec.timeouts == Timeouts(1, 2, 3, 4)


@pytest.mark.parametrize(
    ("style", "header"),
    [
        ("bearer", ("Authorization", "Bearer s-1")),
        ("api-key", ("api-key", "s-1")),
        ("x-api-key", ("x-api-key", "s-1")),
        ("x-goog-api-key", ("x-goog-api-key", "s-1")),
    ],
)
def test_headers_are_ready_to_send(
    catalogue: Catalogue, style: str, header: tuple[str, str]
) -> None:
    platform = make_platform(auth_style=style, headers={"X-Team": "one"})
    make_credential(platform, secret="s-1")
    catalogue.load()

    [credential] = catalogue.platform("acme").credentials

    assert credential.headers == (header, ("X-Team", "one"))


def test_a_platform_without_keys_has_one_nobody_and_ignores_the_rest(catalogue: Catalogue) -> None:
    platform = make_platform(auth_style="none", headers={"X-A": "1"}, proxy="http://p:1")
    make_credential(platform, secret=MARKER)
    catalogue.load()

    spec = catalogue.platform("acme")

    [nobody] = spec.credentials
    assert not spec.needs_credential
    assert (nobody.id, nobody.name, nobody.secret) == (0, "", "")
    assert (nobody.headers, nobody.proxy) == ((("X-A", "1"),), "http://p:1")


def test_a_credentials_proxy_stands_before_the_platforms(catalogue: Catalogue) -> None:
    platform = make_platform(proxy="http://p:1")
    make_credential(platform, "a", weight=3)
    make_credential(platform, "b", proxy="http://q:2")
    catalogue.load()

    first, second = catalogue.platform("acme").credentials

    assert (first.proxy, second.proxy) == ("http://p:1", "http://q:2")
    assert (first.weight, second.weight) == (3, 1)


def test_what_is_switched_off_is_not_there(catalogue: Catalogue) -> None:
    make_credential(make_platform("on"), enabled=False)
    make_platform("off", enabled=False)
    catalogue.load()

    assert catalogue.platform("on").credentials == ()
    with pytest.raises(PlatformUnknown) as error:
        catalogue.route("off", "m")
    assert error.value.slug == "off"


def test_a_secret_that_cannot_be_read_leaves_the_others_working(
    catalogue: Catalogue, caplog: pytest.LogCaptureFixture
) -> None:
    platform = make_platform()
    make_credential(platform, "good", MARKER)
    bad = Credential.objects.create(platform=platform, name="bad", secret_encrypted="nonsense")

    with caplog.at_level(logging.ERROR):
        catalogue.load()

    assert [it.name for it in catalogue.platform("acme").credentials] == ["good"]
    assert f"Credential {bad.pk} is left out" in caplog.text
    assert MARKER not in caplog.text
    assert "nonsense" not in caplog.text


def test_no_repr_shows_a_secret(catalogue: Catalogue) -> None:
    make_credential(make_platform(), secret=MARKER, proxy=f"http://u:{MARKER}@p:1")
    catalogue.load()

    shown = repr(catalogue.snapshot) + repr(catalogue.route("acme", "m"))

    assert MARKER not in shown


def test_a_mapped_model_has_its_upstream_name_and_price(catalogue: Catalogue) -> None:
    platform = make_platform()
    make_mapping(
        platform,
        "best",
        upstream_name="m-9",
        kind="image",
        price_prompt_micros=1,
        price_cached_micros=2,
        price_completion_micros=3,
        price_image_micros=4,
        price_second_micros=5,
        price_request_micros=6,
    )
    catalogue.load()

    route = catalogue.route("acme", "best")

    assert (route.model, route.upstream_model, route.kind) == ("best", "m-9", "image")
    assert route.price == Price(1, 1, 2, 3, 4, 5, 6)
    assert route.platform is catalogue.platform("acme")


def test_a_mapping_without_upstream_name_keeps_the_public_one(catalogue: Catalogue) -> None:
    mapping = make_mapping(make_platform(), "m-1")
    catalogue.load()

    assert catalogue.route("acme", "m-1").upstream_model == "m-1"
    spec = catalogue.platform("acme").models["m-1"]
    assert spec.created == int(mapping.created_at.timestamp())


def test_an_unmapped_model_passes_through_for_nothing(catalogue: Catalogue) -> None:
    make_platform()
    catalogue.load()

    route = catalogue.route("acme", "any/thing")

    assert (route.upstream_model, route.kind, route.price) == ("any/thing", None, FREE)


def test_a_route_is_worked_out_once_for_each_version(catalogue: Catalogue) -> None:
    platform = make_platform("acme")
    catalogue.load()
    before = catalogue.route("acme", "m-1")
    assert catalogue.route("acme", "m-1") is before

    make_mapping(platform, "m-1", upstream_name="m-one")
    catalogue.refresh()

    assert catalogue.route("acme", "m-1").upstream_model == "m-one"


def test_names_that_callers_make_up_do_not_fill_the_memory(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platforms.catalogue._ROUTES", 3)
    make_platform("acme")
    catalogue.load()

    for number in range(10):
        assert catalogue.route("acme", f"m-{number}").model == f"m-{number}"
        assert catalogue.route("acme", "x" * 1000 + str(number)).name
        assert len(catalogue.snapshot.routes) <= 3


@pytest.mark.parametrize(
    ("pass_unmapped", "model"), [(False, "unmapped"), (False, "off"), (True, "off")]
)
def test_models_that_are_refused(catalogue: Catalogue, pass_unmapped: bool, model: str) -> None:
    make_mapping(make_platform(pass_unmapped=pass_unmapped), "off", enabled=False)
    catalogue.load()

    with pytest.raises(ModelUnknown) as error:
        catalogue.route("acme", model)

    assert (error.value.slug, error.value.model) == ("acme", model)


CHANGES: dict[str, Callable[[Platform], object]] = {
    "platform saved": lambda platform: platform.save(),
    "platform deleted": lambda platform: platform.delete(),
    "credential added": make_credential,
    "credential deleted": lambda platform: platform.credentials.get(name="old").delete(),
    "mapping added": make_mapping,
    "mapping deleted": lambda platform: platform.model_mappings.get(public_name="old").delete(),
    "bumped by hand": lambda _platform: CatalogueVersion.bump(),
    "version row lost": lambda _platform: CatalogueVersion.objects.all().delete(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_change_is_loaded_once(
    catalogue: Catalogue, change: Callable[[Platform], object]
) -> None:
    platform = make_platform()
    make_credential(platform, "old")
    make_mapping(platform, "old")
    catalogue.load()

    change(platform)

    assert [catalogue.refresh(), catalogue.refresh()] == [True, False]


def test_a_snapshot_in_use_does_not_change(catalogue: Catalogue) -> None:
    platform = make_platform()
    catalogue.load()
    before = catalogue.snapshot

    make_mapping(platform, "m", enabled=False)
    catalogue.refresh()

    assert before.platforms["acme"].models == {}
    assert "m" in catalogue.platform("acme").models


def test_the_queries_do_not_grow_with_the_rows(
    catalogue: Catalogue, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(3):
        platform = make_platform(f"p-{number}")
        make_credential(platform)
        make_mapping(platform)

    with django_assert_num_queries(4):  # the version, then one for each kind of row
        catalogue.load()
    with django_assert_num_queries(1):
        catalogue.refresh()


def test_unchanged_secrets_are_not_decrypted_again(catalogue: Catalogue, settings: Any) -> None:
    make_credential(make_platform(), secret="s-1")
    catalogue.load()
    settings.TOKENS_ENCRYPTION_KEYS = []  # with none, decrypting fails
    CatalogueVersion.bump()

    catalogue.refresh()

    assert [it.secret for it in catalogue.platform("acme").credentials] == ["s-1"]


def test_a_changed_secret_is_used(catalogue: Catalogue) -> None:
    platform = make_platform()
    make_credential(platform, "a", "s-1").delete()
    make_credential(platform, "a", "s-2")
    catalogue.load()

    assert [it.secret for it in catalogue.platform("acme").credentials] == ["s-2"]
    assert list(catalogue.snapshot.secrets.values()) == ["s-2"]


def test_a_row_that_is_switched_off_can_be_tried(catalogue: Catalogue) -> None:
    platform = make_platform(enabled=False)
    credential = make_credential(platform, secret="s-1", enabled=False)

    spec, key = spec_of(platform, credential)

    assert (spec.slug, spec.credentials, key.secret) == ("acme", (key,), "s-1")


def test_trying_an_unreadable_secret_says_so() -> None:
    platform = make_platform()
    credential = Credential(platform=platform, name="bad", secret_encrypted="nonsense")

    with pytest.raises(SecretUnreadable):
        spec_of(platform, credential)


def test_rows_added_in_bulk_are_loaded_once_bumped(catalogue: Catalogue) -> None:
    platform = make_platform()
    catalogue.load()
    ModelMapping.objects.bulk_create([ModelMapping(platform=platform, public_name="silent")])

    assert not catalogue.refresh()  # bulk_create sends no signal, so it must be bumped
    CatalogueVersion.bump()
    assert catalogue.refresh()
    assert "silent" in catalogue.platform("acme").models


def test_a_dialect_is_merged_from_preset_platform_and_model(catalogue: Catalogue) -> None:
    platform = make_platform(preset="minimax", rules={"n_max": 4, "+error_codes": {"9": "key"}})
    make_mapping(platform, "odd", overrides={"reasoning_out": "", "+error_codes": {"8": "rate"}})
    make_mapping(platform, "usual")
    catalogue.load()

    unmapped, usual, odd = (catalogue.route("acme", it).dialect for it in ("x", "usual", "odd"))

    codes = dict(dialect_of("minimax").error_codes)
    assert unmapped is usual is catalogue.platform("acme").dialect
    assert (usual.n_max, usual.reasoning_out) == (4, "think")
    assert dict(usual.error_codes) == {**codes, "9": "key"}
    assert (odd.n_max, odd.reasoning_out) == (4, "")
    assert dict(odd.error_codes) == {**codes, "9": "key", "8": "rate"}


def test_a_platform_without_rules_speaks_plainly(catalogue: Catalogue) -> None:
    make_mapping(make_platform(), "m-1")
    catalogue.load()

    assert catalogue.route("acme", "m-1").dialect is PLAIN


def test_a_row_that_is_tried_has_its_dialect() -> None:
    spec, _key = spec_of(make_platform(preset="mistral", rules={"n_max": 2}), None)

    assert spec.dialect == dialect_of("mistral", {"n_max": 2})


@pytest.mark.parametrize("wrong", [{"n_max": "many"}, {"wings": 1}, [], "x", 7, False])
def test_wrong_rules_are_left_out_and_calls_go_on(
    catalogue: Catalogue, caplog: pytest.LogCaptureFixture, wrong: Any
) -> None:
    platform = make_platform(preset="minimax", rules=wrong)
    make_mapping(platform, "odd", overrides={"n_max": 9})
    make_mapping(platform, "bad", overrides=wrong)
    make_platform("other", rules={"n_max": 3})

    with caplog.at_level(logging.ERROR):
        catalogue.load()

    assert catalogue.platform("acme").dialect == dialect_of("minimax")
    assert catalogue.route("acme", "bad").dialect is catalogue.platform("acme").dialect
    assert catalogue.route("acme", "odd").dialect == dialect_of("minimax", {"n_max": 9})
    assert catalogue.platform("other").dialect.n_max == 3
    assert "The rules of platform acme are left out: " in caplog.text
    assert "The rules of model bad of platform acme are left out: " in caplog.text
