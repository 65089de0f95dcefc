"""Calls for pictures and films: forms and JSON in every spelling, and each refusal."""

import base64
import contextlib
from typing import Any

import pytest
from hypothesis import given, strategies as st

from gateway.errors import BadRequest
from gateway.faces import media
from gateway.faces.media import Input

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(40)).decode()
DATA = f"data:image/png;base64,{PNG}"
URL = "https://example.org/a.png"
FILE = object()
WORDS = {"model": "m", "prompt": "a cat"}


def texts(asked: media.Asked) -> list[str]:
    return [one.text for one in asked.inputs]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([("prompt", "123"), ("model", "1")], {"prompt": "123", "model": "1"}),
        ([("n", "2"), ("x", "1.5"), ("y", "true")], {"n": 2, "x": 1.5, "y": True}),
        ([("x", "null"), ("y", "")], {"x": None, "y": ""}),
        ([("x", '{"a": [1]}'), ("y", "[1]")], {"x": {"a": [1]}, "y": [1]}),
        ([("x", "{broken"), ("y", "-"), ("z", "1e999")], {"x": "{broken", "y": "-", "z": "1e999"}),
        ([("x", "1"), ("x", "2")], {"x": 2}),
        ([("x[]", "1"), ("x[]", "b")], {"x": ["1", "b"]}),
        ([("x[a]", "1"), ("x[b]", "c")], {"x": {"a": 1, "b": "c"}}),
        ([("x[a][b]", "1"), ("x[a][c][]", "2")], {"x": {"a": {"b": 1, "c": ["2"]}}}),
        ([("async", "1"), ("stream", "False")], {"async": "1", "stream": "False"}),
        ([("x[a", "1"), ("", "2")], {"x": 1, "": 2}),
        ([("image", ""), ("image[]", " ")], {"image": []}),
        ([("image", URL), ("image[0]", DATA)], {"image": [URL, DATA]}),
        ([("images[0][image_url]", URL)], {"images": [URL]}),
        ([("input_reference[image_url]", URL)], {"input_reference": [URL]}),
        ([("mask[file_id]", "file-1")], {"mask": [{"file_id": "file-1"}]}),
    ],
)  # fmt: skip
def test_a_form_means_what_its_json_would(fields: Any, expected: Any) -> None:
    assert media.from_form(fields, []) == expected


@pytest.mark.parametrize(
    "name", ["image", "image[]", "image[0]", "images", "images[0][image_url]", "image[1][x]"]
)
def test_files_are_pictures_under_any_name(name: str) -> None:
    fields = media.from_form(WORDS.items(), [(name, FILE), (name, FILE)])

    asked = media.read_images(fields, edit=True)

    assert asked.inputs == (Input(name, upload=FILE), Input(name, upload=FILE))


