"""From headers and an address to a holder: on a real database, with real threads."""

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError
from django.utils import timezone

from licences import issuing, register as register_module
from licences.errors import (
    KeyMissing,
    KeyUnknown,
    LicenceError,
    LicenceExpired,
    LicenceNotYetValid,
    LicenceRevoked,
    NotAllowed,
    RegisterUnavailable,
)
from licences.holders import Holder
from licences.keys import hash_key, new_key
from licences.models import Licence
from licences.register import MISS_S, Register
from tests.licences.conditions import Clock, failing_database
from tests.licences.people import PEPPER, ada, bearer, bob, eves_key

pytestmark = pytest.mark.django_db(transaction=True)
Headers = list[tuple[bytes, bytes]]
HOUR = timedelta(hours=1)


@contextlib.contextmanager
def registered(**over: Any) -> Iterator[Register]:
    """A register that knows what is in the database now."""
    register = Register(PEPPER, **over)
    try:
        register.load()
        yield register
    finally:
        register.close()


def call(register: Register, headers: Headers, address: str | None = "10.0.0.1") -> Holder:
    return asyncio.run(register.authenticate(headers, address))


def outcome(register: Register, key: str) -> str:
    try:
        return call(register, bearer(key)).name
    except LicenceError as error:
        return type(error).__name__


def test_a_known_key_costs_no_query_and_no_waiting() -> None:
    licence, key = bob()
    with registered() as register, failing_database():
        coroutine = register.authenticate(bearer(key), "10.0.0.1")

        with pytest.raises(StopIteration) as done:
            coroutine.send(None)  # runs until it awaits something, or is done

    holder = done.value.value
    assert (holder.id, holder.name, holder.start) == (licence.pk, "bob", key[:8])
    assert (holder.platforms, holder.patterns) == ({"acme"}, ("m-*",))


@pytest.mark.parametrize(
    "headers",
    [
        [(b"authorization", b"Bearer %s")],
        [(b"authorization", b"bEARER   %s  ")],
        [(b"x-api-key", b"%s")],
        [(b"api-key", b" %s ")],
        [(b"api-key", b"wrong"), (b"x-api-key", b"%s")],
        [(b"x-api-key", b"wrong"), (b"authorization", b"Bearer %s")],
        [(b"authorization", b"Basic dTpw"), (b"x-api-key", b"%s")],
        [(b"authorization", b"Bearer "), (b"api-key", b"%s")],
        [(b"authorization", b"Bearer %s"), (b"authorization", b"Bearer wrong")],
    ],
)
def test_the_key_is_found_in_its_headers(headers: Headers) -> None:
    _licence, key = ada()
    sent = [(name, value.replace(b"%s", key.encode())) for name, value in headers]

    with registered() as register:
        assert call(register, sent).name == "ada"


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"authorization", b"")],
        [(b"authorization", b"Bearer")],
        [(b"authorization", b"Bearer   ")],
        [(b"authorization", b"Basic dTpw")],
        [(b"x-api-key", b" ")],
    ],
)
def test_no_key_is_said_to_be_missing(headers: Headers) -> None:
    with registered() as register, pytest.raises(KeyMissing):
        call(register, headers)


@pytest.mark.parametrize(
    "sent", [b"hunter2", b"\xff\xfe", b"a b", b"tk-", "tk-é".encode(), b"x" * 65_536, b"\x00"]
)
def test_a_garbled_key_is_refused_without_a_look_up(sent: bytes) -> None:
    with registered() as register, failing_database(), pytest.raises(KeyUnknown):
        call(register, bearer(sent))


def test_a_key_that_nobody_holds_is_refused_by_its_ends() -> None:
    key = eves_key()

    with registered() as register, pytest.raises(KeyUnknown) as unknown:
        call(register, bearer(key))

    assert unknown.value.shown == f"{key[:8]}…{key[-4:]}"
    assert key not in repr(unknown.value)


def test_a_licence_issued_after_the_load_is_looked_up_once_and_kept() -> None:
    with registered() as register:
        _licence, key = ada()

        assert outcome(register, key) == "ada"
        with failing_database():
            assert outcome(register, key) == "ada"


def test_an_unknown_key_is_remembered_for_a_moment() -> None:
    clock, key = Clock(), eves_key()
    with registered(clock=clock) as register:
        assert outcome(register, key) == "KeyUnknown"
        with failing_database():
            assert outcome(register, key) == "KeyUnknown"
            clock.now_s += MISS_S
            assert outcome(register, key) == "RegisterUnavailable"


def test_of_unknown_keys_the_oldest_is_forgotten_first() -> None:
    first, second, third = eves_key(), eves_key(), eves_key()
    with registered(clock=Clock(), max_misses=2) as register:
        for key in (first, second, third):
            outcome(register, key)

        with failing_database():
            outcomes = [outcome(register, key) for key in (first, second, third)]

    assert outcomes == ["RegisterUnavailable", "KeyUnknown", "KeyUnknown"]


