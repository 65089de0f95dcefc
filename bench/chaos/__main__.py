"""The command line: `python -m bench.chaos` kills, `--database-stop` stops the database."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

import orjson

from bench.chaos import platform
from bench.chaos.machines import MachineFailed
from bench.chaos.run import AROUND_S, Options, Result, chaos, percentile
from bench.servers import NotInstalled

OUTAGE_S = 60.0


def main() -> int:
    """0: every claim holds; 1: one does not, or the run could not be made; 130: stopped."""
    arguments = _parser().parse_args()
    try:
        result = asyncio.run(_main(arguments))
    except (NotInstalled, MachineFailed) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    sys.stdout.write(_table(result))
    if arguments.json:
        arguments.json.write_bytes(orjson.dumps(_data(result), option=orjson.OPT_INDENT_2))
    return 0 if result.holds else 1


async def _main(arguments: argparse.Namespace) -> Result:
    this = asyncio.current_task()
    assert this is not None
    # As Ctrl-C does: leave through every `finally`, so that no process stays behind.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    options = Options(
        seconds=arguments.seconds,
        seed=arguments.seed,
        clients=arguments.clients,
        postgres=arguments.postgres,
    )
    if arguments.database_stop is not None:
        options = Options(
            seconds=arguments.database_stop + 2 * AROUND_S,
            seed=arguments.seed,
            clients=arguments.clients,
            kill_s=None,
            outage_s=arguments.database_stop,
            frozen=arguments.freeze,
            weights=platform.WELL,
        )
    return await chaos(options)


def _table(result: Result) -> str:
    seen = result.seen
    lines = [
        f"{result.elapsed_s:.0f} s, seed {result.options.seed}, {result.kills} kills;"
        f" {len(seen.whole):,} answers whole"
        f" ({sum(whole.stream for whole in seen.whole.values()):,} streamed)"
    ]
    lines += [f"  told that it failed: {n:6,} x {what}" for what, n in seen.errors.most_common()]
    lines += [f"  connection broke:    {n:6,} x {what}" for what, n in seen.cut.most_common()]
    plays = ", ".join(f"{n:,} {play}" for play, n in result.upstream.plays.most_common())
    lines.append(f"  the platforms played: {plays}")
    for part, waits in result.waits.items():
        p50, p99, most = (f"{percentile(waits, share) * 1000:,.0f}" for share in (0.5, 0.99, 1.0))
        lines.append(f"  ms to the whole answer, {part}: p50 {p50}, p99 {p99}, most {most}")
    lines += ["", *(claim.line() for claim in result.claims), ""]
    return "\n".join(lines)


def _data(result: Result) -> dict[str, object]:
    options, seen = result.options, result.seen
    return {
        "seconds": result.elapsed_s,
        "seed": options.seed,
        "clients": options.clients,
        "kills": result.kills,
        "outage_s": options.outage_s,
        "whole": len(seen.whole),
        "told": dict(seen.errors),
        "cut": dict(seen.cut),
        "plays": dict(result.upstream.plays),
        "calls_by_key": len(result.upstream.calls),
        "holds": result.holds,
        "claims": [
            {"claim": c.text, "holds": c.holds, "looked_at": c.counted, "wrong": list(c.wrong)}
            for c in result.claims
        ],
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description=__doc__)
    add = parser.add_argument
    add("--seconds", type=float, default=120.0, help="of load and kills (default: 120)")
    add("--seed", type=int, default=1, help="of all chances (default: 1)")
    add("--clients", type=int, default=40, help="at once (default: 40)")
    add("--postgres", default="", metavar="URL", help="a running server; default: one of its own")
    text = f"instead of kills: the database stopped for S seconds ({OUTAGE_S:.0f}) under load"
    add("--database-stop", type=float, nargs="?", const=OUTAGE_S, metavar="S", help=text)
    add("--freeze", action="store_true", help="with it: frozen, so that nothing answers any more")
    add("--json", type=Path, metavar="FILE", help="write the result there too")
    return parser


if __name__ == "__main__":
    sys.exit(main())
