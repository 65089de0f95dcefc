"""What has changed since the last look, in a message of bounded size."""

from dataclasses import dataclass, field
from typing import TypedDict

from gateway.live.rows import FAILED, Row, row_of, state_of, tokens_of
from gateway.live.under_way import UnderWay
from gateway.usage.entry import Entry

MOST_FOLLOWED = 500
"""Requests that are looked at each time; of more than these the newest."""
MOST_ROWS = 50
"""In one message."""
PROGRESS_ROWS = 15
"""Of these, kept for streams that go on while many others end."""
ALIVE_ROUNDS = 20
"""Every so many samples it is said which requests are still under way."""

_Mark = tuple[object, ...]


class Sample(TypedDict):
    """A message of one process to all who watch."""

    process: str
    rows: list[Row]
    left_out: int
    """Requests that ended and are in no message."""
    running: int
    ended: int
    failed: int
    alive: list[str] | None
    """Ids of those that are still under way; None: not said this time."""


@dataclass(slots=True)
class _Seen:
    """What was told of a request last."""

    mark: _Mark
    progress: int
    round: int


@dataclass(slots=True)
class _Changes:
    """What a sample may tell, in the order of how much it matters."""

    ended: list[Entry] = field(default_factory=list)
    """Of which it was told that they are under way."""
    failed: list[Entry] = field(default_factory=list)
    changed: list[Entry] = field(default_factory=list)
    new: list[Entry] = field(default_factory=list)
    good: list[Entry] = field(default_factory=list)
    progressed: list[Entry] = field(default_factory=list)


class Sampler:
    """Looks at what is under way, and remembers what it has told."""

    def __init__(self, under_way: UnderWay, process: str) -> None:
        """`process`: its name, of a few characters."""
        self._under_way = under_way
        self._process = process
        self._told: dict[Entry, _Seen] = {}
        self._later: list[Entry] = []
        """Ended, were told of as under way, and had no room yet."""
        self._round = 0

    def restart(self) -> None:
        """Somebody new watches, who knows nothing yet: tell all that is under way."""
        self._told.clear()
        self._round = 0

    def sample(self) -> Sample:
        """The message of this moment."""
        ended, missed = self._under_way.take_ended()
        running = self._under_way.newest(MOST_FOLLOWED)
        failed = sum(entry.outcome in FAILED for entry in ended)
        changes = self._changes(running, ended)
        tell, left_out = self._chosen(changes)
        rows = [row_of(entry) for entry in tell]
        for entry in tell:
            self._told[entry] = _Seen(_mark(entry), tokens_of(entry)[1], self._round)
        later = set(self._later)
        for entry in (*ended, *changes.ended):
            if entry not in later:
                self._told.pop(entry, None)
        says_alive = self._round % ALIVE_ROUNDS == 0
        self._round += 1
        return {
            "process": self._process,
            "rows": rows,
            "left_out": left_out + missed,
            "running": self._under_way.count,
            "ended": len(ended) + missed,
            "failed": failed,
            "alive": [entry.id for entry in running] if says_alive else None,
        }

    def _changes(self, running: list[Entry], ended: list[Entry]) -> _Changes:
        found = _Changes(ended=self._later)
        for entry in ended:
            if (seen := self._told.get(entry)) is not None:
                if seen.mark[0] != "ended":
                    found.ended.append(entry)
            elif entry.outcome in FAILED:
                found.failed.append(entry)
            else:
                found.good.append(entry)
        for entry in running:
            seen = self._told.get(entry)
            if seen is None:
                found.new.append(entry)
            elif seen.mark != _mark(entry):
                found.changed.append(entry)
            elif seen.progress != tokens_of(entry)[1]:
                found.progressed.append(entry)
        return found

    def _chosen(self, changes: _Changes) -> tuple[list[Entry], int]:
        """Those that this message has room for, and how many are not told of at all."""
        self._later = changes.ended[MOST_ROWS:]
        tell = changes.ended[:MOST_ROWS]
        # Whose turn was longest ago, so that no stream stands still on the page.
        progressed = sorted(changes.progressed, key=lambda entry: self._told[entry].round)
        kept = min(PROGRESS_ROWS, len(progressed))
        ones = (changes.failed, changes.changed, changes.new, changes.good[::-1])
        for some in ones:
            tell += some[: max(0, MOST_ROWS - kept - len(tell))]
        told = set(tell)
        left_out = sum(one not in told for one in (*changes.failed, *changes.good))
        return tell + progressed[: max(0, MOST_ROWS - len(tell))], left_out


def _mark(entry: Entry) -> _Mark:
    """Another one: something has happened, beyond more tokens."""
    return (state_of(entry), entry.attempts, entry.platform, entry.model, entry.holder is None)
