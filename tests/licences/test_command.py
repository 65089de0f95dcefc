"""`manage.py licence …`, as a person and as a program use it."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from licences.forms import platform_choices
from licences.keys import hash_key, wellformed
from licences.models import Licence
from tests.licences.people import PEPPER, ada, bob

pytestmark = pytest.mark.django_db


def run(*arguments: object) -> str:
    out = io.StringIO()
    call_command("licence", *map(str, arguments), stdout=out)
    return out.getvalue()


def run_json(*arguments: object) -> Any:
    return json.loads(run(*arguments, "--json"))


def test_issue_prints_the_key_and_what_it_reaches() -> None:
    arguments = "issue --name n --owner o --platform a --platform b --model m-* --network 10.0.0.1"

    answer = run_json(*arguments.split())

    licence = Licence.objects.get()
    assert set(answer) == {
        *("id", "name", "key", "key_start", "platforms", "models", "networks", "expires_at"),
        *("rpm", "tpm", "concurrency", "model_limits", "budgets"),
    }
    assert wellformed(answer["key"].encode())
    assert licence.key_hash == hash_key(answer["key"].encode(), PEPPER)
    assert (answer["id"], answer["expires_at"]) == (licence.pk, None)
    assert (answer["platforms"], licence.platforms) == (["a", "b"], ["a", "b"])
    assert (answer["models"], answer["networks"]) == (["m-*"], ["10.0.0.1"])


def test_issue_tells_people_that_the_key_is_shown_once() -> None:
    text = run("issue", "--name", "n")

    assert "cannot be shown again" in text
    assert "tk-" in text


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2126-12-31", datetime(2126, 12, 31, tzinfo=UTC)),
        ("2126-12-31T18:00", datetime(2126, 12, 31, 18, tzinfo=UTC)),
        ("2126-12-31T18:00+02:00", datetime(2126, 12, 31, 16, tzinfo=UTC)),
    ],
)
def test_moments(given: str, expected: datetime) -> None:
    run("issue", "--name", "n", "--expires", given)

    assert Licence.objects.get().expires_at == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [("30d", timedelta(days=30)), ("12h", timedelta(hours=12)), ("2w", timedelta(weeks=2))],
)
def test_durations_count_from_now(given: str, expected: timedelta) -> None:
    before = timezone.now()

    run("issue", "--name", "n", "--expires", given, "--not-before", "1h")

    licence = Licence.objects.get()
    assert licence.expires_at is not None
    assert licence.not_before is not None
    assert before <= licence.expires_at - expected <= timezone.now()
    assert before <= licence.not_before - timedelta(hours=1) <= timezone.now()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--expires", "soon"], "--expires is “soon”; it takes 30d"),
        (["--expires", "2026-02-31"], "--expires is “2026-02-31”; it takes 30d"),
        (["--expires", "999999w"], "--expires is “999999w”; it takes 30d"),
        (["--not-before", "-1d"], "expected one argument"),
        (["--expires", "2020-01-01"], "--expires: This is over already"),
        (["--expires", "1h", "--not-before", "2h"], "--expires: This is not after"),
        (["--platform", "Acme!"], "--platform: "),
        (["--model", "a b"], "--model: "),
        (["--network", "x"], "--network: "),
        (["--name", ""], "--name: This field cannot be blank"),
    ],
)
def test_a_mistake_is_named_and_issues_nothing(arguments: list[str], sentence: str) -> None:
    with pytest.raises(CommandError) as error:
        run("issue", "--name", "n", *arguments)

    assert sentence in str(error.value)
    assert not Licence.objects.exists()


def test_an_unknown_platform_is_refused_when_platforms_are_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(platform_choices, "source", lambda: [("acme", "Acme")])

    run("issue", "--name", "n", "--platform", "acme")
    with pytest.raises(CommandError, match="no platform “acne”; known are: acme"):
        run("issue", "--name", "n", "--platform", "acne")


def test_list_leaves_out_the_revoked_unless_asked() -> None:
    licence, _key = ada()
    bob()
    run("revoke", licence.pk)

    assert [row["name"] for row in run_json("list")] == ["bob"]
    assert [row["name"] for row in run_json("list", "--all")] == ["bob", "ada"]


def test_nothing_that_is_printed_later_has_the_key_or_its_hash() -> None:
    licence, key = ada()
    verbs = [("list",), ("list", "--json"), ("show", licence.pk), ("show", licence.pk, "--json")]

    texts = [run(*verb) for verb in verbs]

    assert all(licence.key_start in text and licence.key_end in text for text in texts)
    assert not any(key in text or licence.key_hash in text for text in texts)


def test_lists_are_tables_with_aligned_columns() -> None:
    bob()
    ada()

    lines = run("list").splitlines()

    words = ("key", "tk-", "tk-")
    columns = ["id", "name", "owner", "key", "state", "platforms", "expires_at", "spent"]
    assert lines[0].split() == columns
    assert len({line.index(word) for line, word in zip(lines, words, strict=True)}) == 1


def test_an_empty_list_says_how_to_begin() -> None:
    assert "manage.py licence issue" in run("list")
    assert run_json("list") == []


def test_revoking_and_switching_twice_is_harmless() -> None:
    licence, _key = ada()

    said = [run(verb, licence.pk) for verb in ("disable", "disable", "enable", "revoke", "revoke")]

    assert ["already" in text for text in said] == [False, True, False, False, True]
    assert run_json("show", licence.pk)["state"] == "revoked"


def test_a_revoked_licence_cannot_be_enabled_or_rotated() -> None:
    licence, _key = ada()
    run("revoke", licence.pk)

    for verb in ("enable", "rotate"):
        with pytest.raises(CommandError, match="issue a new licence"):
            run(verb, licence.pk)


@pytest.mark.parametrize(("arguments", "works"), [([], False), (["--overlap", "24h"], True)])
def test_rotate_prints_the_new_key(arguments: list[str], works: bool) -> None:
    licence, old = ada()

    answer = run_json("rotate", licence.pk, *arguments)

    licence.refresh_from_db()
    assert answer["key"] != old
    assert licence.key_hash == hash_key(answer["key"].encode(), PEPPER)
    assert (answer["previous_key_until"] is not None) is works
    assert (licence.previous_key_hash is not None) is works


def test_an_overlap_that_is_none_is_refused() -> None:
    licence, _key = ada()

    with pytest.raises(CommandError, match="--overlap is “long”; it takes"):
        run("rotate", licence.pk, "--overlap", "long")


@pytest.mark.parametrize("verb", ["show", "revoke", "enable", "disable", "rotate"])
def test_a_licence_that_is_not_there_is_named(verb: str) -> None:
    with pytest.raises(CommandError, match=r"no licence 999; `manage\.py licence list"):
        run(verb, 999)
