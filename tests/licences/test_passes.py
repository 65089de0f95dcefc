"""Passes: what is a good one, and that nothing else is; alone, and shown to the register."""

import asyncio
import contextlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given, strategies as st

from licences import issuing, passes
from licences.errors import KeyUnknown, LicenceError, NotAllowed
from licences.holders import Holder
from licences.models import Licence
from licences.passes import LIFE_S, MAX_LIFE_S, Pass
from licences.register import Register
from tests.licences.conditions import Clock, failing_database
from tests.licences.people import PEPPER, ada, bearer, bob

NOW_S = 1_800_000_000
KEY = passes.signing_key("the site's secret")
GOOD = Pass(licence_id=12, user_id=3, expires_s=NOW_S + LIFE_S)
MADE = passes.make(GOOD, KEY).encode()


def read(shown: bytes, now_s: float = NOW_S, key: bytes = KEY) -> Pass | None:
    return passes.read(shown, key, now_s)


def test_a_pass_says_what_was_put_into_it() -> None:
    assert read(MADE) == GOOD
    assert MADE.startswith(passes.PREFIX)


@pytest.mark.parametrize("place", range(len(MADE)))
def test_a_pass_changed_at_any_place_is_none(place: int) -> None:
    other = b"1" if MADE[place : place + 1] == b"0" else b"0"

    assert read(MADE[:place] + other + MADE[place + 1 :]) is None
    assert read(MADE[:place] + MADE[place + 1 :]) is None


def test_a_pass_of_another_secret_is_none() -> None:
    assert read(MADE, key=passes.signing_key("the site's next secret")) is None
    assert read(MADE, key=b"") is None


@pytest.mark.parametrize(
    ("after_s", "is_good"), [(0, True), (LIFE_S - 1, True), (LIFE_S, False), (10**6, False)]
)
def test_a_pass_ends_at_its_second(after_s: int, is_good: bool) -> None:
    assert (read(MADE, NOW_S + after_s) is not None) is is_good


def test_a_pass_that_would_last_too_long_is_none() -> None:
    assert LIFE_S <= MAX_LIFE_S <= 600

    assert read(passes.make(Pass(12, 3, NOW_S + MAX_LIFE_S), KEY).encode()) is not None
    assert read(passes.make(Pass(12, 3, NOW_S + MAX_LIFE_S + 1), KEY).encode()) is None


@given(st.binary(max_size=200))
def test_nothing_else_is_a_pass(shown: bytes) -> None:
    assert read(shown) is None
    assert read(passes.PREFIX + shown) is None


def test_a_signature_that_was_made_for_something_else_is_none() -> None:
    import hmac

    said = MADE.rpartition(b".")[0]
    foreign = hmac.digest(b"the site's secret", said, "sha256").hex().encode()

    assert read(said + b"." + foreign) is None


@contextlib.contextmanager
def registered(**over: Any) -> Iterator[Register]:
    register = Register(PEPPER, KEY, **over)
    try:
        register.load()
        yield register
    finally:
        register.close()


def pass_for(licence: Licence, key: bytes = KEY, *, ends_in_s: int = LIFE_S) -> str:
    expires_s = int(timezone.now().timestamp()) + ends_in_s
    return passes.make(Pass(licence.pk, 1, expires_s), key)


def call(register: Register, shown: str, address: str = "10.0.0.1") -> Holder:
    return asyncio.run(register.authenticate(bearer(shown), address))


def outcome(register: Register, shown: str) -> str:
    try:
        return call(register, shown).name
    except LicenceError as error:
        return type(error).__name__


on_a_database = pytest.mark.django_db(transaction=True)


@on_a_database
def test_a_pass_is_the_same_holder_and_costs_no_query_and_no_waiting() -> None:
    licence, key = bob()
    with registered() as register, failing_database():
        coroutine = register.authenticate(bearer(pass_for(licence)), "10.0.0.1")
        with pytest.raises(StopIteration) as done:
            coroutine.send(None)  # runs until it awaits something, or is done

        assert done.value.value is call(register, key)


@on_a_database
def test_a_licence_issued_after_the_load_is_looked_up_once_for_its_passes() -> None:
    with registered() as register:
        licence, _key = ada()

        assert outcome(register, pass_for(licence)) == "ada"
        with failing_database():
            assert outcome(register, pass_for(licence)) == "ada"


@on_a_database
def test_a_pass_for_nobody_is_unknown_and_not_asked_for_again() -> None:
    nobody = Licence(pk=4711, name="nobody")
    with registered(clock=Clock()) as register:
        assert outcome(register, pass_for(nobody)) == "KeyUnknown"
        with failing_database():
            assert outcome(register, pass_for(nobody)) == "KeyUnknown"


@on_a_database
@pytest.mark.parametrize("change", [issuing.revoke, issuing.disable])
def test_a_pass_dies_with_its_licence(change: Any) -> None:
    licence, _key = ada()
    shown = pass_for(licence)
    with registered() as register:
        assert outcome(register, shown) == "ada"
        change(licence)
        register.refresh()

        assert outcome(register, shown) == "LicenceRevoked"


@on_a_database
def test_an_expired_licence_has_no_use_of_a_pass() -> None:
    licence, _key = ada()
    Licence.objects.filter(pk=licence.pk).update(expires_at=timezone.now() - timedelta(hours=1))

    with registered() as register:
        assert outcome(register, pass_for(licence)) == "LicenceExpired"


@on_a_database
def test_a_pass_outlives_the_rotation_of_its_licences_key() -> None:
    licence, _key = ada()
    with registered() as register:
        issuing.rotate(licence, issuing.NO_OVERLAP)
        register.refresh()

        assert outcome(register, pass_for(licence)) == "ada"


@on_a_database
def test_the_licences_networks_hold_for_a_pass() -> None:
    licence, _key = bob()
    with registered() as register, pytest.raises(NotAllowed):
        call(register, pass_for(licence), "192.0.2.1")


@on_a_database
def test_bad_passes_are_refused_without_a_look_up_and_not_repeated() -> None:
    licence, _key = ada()
    good = pass_for(licence)
    bad = [
        pass_for(licence, ends_in_s=-1),
        pass_for(licence, passes.signing_key("another secret")),
        good[:-1] + ("0" if good[-1] != "0" else "1"),
        good.replace(f"tkp-{licence.pk}.", f"tkp-{licence.pk + 1}."),
        "tkp-",
    ]
    with registered() as register, failing_database():
        for shown in bad:
            with pytest.raises(KeyUnknown) as unknown:
                call(register, shown)
            assert unknown.value.shown in ("tkp…", "…")


@on_a_database
def test_a_register_without_a_secret_takes_no_pass() -> None:
    licence, _key = ada()
    with contextlib.closing(Register(PEPPER)) as register:
        register.load()

        assert outcome(register, pass_for(licence, b"")) == "KeyUnknown"
