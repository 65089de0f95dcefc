"""A video goes its way to its film, whichever process is asked, or fails as promised."""

import io
from typing import Any

import httpx
import pytest
from hypothesis import given, strategies as st
from PIL import Image

from gateway.sandbox.videos import FILM, MAX_ID, MODELS
from tests import openai_schema
from tests.gateway.sandbox.asking import client, picture
from tests.gateway.sandbox.filming import (
    ASKED,
    DATA_URL,
    DONE_MS,
    FORM,
    SLOW_MS,
    Clock,
    call,
    create,
    finished,
    show,
)


async def course(model: str, done_ms: int) -> list[tuple[str, int]]:
    """Status and progress at the beginning, some times in between, just before and at the end."""
    clock = Clock()
    video = await create(clock, model=model)
    seen = [(video["status"], video["progress"])]
    for passed_ms in (0, done_ms // 4, done_ms // 2, done_ms * 3 // 4, done_ms - 1, done_ms):
        later = await show(Clock(clock.ms + passed_ms), video["id"])
        seen.append((later["status"], later["progress"]))
    return seen


BEGIN = [("queued", 0), ("queued", 0)]
MIDDLE = [("in_progress", 25), ("in_progress", 50), ("in_progress", 75), ("in_progress", 99)]


@pytest.mark.parametrize(
    ("model", "done_ms", "expected"),
    [
        ("sandbox-video", DONE_MS, [*BEGIN, *MIDDLE, ("completed", 100)]),
        ("sandbox-video-slow", SLOW_MS, [*BEGIN, *MIDDLE, ("completed", 100)]),
        ("sandbox-video-failed", DONE_MS, [*BEGIN, *MIDDLE, ("failed", 99)]),
        (
            "sandbox-video-strange",
            DONE_MS,
            [
                ("queued", 0),
                ("dreaming", 0),
                ("dreaming", 25),
                ("dreaming", 50),
                *MIDDLE[2:],
                ("completed", 100),
            ],
        ),
    ],
)
async def test_a_video_goes_its_way(
    model: str, done_ms: int, expected: list[tuple[str, int]]
) -> None:
    assert await course(model, done_ms) == expected


async def test_a_video_says_what_was_asked_for_and_when_it_was_done() -> None:
    clock = Clock()
    made = await create(clock, seconds="8", size="1280x720")
    clock.ms += DONE_MS * 10
    video = await show(clock, made["id"])

    assert len(video) == 13
    assert {**video, "id": ""} == {
        "id": "",
        "object": "video",
        "model": "sandbox-video",
        "status": "completed",
        "progress": 100,
        "created_at": 1_790_000_000,
        "completed_at": 1_790_000_004,
        "expires_at": None,
        "prompt": "Waves",
        "size": "1280x720",
        "seconds": "8",
        "remixed_from_video_id": None,
        "error": None,
    }


async def test_a_failed_video_says_why() -> None:
    clock = Clock()
    made = await create(clock, model="sandbox-video-failed")
    clock.ms += DONE_MS
    video = await show(clock, made["id"])

    assert video["error"]["code"] == "generation_failed"
    assert "promises" in video["error"]["message"]
    assert (await call(clock, "GET", f"videos/{made['id']}/content")).status_code == 404


async def test_two_videos_of_one_moment_are_two() -> None:
    clock = Clock()

    assert (await create(clock))["id"] != (await create(clock))["id"]


@given(st.text(min_size=1, max_size=400))
async def test_an_id_stays_short_and_keeps_the_prompts_beginning(prompt: str) -> None:
    clock = Clock()

    made = await create(clock, prompt=prompt)
    shown = await show(clock, made["id"])

    assert len(made["id"]) <= MAX_ID / 2
    assert shown["prompt"] == made["prompt"]
    assert shown["prompt"] == prompt or prompt.startswith(shown["prompt"].removesuffix("…"))


@pytest.mark.parametrize(
    "sent",
    [
        {"json": {**ASKED, "seconds": 8}},
        {"json": {**ASKED, "seconds": "8", "input_reference": {"image_url": DATA_URL}}},
        {"data": FORM, "files": {"input_reference": picture()}},
        {"data": {**FORM, "input_reference[image_url]": DATA_URL}, "files": {"other": b"x"}},
        {
            "data": FORM,
            "files": [("input_reference[]", picture()), ("input_reference[]", picture())],
        },
    ],
    ids=["number", "reference", "form", "nested", "several"],
)
async def test_a_form_and_json_are_taken(sent: dict[str, Any]) -> None:
    response = await call(Clock(), "POST", "videos", **sent)

    assert (response.status_code, response.json()["seconds"]) == (200, "8")


async def test_the_film_is_an_mp4_that_can_be_played_while_it_loads() -> None:
    clock, path = await finished()

    response = await call(clock, "GET", f"{path}/content")

    film = response.content
    assert response.headers["content-type"] == "video/mp4"
    assert int(response.headers["content-length"]) == len(film) < 40_000
    assert film[4:8] == b"ftyp"
    assert film.index(b"moov") < film.index(b"mdat")
    assert b"avc1" in film


async def test_the_thumbnail_is_a_picture_of_the_films_shape() -> None:
    clock, path = await finished(size="1792x1024")

    response = await call(clock, "GET", f"{path}/content?variant=thumbnail")

    image = Image.open(io.BytesIO(response.content))
    assert response.headers["content-type"] == "image/webp"
    assert (image.format, image.size) == ("WEBP", (448, 256))


async def test_sandbox_video_html_is_a_page() -> None:
    clock, path = await finished("sandbox-video-html")

    response = await call(clock, "GET", f"{path}/content")

    assert (response.status_code, response.headers["content-type"]) == (200, "text/html")
    assert response.text.startswith("<html>")


async def test_sandbox_video_cut_breaks_off_in_the_middle() -> None:
    clock, path = await finished("sandbox-video-cut")
    seen = b""
    async with client(clock) as sandbox, sandbox.stream("GET", f"{path}/content") as response:
        with pytest.raises(httpx.ReadError):
            async for piece in response.aiter_bytes():
                seen += piece

    assert FILM.startswith(seen)
    assert 0 < len(seen) < len(FILM)


@pytest.mark.parametrize(
    "sent",
    [{"json": {"prompt": "By night"}}, {"data": {"prompt": "By night"}, "files": {"x": b"x"}}],
    ids=["json", "form"],
)
async def test_a_remix_is_a_new_video_of_the_same_kind(sent: dict[str, Any]) -> None:
    clock, path = await finished(size="1280x720", seconds="12")

    response = await call(clock, "POST", f"{path}/remix", **sent)

    made = response.json()
    openai_schema.video(made)
    assert made == await show(clock, made["id"])
    assert (made["status"], made["prompt"]) == ("queued", "By night")
    assert (made["size"], made["seconds"]) == ("1280x720", "12")
    assert made["remixed_from_video_id"] == path.removeprefix("videos/")


async def test_remixes_of_remixes_end_with_a_reason_where_ids_would_grow_too_long() -> None:
    clock, path = await finished()
    for _ in range(10):
        response = await call(clock, "POST", f"{path}/remix", json={"prompt": "More"})
        if response.status_code != 200:
            break
        assert len(response.json()["id"]) <= MAX_ID
        path = f"videos/{response.json()['id']}"
        clock.ms += DONE_MS

    openai_schema.error(response.json())
    assert response.status_code == 400
    assert "no room" in response.json()["error"]["message"]


async def test_even_the_longest_video_can_be_remixed_once() -> None:
    clock, path = await finished("sandbox-video-strange", prompt="x" * 32_000)

    response = await call(clock, "POST", f"{path}/remix", json={"prompt": "y" * 32_000})

    assert response.status_code == 200


async def test_deleting_is_confirmed() -> None:
    clock, path = await finished()

    response = await call(clock, "DELETE", path)

    id = path.removeprefix("videos/")
    assert response.json() == {"id": id, "object": "video.deleted", "deleted": True}


def test_all_models_are_told_apart_by_name() -> None:
    assert len(MODELS) == len(set(MODELS)) == 7
