"""What a key is, and what may be seen of it."""

import pytest
from hypothesis import given, strategies as st

from licences.keys import hash_key, new_key, shown, start_and_end, wellformed

KEY = new_key()


def test_a_new_key_is_wellformed_and_new() -> None:
    keys = {new_key() for _ in range(200)}

    assert len(keys) == 200
    assert all(wellformed(key.encode()) for key in keys)


@pytest.mark.parametrize(
    "garbled",
    [
        pytest.param("", id="empty"),
        pytest.param(KEY[:-1], id="cut"),
        pytest.param(KEY + "a", id="too long"),
        pytest.param(KEY + "\n", id="line end"),
        pytest.param(" " + KEY, id="space"),
        pytest.param(KEY.upper(), id="capitals"),
        pytest.param("sk-" + KEY[3:], id="foreign prefix"),
        pytest.param(KEY[:10] + KEY[11] + KEY[10] + KEY[12:-6] + "000000", id="wrong checksum"),
        pytest.param("tk-" + "é" * 38, id="not ASCII"),
    ],
)
def test_a_garbled_key_is_recognised(garbled: str) -> None:
    assert not wellformed(garbled.encode())


@given(place=st.integers(3, len(KEY) - 1), other=st.sampled_from("0aZ9kQ"))
def test_any_changed_character_is_noticed(place: int, other: str) -> None:
    changed = KEY[:place] + other + KEY[place + 1 :]

    assert wellformed(changed.encode()) == (changed == KEY)


@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_refused_and_shown_without_harm(junk: bytes) -> None:
    assert not wellformed(junk)
    assert len(shown(junk)) <= 4


def test_a_hash_depends_on_key_and_pepper() -> None:
    hashes = {hash_key(key, pepper) for key in (b"a", b"b") for pepper in (b"x", b"y")}

    assert len(hashes) == 4
    assert all(len(text) == 64 for text in hashes)


def test_people_see_the_ends_of_a_key_only() -> None:
    start, end = start_and_end(KEY)

    assert (start, end) == (KEY[:8], KEY[-4:])
    assert shown(KEY.encode()) == f"{start}…{end}"


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        pytest.param(b"sk-proj-abcdefghijklmnop", "sk-…", id="another service's"),
        pytest.param(b"hunter2", "…", id="short"),
        pytest.param(b"\xff\xfe\xfd" * 10, "…", id="not text"),
        pytest.param(b"\x1b[31m" + b"a" * 20, "…", id="control characters"),
    ],
)
def test_of_what_is_no_key_of_ours_almost_nothing_is_repeated(sent: bytes, expected: str) -> None:
    assert shown(sent) == expected
