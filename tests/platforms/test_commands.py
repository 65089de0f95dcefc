"""`manage.py platform …`, and what the three commands have in common."""

import pytest
from pytest_django import DjangoAssertNumQueries

from platforms.models import Platform
from platforms.presets import PRESETS
from tests.make import make_credential, make_mapping, make_platform
from tests.platforms.running import MARKER, refused, run, run_json

pytestmark = pytest.mark.django_db


def test_a_platform_is_added_from_a_preset_and_the_next_step_is_named() -> None:
    text = run("platform", "add", "ds", "--preset", "deepseek")

    assert text == "ds: added. Next: manage.py credential add ds --secret-env VAR\n"
    assert Platform.objects.get().base_url == "https://api.deepseek.com"


def test_options_win_over_the_preset() -> None:
    options = (
        "--name N --base-url https://x.example/v1 --protocol openai --auth x-api-key "
        "--header X-A=1 --header X-B=a=b --proxy http://p:1 --no-pass-unmapped"
    )

    row = run_json("platform", "add", "x", "--preset", "openai", *options.split())

    assert (
        row.items()
        >= {
            "id": Platform.objects.get().pk,
            "slug": "x",
            "name": "N",
            "preset": "openai",
            "base_url": "https://x.example/v1",
            "auth_style": "x-api-key",
            "headers": {"X-A": "1", "X-B": "a=b"},
            "proxy": "http://p:1",
            "pass_unmapped": False,
            "enabled": True,
        }.items()
    )


def test_adding_the_same_platform_again_is_harmless() -> None:
    add = ("platform", "add", "x", "--preset", "openai", "--name", "N")

    assert "added" in run(*add)
    assert run(*add) == "x: was there already.\n"
    assert run_json(*add)["id"] == Platform.objects.get().pk


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("x --preset opnai", "--preset: There is no preset “opnai”; known are custom"),
        ("x --preset custom", "--base-url: This preset has no base URL; give one"),
        ("x --preset vllm", "--base-url: Give it with the part in braces filled in"),
        ("x --preset openai --base-url api.x", "--base-url: This must begin with https://"),
        ("x --preset openai --protocol p", "--protocol: “p” is not spoken here; known: anthropic"),
        ("x --preset openai --header Host=h", "--header: “Host” cannot be set"),
        ("x --preset openai --header nothing", "--header: it takes NAME=VALUE"),
        ("x --preset openai --auth fax", "--auth: invalid choice"),
        ("x --preset openai --proxy p:1", "--proxy: A proxy is given as http://host:port"),
        ("x", "required: --preset"),
        ("admin --preset openai", "SLUG: “admin” is used by the site itself"),
        ("there --preset groq", "--preset: “there” is there already with “openai”, not “groq”"),
        ("there --preset openai --name T", "--name: “there” is there already"),
    ],
)
def test_a_mistake_is_named_and_adds_nothing(arguments: str, sentence: str) -> None:
    run("platform", "add", "there", "--preset", "openai")

    assert sentence in refused("platform", "add", *arguments.split())
    assert Platform.objects.get().slug == "there"


def test_every_mistake_has_a_line() -> None:
    text = refused("platform", "add", "admin", "--preset", "custom", "--proxy", "x")

    assert [line.split(":")[0] for line in text.splitlines()] == ["SLUG", "--base-url", "--proxy"]


def test_no_message_repeats_a_proxys_password() -> None:
    add = ("platform", "add", "x", "--preset", "openai", "--proxy")
    texts = [run(*add, f"http://u:{MARKER}@p:1"), run("platform", "list", "--json")]
    texts.append(refused(*add, "http://p:2"))
    texts.append(refused(*add, f"socks://u:{MARKER}@p:1"))

    assert MARKER not in "".join(texts)
    assert "http://u:…@p:1" in texts[1]


def test_the_list_of_platforms_counts_with_one_query(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for slug in ("a", "b", "c"):
        platform = make_platform(slug)
        make_credential(platform, "on-1")
        make_credential(platform, "on-2")
        make_credential(platform, "off", enabled=False)
        make_mapping(platform, "m-1")
        make_mapping(platform, "m-2")

    with django_assert_num_queries(1):
        rows = run_json("platform", "list")

    assert [(row["slug"], row["credentials"], row["models"]) for row in rows] == [
        *(("a", 2, 2), ("b", 2, 2), ("c", 2, 2)),
    ]


@pytest.mark.parametrize("noun", ["platform", "credential", "model"])
def test_an_empty_list_says_how_to_begin(noun: str) -> None:
    assert f"manage.py {noun} add" in run(noun, "list")
    assert run_json(noun, "list") == []


def test_lists_are_tables_with_aligned_columns() -> None:
    make_platform("a-long-name")
    make_platform("b")

    lines = run("platform", "list").splitlines()

    columns = ("slug", "name", "preset", "base_url", "enabled", "credentials", "models")
    words = ("preset", "custom", "custom")
    assert lines[0].split() == list(columns)
    assert len({line.index(word) for line, word in zip(lines, words, strict=True)}) == 1


def test_presets_are_listed_with_what_they_fill_in() -> None:
    rows = run_json("platform", "presets")

    assert [row["preset"] for row in rows] == list(PRESETS)
    assert all(row["notes"] in " ".join(run("platform", "presets").split()) for row in rows[:3])
    assert rows[0]["needs_base_url"]


def switched(noun: str) -> tuple[object, ...]:
    """A row that can be switched, as the command names it."""
    platform = make_platform("acme")
    if noun == "platform":
        return ("acme",)
    if noun == "credential":
        return (make_credential(platform).pk,)
    return ("acme", make_mapping(platform).public_name)


@pytest.mark.parametrize("noun", ["platform", "credential", "model"])
def test_switching_twice_is_harmless(noun: str) -> None:
    which = switched(noun)

    said = [run(noun, verb, *which) for verb in ("disable", "disable", "enable", "enable")]

    assert ["already" in text for text in said] == [False, True, False, True]
    assert run_json(noun, "disable", *which)["enabled"] is False
    assert [row["enabled"] for row in run_json(noun, "list")] == [False]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("platform enable nobody", "no platform “nobody”; known are: acme"),
        ("platform test nobody", "no platform “nobody”; known are: acme"),
        ("credential list nobody", "no platform “nobody”; known are: acme"),
        ("credential disable 999", "no credential 999; `manage.py credential list` shows"),
        ("credential test 999", "no credential 999"),
        ("model enable acme m-9", "acme has no mapping “m-9”; `manage.py model list` shows"),
        ("model sync nobody", "no platform “nobody”"),
    ],
)
def test_what_is_not_there_is_named(arguments: str, sentence: str) -> None:
    make_platform("acme")

    assert sentence in refused(*arguments.split())
