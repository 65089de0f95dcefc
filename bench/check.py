"""Does a contender answer rightly? Asked before anything is timed; a fast wrong answer is none."""

import aiohttp
import orjson

from bench.load import Scenario, Target, body
from bench.upstream import ANSWER_WORDS, CHAT_MODEL, WORD

TIMEOUT_S = 10.0
EVENTS = 20


class WrongAnswer(Exception):
    """A contender's answer is not the upstream's; says what differs."""


async def check(target: Target) -> None:
    """One blocking and one streamed answer, read in full. Raises WrongAnswer."""
    headers = {"authorization": f"Bearer {target.key}", "content-type": "application/json"}
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
        _blocking(await _ask(session, target, Scenario("check", CHAT_MODEL, 1)))
        streamed = Scenario("check", f"bench-stream-{EVENTS}", 1, events=EVENTS)
        _streamed(await _ask(session, target, streamed))


async def _ask(session: aiohttp.ClientSession, target: Target, scenario: Scenario) -> bytes:
    url = f"http://{target.host}:{target.port}{target.path}"
    try:
        async with session.post(url, data=body(scenario)) as answer:
            content = await answer.read()
            _same("status", answer.status, 200, content)
            return content
    except (aiohttp.ClientError, TimeoutError) as error:
        raise WrongAnswer(f"{target.path}: {error!r}") from error


def _blocking(content: bytes) -> None:
    choice = orjson.loads(content)["choices"][0]
    _same("content", choice["message"]["content"], WORD * ANSWER_WORDS, content)
    _same("finish reason", choice["finish_reason"], "stop", content)


def _streamed(content: bytes) -> None:
    lines = [line[5:].strip() for line in content.splitlines() if line.startswith(b"data:")]
    _same("last event", lines[-1:], [b"[DONE]"], content)
    chunks = [orjson.loads(line) for line in lines[:-1]]
    _same("count of chunks", len(chunks), EVENTS, content)  # nobody asked for a usage chunk
    words = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)
    _same("content", words, WORD * (EVENTS - 2), content)
    _same("finish reason", chunks[-1]["choices"][0]["finish_reason"], "stop", content)


def _same(what: str, found: object, expected: object, content: bytes) -> None:
    if found != expected:
        start = content[:500].decode(errors="replace")
        raise WrongAnswer(f"{what} is {found!r}; expected {expected!r}. The answer began: {start}")
