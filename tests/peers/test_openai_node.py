"""The official Node SDK as the judge."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.live.server import Server
from tests.peers.third_party import need, npm_packages

pytestmark = [pytest.mark.peers, pytest.mark.xdist_group("peers-node")]


def test_the_node_sdk(live: Server, tmp_path: Path) -> None:
    node = need("node")
    folder = npm_packages(tmp_path / "sdk", "openai")
    shutil.copy(Path(__file__).parent / "node/sdk.mjs", folder)

    done = subprocess.run(
        [node, "sdk.mjs", live.url, live.key],
        cwd=folder,
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr.decode()
    seen = json.loads(done.stdout)
    assert seen["blocking"].endswith("You said: Hello")
    assert seen["stream"] == seen["blocking"]
    assert seen["request"] is True
    assert seen["usage"]["completion_tokens"] == 14
    assert seen["tool"] == "weather"
    assert "a.pdf" in seen["parts"]
    assert "image/png" in seen["parts"]
    assert "sandbox-chat" in seen["models"]
    assert set(seen["errors"].values()) == {True}
    assert len(seen["errors"]) == 6
