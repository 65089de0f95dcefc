"""What DashScope answers: pictures, films, what they used, and what its codes mean."""

from collections.abc import Mapping
from typing import Any

from gateway.jobs import Progress, Result, Status
from gateway.protocols.base import refined
from gateway.protocols.openai_media import failure_of
from gateway.protocols.sizes import film_facts, pixels
from gateway.shapes import Failure, FailureKind, Json, Usage
from gateway.values import as_object, as_text

STATUSES: Mapping[str, Status] = {
    "PENDING": "queued",
    "SUSPENDED": "queued",
    "RUNNING": "in_progress",
    "SUCCEEDED": "completed",
    "FAILED": "failed",
    "CANCELED": "failed",
    "UNKNOWN": "failed",
}
KINDS: tuple[tuple[str, FailureKind], ...] = (
    ("datainspectionfailed", "content_filter"),
    ("data_inspection_failed", "content_filter"),
    ("throttling", "rate"),
    ("invalidapikey", "key"),
    ("invalid_api_key", "key"),
    ("model.accessdenied", "not_found"),
    ("accessdenied.unpurchased", "not_found"),  # of one model
    ("freetieronly", "quota"),
    ("accessdenied", "key"),
    ("arrearage", "quota"),
    ("invalidparameter", "bad_request"),
)
"""What a code contains, in small letters, and what it means whatever the HTTP status says."""


def pictures(answer: Mapping[str, Json], output: Mapping[str, Json]) -> Progress:
    """The pictures that were made; single ones may have failed. Raises Failure where all have."""
    rows = _rows(output)
    results = tuple(
        Result("image", url=row["url"], revised_prompt=as_text(row.get("actual_prompt")))
        for row in rows
        if as_text(row.get("url"))
    )
    if not results:
        failed = next((row for row in rows if row.get("code")), None)
        if failed is None:
            raise Failure("broken", "The platform answered without a picture.")
        raise refined(failure_of(failed, "failed"), KINDS)
    used = as_object(answer.get("usage"))
    width, height = used.get("width"), used.get("height")
    size = _size(used.get("size")) or _size(f"{width}x{height}")
    facts = {"size": size} if size else {}
    return Progress("completed", results=results, usage=_usage(used), facts=facts)


def film(answer: Mapping[str, Json], output: Mapping[str, Json]) -> Progress:
    """The film that was made. Raises Failure where there is none."""
    url = as_text(output.get("video_url"))
    if not url:
        raise Failure("broken", "The platform finished the film without saying where it is.")
    used = as_object(answer.get("usage"))
    # What is billed may have the film's source in it; the caller is told how long the film is.
    seconds = used.get("output_video_duration") or used.get("duration")
    facts = film_facts(seconds, used.get("SR"), used.get("ratio"))
    if size := _size(used.get("size")):
        facts["size"] = size
    results = (Result("video", url=url),)
    return Progress("completed", results=results, usage=_usage(used), facts=facts)


def _rows(output: Mapping[str, Json]) -> list[dict[str, Any]]:
    """Tasks of old models have `results`, everything else has `choices` like a chat."""
    results, choices = output.get("results"), output.get("choices")
    if isinstance(results, list):
        return [row for row in results if isinstance(row, dict)]
    rows: list[dict[str, Any]] = []
    for choice in choices if isinstance(choices, list) else ():
        parts = as_object(as_object(choice).get("message")).get("content")
        rows += ({"url": as_object(part).get("image")} for part in parts or () if part)
    return rows


def _usage(used: Mapping[str, Json]) -> Usage | None:
    numbers = {
        field: next((used[name] for name in names if _is_amount(used.get(name))), 0)
        for field, names in (
            ("images", ("image_count",)),
            ("seconds", ("duration", "output_video_duration")),
            ("prompt_tokens", ("input_tokens",)),
            ("completion_tokens", ("output_tokens",)),
        )
    }
    if not any(numbers.values()):
        return None
    seconds = float(numbers.pop("seconds"))
    return Usage(**{n: int(v) for n, v in numbers.items()}, seconds=seconds, measured=True)


def _size(given: Json) -> str:
    """`1024x768` from `1024*768`; "" where it is none."""
    found = pixels(given) if isinstance(given, str) else None
    return f"{found[0]}x{found[1]}" if found else ""


def _is_amount(given: Json) -> bool:
    return type(given) in (int, float) and given > 0
