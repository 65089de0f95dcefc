"""The sandbox draws what it was asked for, and fails as its models' names promise."""

import base64
import io
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from gateway.sandbox import drawing
from gateway.sandbox.drawing import Seen
from gateway.sandbox.looks import Look
from tests import openai_schema
from tests.gateway.sandbox.asking import ask, client, picture
from tests.gateway.sandbox.painting import (
    ASKED,
    DATA_URL,
    EDITS,
    Files,
    edit,
    files,
    generate,
    opened,
    reds,
)


@pytest.mark.parametrize(
    ("over", "format", "size"),
    [
        ({}, "PNG", (64, 48)),
        ({"output_format": "jpeg"}, "JPEG", (64, 48)),
        ({"output_format": "webp", "output_compression": 50}, "WEBP", (64, 48)),
        ({"size": "auto"}, "PNG", (1024, 1024)),
        ({"size": None}, "PNG", (1024, 1024)),
        ({"size": "16x2048"}, "PNG", (16, 2048)),
        ({"size": "1536x1024", "background": "transparent"}, "PNG", (1536, 1024)),
    ],
)
async def test_a_picture_is_of_the_format_and_size_asked_for(
    over: dict[str, Any], format: str, size: tuple[int, int]
) -> None:
    answer = (await generate(**over)).json()

    image = opened(answer["data"][0])
    assert (image.format, image.size) == (format, size)
    assert (answer["output_format"], answer["size"]) == (format.lower(), f"{size[0]}x{size[1]}")


@pytest.mark.parametrize("size", ["1024x1024", "1536x1024"])
async def test_an_answer_is_openais_images_response(size: str) -> None:
    answer = (await generate(size=size, n=2, quality="high")).json()

    openai_schema.images(answer)
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert usage["input_tokens_details"] == {"text_tokens": 2, "image_tokens": 0}
    assert usage["output_tokens_details"]["image_tokens"] == usage["output_tokens"] > 0
    assert answer["quality"] == "high"


async def test_n_pictures_are_n_different_ones() -> None:
    answer = (await generate(n=10, size="256x256")).json()

    assert len({row["b64_json"] for row in answer["data"]}) == 10


async def test_the_colour_and_the_letters_come_from_the_prompt() -> None:
    first, again, other = [
        opened((await generate(prompt=prompt, size="256x256")).json()["data"][0])
        for prompt in ("A", "A", "B")
    ]

    assert first.tobytes() == again.tobytes()
    assert first.getpixel((0, 0)) != other.getpixel((0, 0))


async def test_only_a_transparent_picture_has_transparent_corners() -> None:
    image = opened((await generate(background="transparent")).json()["data"][0])

    assert image.mode == "RGBA"
    assert image.getpixel((0, 0)) == (0, 0, 0, 0)
    assert opened((await generate()).json()["data"][0]).mode == "RGB"


@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=300),
    st.tuples(st.integers(16, 200), st.integers(16, 200)),
    st.lists(st.tuples(st.integers(1, 600), st.integers(1, 600)), max_size=17),
)
def test_whatever_the_prompt_and_the_inputs_there_is_a_picture(
    prompt: str, size: tuple[int, int], inputs: list[tuple[int, int]]
) -> None:
    shown = [Seen(one, Image.new("RGBA", one)) for one in inputs]

    file = drawing.drawn(Look(*size), prompt, "sandbox", shown)

    assert Image.open(io.BytesIO(file)).size == size


async def test_letters_that_no_font_has_are_drawn_all_the_same() -> None:
    blank, unknown = [
        opened((await generate(prompt=prompt, size="256x256")).json()["data"][0])
        for prompt in (" ", "\U000e0fff\uffff")
    ]

    assert len(set(blank.crop((0, 64, 256, 192)).tobytes())) <= 3  # one colour
    colours = unknown.crop((0, 64, 256, 192)).getcolors()
    assert colours is not None
    assert (255, 255, 255) in [colour for _, colour in colours]


@pytest.mark.parametrize(
    "sent",
    [
        files("image"),
        files("image[]"),
        files("image[]", "image[]", "image[]"),
        files("image[0]", "image[1]"),
        files("image", "mask"),
        files("image", content=picture(format="JPEG")),
        files("image", content=picture((600, 40), "WEBP")),
    ],
    ids=lambda sent: "+".join(name for name, _ in sent),
)
async def test_the_inputs_of_an_edit_are_shown(sent: Files) -> None:
    answer = (await edit(sent)).json()

    image = opened(answer["data"][0])
    assert image.size == (320, 200)
    assert reds(image) > 400
    assert reds(image.crop((0, 0, 320, 130))) == 0
    assert answer["usage"]["input_tokens_details"]["image_tokens"] > 0


async def test_fields_of_a_form_are_texts() -> None:
    answer = (await edit(files("image"), n="3", stream="false", quality="low")).json()

    assert (len(answer["data"]), answer["quality"]) == (3, "low")


async def test_an_edit_may_be_json_with_data_urls() -> None:
    pictures = [{"image_url": DATA_URL}, {"image_url": DATA_URL}]

    response = await ask(path=EDITS, **ASKED, images=pictures, mask=pictures[0])

    assert reds(opened(response.json()["data"][0])) == 3 * 40 * 30


async def test_a_body_may_come_in_pieces() -> None:
    async with client() as sandbox:
        whole = sandbox.build_request("POST", EDITS, data=ASKED, files=files("image"))

        async def pieces() -> Any:
            for byte in whole.read():
                yield bytes([byte])

        headers = {"content-type": whole.headers["content-type"]}
        response = await sandbox.post(EDITS, content=pieces(), headers=headers)

    assert response.status_code == 200


@pytest.mark.parametrize(
    ("model", "status", "code"),
    [
        ("sandbox-image-429", 429, "rate_limit_exceeded"),
        ("sandbox-image-500", 500, None),
        ("sandbox-image-moderated", 400, "moderation_blocked"),
        ("sandbox-chat", 404, "model_not_found"),
    ],
)
async def test_failures_by_name(model: str, status: int, code: str | None) -> None:
    response = await generate(model=model)

    openai_schema.error(response.json())
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert ("retry-after" in response.headers) == (status == 429)


@pytest.mark.parametrize(
    ("model", "begins"),
    [
        ("sandbox-image-truncated", b"\x89PNG"),
        ("sandbox-image-empty", b""),
        ("sandbox-image-html", b"<html>"),
        ("sandbox-image-base64", None),
    ],
)
async def test_a_spoilt_picture_is_none(model: str, begins: bytes | None) -> None:
    response = await generate(model=model)

    data = response.json()["data"][0]
    assert response.status_code == 200
    if begins is not None:
        assert base64.b64decode(data["b64_json"], validate=True).startswith(begins)
    with pytest.raises((OSError, ValueError)):
        opened(data)


async def test_sandbox_image_slow_draws_in_the_end() -> None:
    assert opened((await generate(model="sandbox-image-slow")).json()["data"][0]).size == (64, 48)
