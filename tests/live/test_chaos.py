"""A short run of bench.chaos: gateways killed, platforms that misbehave, a database that stops."""

import os

import pytest

from bench import servers
from bench.chaos import platform
from bench.chaos.run import Options, Result, chaos

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("chaos")]


@pytest.fixture(autouse=True)
def installed() -> None:
    """Skips by name where a server is not installed; fails where it is required."""
    for name in ("initdb", "pg_ctl", "redis-server"):
        try:
            servers.program(name)
        except servers.NotInstalled as error:
            if name in os.environ.get("TOKENS_TEST_REQUIRE", "").split(","):
                pytest.fail(str(error))
            pytest.skip(str(error))


def broken(result: Result) -> str:
    return "\n".join(claim.line() for claim in result.claims if not claim.holds)


async def test_what_clients_saw_whole_is_booked_once_whatever_is_killed_and_cut() -> None:
    result = await chaos(Options(seconds=12, seed=5, clients=24, kill_s=(2.5, 3.5), quiet=True))

    assert broken(result) == ""
    assert result.kills >= 2
    assert {"whole", "rate", "cut", "cut_cleanly", "stall"} <= result.upstream.plays.keys()
    assert len(result.seen.whole) > 200
    assert sum(whole.stream for whole in result.seen.whole.values()) > 100


async def test_clients_do_not_notice_that_the_database_is_stopped() -> None:
    options = Options(
        seconds=18, clients=24, kill_s=None, outage_s=10, weights=platform.WELL, quiet=True
    )

    result = await chaos(options)

    assert broken(result) == ""
    assert len(result.waits["during"]) > 200
