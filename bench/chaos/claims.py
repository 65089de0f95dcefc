"""What must hold after a run, each claim against what was seen, served and booked. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from bench.chaos.clients import Seen

Rows = Sequence[Mapping[str, Any]]
_SUMS = ("prompt_tokens", "cached_tokens", "completion_tokens", "cost_micros", "latency_ms")
_HOUR_SUMS = _SUMS[:-1]
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence that must be true."""

    text: str
    counted: int
    """How many things were looked at."""
    wrong: Sequence[str] = ()
    """What speaks against it, in words; empty: it holds."""

    @property
    def holds(self) -> bool:
        """Something was looked at, and nothing speaks against it."""
        return not self.wrong and self.counted > 0

    def line(self) -> str:
        """For people."""
        verdict = "holds " if self.holds else "BROKEN"
        lines = [f"{verdict} {self.text} ({self.counted:,} looked at)"]
        lines += [f"         {words}" for words in self.wrong[:_SHOWN]]
        if len(self.wrong) > _SHOWN:
            lines.append(f"         … and {len(self.wrong) - _SHOWN:,} more")
        return "\n".join(lines)


def booked(seen: Seen, records: Rows) -> list[Claim]:
    """What clients saw, against the records."""
    counts = Counter(row["request_id"] for row in records)
    rows = {row["request_id"]: row for row in records}
    other = []
    for id, whole in seen.whole.items():
        row = rows.get(id)
        if row is None or whole.content is None:
            continue
        names = ("licence_id", "outcome", "status", "prompt_tokens", "completion_tokens")
        found = tuple(row[name] for name in names)
        expected = (whole.licence, "completed", 200, *whole.content.tokens)
        if found != expected:
            other.append(f"{id}: booked {found}, the answer was {expected}")
    return [
        Claim(
            "Every answer that a client saw whole is booked exactly once.",
            len(seen.whole),
            [f"{id}: booked {counts[id]} times" for id in seen.whole if counts[id] != 1],
        ),
        Claim("It is booked with the answer's licence, outcome and tokens.", len(rows), other),
        Claim(
            "No request is booked twice.",
            len(records),
            [f"{id}: {count} records" for id, count in counts.items() if count != 1],
        ),
    ]


def told(seen: Seen, records: Rows) -> Claim:
    """Failures that clients were told of, against the records."""
    rows = {row["request_id"]: row for row in records}
    wrong = []
    for id, what in seen.told.items():
        if id not in rows:
            wrong.append(f"{id}: {what}, not booked")
        elif str(rows[id]["status"]) != what.partition(" ")[0]:
            wrong.append(f"{id}: {what}, booked with {rows[id]['status']}")
    return Claim(
        "Every answer that says that it failed is booked with its status.", len(seen.told), wrong
    )


def whole(seen: Seen, served: Set[int]) -> list[Claim]:
    """What clients took for whole, against what the platform played to its end."""
    wrong = list(seen.odd)
    numbers: Counter[int] = Counter()
    for id, answer in seen.whole.items():
        if answer.content is None:
            wrong.append(f"{id}: a clean end, but not the whole text")
        else:
            numbers[answer.content.number] += 1
            if answer.content.number not in served:
                wrong.append(f"{id}: a clean end, but answer {answer.content.number} was cut")
    mixed = [f"answer {number}: {count} clients" for number, count in numbers.items() if count > 1]
    return [
        Claim("No client saw a cut answer end cleanly.", len(seen.whole), wrong),
        Claim("No two clients got the same answer.", len(numbers), mixed),
    ]