@pytest.mark.parametrize(
    ("texts", "files", "param"),
    [
        ([], [("prompt", FILE)], "prompt"),
        ([], [("x" * 300, FILE)], "x" * 100),
        ([("x", "1"), ("x[]", "2")], [], "x[]"),
        ([("x", "1"), ("x[a]", "2")], [], "x[a]"),
        ([("x[]", "1"), ("x[a]", "2")], [], "x[a]"),
        ([("x[a]", "1"), ("x[]", "2")], [], "x[]"),
        ([("x[a]", "1"), ("x[a][b]", "2")], [], "x[a][b]"),
        ([("x[][a]", "1")], [], "x[][a]"),
    ],
)
def test_a_form_that_contradicts_itself_is_refused(texts: Any, files: Any, param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        media.from_form(texts, files)

    assert refused.value.param == param


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (URL, [URL]),
        (f" {URL} ", [URL]),
        (DATA, [DATA]),
        (PNG, [DATA]),
        ([URL, PNG], [URL, DATA]),
        ({"image_url": URL}, [URL]),
        ({"url": URL}, [URL]),
        ({"b64_json": PNG}, [DATA]),
        ({"data": DATA}, [DATA]),
        ({"image_url": {"url": URL}}, [URL]),
        ([{"type": "image_url", "image_url": URL}, PNG], [URL, DATA]),
    ],
)
@pytest.mark.parametrize("name", ["image", "images"])
def test_a_picture_may_be_spelled_in_many_ways(name: str, given: Any, expected: list[str]) -> None:
    assert texts(media.read_images({**WORDS, name: given}, edit=True)) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {"n": 1, "size": None, "response_format": "b64_json", "is_async": False}),
        ({"n": None, "size": None, "response_format": None, "async": None}, {"n": 1}),
        ({"n": "", "size": "", "x": "", "y": None}, {"n": 1, "size": None, "options": {}}),
        ({"n": 10}, {"n": 10}),
        ({"n": "3"}, {"n": 3}),
        ({"n": 2.0}, {"n": 2}),
        ({"size": "auto"}, {"size": None}),
        ({"size": "1024x768"}, {"size": "1024x768"}),
        ({"size": "16:9"}, {"size": "16:9"}),
        ({"size": "2K"}, {"size": "2K"}),
        ({"response_format": "url"}, {"response_format": "url"}),
        ({"async": True}, {"is_async": True}),
        ({"async": "yes"}, {"is_async": True}),
        ({"async": "no"}, {"is_async": False}),
        ({"stream": False, "partial_images": 0}, {"options": {}}),
        ({"quality": "hd", "seed": 0}, {"options": {"quality": "hd", "seed": 0}}),
        ({"image": [], "mask": None, "images": []}, {"inputs": (), "mask": None, "options": {}}),
    ],
)
def test_what_is_asked_of_a_picture(fields: Any, expected: dict[str, Any]) -> None:
    asked = media.read_images({**WORDS, **fields}, edit=False)

    assert {name: getattr(asked, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {"seconds": None, "size": None, "is_async": True}),
        ({"seconds": "8"}, {"seconds": 8}),
        ({"seconds": 3600.0}, {"seconds": 3600}),
        ({"async": False, "response_format": "x"}, {"is_async": True, "options": {}}),
        ({"n": 2, "fps": 24}, {"options": {"n": 2, "fps": 24}}),
    ],
)
def test_what_is_asked_of_a_film(fields: Any, expected: dict[str, Any]) -> None:
    asked = media.read_video({**WORDS, **fields})

    assert {name: getattr(asked, name) for name in expected} == expected


@pytest.mark.parametrize("model", [{}, {"model": None}, {"model": ""}])
def test_a_remix_may_leave_the_model_out(model: Any) -> None:
    assert media.read_video({"prompt": "x", **model}, remix=True).model == ""


