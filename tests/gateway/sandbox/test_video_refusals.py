"""A request about a video is refused with what is wrong: a field, its model, its id, its time."""

import base64
from typing import Any

import orjson
import pytest

from tests import openai_schema
from tests.gateway.sandbox.filming import ASKED, Clock, call, finished, show


@pytest.mark.parametrize(
    ("over", "param"),
    [
        ({"model": None}, "model"),
        ({"prompt": None}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"seconds": "5"}, "seconds"),
        ({"seconds": 5}, "seconds"),
        ({"seconds": 4.0}, "seconds"),
        ({"size": "640x360"}, "size"),
        ({"input_reference": "x"}, "input_reference"),
        ({"input_reference": {"file_id": "file-1"}}, "input_reference"),
        ({"input_reference": {"image_url": "https://example.com"}}, "input_reference.image_url"),
        ({"input_reference": {"image_url": "data:,AAAA"}}, "input_reference.image_url"),
    ],
)
async def test_the_field_that_is_wrong_is_named(over: dict[str, Any], param: str) -> None:
    response = await call(Clock(), "POST", "videos", json={**ASKED, **over})

    openai_schema.error(response.json())
    error = response.json()["error"]
    assert (response.status_code, error["param"]) == (400, param)
    assert f"'{param}" in error["message"]


@pytest.mark.parametrize(
    ("model", "status", "code"),
    [
        ("sandbox-video-429", 429, "rate_limit_exceeded"),
        ("sandbox-image", 404, "model_not_found"),
    ],
)
async def test_failures_by_name(model: str, status: int, code: str) -> None:
    response = await call(Clock(), "POST", "videos", json={**ASKED, "model": model})

    openai_schema.error(response.json())
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)


async def test_other_variants_are_refused_by_name() -> None:
    clock, path = await finished()

    response = await call(clock, "GET", f"{path}/content?variant=spritesheet")

    assert (response.status_code, response.json()["error"]["param"]) == (400, "variant")


async def test_there_is_no_content_before_the_end() -> None:
    clock, path = await finished()
    clock.ms -= 1

    response = await call(clock, "GET", f"{path}/content")

    openai_schema.error(response.json())
    assert response.status_code == 404
    assert "in_progress" in response.json()["error"]["message"]


@pytest.mark.parametrize(("method", "end"), [("POST", "/remix"), ("DELETE", "")])
async def test_a_video_that_is_not_finished_is_left_alone(method: str, end: str) -> None:
    clock, path = await finished()
    clock.ms -= 1

    response = await call(
        clock, method, f"{path}{end}", json={"prompt": "A"} if method == "POST" else None
    )

    openai_schema.error(response.json())
    assert response.status_code == 409


async def test_a_remix_needs_a_prompt() -> None:
    clock, path = await finished()

    response = await call(clock, "POST", f"{path}/remix", json={})

    assert (response.status_code, response.json()["error"]["param"]) == (400, "prompt")


def id_of(*facts: Any) -> str:
    return "video_" + base64.urlsafe_b64encode(orjson.dumps(facts)).decode().rstrip("=")


FACTS = (1_790_000_000_900, 1, "sandbox-video", "1280x720", "4", "Waves")


@pytest.mark.parametrize(
    "id",
    [
        "1",
        "video_",
        "video_1",
        "video_!!!!",
        "video_eyI=",
        id_of(),
        id_of(*FACTS)[6:],
        id_of(*FACTS[:-1]),
        id_of("1", *FACTS[1:]),
        id_of(*FACTS[:2], "sandbox-chat", *FACTS[3:]),
        id_of(*FACTS[:3], "1x1", *FACTS[4:]),
        id_of(*FACTS[:4], "5", "Waves"),
    ],
)
@pytest.mark.parametrize(
    ("method", "end"), [("GET", ""), ("DELETE", ""), ("GET", "/content"), ("POST", "/remix")]
)
async def test_an_unknown_id_is_a_404(id: str, method: str, end: str) -> None:
    sent = {"prompt": "A"} if method == "POST" else None

    response = await call(Clock(), method, f"videos/{id}{end}", json=sent)

    openai_schema.error(response.json())
    assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")


async def test_an_id_tells_all() -> None:
    assert (await show(Clock(), id_of(*FACTS)))["prompt"] == "Waves"


@pytest.mark.parametrize("path", ["videos/a/b", "videos/a/content/b", "videos/", "videos/a/"])
async def test_other_paths_are_a_404(path: str) -> None:
    response = await call(Clock(), "GET", path)

    assert response.status_code == 404
    assert "The sandbox has no GET" in response.json()["error"]["message"]
