"""What was found: tables for people, a file for programs."""

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

LATEST = Path(__file__).resolve().parents[1] / "results" / "saturation.json"


def table(title: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """One line a row; what is no plain value stays in the file."""
    if not rows:
        return ""
    names = [n for n in rows[0] if not isinstance(rows[0][n], dict | list)]
    lines = [names, *([_shown(row[name]) for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(names))]
    text = "".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) + "\n"
        for line in lines
    )
    return f"\n{title}\n{text}"


def write(found: Mapping[str, Any]) -> Path:
    """Put what was found, and the surroundings, into bench/results/saturation.json."""
    # A run of some parts leaves what others have found.
    before = orjson.loads(LATEST.read_bytes()) if LATEST.exists() else {}
    content = {
        **before,
        "when": datetime.now(UTC),
        "python": platform.python_version(),
        "machine": {"system": platform.platform(), "cores": os.cpu_count()},
        **found,
    }
    LATEST.parent.mkdir(exist_ok=True)
    LATEST.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))
    return LATEST


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
    return "" if value is None else str(value)
