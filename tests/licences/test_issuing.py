"""Issuing and what comes after, on the database."""

import itertools
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from licences import issuing
from licences.keys import hash_key, wellformed
from licences.models import Licence, LicenceVersion, State
from tests.licences.people import PEPPER, ada, bob

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def test_issuing_keeps_the_hash_and_the_ends_of_the_key_only() -> None:
    licence, key = bob()

    row = Licence.objects.values().get(pk=licence.pk)
    assert wellformed(key.encode())
    assert row["key_hash"] == hash_key(key.encode(), PEPPER)
    assert (row["key_start"], row["key_end"]) == (key[:8], key[-4:])
    assert not any(key in str(value) for value in row.values())


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": ""}, "name"),
        ({"name": "n" * 101}, "name"),
        ({"name": "x", "platforms": ["Acme!"]}, "platforms"),
        ({"name": "x", "platforms": "acme"}, "platforms"),
        ({"name": "x", "model_patterns": ["a b"]}, "model_patterns"),
        ({"name": "x", "networks": ["10.0.0.0/64"]}, "networks"),
        ({"name": "x", "expires_at": timezone.now() - HOUR}, "expires_at"),
        (
            {
                "name": "x",
                "not_before": timezone.now() + 2 * HOUR,
                "expires_at": timezone.now() + HOUR,
            },
            "expires_at",
        ),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_saved(fields: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValidationError) as error:
        issuing.issue(**fields)

    assert list(error.value.message_dict) == [wrong]
    assert not Licence.objects.exists()


def test_rotating_with_overlap_keeps_the_old_hash_until_its_moment() -> None:
    licence, old = ada()

    new = issuing.rotate(licence, HOUR)

    licence.refresh_from_db()
    assert licence.key_hash == hash_key(new.encode(), PEPPER)
    assert licence.previous_key_hash == hash_key(old.encode(), PEPPER)
    assert licence.previous_key_until is not None
    assert timedelta(0) <= timezone.now() + HOUR - licence.previous_key_until < timedelta(minutes=1)


def test_rotating_without_overlap_ends_the_old_keys_at_once() -> None:
    licence, _old = ada()
    issuing.rotate(licence, HOUR)

    issuing.rotate(licence, issuing.NO_OVERLAP)

    licence.refresh_from_db()
    assert (licence.previous_key_hash, licence.previous_key_until) == (None, None)


def test_rotating_starts_from_the_row_and_not_from_an_old_copy() -> None:
    licence, _first = ada()
    copy = Licence.objects.get(pk=licence.pk)
    second = issuing.rotate(licence, HOUR)

    issuing.rotate(copy, HOUR)

    licence.refresh_from_db()
    assert licence.previous_key_hash == hash_key(second.encode(), PEPPER)


def test_a_revoked_licence_stays_revoked() -> None:
    licence, _key = ada()
    assert issuing.revoke(licence) is True
    first = licence.revoked_at

    assert issuing.revoke(licence) is False
    for refused in (issuing.enable, lambda it: issuing.rotate(it, HOUR)):
        with pytest.raises(ValidationError, match="issue a new licence"):
            refused(licence)

    licence.refresh_from_db()
    assert licence.revoked_at == first


def test_switching_says_whether_it_changed_anything() -> None:
    licence, _key = ada()

    answers = [issuing.enable(licence), issuing.disable(licence), issuing.disable(licence)]

    assert answers == [False, True, False]
    assert issuing.enable(licence) is True


def test_a_negative_overlap_is_refused() -> None:
    licence, _key = ada()

    with pytest.raises(ValidationError, match="below zero"):
        issuing.rotate(licence, -HOUR)


def test_revoking_works_although_another_field_is_wrong() -> None:
    licence, _key = ada()
    Licence.objects.filter(pk=licence.pk).update(networks=["nonsense"])

    assert issuing.revoke(licence) is True


def test_every_change_tells_the_processes() -> None:
    versions = [LicenceVersion.current()]
    licence, _key = ada()
    for change in (issuing.disable, issuing.enable, issuing.revoke):
        versions.append(LicenceVersion.current())
        change(licence)
    versions.append(LicenceVersion.current())
    licence.delete()
    versions.append(LicenceVersion.current())

    assert versions == sorted(set(versions))


def test_a_change_leaves_columns_that_others_write() -> None:
    licence, _key = ada()
    used = timezone.now()
    Licence.objects.filter(pk=licence.pk).update(last_used_at=used)

    issuing.disable(licence)

    assert Licence.objects.get(pk=licence.pk).last_used_at == used


def test_state_and_its_query_agree() -> None:
    now = timezone.now()
    times = (None, now - HOUR, now, now + HOUR, now + timedelta(days=30))
    numbers = itertools.count()
    Licence.objects.bulk_create(
        Licence(
            name="x",
            key_hash=f"{next(numbers)}",
            revoked_at=revoked,
            enabled=enabled,
            not_before=not_before,
            expires_at=expires,
        )
        for revoked in (None, now)
        for enabled in (True, False)
        for not_before in times
        for expires in times
    )

    found = {state: set(Licence.objects.in_state(state, now)) for state in State}

    assert all(one.state(now) is state for state, ones in found.items() for one in ones)
    assert all(found.values())
    assert sum(map(len, found.values())) == Licence.objects.count()
