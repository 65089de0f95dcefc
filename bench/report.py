"""What a run found: a table for people, a file for programs."""

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import orjson

from bench.run import Sample, Turn, medians, ratios

LATEST = Path(__file__).resolve().parent / "results" / "latest.json"
BASE = "bare relay"
# scenario, figure, what it is called, its bound, whether the bound is the least or the most
BOUNDS = (
    ("blocking", "answers_per_s", "blocking requests/s", 0.4, "at least"),
    ("paced", "cpu_us_per_event", "CPU per streamed event", 1.8, "at most"),
)
_COLUMNS = (
    ("answers_per_s", "answers/s", "{:,.0f}"),
    ("events_per_s", "events/s", "{:,.0f}"),
    ("p50_ms", "p50 ms", "{:.1f}"),
    ("p99_ms", "p99 ms", "{:.1f}"),
    ("lag_p50_ms", "lag p50", "{:.1f}"),
    ("lag_p99_ms", "lag p99", "{:.1f}"),
    ("cpu_us_per_answer", "CPU µs/answer", "{:,.0f}"),
    ("cpu_us_per_event", "CPU µs/event", "{:.1f}"),
    ("rss_mb", "RSS MiB", "{:.0f}"),
    ("busy", "busy", "{:.0%}"),
    ("load_busy", "load busy", "{:.0%}"),
    ("errors", "errors", "{:.0f}"),
)
_RATIOS = ("answers_per_s", "events_per_s", "cpu_us_per_answer", "cpu_us_per_event")
_LEGEND = (
    "Medians of the rounds; x is the ratio to the bare relay in the same round. p50 and p99: to\n"
    "the whole answer, of streams to the first event. Lag: ms of paced events behind what the\n"
    "first one of their stream promised. Busy: the share of its core that the\n"
    "contender used; where that should be its limit and is well below 100%, other work runs on\n"
    "this machine: trust the CPU columns. Ceiling: load and upstream without anybody between\n"
    "them. Paced: 50 events/s per stream, so that every event is a read of its own; its\n"
    "answers/s are given.\n"
)


def table(samples: Sequence[Sample]) -> str:
    """Every figure, and under each contender's line its ratio to the bare relay."""
    beside = ratios(samples, BASE)
    lines = [["", *(title for _, title, _ in _COLUMNS)]]
    for turn, figures in medians(samples).items():
        lines.append([", ".join(turn), *(shape.format(figures[n]) for n, _, shape in _COLUMNS)])
        if turn in beside:
            lines.append(["", *(_ratio(name, beside[turn]) for name, _, _ in _COLUMNS)])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "".join(_line(line, widths) for line in lines) + "\n" + _LEGEND + _verdicts(beside)


def write(samples: Sequence[Sample]) -> Path:
    """Put medians, every sample and the surroundings into bench/results/latest.json."""
    content = {
        "when": datetime.now(UTC),
        "python": platform.python_version(),
        "machine": {"system": platform.platform(), "cores": os.cpu_count()},
        "packages": {name: version(name) for name in ("uvicorn", "uvloop", "aiohttp", "django")},
        "medians": _rows(medians(samples)),
        "ratios": _rows(ratios(samples, BASE)),
        "samples": [
            {
                "scenario": sample.scenario,
                "contender": sample.contender,
                "round": sample.round,
                **sample.figures(),
                "errors_by_name": dict(sample.outcome.errors),
            }
            for sample in samples
        ],
    }
    LATEST.parent.mkdir(exist_ok=True)
    LATEST.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))
    return LATEST


def _rows(found: dict[Turn, dict[str, float]]) -> list[dict[str, object]]:
    return [{"scenario": turn[0], "contender": turn[1], **found[turn]} for turn in found]


def _ratio(name: str, beside: dict[str, float]) -> str:
    return f"{beside[name]:.2f} x" if name in _RATIOS and name in beside else ""


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    rest = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
    return "  ".join([cells[0].ljust(widths[0]), *rest]).rstrip() + "\n"


def _verdicts(beside: dict[Turn, dict[str, float]]) -> str:
    """What must hold, beside what was found; empty without both contenders in the run."""
    text = ""
    for scenario, figure, title, bound, way in BOUNDS:
        ratio = beside.get((scenario, "gateway"), {}).get(figure)
        if ratio is None:
            continue
        held = ratio >= bound if way == "at least" else ratio <= bound
        verdict = "holds " if held else "MISSED"
        text += f"{verdict} {title}: {ratio:.2f} x the bare relay's; {way} {bound} x\n"
    return text