def test_a_silent_database_does_not_keep_the_caller_waiting() -> None:
    with registered(look_up_s=0) as register, pytest.raises(RegisterUnavailable):
        call(register, bearer(eves_key()))


def test_many_unknown_keys_at_once_all_get_their_answer() -> None:
    async def flood(register: Register) -> list[str]:
        async def one(key: str) -> str:
            try:
                return (await register.authenticate(bearer(key), None)).name
            except LicenceError as error:
                return type(error).__name__

        same = eves_key()
        keys = [same] * 20 + [eves_key() for _ in range(20)] + [adas_key]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(key)) for key in keys]
        return [task.result() for task in tasks]

    with registered() as register:
        _licence, adas_key = ada()
        outcomes = asyncio.run(flood(register))

    assert outcomes == ["KeyUnknown"] * 40 + ["ada"]


def test_a_reload_sees_what_has_changed_and_only_then_happens() -> None:
    licence, key = ada()
    with registered() as register:
        quiet = register.refresh()
        issuing.disable(licence)
        changed = register.refresh()

        assert (quiet, changed) == (False, True)
        assert outcome(register, key) == "LicenceRevoked"
        issuing.enable(licence)
        register.refresh()
        assert outcome(register, key) == "ada"


def test_a_deleted_licence_vanishes() -> None:
    licence, key = ada()
    with registered() as register:
        assert outcome(register, key) == "ada"
        licence.delete()
        register.refresh()

        assert outcome(register, key) == "KeyUnknown"


def test_the_hashes_of_keys_that_somebody_holds_are_kept_and_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(register_module, "MAX_HASHES", 2)
    keys = [issuing.issue(name=f"ada {number}")[1] for number in range(4)]
    with registered() as register:
        for key in (*keys, *keys, keys[0]):
            assert outcome(register, key).startswith("ada")
            assert outcome(register, new_key()) == "KeyUnknown"
            assert set(register._hashes) <= {key.encode() for key in keys}
            assert len(register._hashes) <= 2


def test_a_failing_database_leaves_the_licences_in_force() -> None:
    licence, key = ada()
    with registered() as register:
        issuing.disable(licence)
        with failing_database():
            with pytest.raises(DatabaseError):
                register.refresh()
            assert outcome(register, key) == "ada"

        assert register.refresh() is True
        assert outcome(register, key) == "LicenceRevoked"


def test_a_rotated_key_works_until_its_moment() -> None:
    licence, old = ada()
    now = Clock()
    now.now_s = timezone.now().timestamp()
    with registered(now_s=now) as register:
        new = issuing.rotate(licence, HOUR)
        register.refresh()
        during = (outcome(register, old), outcome(register, new))
        now.now_s += 2 * HOUR.total_seconds()
        after = (outcome(register, old), outcome(register, new))
        register.load()

        assert during == ("ada", "ada")
        assert after == ("KeyUnknown", "ada")
        assert outcome(register, old) == "KeyUnknown"


def test_a_rotation_without_overlap_ends_the_old_key() -> None:
    licence, old = ada()
    with registered() as register:
        new = issuing.rotate(licence, issuing.NO_OVERLAP)
        register.refresh()

        assert (outcome(register, old), outcome(register, new)) == ("KeyUnknown", "ada")


def test_a_revoked_licence_takes_its_old_key_along() -> None:
    licence, old = ada()
    issuing.rotate(licence, HOUR)
    issuing.revoke(licence)

    with registered() as register:
        assert outcome(register, old) == "LicenceRevoked"


@pytest.mark.parametrize("loaded", [True, False])
def test_time_and_address_count_from_memory_and_from_a_look_up(loaded: bool) -> None:
    _soon, later = ada(not_before=timezone.now() + HOUR)
    gone, over = ada()
    Licence.objects.filter(pk=gone.pk).update(expires_at=timezone.now())
    _bob, bobs = bob()
    register = Register(PEPPER)

    if loaded:
        register.load()
    with contextlib.closing(register):
        for key, error in ((later, LicenceNotYetValid), (over, LicenceExpired)):
            with pytest.raises(error):
                call(register, bearer(key))
        with pytest.raises(NotAllowed):
            call(register, bearer(bobs), "192.0.2.1")
        assert call(register, bearer(bobs), "::ffff:10.0.0.1").name == "bob"


def test_a_revocation_is_refused_with_its_reason() -> None:
    licence, key = ada()
    issuing.revoke(licence)

    with registered() as register, pytest.raises(LicenceRevoked) as refused:
        call(register, bearer(key))

    assert refused.value.revoked is True


def test_an_unusable_row_is_refused_and_reported_and_harms_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    _ada, adas = ada()
    broken, bobs = bob()
    Licence.objects.filter(pk=broken.pk).update(networks=["nonsense"])

    with registered() as register:
        assert outcome(register, adas) == "ada"
        assert outcome(register, bobs) == "KeyUnknown"

    assert f"licence {broken.pk} is not usable" in caplog.text
    assert hash_key(bobs.encode(), PEPPER) not in caplog.text
