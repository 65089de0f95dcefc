"""What one gateway asks of PostgreSQL and Redis while nobody calls it: so many a second."""

import asyncio
from pathlib import Path
from typing import Any

import psycopg

from bench import servers
from bench.chaos.machines import environment, running
from bench.saturation import processor

SETTLE_S = 5.0
_STATEMENTS = (
    "SELECT query, calls FROM pg_stat_statements JOIN pg_database ON oid = dbid "
    "WHERE datname = current_database() AND query NOT LIKE '%pg_stat_statements%'"
)
_CONNECTIONS = (
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


async def measure(folder: Path, postgres: servers.Postgres, seconds: float) -> dict[str, Any]:
    """Statements, commands and processor time of both over a while. Raises MachineFailed."""
    from redis import asyncio as redis

    with psycopg.connect(postgres.url, autocommit=True) as link:
        link.execute("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'")
    await asyncio.to_thread(postgres.stop)
    await asyncio.to_thread(postgres.start)
    with servers.running_redis() as redis_url, servers.database(postgres.url) as url:
        settings = environment(folder, url, redis_url)
        with psycopg.connect(url, autocommit=True) as link:
            link.execute("CREATE EXTENSION pg_stat_statements")
            async with running(1, folder, settings), redis.Redis.from_url(redis_url) as client:
                await asyncio.sleep(SETTLE_S)
                processor.place(postgres.pid)
                before, commands = _statements(link), await client.info("stats")
                with processor.watched(postgres.pid) as spell:
                    await asyncio.sleep(seconds)
                after, more = _statements(link), await client.info("stats")
                connections = len(link.execute(_CONNECTIONS).fetchall())
    new = {query: calls - before.get(query, 0) for query, calls in after.items()}
    often = sorted(new.items(), key=lambda one: -one[1])[:12]
    done = more["total_commands_processed"] - commands["total_commands_processed"] - 1
    return {
        "statements_per_s": sum(new.values()) / seconds,
        "postgres_share": spell.share,
        "redis_commands_per_s": done / seconds,
        "connections": connections,
        "often": [{"query": query[:120], "per_s": calls / seconds} for query, calls in often],
    }


def _statements(link: psycopg.Connection) -> dict[str, int]:
    return {str(query): int(calls) for query, calls in link.execute(_STATEMENTS)}
