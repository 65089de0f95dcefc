"""A picture inside a request: the largest thing that a chat usually carries."""

import base64
from functools import lru_cache

_PNG = b"\x89PNG\r\n\x1a\n"  # how every PNG begins; nobody on the way looks further


def question(size: int) -> list[dict[str, object]]:
    """A user's message with text and a picture of `size` bytes in it, as OpenAI writes them."""
    url = {"url": f"data:image/png;base64,{_encoded(size)}"}
    return [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": url}]


@lru_cache(maxsize=2)
def _encoded(size: int) -> str:
    noise = bytes(range(256)) * (size // 256 + 1)
    return base64.b64encode((_PNG + noise)[:size]).decode("ascii")
