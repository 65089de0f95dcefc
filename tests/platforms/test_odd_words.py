"""What platforms and callers say is kept as far as it can be: no text of PostgreSQL holds NUL."""

import pytest

from gateway.runtime import Gateway
from gateway.shapes import Failure
from platforms import sharing
from platforms.models import Credential
from platforms.news import News
from platforms.pool import Pool
from platforms.records import Cooldown, PoolReport
from platforms.reporting import Reporter
from platforms.routes import CredentialSpec
from tests.make import make_credential, make_platform
from tests.platforms.test_pool import route, spec

ODD = "so\x00 slow"


@pytest.fixture
def key(transactional_db: None) -> Credential:
    return make_credential(make_platform())


def test_reasons_of_rests_and_refusals_are_told(key: Credential) -> None:
    sharing.tell(News(cooled={(key.pk, "m"): (60.0, ODD)}, disabled={key.pk: ODD}))

    key.refresh_from_db()
    assert (key.disabled_reason, key.cooling_reason) == ("so slow", "m: so slow")
    assert Cooldown.objects.get().reason == "so slow"


def test_what_a_probe_was_told_is_kept(key: Credential) -> None:
    sharing.tell(News(disabled={key.pk: "key: refused"}))

    sharing.still_out(key.pk, ODD)

    key.refresh_from_db()
    assert key.last_error == "so slow"


def test_a_model_of_any_name_is_reported(key: Credential) -> None:
    pool = Pool()
    credential = spec(key.pk)
    with pool.take(route(credential, model=ODD), credential) as use:
        use.cool(60, "slower")
    reporter = Reporter(pool)

    sharing.report(reporter.process, reporter.report() or {})

    [report] = PoolReport.objects.all()
    assert list(report.data[str(key.pk)]["rests"]) == ["so slow"]


async def test_a_last_error_is_shown(key: Credential) -> None:
    gateway = Gateway()
    try:
        told = CredentialSpec(key.pk, key.name, "secret", ())
        gateway.note_failure("acme", told, Failure("broken", ODD))
        await gateway.in_database_thread(gateway._refresh)
    finally:
        await gateway.aclose()

    await key.arefresh_from_db()
    assert key.last_error == "so slow"
