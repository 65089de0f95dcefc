"""The command line: `python -m bench.instructions` counts, prints a table, and judges."""

import argparse
import asyncio
import sys

from bench.instructions.lockstep import OutOfStep
from bench.instructions.process import NotCounted
from bench.instructions.report import missed, table
from bench.instructions.run import count
from bench.servers import NotInstalled


def main() -> int:
    """0: every bound holds; 1: one is missed, or nothing could be counted."""
    parser = argparse.ArgumentParser(prog="python -m bench.instructions", description=__doc__)
    text = "judge a gateway that parses and encodes each piece of an answer N times more"
    parser.add_argument("--burden", type=int, default=0, metavar="N", help=text)
    arguments = parser.parse_args()
    judgement = 1
    try:
        counts = asyncio.run(count(arguments.burden))
        judged = counts.burdened or counts.gateway
        sys.stdout.write(table(counts.bare, judged))
        judgement = 1 if missed(counts.bare, judged) else 0
    except* (NotInstalled, NotCounted, OutOfStep, TimeoutError, OSError) as failures:
        sys.stderr.write("".join(f"{failure!r}\n" for failure in failures.exceptions))
    return judgement


if __name__ == "__main__":
    sys.exit(main())
