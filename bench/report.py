"""What a run found: a table for a terminal, and files for people and programs."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import orjson

from bench.chart import Panel, svg
from bench.figures import Turn, medians
from bench.machine import machine, software
from bench.markdown import markdown
from bench.run import Found
from bench.scenarios import ALL, BLOCKING, GATEWAY, STREAMS
from bench.verdicts import Verdict, judge

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"  # ignored by git
_COLUMNS = (
    ("answers_per_s", "answers/s", "{:,.0f}"),
    ("events_per_s", "events/s", "{:,.0f}"),
    ("p50_ms", "p50 ms", "{:.1f}"),
    ("p99_ms", "p99 ms", "{:.1f}"),
    ("lag_p50_ms", "lag p50", "{:.1f}"),
    ("lag_p99_ms", "lag p99", "{:.1f}"),
    ("cpu_us_per_answer", "CPU µs/answer", "{:,.0f}"),
    ("cpu_us_per_event", "CPU µs/event", "{:.1f}"),
    ("peak_mb", "memory MB", "{:.0f}"),
    ("busy", "busy", "{:.0%}"),
    ("load_busy", "load busy", "{:.0%}"),
    ("errors", "errors", "{:.0f}"),
)


def text(found: Found) -> str:
    """Every figure, what failed, and the verdicts."""
    lines = [["", *(title for _, title, _ in _COLUMNS)]]
    for turn, figures in medians(found.samples).items():
        lines.append([", ".join(turn), *(shape.format(figures[n]) for n, _, shape in _COLUMNS)])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    parts = [_line(line, widths) for line in lines]
    parts += [f"\nFAILED {name}: {words}\n" for name, words in found.failed.items()]
    parts += ["\n", *(_verdict(verdict) for verdict in judge(found) if verdict.value is not None)]
    return "".join(
        [*parts, f"{found.took_s:.0f} s; other work took {found.others:.0%} of the cores\n"]
    )


def write(found: Found, *, is_whole: bool) -> list[Path]:
    """The files of this run; only a whole one replaces the report that is under version control."""
    when = datetime.now(UTC)
    RESULTS.mkdir(exist_ok=True)
    content = orjson.dumps(_content(found, when), option=orjson.OPT_INDENT_2) + b"\n"
    files = {RESULTS / "latest.json": content}
    folder = HERE if is_whole else RESULTS
    files[folder / "REPORT.md"] = markdown(found, when).encode()
    files[folder / "report.svg"] = svg(_panels(found), GATEWAY).encode()
    if is_whole:
        files[HERE / "report.json"] = content
    for path, written in files.items():
        path.write_bytes(written)
    return list(files)


def _content(found: Found, when: datetime) -> dict[str, object]:
    return {
        "when": when,
        "machine": machine(),
        "versions": software(),
        "took_s": round(found.took_s, 1),
        "other_work": round(found.others, 4),
        "verdicts": [
            {"what": v.bound.title, "found": v.value, "wanted": v.wanted, "verdict": v.word}
            for v in judge(found)
        ],
        "failed": found.failed,
        "starts_s": found.starts_s,
        "medians": _rows(medians(found.samples)),
        "samples": [
            {
                "scenario": sample.scenario,
                "contender": sample.contender,
                "round": sample.round,
                **_rounded(sample.figures()),
                "errors_by_name": dict(sample.outcome.errors),
            }
            for sample in found.samples
        ],
    }


def _panels(found: Found) -> list[Panel]:
    figures = medians(found.samples)

    def values(scenario: str, figure: str) -> dict[str, float]:
        return {
            name: figures[scenario, name][figure] for name in ALL if (scenario, name) in figures
        }

    return [
        Panel("Blocking requests, answers a second", "/s", values(BLOCKING, "answers_per_s")),
        Panel("Streams, events a second", "/s", values(STREAMS, "events_per_s")),
    ]


def _rows(found: dict[Turn, dict[str, float]]) -> list[dict[str, object]]:
    return [{"scenario": s, "contender": c, **_rounded(row)} for (s, c), row in found.items()]


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in figures.items()}


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    rest = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
    return "  ".join([cells[0].ljust(widths[0]), *rest]).rstrip() + "\n"


def _verdict(verdict: Verdict) -> str:
    title = verdict.bound.title
    return f"{verdict.word:6} {title}: {verdict.found}; {verdict.wanted}\n"