def agreeing(records: Rows, days: Rows, spends: Rows) -> list[Claim]:
    """Sums by day, licence, platform and model, and spends, against the records."""
    of_days: dict[Any, list[int]] = defaultdict(lambda: [0] * (1 + len(_SUMS)))
    of_spends: dict[Any, int] = defaultdict(int)
    for row in records:
        day = row["at"][:10]
        sums = of_days[day, row["licence_id"] or 0, row["platform"], row["model"]]
        sums[0] += 1
        for place, name in enumerate(_SUMS, 1):
            sums[place] += row[name]
        if row["cost_micros"] and row["licence_id"]:
            windows = (("total", "1970-01-01"), ("day", day), ("month", f"{day[:8]}01"))
            for window, start in windows:
                of_spends[row["licence_id"], window, start] += row["cost_micros"]
    found_days = {
        (row["day"], row["licence_id"], row["platform"], row["model"]): [
            row["requests"], *(row[name] for name in _SUMS)
        ]
        for row in days
    }  # fmt: skip
    found_spends = {
        (row["licence_id"], row["window"], row["starts_on"]): row["cost_micros"] for row in spends
    }
    return [
        Claim("Sums by day agree with the records.", len(days), _differing(found_days, of_days)),
        Claim(
            "Spends in total, by day and by month agree with the records to the unit.",
            len(spends),
            _differing(found_spends, of_spends),
        ),
    ]


def hourly(records: Rows, hours: Rows) -> Claim:
    """Sums by the hour, of everything, of each platform and of each model, against the records."""
    wanted: dict[Any, list[int]] = defaultdict(lambda: [0] * (1 + len(_HOUR_SUMS)))
    for row in records:
        for by, name in (("all", ""), ("platform", row["platform"]), ("model", row["model"])):
            sums = wanted[by, row["at"][:13], name]
            sums[0] += 1
            for place, column in enumerate(_HOUR_SUMS, 1):
                sums[place] += row[column]
    found = {
        (row["by"], row["hour"][:13], row["name"]): [
            row["requests"], *(row[column] for column in _HOUR_SUMS)
        ]
        for row in hours
    }  # fmt: skip
    text = "Sums by the hour agree with the records."
    return Claim(text, len(hours), _differing(found, wanted))


def all_booked(journals: Mapping[str, int], ends: Mapping[str, int]) -> Claim:
    """Bytes of each file in the journals' folders, against the bytes of it that are booked."""
    wrong = [
        f"{name}: {ends.get(name, 0)} of {size} bytes booked"
        for name, size in journals.items()
        if size and ends.get(name) != size
    ]
    return Claim("Nothing waits in a journal, and no line was set aside.", len(journals), wrong)


def limited(counters: Rows, budgets: Mapping[str, int], spends: Rows, records: Rows) -> list[Claim]:
    """What the counters of limits hold once all leases are over, and what was spent of budgets.

    A budget that is not spent yet lets a call in, whatever that may come to; only one.
    """
    held = [
        f"{row['key']}: {row['under_way']} under way, {row['reserved']} reserved"
        for row in counters
        if row["under_way"] or row["reserved"]
    ]
    booked = {
        f"licence:{row['licence_id']}": row["cost_micros"]
        for row in spends
        if row["window"] == "total"
    }
    told = [row for row in counters if row["spent"] is not None]
    other = [
        f"{row['key']}: {row['spent']} counted, {booked.get(row['key'], 0)} booked"
        for row in told
        if row["spent"] != booked.get(row["key"], 0)
    ]
    costliest: dict[str, int] = {}
    for row in records:
        key = f"licence:{row['licence_id']}"
        costliest[key] = max(costliest.get(key, 0), row["cost_micros"])
    over = [
        f"licence {id}: {booked[key]} of {budget} spent, the costliest call {costliest[key]}"
        for id, budget in budgets.items()
        if (key := f"licence:{id}") in booked and booked[key] >= budget + costliest[key]
    ]
    return [
        Claim("Nothing stays reserved once the leases are over.", len(counters), held),
        Claim("The counters of budgets say what is booked.", len(told), other),
        Claim("No budget is exceeded by more than its last call.", len(budgets), over),
    ]


def in_service(out: Rows, credentials: int) -> Claim:
    """Credentials, of which none has ever been refused."""
    wrong = [f"{row['name']}: {row['disabled_reason'] or 'switched off'}" for row in out]
    return Claim("No credential is left out of service.", credentials, wrong)


def none(text: str, counted: int, wrong: Iterable[str]) -> Claim:
    """A claim that nothing of a kind happened."""
    return Claim(text, counted, list(wrong))


def _differing(found: Mapping[Any, Any], expected: Mapping[Any, Any]) -> list[str]:
    return [
        f"{key}: {found.get(key)}, the records say {expected.get(key)}"
        for key in sorted({*found, *expected}, key=str)
        if found.get(key) != expected.get(key)
    ]
