"""What a holder may do; tables."""

import fnmatch
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, strategies as st

from licences.errors import (
    LicenceError,
    LicenceExpired,
    LicenceNotYetValid,
    LicenceRevoked,
    NotAllowed,
)
from licences.holders import MAX_ADDRESSES, Holder, model_limits_of, parse_networks
from licences.limits.terms import Bucket

NOW_S = 1_000_000.0


def holder(**over: Any) -> Holder:
    return Holder(id=1, name="ada", start="tk-abcde", **over)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        pytest.param({}, None, id="no bounds"),
        pytest.param({"expires_s": NOW_S + 0.1}, None, id="before its end"),
        pytest.param({"expires_s": NOW_S}, LicenceExpired, id="at its end"),
        pytest.param({"not_before_s": NOW_S}, None, id="at its beginning"),
        pytest.param({"not_before_s": NOW_S + 0.1}, LicenceNotYetValid, id="before its beginning"),
        pytest.param({"enabled": False}, LicenceRevoked, id="switched off"),
        pytest.param({"revoked": True}, LicenceRevoked, id="revoked"),
        pytest.param({"revoked": True, "expires_s": 1.0}, LicenceRevoked, id="revoked, expired"),
    ],
)
def test_validity(fields: dict[str, Any], error: type[LicenceError] | None) -> None:
    if error is None:
        holder(**fields).require_valid(NOW_S)
    else:
        with pytest.raises(error):
            holder(**fields).require_valid(NOW_S)


def test_switched_off_and_revoked_are_told_apart() -> None:
    with pytest.raises(LicenceRevoked) as off:
        holder(enabled=False).require_valid(NOW_S)
    with pytest.raises(LicenceRevoked) as revoked:
        holder(enabled=False, revoked=True).require_valid(NOW_S)

    assert (off.value.revoked, revoked.value.revoked) == (False, True)


def test_an_expired_licence_says_since_when() -> None:
    with pytest.raises(LicenceExpired) as expired:
        holder(expires_s=0.0).require_valid(NOW_S)

    assert expired.value.when == "1970-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("networks", "address", "allowed"),
    [
        ([], None, True),
        ([], "not an address", True),
        (["10.0.0.0/8"], "10.255.0.1", True),
        (["10.0.0.0/8"], "11.0.0.1", False),
        (["10.0.0.0/8"], None, False),
        (["10.0.0.0/8"], "", False),
        (["0.0.0.0/0"], "/run/tokens.sock", False),
        (["10.1.2.3/8"], "10.9.9.9", True),
        (["203.0.113.7"], "203.0.113.7", True),
        (["203.0.113.7"], "203.0.113.8", False),
        (["10.0.0.0/8", "192.168.0.0/16"], "192.168.1.1", True),
        (["10.0.0.0/8"], "::ffff:10.0.0.1", True),
        (["10.0.0.0/8"], "::ffff:11.0.0.1", False),
        (["::ffff:10.0.0.0/104"], "10.0.0.1", True),
        (["::ffff:10.0.0.0/104"], "::ffff:11.0.0.1", False),
        (["::/0"], "10.0.0.1", False),
        (["2001:db8::/32"], "2001:db8::1", True),
        (["2001:db8::/32"], "2001:db9::1", False),
        (["fe80::/10"], "fe80::1%eth0", True),
    ],
)
def test_addresses(networks: list[str], address: str | None, allowed: bool) -> None:
    caller = holder(networks=parse_networks(networks))

    if allowed:
        caller.require_address(address)
    else:
        with pytest.raises(NotAllowed) as refused:
            caller.require_address(address)
        assert (refused.value.subject, refused.value.what) == ("address", address or "unknown")


def lets_in(caller: Holder, address: str) -> bool:
    try:
        caller.require_address(address)
    except NotAllowed:
        return False
    return True


def test_an_address_once_let_in_is_refused_by_other_networks() -> None:
    ada = holder(networks=parse_networks(["10.0.0.0/8"]))
    bob = holder(networks=parse_networks(["192.168.0.0/16"]))

    for _ in range(2):
        assert [lets_in(ada, address) for address in ("10.0.0.1", "192.168.0.1")] == [True, False]
        assert [lets_in(bob, address) for address in ("10.0.0.1", "192.168.0.1")] == [False, True]
    moved = replace(ada, networks=bob.networks)  # as the register makes one of a changed licence
    assert not lets_in(moved, "10.0.0.1")
    assert lets_in(replace(ada, networks=()), "11.0.0.1")


def test_few_addresses_are_remembered_and_none_that_was_refused() -> None:
    caller = holder(networks=parse_networks(["10.0.0.0/8"]))

    for number in range(5 * MAX_ADDRESSES):
        assert lets_in(caller, f"10.0.0.{number}")
        assert not lets_in(caller, f"11.0.0.{number}")

    assert caller._let_in is not None
    assert 0 < len(caller._let_in) <= MAX_ADDRESSES
    assert all(address.startswith("10.") for address in caller._let_in)


@pytest.mark.parametrize(
    ("patterns", "model", "allowed"),
    [
        ([], "anything", True),
        (["gpt-4o"], "gpt-4o", True),
        (["gpt-4o"], "gpt-4o-mini", False),
        (["gpt-4o"], "my-gpt-4o", False),
        (["gpt-4o"], "GPT-4o", False),
        (["gpt-4o"], "gpt-4o\n", False),
        (["gpt-*"], "gpt-", True),
        (["gpt-*"], "gpt-4o\nx", True),
        (["*-mini"], "gpt-4o-mini", True),
        (["*-mini"], "gpt-4o-mini-2", False),
        (["*4o*"], "gpt-4o-mini", True),
        (["a*b*b"], "ab", False),
        (["a*b*b"], "abxb", True),
        (["a**z"], "az", True),
        (["*"], "", True),
        (["gpt-4.1"], "gpt-4x1", False),
        (["[ab]?"], "a1", False),
        (["[ab]?"], "[ab]?", True),
        (["gpt-*", "o1"], "o1", True),
        (["gpt-*", "o1"], "o1-mini", False),
    ],
)
def test_model_patterns(patterns: list[str], model: str, allowed: bool) -> None:
    assert holder(patterns=tuple(patterns)).may_use(model) is allowed


@given(pattern=st.text("ab*", max_size=8), model=st.text("ab", max_size=10))
def test_a_star_means_what_it_means_elsewhere(pattern: str, model: str) -> None:
    assert holder(patterns=(pattern,)).may_use(model) is fnmatch.fnmatchcase(model, pattern)


@pytest.mark.timeout(10)
def test_no_pattern_makes_a_long_name_slow() -> None:
    caller = holder(patterns=("*a*a*a*a*a*a*a*a*b",))

    assert not caller.may_use("a" * 100_000)


def test_require_names_what_is_not_allowed() -> None:
    bob = holder(platforms=frozenset({"acme"}), patterns=("m-*",))

    bob.require("acme", "m-1")
    for platform, model, subject in (("other", "m-1", "platform"), ("acme", "x", "model")):
        with pytest.raises(NotAllowed) as refused:
            bob.require(platform, model)
        assert refused.value.subject == subject
    assert holder().may_call("any")


def test_a_pattern_without_bounds_limits_nothing() -> None:
    [(pattern, bucket)] = model_limits_of(7, {"free-*": {}, "gpt-*": {"rpm": 3}})

    assert bucket == Bucket("licence:7:gpt-*", "model", "gpt-*", rpm=3)
    assert pattern.fullmatch("gpt-5")
    assert not pattern.fullmatch("free-1")
