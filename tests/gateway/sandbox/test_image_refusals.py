"""A request for pictures is refused by the field that is wrong, in a form and in JSON."""

from typing import Any

import httpx
import pytest

from tests import openai_schema
from tests.gateway.sandbox.asking import ask, client, picture
from tests.gateway.sandbox.painting import ASKED, DATA_URL, EDITS, Files, edit, files, generate


@pytest.mark.parametrize(
    ("over", "param", "code"),
    [
        ({"model": None}, "model", "missing_required_parameter"),
        ({"prompt": None}, "prompt", "missing_required_parameter"),
        ({"prompt": ["A"]}, "prompt", "invalid_type"),
        ({"prompt": ""}, "prompt", "invalid_value"),
        ({"prompt": "x" * 32_001}, "prompt", "invalid_value"),
        ({"n": 0}, "n", "invalid_value"),
        ({"n": 11}, "n", "invalid_value"),
        ({"n": "2"}, "n", "invalid_type"),
        ({"n": True}, "n", "invalid_type"),
        ({"size": "15x64"}, "size", "invalid_value"),
        ({"size": "64x2049"}, "size", "invalid_value"),
        ({"size": "64*64"}, "size", "invalid_value"),
        ({"size": "1K"}, "size", "invalid_value"),
        ({"size": 64}, "size", "invalid_type"),
        ({"quality": "best"}, "quality", "invalid_value"),
        ({"output_format": "gif"}, "output_format", "invalid_value"),
        ({"output_format": 1}, "output_format", "invalid_type"),
        ({"output_compression": 50}, "output_compression", "invalid_value"),
        ({"output_format": "webp", "output_compression": 101}, "output_compression", None),
        ({"output_format": "jpeg", "background": "transparent"}, "background", "invalid_value"),
        ({"response_format": "url"}, "response_format", "invalid_value"),
        ({"stream": True}, "stream", "invalid_value"),
    ],
)
async def test_the_field_that_is_wrong_is_named(
    over: dict[str, Any], param: str, code: str | None
) -> None:
    refused(await generate(**over), param, code or "invalid_value")


PNG = picture()


@pytest.mark.parametrize(
    ("sent", "over", "param"),
    [
        (files("other"), {}, "image"),
        (files("image", content=b""), {}, "image"),
        (files("image", content=b"<html>"), {}, "image"),
        (files("image", content=PNG[: len(PNG) // 2]), {}, "image"),
        (files("image", content=PNG.replace(b"IDAT", b"IDAX")), {}, "image"),
        (files("image", content=picture(format="GIF")), {}, "image"),
        (files("image", content=picture((8100, 8100))), {}, "image"),
        (files(*["image[]"] * 17), {}, "image"),
        (files("image", "mask", "mask"), {}, "mask"),
        (files("image") + files("mask", content=b"x"), {}, "mask"),
        (files("image") + files("mask", content=picture((30, 40))), {}, "mask"),
        (files("image"), {"n": "1.5"}, "n"),
        (files("image"), {"n": "²"}, "n"),
        (files("image"), {"stream": "true"}, "stream"),
        (files("image"), {"prompt": ""}, "prompt"),
    ],
)
async def test_a_form_that_is_wrong_is_refused(
    sent: Files, over: dict[str, str], param: str
) -> None:
    refused(await edit(sent, **over), param)


@pytest.mark.parametrize(
    ("over", "param"),
    [
        ({}, "images"),
        ({"images": []}, "images"),
        ({"images": "x"}, "images"),
        ({"images": ["x"]}, "images[0]"),
        ({"images": [{}]}, "images[0].image_url"),
        ({"images": [{"file_id": "file-1"}]}, "images[0]"),
        ({"images": [{"image_url": "https://example.com/a.png"}]}, "images[0].image_url"),
        ({"images": [{"image_url": "data:image/png,AAAA"}]}, "images[0].image_url"),
        ({"images": [{"image_url": "data:image/png;base64,A!"}]}, "images[0].image_url"),
        ({"images": [{"image_url": "data:image/png;base64,AAAA"}]}, "images[0].image_url"),
        ({"images": [{"image_url": DATA_URL}], "mask": "x"}, "mask"),
    ],
)
async def test_a_json_edit_that_is_wrong_is_refused(over: dict[str, Any], param: str) -> None:
    refused(await ask(path=EDITS, **ASKED, **over), param)


def refused(response: httpx.Response, param: str | None, code: str | None = None) -> None:
    openai_schema.error(response.json())
    error = response.json()["error"]
    assert (response.status_code, error["param"]) == (400, param), error
    assert param is None or f"'{param}" in error["message"]
    assert code is None or error["code"] == code


FORM = "multipart/form-data; boundary=b"
NAMED = b'Content-Disposition: form-data; name="prompt"\r\n\r\n'


@pytest.mark.parametrize(
    ("content", "content_type", "message"),
    [
        (b"", "application/json", "neither a form nor JSON"),
        (b"[]", "application/json", "not an object"),
        (b"--b--\r\n", "multipart/form-data", "no boundary"),
        (b"", FORM, "not whole"),
        (b"--b\r\n" + NAMED + b"A", FORM, "not whole"),
        (b"x--b\r\n" + NAMED + b"A\r\n--b--", FORM, "not whole"),
        (b"--b\r\nA\r\n--b--", FORM, "no head"),
        (b"--b\r\nContent-Disposition: form-data\r\n\r\nA\r\n--b--", FORM, "has no name"),
        (b"--b\r\n" + NAMED + b"\xff\r\n--b--", FORM, "'prompt' is not UTF-8"),
    ],
)
async def test_a_body_that_cannot_be_read_is_a_400(
    content: bytes, content_type: str, message: str
) -> None:
    async with client() as sandbox:
        headers = {"content-type": content_type}
        response = await sandbox.post(EDITS, content=content, headers=headers)

    openai_schema.error(response.json())
    assert response.status_code == 400
    assert message in response.json()["error"]["message"]
