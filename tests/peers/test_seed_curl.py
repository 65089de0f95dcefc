"""The owner's own curl lines, word for word but for host, platform, licence, model and contents."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import openai_schema
from tests.gateway.media.pictures import base64_of, png
from tests.live.server import Server, served
from tests.peers.third_party import need
from tests.upstreams import answer, running_upstream

pytestmark = [pytest.mark.peers, pytest.mark.xdist_group("peers-seed")]
LINES = sorted((Path(__file__).parent / "seed").glob("*.sh"))
STAND_INS = ("图片的URL或者base64", "<图片URL或者base64>", "文件的URL或者base64")
CASES = [
    (path, form)
    for path in LINES
    for form in ("base64", "url")
    if form == "base64" or any(place in path.read_text("utf-8") for place in STAND_INS)
]
TEXT = b"A file with words in it.\n"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("live")
    with served(folder, TOKENS_FETCH_ALLOW="127.0.0.1") as server:
        server.prepare()
        server.start()
        yield server


def run(line: str, folder: Path) -> bytes:
    done = subprocess.run(
        ["bash", "-c", line], cwd=folder, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def filled(path: Path, live: Server, folder: Path, **given: str) -> str:
    """The line with everything in angle brackets, and every stand-in, filled in."""
    for name, colour in (("example1", "red"), ("example2", "blue")):
        (folder / f"{name}.jpg").write_bytes(png(64, 64, colour))
    line = path.read_text("utf-8")
    model = "sandbox-image" if path.stem.startswith("images") else "sandbox-chat"
    for place, value in {
        "<你的IP>:<你的端口>": f"127.0.0.1:{live.port}",
        "<平台名称>": "sandbox",
        "<你的许可证>": live.key,
        "<平台模型>": model,
        "<对话内容>": "你好",
        "<图片描述>": "一只猫",
        "/path/to/": f"{folder}/",
        **given,
    }.items():
        line = line.replace(place, value)
    return line


@pytest.mark.parametrize(("path", "form"), CASES, ids=lambda value: getattr(value, "stem", value))
def test_the_line_runs(path: Path, form: str, live: Server, tmp_path: Path) -> None:
    need("curl")
    with running_upstream(answer(png(64, 64), content_type="image/png")) as host:
        if path.stem == "chat-file":
            host.default = answer(TEXT, content_type="text/plain")
        url = f"{host.base_url}/file"
        picture = url if form == "url" else base64_of(png(64, 64))
        file = url if form == "url" else base64_of(TEXT)
        given = {STAND_INS[0]: picture, STAND_INS[1]: picture, STAND_INS[2]: file}

        answered = run(filled(path, live, tmp_path, **given), tmp_path)

    check(path.stem, answered)


def check(name: str, answered: bytes) -> None:
    if name == "chat-stream":
        *chunks, done = [
            line[6:] for line in answered.decode().split("\n") if line.startswith("data: ")
        ]
        assert done == "[DONE]"
        for chunk in chunks:
            openai_schema.chunk(json.loads(chunk))
        return
    body: Any = json.loads(answered)
    assert "error" not in body, body
    if name.startswith("chat"):
        openai_schema.completion(body)
    else:
        openai_schema.images(body)
        assert body["data"][0]["b64_json"]


def test_there_are_all_of_them() -> None:
    assert len(LINES) == 9
