"""A request as it is shown to those who watch: names, numbers and codes, never contents or keys."""

from typing import Literal, TypedDict

from gateway.models import Outcome
from gateway.shapes import Json, tokens_in
from gateway.usage.entry import Entry

State = Literal["waiting", "trying", "streaming", "ended"]
_NAME = 100
_TRIES = 10
FAILED = (Outcome.UPSTREAM_ERROR, Outcome.TRUNCATED)


class Row(TypedDict):
    """One request at one moment. Times are milliseconds; None is what is not known yet."""

    id: str
    at: int
    """When it began, in Unix milliseconds."""
    state: State
    endpoint: str
    licence: str
    licence_id: int | None
    platform: str
    model: str
    credential: str
    stream: bool
    attempts: int
    tries: list[dict[str, Json]]
    prompt: int
    completion: int
    measured: bool
    """False: the gateway's estimate."""
    first_byte: int | None
    waited: int
    """For a credential that may be used."""
    took: int
    outcome: str
    status: int
    code: str


def state_of(entry: Entry) -> State:
    """Where it is on its way."""
    if entry.written:
        return "ended"
    if entry.stream and entry.first_byte_s is not None:
        return "streaming"
    # An attempt that is over has its milliseconds; the next one is not chosen yet.
    return "trying" if entry.tries and "ms" not in entry.tries[-1] else "waiting"


def tokens_of(entry: Entry) -> tuple[int, int, bool]:
    """Prompt, completion, and whether the platform counted them; of a stream what came so far."""
    if entry.usage is not None:
        usage = entry.usage
        return usage.prompt_tokens, usage.completion_tokens, usage.measured
    reader = entry.reader
    if reader is None:
        return 0, 0, False
    prompt = completion = 0
    if reader.usage is not None:
        prompt, completion = reader.usage.prompt_tokens, reader.usage.completion_tokens
    return prompt, max(completion, tokens_in(reader.text_length)), False


def row_of(entry: Entry) -> Row:
    """What is known of it now."""
    prompt, completion, measured = tokens_of(entry)
    holder, credential, error = entry.holder, entry.credential, entry.error
    took_s = entry.elapsed_s() if entry.took_s is None else entry.took_s
    return {
        "id": entry.id,
        "at": entry.at_ns // 1_000_000,
        "state": state_of(entry),
        "endpoint": entry.endpoint[:_NAME],
        "licence": holder.name[:_NAME] if holder else "",
        "licence_id": holder.id if holder else None,
        "platform": entry.platform[:_NAME],
        "model": entry.model[:_NAME],
        "credential": credential.name[:_NAME] if credential else "",
        "stream": entry.stream,
        "attempts": entry.attempts,
        "tries": [_try(one) for one in entry.tries[-_TRIES:]],
        "prompt": prompt,
        "completion": completion,
        "measured": measured,
        "first_byte": entry.first_byte_ms,
        "waited": int(entry.waited_s * 1000),
        "took": int(took_s * 1000),
        "outcome": str(entry.outcome or ""),
        "status": entry.status,
        "code": (error.code or "")[:60] if error else "",
    }


def _try(tried: dict[str, Json]) -> dict[str, Json]:
    return {
        name: value[:_NAME] if isinstance(value, str) else value for name, value in tried.items()
    }
