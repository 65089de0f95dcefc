"""`manage.py model …`, as a person and as a program use it."""

from collections.abc import Callable

import pytest

from platforms.models import ModelMapping
from tests.make import make_credential, make_mapping, make_platform
from tests.platforms.running import BAD, refused, run, run_json

pytestmark = pytest.mark.django_db


def test_a_model_is_added_with_its_prices() -> None:
    make_platform("acme")
    prices = "--price-prompt 1.20 --price-cached 0 --price-cache-write 1.5 --price-image .04"

    row = run_json(
        "model", "add", "acme", "best", "--upstream", "m-9", "--kind", "image", *prices.split()
    )

    mapping = ModelMapping.objects.get()
    assert (mapping.upstream_name, mapping.kind) == ("m-9", "image")
    assert [getattr(mapping, name) for name in mapping.PRICES] == [
        *(1_200_000, 0, 1_500_000, 0, 40_000, 0, 0),
    ]
    assert (row["price_prompt"], row["price_cached"], row["price_image"]) == (
        "1.20",
        "0.00",
        "0.04",
    )


def test_adding_the_same_model_again_is_harmless_and_another_is_refused() -> None:
    make_platform("acme")
    add = ("model", "add", "acme", "best", "--upstream", "m-9", "--price-prompt", "1.20")

    assert run(*add) == "acme/best: added.\n"
    assert run(*add) == "acme/best: was there already.\n"
    assert "--upstream: “acme/best” is there already with “m-9”, not “m-8”" in refused(
        *("model", "add", "acme", "best", "--upstream", "m-8")
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("--price-prompt 1,20", "--price-prompt: “1,20” is no price; it is zero or more"),
        ("--price-request=-1", "--price-request: “-1” is no price"),
        ("--kind smell", "--kind: invalid choice"),
    ],
)
def test_a_wrong_model_is_refused(arguments: str, sentence: str) -> None:
    make_platform("acme")

    assert sentence in refused("model", "add", "acme", "m", *arguments.split())
    assert not ModelMapping.objects.exists()


def test_models_are_listed_by_platform() -> None:
    make_mapping(make_platform("a"), "of-a")
    make_mapping(make_platform("b"), "of-b", price_prompt_micros=75_000)

    [row] = run_json("model", "list", "b")

    assert (row["public_name"], row["upstream_name"]) == ("of-b", "of-b")
    assert (row["price_prompt"], row["price_cached"]) == ("0.075", None)


def test_sync_adds_what_is_missing_once(answer: Callable[..., None]) -> None:
    platform = make_platform("acme")
    make_credential(platform)
    make_mapping(platform, "m-1", upstream_name="mine")

    planned = run_json("model", "sync", "acme", "--dry-run")
    count_after_plan = ModelMapping.objects.count()
    added = run_json("model", "sync", "acme")

    assert planned == added == [{"public_name": "m-2"}, {"public_name": "e-1"}]
    assert count_after_plan == 1
    assert "Nothing to add" in run("model", "sync", "acme")
    assert ModelMapping.objects.get(public_name="m-1").upstream_name == "mine"


def test_sync_takes_a_pattern_and_a_kind(answer: Callable[..., None]) -> None:
    make_credential(make_platform("acme"))

    run("model", "sync", "acme", "--match", "e-*", "--kind", "embedding")

    assert list(ModelMapping.objects.values_list("public_name", "kind")) == [("e-1", "embedding")]


def test_sync_says_why_it_cannot(answer: Callable[..., None]) -> None:
    make_credential(make_platform("acme"), "bad")
    make_platform("listless", models_path="")
    answer(bad=BAD)

    assert "acme does not list its models: key: no" in refused("model", "sync", "acme")
    assert "Add them: manage.py model add listless" in refused("model", "sync", "listless")
