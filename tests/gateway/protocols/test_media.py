"""Every case in tests/transcripts/media/<protocol>/<case>.json: requests, answers, progress.

A case is `{"kind", "asked", "base_url"?, "model"?, "source"?…}` with either `refused`, the error
that the caller gets, or `steps`: the calls in their order, the first one being the order and the
others polls. A step has `request` (`method`, `path`, and if they matter `base`, `headers`, `json`
or `form`, `times`), `answer` (JSON) and `progress` or `failure`. In `asked`, a picture is
`"file:<name>"` or an address; a file's base64 is shown as `<base64 of name>` in `json`.
"""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.bodies import Blob, Body, Source
from gateway.errors import BadRequest
from gateway.jobs import Images, Plan, Progress, Remix, Video
from gateway.protocols import PROTOCOLS
from gateway.protocols.base import Protocol
from gateway.shapes import Failure, UpstreamRequest
from platforms.routes import FREE, PlatformSpec, Route, Timeouts

FOLDER = Path(__file__).parents[2] / "transcripts/media"
CASES = sorted(FOLDER.glob("*/*.json"))


def route(protocol: str, case: dict[str, Any]) -> Route:
    platform = PlatformSpec(
        id=1,
        slug="acme",
        name="Acme",
        preset="custom",
        protocol=protocol,
        base_url=case.get("base_url", "https://api.example/v1"),
        chat_path="/chat/completions",
        models_path="/models",
        needs_credential=True,
        pass_unmapped=True,
        timeouts=Timeouts(),
        credentials=(),
        models={},
    )
    return Route(platform, "public", case.get("model", "upstream"), case["kind"], FREE)


def source(name: str, text: str) -> Source:
    if text.startswith("file:"):
        return Source(name, file=text[5:], content_type="image/png", size=30)
    return Source(name, url=text)


def asked(case: dict[str, Any]) -> Images | Video:
    fields = dict(case["asked"])
    fields["sources"] = tuple(
        source(f"image[{number}]", text) for number, text in enumerate(fields.get("sources", ()))
    )
    if "mask" in fields:
        fields["mask"] = source("mask", fields["mask"])
    if "remix" in fields:
        fields["remix"] = Remix(**fields["remix"])
    return Images(**fields) if case["kind"] == "image" else Video(**fields)


def plan(protocol: Protocol, case: dict[str, Any]) -> Plan:
    wanted, where = asked(case), route(protocol.name, case)
    if isinstance(wanted, Images):
        return protocol.images(wanted, where)
    return protocol.video(wanted, where)


def text_of(body: bytes | Body) -> bytes:
    pieces = (body,) if isinstance(body, bytes) else body
    return b"".join(
        f"<{'base64' if piece.base64 else 'bytes'} of {piece.source.file}>".encode()
        if isinstance(piece, Blob)
        else piece
        for piece in pieces
    )


def form_of(body: bytes) -> list[list[str]]:
    """Name and value of each part of a form; of a file its name, type and bytes."""
    boundary = body[: body.index(b"\r\n")]
    parts = []
    for part in body.split(boundary)[1:-1]:
        head, _, value = part.strip(b"\r\n").partition(b"\r\n\r\n")
        words = head.decode().replace("Content-Disposition: form-data; ", "").split("\r\n")
        parts.append([*words, value.decode()])
    return parts


def check_request(request: UpstreamRequest, expected: dict[str, Any]) -> None:
    assert (request.method, request.path) == (expected["method"], expected["path"])
    assert request.base == expected.get("base", "")
    headers = dict(request.headers)
    for name, value in expected.get("headers", {}).items():
        assert headers[name] == value
    body = text_of(request.body)
    if "json" in expected:
        assert orjson.loads(body) == expected["json"]
    elif "form" in expected:
        assert form_of(body) == expected["form"]
        assert headers["Content-Type"].startswith("multipart/form-data; boundary=")
    else:
        assert body == b""


def shown(progress: Progress) -> dict[str, Any]:
    """A progress without what is empty."""
    fields = asdict(progress)
    fields["results"] = [
        {name: value for name, value in result.items() if value} for result in fields["results"]
    ]
    if progress.failure is not None:
        fields["failure"] = [
            progress.failure.kind,
            progress.failure.code,
            progress.failure.message,
        ]
    if progress.usage is not None:
        fields["usage"] = {name: value for name, value in fields["usage"].items() if value}
    return {name: value for name, value in fields.items() if value not in ("", None, [], {}, ())}


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_transcript(path: Path) -> None:
    case = orjson.loads(path.read_bytes())
    protocol = PROTOCOLS[path.parent.name]
    if "refused" in case:
        with pytest.raises(BadRequest) as refused:
            plan(protocol, case)
        assert refused.value.param == case["refused"].get("param")
        assert case["refused"]["says"] in refused.value.message
        return
    order = plan(protocol, case)
    upstream_id = ""
    for number, step in enumerate(case["steps"]):
        if number == 0:
            request = order.request
            assert order.times == step["request"].get("times", 1)
        else:
            platform = route(protocol.name, case).platform
            request = protocol.poll(case["kind"], upstream_id, platform)
        check_request(request, step["request"])
        body = orjson.dumps(step["answer"])
        read = partial(protocol.progress, case["kind"], upstream_id) if number else order.read
        if "failure" in step:
            with pytest.raises(Failure) as raised:
                read(body)
            failure = raised.value
            assert [failure.kind, failure.code, failure.message] == step["failure"]
            return
        progress = read(body)
        assert shown(progress) == step["progress"]
        upstream_id = upstream_id or progress.upstream_id
