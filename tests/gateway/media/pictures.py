"""Pictures and answers for tests."""

import base64
import io
from typing import Any

from PIL import Image

from tests.upstreams import Play, answer


def png(width: int = 8, height: int = 8, colour: str = "red") -> bytes:
    """A real PNG."""
    file = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(file, "PNG")
    return file.getvalue()


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def film(seconds: int = 1) -> bytes:
    """The smallest thing that is a whole MP4: boxes, and no picture."""

    def box(kind: bytes, data: bytes) -> bytes:
        return (len(data) + 8).to_bytes(4) + kind + data

    return (
        box(b"ftyp", b"isom\0\0\2\0isomiso2mp41")
        + box(b"moov", box(b"mvhd", bytes(100)))
        + box(b"mdat", bytes(1000 * seconds))
    )


def images(*data: bytes, **over: Any) -> Play:
    """An ImagesResponse of these pictures."""
    rows = [{"b64_json": base64_of(one)} for one in data or (png(),)]
    return answer({"created": 1, "data": rows, **over})


def video(status: str = "queued", **over: Any) -> dict[str, Any]:
    """A Video object of an upstream."""
    return {"id": "video_up", "object": "video", "status": status, "progress": 0, **over}
