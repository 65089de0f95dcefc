"""The command line: `python -m bench` compares, `python -m bench --memory` watches memory."""

import argparse
import asyncio
import signal
import sys

import uvloop

from bench import report
from bench.check import WrongAnswer
from bench.processes import ContenderFailed
from bench.run import STARTERS, compare, memory, say
from bench.scenarios import FURTHER, GATEWAY, MAIN, OURS, SECONDS

MEMORY_REQUESTS = 100_000
ROUNDS = 3


def main() -> int:
    """0: all of ours answered, whatever the verdicts; 1: something did not; 130: stopped."""
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
    names: list[str] = arguments.contender or list(OURS if arguments.quick else STARTERS)
    if arguments.memory is not None:
        return await _memory(names[-1] if arguments.contender else GATEWAY, arguments.memory)
    further = () if arguments.quick else FURTHER
    rounds, seconds = arguments.rounds, arguments.seconds
    found = await compare(MAIN, further, names=names, rounds=rounds, seconds=seconds)
    say("")
    sys.stdout.write(report.text(found))
    is_whole = not arguments.quick and not arguments.contender
    is_whole = is_whole and (rounds, seconds) == (ROUNDS, SECONDS) and found.is_whole
    for path in report.write(found, is_whole=is_whole):
        sys.stdout.write(f"written: {path.relative_to(report.HERE.parent)}\n")
    ours = [sample for sample in found.samples if sample.contender in OURS]
    return 1 if any(sample.outcome.errors for sample in ours) else 0


async def _memory(name: str, requests: int) -> int:
    sys.stdout.write(f"{name}\n{'requests':>10}{'RSS MB':>10}{'errors':>10}\n")
    errors = 0
    async for done, rss_mb, errors in memory(name, requests):
        sys.stdout.write(f"{done:>10,}{rss_mb:>10.1f}{errors:>10,}\n")
        sys.stdout.flush()
    return 1 if errors else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    add = parser.add_argument
    add("--contender", action="append", choices=STARTERS, help="default: all; repeatable")
    add("--quick", action="store_true", help="bare relay and gateway, the main scenarios only")
    add("--rounds", type=int, default=ROUNDS, help="of the main scenarios (default: %(default)s)")
    add("--seconds", type=float, default=SECONDS, help="of one turn (default: %(default)s)")
    text = f"instead: resident memory over N requests of the last contender ({MEMORY_REQUESTS:,})"
    add("--memory", type=int, nargs="?", const=MEMORY_REQUESTS, metavar="N", help=text)
    return parser


if __name__ == "__main__":
    sys.exit(main())
