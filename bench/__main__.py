"""The command line: `python -m bench` compares, `python -m bench --memory` watches memory."""

import argparse
import asyncio
import signal
import sys

import uvloop

from bench import report
from bench.check import WrongAnswer
from bench.contenders import ContenderFailed
from bench.run import CONTENDERS, compare, memory

MEMORY_REQUESTS = 100_000


def main() -> int:
    """0: everything answered; 1: something did not, or could not be measured; 130: stopped."""
    arguments = _parser().parse_args()
    try:
        return uvloop.run(_main(arguments))
    except (ContenderFailed, WrongAnswer) as error:
        sys.stderr.write(f"\n{error}\n")
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130


async def _main(arguments: argparse.Namespace) -> int:
    this = asyncio.current_task()
    assert this is not None
    # As Ctrl-C does: leave through every `finally`, so that no process stays behind.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    names: list[str] = arguments.contender or list(CONTENDERS)
    if arguments.memory is not None:
        return await _memory(names[-1], arguments.memory)
    samples = await compare(names, arguments.rounds, arguments.seconds, more=arguments.more)
    sys.stdout.write(report.table(samples))
    sys.stdout.write(f"written: {report.write(samples).relative_to(report.LATEST.parents[2])}\n")
    return 1 if any(sample.outcome.errors for sample in samples) else 0


async def _memory(name: str, requests: int) -> int:
    sys.stdout.write(f"{name}\n{'requests':>10}{'RSS MiB':>10}{'errors':>10}\n")
    errors = 0
    async for done, rss_mb, errors in memory(name, requests):
        sys.stdout.write(f"{done:>10,}{rss_mb:>10.1f}{errors:>10,}\n")
        sys.stdout.flush()
    return 1 if errors else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    add = parser.add_argument
    add("--contender", action="append", choices=CONTENDERS, help="default: all; repeatable")
    add("--rounds", type=int, default=5, help="turns of each contender (default: 5)")
    add("--seconds", type=float, default=3.0, help="of one unpaced turn (default: 3)")
    add("--more", action="store_true", help="also 1, 32, 256 connections, long requests, crowds")
    text = f"instead: resident memory over N requests of the last contender ({MEMORY_REQUESTS:,})"
    add("--memory", type=int, nargs="?", const=MEMORY_REQUESTS, metavar="N", help=text)
    return parser


if __name__ == "__main__":
    sys.exit(main())
