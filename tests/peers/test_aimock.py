"""An upstream that is not ours: the simulator `@copilotkit/aimock`, its chaos included."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from tests import openai_schema
from tests.live.server import Server, served
from tests.peers.third_party import need, npm_packages

# No group: on one server the failures that are played add up, until its only key rests.
pytestmark = [pytest.mark.peers]
OTHERS = """
from platforms.adding import add_credential, add_platform
for slug, preset, version in (("claude", "anthropic", "v1"), ("gemini", "gemini", "v1beta")):
    row, _new = add_platform(slug, preset=preset, base_url="{url}/" + version)
    add_credential(row, "main", "sk-test-of-others")
result = True
"""
ALL = pytest.mark.parametrize("platform", ["up", "claude", "gemini"])
TOOLS = [{"type": "function", "function": {"name": name}} for name in ("weather", "time")]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose platform `up` is the simulator."""
    node = need("node")
    folder = npm_packages(tmp_path_factory.mktemp("npm") / "aimock", "@copilotkit/aimock")
    shutil.copy(Path(__file__).parent / "node/aimock.mjs", folder)
    with subprocess.Popen(
        [node, "aimock.mjs"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as simulator:
        try:
            assert simulator.stdout is not None
            url = simulator.stdout.readline().decode().strip()
            with served(tmp_path_factory.mktemp("live"), TOKENS_ATTEMPTS="1") as server:
                server.prepare(url)
                server.query(OTHERS.format(url=url))
                server.start()
                yield server
        finally:
            simulator.kill()


def chat(live: Server, text: str, platform: str = "up", **over: Any) -> httpx.Response:
    return httpx.post(
        f"{live.url}/{platform}/v1/chat/completions",
        json={"model": "gpt-4o", "messages": [{"role": "user", "content": text}], **over},
        headers={"Authorization": f"Bearer {live.key}"},
        timeout=20,
    )


def events(response: httpx.Response) -> list[Any]:
    lines = [line[6:] for line in response.text.split("\n") if line.startswith("data: ")]
    return [line if line == "[DONE]" else orjson.loads(line) for line in lines]


@ALL
def test_an_answer(live: Server, platform: str) -> None:
    body = chat(live, "hello", platform).json()

    openai_schema.completion(body)
    assert body["choices"][0]["message"]["content"] == "Hello from the simulator, häßlich 你好"
    assert body["id"].startswith("foaicmpl-")


@ALL
@pytest.mark.parametrize("text", ["hello", "slow"])
def test_a_stream(live: Server, text: str, platform: str) -> None:
    *chunks, done = events(chat(live, text, platform, stream=True))

    assert done == "[DONE]"
    for chunk in chunks:
        openai_schema.chunk(chunk)
    said = "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks)
    assert said in ("Hello from the simulator, häßlich 你好", "one two three")


@ALL
@pytest.mark.parametrize("streamed", [False, True])
def test_parallel_tools(live: Server, streamed: bool, platform: str) -> None:
    response = chat(live, "weather", platform, tools=TOOLS, stream=streamed)

    if not streamed:
        body = response.json()
        openai_schema.completion(body)
        calls = body["choices"][0]["message"]["tool_calls"]
        assert [call["function"]["name"] for call in calls] == ["weather", "time"]
        return
    *chunks, done = events(response)
    names = {
        call["index"]: call["function"]["name"]
        for chunk in chunks
        for choice in chunk["choices"]
        for call in choice["delta"].get("tool_calls", ())
        if call["function"].get("name")
    }
    assert (names, done) == ({0: "weather", 1: "time"}, "[DONE]")


@ALL
@pytest.mark.parametrize("text", ["truncated", "disconnected"])
def test_a_cut_stream_never_ends_cleanly(live: Server, text: str, platform: str) -> None:
    *_chunks, last = events(chat(live, text, platform, stream=True))

    openai_schema.error(last)
    assert last["error"]["code"] == "upstream_error"


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        ("limited", 429, "rate_limit_exceeded"),
        ("failing", 502, "upstream_error"),
        ("malformed", 502, "upstream_error"),
        ("dropped", 502, "upstream_error"),
        ("chaotic limit", 429, "rate_limit_exceeded"),
        ("chaotic cut", 502, "upstream_unreachable"),
    ],
)
def test_chaos_is_told_in_openais_shape(
    live: Server, text: str, status: int, code: str, streamed: bool
) -> None:
    response = chat(live, text, stream=streamed)

    openai_schema.error(response.json())
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)


def test_the_simulators_models_are_listed(live: Server) -> None:
    response = httpx.get(
        f"{live.url}/up/v1/models", headers={"Authorization": f"Bearer {live.key}"}
    )

    openai_schema.model_list(response.json())
