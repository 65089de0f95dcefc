"""How a platform's credentials are, in numbers."""

from datetime import timedelta

import pytest
from django.utils import timezone

from platforms import state
from platforms.models import Credential
from platforms.records import Cooldown, PoolReport
from platforms.state import State
from tests.make import make_credential, make_platform

pytestmark = pytest.mark.django_db


def rest(credential: Credential) -> None:
    until = timezone.now() + timedelta(hours=1)
    Cooldown.objects.create(credential=credential, model="m-1", until=until)


def test_each_state_is_counted() -> None:
    acme = make_platform("acme")
    failing = make_credential(acme, "failing")
    rest(make_credential(acme, "resting"))
    make_credential(acme, "out", disabled_reason="401")
    make_credential(acme, "off", enabled=False)
    make_credential(acme, "draining", draining=True)
    for n in range(2):
        make_credential(acme, f"well {n}")
    open_until = (timezone.now() + timedelta(minutes=1)).timestamp()
    told = {"in_flight": 0, "ok": 1, "failed": 5, "rests": {"m-1": ["open", open_until]}}
    PoolReport.objects.create(process="one", at=timezone.now(), data={str(failing.pk): told})

    [found] = state.by_platform()

    assert (found.id, found.slug, found.usable, found.troubled) == (acme.pk, "acme", 2, 3)
    assert found.counts == {
        State.FAILING: 1,
        State.RESTING: 1,
        State.OUT: 1,
        State.OFF: 1,
        State.DRAINING: 1,
        State.ACTIVE: 2,
    }


def test_what_needs_a_look_comes_first() -> None:
    for slug, troubles, well in (("fine", 0, 2), ("hurt", 2, 1), ("dead", 1, 0), ("sore", 1, 1)):
        platform = make_platform(slug)
        for n in range(troubles):
            make_credential(platform, f"bad {n}", disabled_reason="402")
        for n in range(well):
            make_credential(platform, f"good {n}")
    make_credential(make_platform("switched-off", enabled=False))
    make_platform("without-any")

    assert [one.slug for one in state.by_platform()] == ["dead", "hurt", "sore", "fine"]


@pytest.mark.parametrize("few", [0, 200])
def test_rests_are_found_however_many_credentials_there_are(
    few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "FEW", few)
    platform = make_platform()
    resting, well = make_credential(platform, "a"), make_credential(platform, "b")
    rest(resting)

    found = state.shown([resting, well])

    assert found[resting.pk].state == State.RESTING
    assert found[well.pk].state == State.ACTIVE
    assert state.shown([well])[well.pk].state == State.ACTIVE
