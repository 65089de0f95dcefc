"""What may stand in a platform's fields."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.urls import get_resolver

from platforms.validators import (
    RESERVED_SLUGS,
    validate_base_url,
    validate_headers,
    validate_object,
    validate_proxy,
    validate_slug_is_free,
    validate_strings,
)


@pytest.mark.parametrize(
    "value",
    [
        "https://api.example.com/v1",
        "http://10.0.0.5:8000/v1",
        "http://[::1]:8000",
        "http://localhost",
        "sandbox://local/v1",
    ],
)
def test_base_urls(value: str) -> None:
    validate_base_url(value)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("", "begin with https://"),
        ("api.example.com/v1", "begin with https://"),
        ("ftp://example.com", "begin with https://"),
        ("file:///etc/passwd", "begin with https://"),
        ("https:///v1", "begin with https://"),
        ("https://user:secret@example.com", "secrets belong in a credential"),
        ("https://secret@example.com", "secrets belong in a credential"),
        ("https://example.com/v1?key=secret", "no ? or # part"),
        ("https://example.com/v1#top", "no ? or # part"),
        ("https://example.com:port/v1", "not an address"),
        ("https://example.com:99999/v1", "not an address"),
        ("https://[::1/v1", "not an address"),
    ],
)
def test_what_is_no_base_url_is_told_why(value: str, sentence: str) -> None:
    with pytest.raises(ValidationError) as error:
        validate_base_url(value)

    assert sentence in " ".join(error.value.messages)
    assert "secret@" not in str(error.value)


@pytest.mark.parametrize("value", ["http://p:3128", "https://p", "http://user:word@p:1"])
def test_proxies(value: str) -> None:
    validate_proxy(value)


@pytest.mark.parametrize("value", ["p:3128", "socks5://p:1080", "http://", "http://p:x"])
def test_what_is_no_proxy(value: str) -> None:
    with pytest.raises(ValidationError):
        validate_proxy(value)


@pytest.mark.parametrize("value", [{}, {"X-A": "1"}, {"HTTP-Referer": "https://a.example/"}])
def test_headers(value: Any) -> None:
    validate_headers(value)


@pytest.mark.parametrize(
    "value",
    [
        [],
        "X-A: 1",
        {"": "1"},
        {"X A": "1"},
        {"X-A:": "1"},
        {"X-A\r\nX-B": "1"},
        {"Host": "h"},
        {"content-length": "1"},
        {"Transfer-Encoding": "chunked"},
        {"X-A": "1\r\nX-B: 2"},
        {"X-A": "\u00e9"},
        {"X-A": 1},
        {"X-A": None},
    ],
)
def test_what_is_no_header(value: Any) -> None:
    with pytest.raises(ValidationError):
        validate_headers(value)


@pytest.mark.parametrize("value", [[], "x", 1, None])
def test_what_is_no_object(value: Any) -> None:
    with pytest.raises(ValidationError):
        validate_object(value)


@pytest.mark.parametrize(("value", "valid"), [([], True), (["a"], True), (["a", ""], False)])
def test_lists_of_texts(value: Any, valid: bool) -> None:
    if valid:
        validate_strings(value)
        return
    with pytest.raises(ValidationError):
        validate_strings(value)


@pytest.mark.parametrize("value", ["a", None, {"a": "b"}, [1], [["a"]]])
def test_what_is_no_list_of_texts(value: Any) -> None:
    with pytest.raises(ValidationError):
        validate_strings(value)


@pytest.mark.parametrize("slug", sorted(RESERVED_SLUGS))
def test_names_of_the_site_itself_are_taken(slug: str) -> None:
    with pytest.raises(ValidationError, match=f"“{slug}” is used by the site"):
        validate_slug_is_free(slug)


def test_every_first_part_of_the_sites_own_paths_is_reserved() -> None:
    routes = [str(entry.pattern).strip("^/").split("/")[0] for entry in get_resolver().url_patterns]

    assert [part for part in routes if part.isalnum() and part not in RESERVED_SLUGS] == []
    assert "admin" in routes


def test_other_names_are_free() -> None:
    validate_slug_is_free("sandbox")
