"""Does a contender answer rightly? Asked before anything is timed; a fast wrong answer is none."""

from dataclasses import replace

import aiohttp
import orjson

from bench.asking import Scenario, Target, body
from bench.upstream import ANSWER_WORDS, CHAT_MODEL, WORD

TIMEOUT_S = 30.0  # peers take their time for the first one
EVENTS = 20
STREAM_MODEL = f"bench-stream-{EVENTS}"


class WrongAnswer(Exception):
    """A contender's answer is not the upstream's; says what differs."""


async def check(target: Target, *, exact: bool = True) -> Target:
    """One blocking and one streamed answer, read in full. Raises WrongAnswer.

    `exact`: a stream must have as many events as the upstream's. Else its words must be the
    same, and the target that is returned says how many more it has, so that each can be counted.
    """
    _blocking(await ask(target, Scenario("check", CHAT_MODEL, 1)))
    content = await ask(target, Scenario("check", STREAM_MODEL, 1, events=EVENTS))
    more = _streamed(content) - EVENTS
    if exact:
        _same("count of chunks", EVENTS + more, EVENTS, content)  # nobody asked for usage
    return replace(target, more_events=more)


async def ask(target: Target, scenario: Scenario, within_s: float = TIMEOUT_S) -> bytes:
    """The whole answer to one request. Raises WrongAnswer unless its status is 200."""
    headers = {"authorization": f"Bearer {target.key}", "content-type": "application/json"}
    timeout = aiohttp.ClientTimeout(total=within_s)
    url = f"http://{target.host}:{target.port}{target.path}"
    data = body(scenario, target.model_prefix)
    try:
        async with (
            aiohttp.ClientSession(
                headers=headers | dict(target.headers), timeout=timeout
            ) as session,
            session.post(url, data=data) as answer,
        ):
            content = await answer.read()
            _same("status", answer.status, 200, content)
            return content
    except (aiohttp.ClientError, TimeoutError) as error:
        raise WrongAnswer(f"{target.path}: {error!r}") from error


def _blocking(content: bytes) -> None:
    try:
        choice = orjson.loads(content)["choices"][0]
        found = choice["message"]["content"], choice["finish_reason"]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise WrongAnswer(f"no completion: {content[:500]!r}") from error
    _same("content and finish reason", found, (WORD * ANSWER_WORDS, "stop"), content)


def _streamed(content: bytes) -> int:
    """How many chunks there are, `[DONE]` not counted."""
    lines = [line[5:].strip() for line in content.splitlines() if line.startswith(b"data:")]
    _same("last event", lines[-1:], [b"[DONE]"], content)
    try:
        chunks = [orjson.loads(line) for line in lines[:-1]]
        choices = [chunk["choices"][0] for chunk in chunks if chunk["choices"]]
        words = "".join(choice["delta"].get("content") or "" for choice in choices)
        reasons = [choice["finish_reason"] for choice in choices if choice.get("finish_reason")]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise WrongAnswer(f"no chunks: {content[:500]!r}") from error
    _same("content", words, WORD * (EVENTS - 2), content)
    _same("finish reasons", reasons, ["stop"], content)
    return len(chunks)


def _same(what: str, found: object, expected: object, content: bytes) -> None:
    if found != expected:
        start = content[:500].decode(errors="replace")
        raise WrongAnswer(f"{what} is {found!r}; expected {expected!r}. The answer began: {start}")
