"""Processor time of a server with all its processes, and where each side runs."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.processes import TICKS_PER_S, cores, pin, stat_of


@dataclass(slots=True)
class Spell:
    """What a server used of its core while something was done to it."""

    seconds: float = 0.0
    cpu_s: float = 0.0

    @property
    def share(self) -> float:
        """Of one core; 1: all of it."""
        return self.cpu_s / self.seconds if self.seconds else 0.0


def cpu_s(pid: int) -> float:
    """Processor seconds of a process, its children, and those of its children that have ended."""
    ticks = 0
    for member in (pid, *children(pid)):
        fields = stat_of(member)
        if fields:
            ticks += int(fields[11]) + int(fields[12])
        if fields and member == pid:
            ticks += int(fields[13]) + int(fields[14])  # waited for: ended backends
    return ticks / TICKS_PER_S


def children(pid: int) -> list[int]:
    """The living children of a process."""
    try:
        return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def place(server: int) -> None:
    """The server and its processes on one core; this process and all it starts on the other."""
    ours, theirs = cores()
    pin(0, ours)
    for pid in (server, *children(server)):
        pin(pid, theirs)


@contextmanager
def watched(pid: int) -> Iterator[Spell]:
    """What the server uses within the block; filled in at its end."""
    spell, began_s, before_s = Spell(), time.perf_counter(), cpu_s(pid)
    try:
        yield spell
    finally:
        spell.seconds = time.perf_counter() - began_s
        spell.cpu_s = cpu_s(pid) - before_s
