"""The official Node SDK as the judge."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.live.server import Server
from tests.peers.third_party import need, npm_packages

pytestmark = [pytest.mark.peers, pytest.mark.xdist_group("peers-node")]


def run(script: str, live: Server, folder: Path) -> Any:
    """What a script of ours has seen with the SDK."""
    node = need("node")
    packages = npm_packages(folder / "sdk", "openai")
    shutil.copy(Path(__file__).parent / "node" / script, packages)
    done = subprocess.run(
        [node, script, live.url, live.key],
        cwd=packages,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def test_the_node_sdk(live: Server, tmp_path: Path) -> None:
    seen = run("sdk.mjs", live, tmp_path)

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


def test_the_node_sdk_makes_pictures_and_films(live: Server, tmp_path: Path) -> None:
    seen = run("media.mjs", live, tmp_path)

    assert seen == {
        "generated": "89504e470d0a1a0a",
        "edited": "89504e470d0a1a0a",
        "status": "completed",
        "content": seen["content"],
        "remixed": True,
        "read": True,
        "listed": True,
        "deleted": True,
        "gone": True,
    }
    assert bytes.fromhex(seen["content"])[4:] == b"ftyp"