MISSING, TYPE, VALUE = "missing_required_parameter", "invalid_type", "invalid_value"
REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("generate", {"model": ...}, "model", MISSING),
    ("generate", {"model": None}, "model", TYPE),
    ("generate", {"model": 1}, "model", TYPE),
    ("generate", {"model": " "}, "model", VALUE),
    ("generate", {"model": "m" * 201}, "model", VALUE),
    ("generate", {"prompt": ...}, "prompt", MISSING),
    ("generate", {"prompt": ["x"]}, "prompt", TYPE),
    ("generate", {"prompt": "\n"}, "prompt", VALUE),
    ("generate", {"prompt": "x" * 32_001}, "prompt", VALUE),
    ("generate", {"n": 0}, "n", VALUE),
    ("generate", {"n": 11}, "n", VALUE),
    ("generate", {"n": True}, "n", VALUE),
    ("generate", {"n": 1.5}, "n", VALUE),
    ("generate", {"n": "9" * 5000}, "n", VALUE),
    ("generate", {"n": "\u0663"}, "n", VALUE),
    ("generate", {"n": "-1"}, "n", VALUE),
    ("generate", {"n": [1]}, "n", VALUE),
    ("generate", {"size": 1024}, "size", VALUE),
    ("generate", {"size": "1024 x 1024"}, "size", VALUE),
    ("generate", {"size": "x" * 41}, "size", VALUE),
    ("generate", {"size": "1x1\n"}, "size", VALUE),
    ("generate", {"response_format": "png"}, "response_format", VALUE),
    ("generate", {"response_format": {"type": "url"}}, "response_format", VALUE),
    ("generate", {"async": 1}, "async", TYPE),
    ("generate", {"stream": True}, "stream", "unsupported_parameter"),
    ("generate", {"stream": "true"}, "stream", "unsupported_parameter"),
    ("generate", {"stream": 1}, "stream", TYPE),
    ("generate", {"partial_images": 2}, "partial_images", "unsupported_parameter"),
    ("generate", {"image": URL}, "image", VALUE),
    ("generate", {"input_reference": URL}, "input_reference", VALUE),
    ("edit", {}, "image", MISSING),
    ("edit", {"image": []}, "image", MISSING),
    ("edit", {"image": 1}, "image", TYPE),
    ("edit", {"image": ""}, "image", VALUE),
    ("edit", {"image": "not base64!"}, "image", VALUE),
    ("edit", {"image": "data:image/png,x"}, "image", VALUE),
    ("edit", {"image": {}}, "image", TYPE),
    ("edit", {"image": {"image_url": {"x": URL}}}, "image", TYPE),
    ("edit", {"image": {"file_id": "file-1"}}, "image", VALUE),
    ("edit", {"image": [URL, 1]}, "image[1]", TYPE),
    ("edit", {"images": [URL, {"file_id": "file-1"}]}, "images[1]", VALUE),
    ("edit", {"image": [[URL], URL]}, "image[0]", TYPE),
    ("edit", {"image": [URL] * 17}, "image", VALUE),
    ("edit", {"image": [URL] * 16 + [1] * 10**6}, "image", VALUE),
    ("edit", {"image": [URL] * 9, "images": [URL] * 8}, "images", VALUE),
    ("edit", {"image": URL, "mask": [URL, URL]}, "mask", VALUE),
    ("film", {"model": ...}, "model", MISSING),
    ("film", {"seconds": 0}, "seconds", VALUE),
    ("film", {"seconds": 3601}, "seconds", VALUE),
    ("film", {"seconds": "4.5"}, "seconds", VALUE),
    ("film", {"seconds": "9" * 5000}, "seconds", VALUE),
    ("film", {"image": URL}, "image", VALUE),
    ("film", {"mask": URL}, "mask", VALUE),
    ("film", {"input_reference": 1}, "input_reference", TYPE),
    ("remix", {"model": 1}, "model", TYPE),
    ("remix", {"prompt": ...}, "prompt", MISSING),
]


def read(call: str, fields: dict[str, Any]) -> media.Asked:
    if call in ("film", "remix"):
        return media.read_video(fields, remix=call == "remix")
    return media.read_images(fields, edit=call == "edit")


@pytest.mark.parametrize(("call", "fields", "param", "code"), REFUSED)
def test_a_refusal_names_the_field_and_says_it_plainly(
    call: str, fields: dict[str, Any], param: str, code: str
) -> None:
    given = {name: value for name, value in {**WORDS, **fields}.items() if value is not ...}
    before = dict(given)

    with pytest.raises(BadRequest) as refused:
        read(call, given)

    assert (refused.value.param, refused.value.code) == (param, code)
    assert f"'{param}" in refused.value.message
    assert len(refused.value.message) < 400
    assert given == before


NAMES = st.text(max_size=5) | st.sampled_from(
    [
        *("model", "prompt", "n", "size", "seconds", "response_format", "async", "stream", "x"),
        *("partial_images", "image", "images", "mask", "input_reference"),
        *("image_url", "url", "b64_json", "data", "file_id"),
    ]
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([URL, DATA, PNG, "data:", "://", "1024x1024", "url", "9" * 5000])
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(
    call=st.sampled_from(["generate", "edit", "film", "remix"]),
    words=st.sampled_from([{}, WORDS, {**WORDS, "image": URL}]),
    fields=st.dictionaries(NAMES, JSON, max_size=6),
)
def test_whatever_json_comes_is_read_or_refused(
    call: str, words: dict[str, Any], fields: dict[str, Any]
) -> None:
    with contextlib.suppress(BadRequest):
        asked = read(call, {**words, **fields})

        assert asked.prompt.strip()
        assert all(one.text for one in asked.inputs)


@given(st.lists(st.tuples(NAMES | st.text("ab[]", max_size=8), st.text(max_size=12))))
def test_whatever_form_comes_is_read_or_refused(fields: list[tuple[str, str]]) -> None:
    with contextlib.suppress(BadRequest):
        assert not any("[" in name for name in media.from_form(fields, []))
