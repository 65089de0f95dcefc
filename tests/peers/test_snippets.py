"""The snippets of a licence's key page, run as they stand, against a running server."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.live.server import Server
from tests.peers.third_party import need, npm_packages

pytestmark = [pytest.mark.peers, pytest.mark.xdist_group("peers-node")]
ANSWER = "This is the sandbox: no model was asked. You said: Hello"
TARGETS = ["sandbox", "/"]
_SNIPPETS = """
from licences import snippets
from licences.issuing import issue
licence, key = issue(name="snippets")
shown = snippets.shown(licence, {url!r}, key)["templates"]
result = {{
    place: {{id: snippets.filled(text, fields) for id, text in shown["texts"].items()}}
    for place, fields in shown["places"].items()
}}
"""


@pytest.fixture(scope="module")
def texts(live: Server) -> Any:
    """The texts of each target, with the key of a new licence."""
    return live.query(_SNIPPETS.format(url=live.url))


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


@pytest.mark.parametrize("target", TARGETS)
def test_curl(texts: Any, target: str, tmp_path: Path) -> None:
    need("curl")

    out = run(["bash", "-ec", texts[target]["curl"]], tmp_path)

    models, end = json.JSONDecoder().raw_decode(out)
    completion = json.loads(out[end:])
    assert any(model["id"].endswith("sandbox-chat") for model in models["data"])
    assert completion["choices"][0]["message"]["content"] == ANSWER


@pytest.mark.parametrize("target", TARGETS)
def test_python(texts: Any, target: str, tmp_path: Path) -> None:
    assert run([sys.executable, "-c", texts[target]["python"]], tmp_path).strip() == ANSWER


def test_node(texts: Any, tmp_path: Path) -> None:
    node = need("node")
    packages = npm_packages(tmp_path / "sdk", "openai")

    for number, target in enumerate(TARGETS):
        (packages / f"snippet{number}.mjs").write_text(texts[target]["node"])
        assert run([node, f"snippet{number}.mjs"], packages).strip() == ANSWER


@pytest.mark.parametrize("target", TARGETS)
def test_the_variables_lead_where_programs_look(texts: Any, target: str, tmp_path: Path) -> None:
    """Three clients of three languages, told of address and key by the variables alone."""
    need("curl")
    model = "sandbox-chat" if target == "sandbox" else "sandbox/sandbox-chat"
    chat = json.dumps(
        {"model": model, "max_tokens": 99, "messages": [{"role": "user", "content": "Hello"}]}
    )
    gemini = '{"contents": [{"parts": [{"text": "Hello"}]}]}'
    ask = f"""{texts[target]["variables"]}
curl() {{ command curl -sf -H "Content-Type: application/json" "$@"; }}
curl $OPENAI_BASE_URL/chat/completions -H "Authorization: Bearer $OPENAI_API_KEY" -d '{chat}'
curl $ANTHROPIC_BASE_URL/v1/messages -H "Authorization: Bearer $ANTHROPIC_AUTH_TOKEN" -d '{chat}'
curl $GOOGLE_GEMINI_BASE_URL/v1beta/models/{model}:generateContent \\
  -H "x-goog-api-key: $GEMINI_API_KEY" -d '{gemini}'
"""

    assert run(["bash", "-ec", ask], tmp_path).count(ANSWER) == 3
