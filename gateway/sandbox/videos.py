"""The sandbox's video models: whatever is asked for, after a while it is the same short film.

Nothing is kept: a video's id says all about it, so that every process, and one that was started
again, gives the same answers. Of the prompt it says the beginning only, and deleting deletes
nothing.

Models: `sandbox-video`, and with failures by name `sandbox-video-slow`, `-failed`, `-429`, `-html`,
`-cut`; `-strange` reports a status that nobody knows before it completes.

film.mp4 (320x180, 2 s of 12 pictures each, H.264 and no sound, `moov` first) was drawn with Pillow
and encoded with PyAV's libx264 at crf 28: the word, a dot that moves and a bar that grows.
"""

import asyncio
import base64
import binascii
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from gateway.sandbox.answers import Answer, Asked, Pace, error, too_many, unknown_model
from gateway.sandbox.checks import Refused
from gateway.sandbox.forms import MAX_PROMPT, File, Given, given, referred
from gateway.sandbox.images import HTML
from gateway.sandbox.looks import Look

MODELS = (
    "sandbox-video",
    "sandbox-video-slow",
    "sandbox-video-failed",
    "sandbox-video-429",
    "sandbox-video-html",
    "sandbox-video-cut",
    "sandbox-video-strange",
)
SIZES = ("720x1280", "1280x720", "1024x1792", "1792x1024")
SECONDS = ("4", "8", "12")
VARIANTS = ("video", "thumbnail")
FILM = (Path(__file__).parent / "film.mp4").read_bytes()
MAX_ID = 500  # characters; who calls has to keep it, and put it into addresses
_MAX_FACTS = 160  # bytes of a video within its id
_PIECE = 1024  # bytes of the film at once
_QUEUED = 0.2  # part of the time during which a video waits
_DREAMING = 0.6  # part of the time during which a strange one says so
_PREFIX = "video_"


@dataclass(frozen=True, slots=True)
class Film:
    """One video job, as its id says it."""

    id: str
    created_ms: int
    model: str
    size: str
    seconds: str
    prompt: str
    """Its beginning, if it is long."""
    remixed_from: str | None = None

    def share(self, asked: Asked) -> float:
        """How much of it is done: 1 or more is all."""
        took_ms = asked.now_ms - self.created_ms
        film_ms = self.film_s(asked.pace) * 1000
        return max(0.0, took_ms / film_ms) if film_ms else 1.0

    def film_s(self, pace: Pace) -> float:
        """Seconds until it is done."""
        return pace.slow_film_s if self.model == "sandbox-video-slow" else pace.film_s


async def create(asked: Asked) -> Answer:
    """`POST /v1/videos`, a form or JSON. Raises Refused."""
    body = given(asked.request)
    model = body.text("model")
    prompt = body.text("prompt", MAX_PROMPT)
    seconds = _seconds(body)
    size = body.choice("size", SIZES, SIZES[0])
    references = _references(body)
    if model == "sandbox-video-429":
        return too_many()
    if model not in MODELS:
        return unknown_model(model)
    for reference in references:
        await asyncio.to_thread(_look_at, reference)
    return _video(_film(asked, model, size, seconds, prompt), "queued")


def show(asked: Asked) -> Answer:
    """`GET /v1/videos/{id}`."""
    film = _known(asked.id)
    if film is None:
        return _unknown(asked)
    share = film.share(asked)
    return _video(film, _status(film, share), min(share, 1.0), film.film_s(asked.pace))


def remix(asked: Asked) -> Answer:
    """`POST /v1/videos/{id}/remix`. Raises Refused."""
    body = given(asked.request)
    prompt = body.text("prompt", MAX_PROMPT)
    film = _known(asked.id)
    if film is None:
        return _unknown(asked)
    if _status(film, film.share(asked)) != "completed":
        return error(409, "The video is not complete; only one that is can be remixed.")
    made = _film(asked, film.model, film.size, film.seconds, prompt, film.id)
    if len(made.id) > MAX_ID:
        what = "The sandbox keeps all of a video in its id, where no room is left for one more"
        raise Refused(f"{what} remix of this remix; remix the video that it was made from.")
    return _video(made, "queued")


def delete(asked: Asked) -> Answer:
    """`DELETE /v1/videos/{id}`: says that it is done."""
    film = _known(asked.id)
    if film is None:
        return _unknown(asked)
    if film.share(asked) < 1:
        return error(409, "The video is still being made; only a finished one can be deleted.")
    return Answer((orjson.dumps({"id": film.id, "object": "video.deleted", "deleted": True}),))


async def content(asked: Asked) -> Answer:
    """`GET /v1/videos/{id}/content`: the film, or with `?variant=thumbnail` a picture of it."""
    film = _known(asked.id)
    if film is None:
        return _unknown(asked)
    variant = asked.request.url.params.get("variant", "video")
    if variant not in VARIANTS:
        raise Refused(
            f"'variant' is '{variant[:100]}'; known are {', '.join(VARIANTS)}.", "variant"
        )
    status = _status(film, film.share(asked))
    if status != "completed":
        return error(404, f"The video has no content: its status is {status}.", "not_found")
    if variant == "thumbnail":
        width, height = (int(side) // 4 for side in film.size.split("x"))
        look = Look(width, height, "webp", compression=80)
        picture = await asyncio.to_thread(_thumbnail, look, film.prompt)
        return Answer((picture,), content_type="image/webp")
    if film.model == "sandbox-video-html":
        return Answer((HTML,), content_type="text/html")
    return Answer(
        [FILM[start : start + _PIECE] for start in range(0, len(FILM), _PIECE)],
        content_type="video/mp4",
        headers={"content-length": str(len(FILM))},
        cut=film.model == "sandbox-video-cut",
    )


def _seconds(body: Given) -> str:
    """As OpenAI's API, a string; a number is taken too."""
    value = body.fields.get("seconds")
    if type(value) is int:
        body = Given({"seconds": str(value)})
    return body.choice("seconds", SECONDS, SECONDS[0])


def _references(body: Given) -> list[File]:
    """The pictures to begin with: files, or data URLs."""
    if not body.is_form:
        reference = body.fields.get("input_reference")
        return [referred(reference, "input_reference")] if reference is not None else []
    url = body.fields.get("input_reference[image_url]")
    if url is not None:
        return [referred({"image_url": url}, "input_reference")]
    return body.named("input_reference")


def _status(film: Film, share: float) -> str:
    if share >= 1:
        return "failed" if film.model == "sandbox-video-failed" else "completed"
    if film.model == "sandbox-video-strange" and share < _DREAMING:
        return "dreaming"
    return "queued" if share < _QUEUED else "in_progress"


def _video(film: Film, status: str, share: float = 0, took_s: float = 0) -> Answer:
    """OpenAI's Video object. `expires_at` is null: this film never goes away."""
    progress = {"queued": 0, "completed": 100}.get(status, min(99, int(share * 100)))
    message = "The film could not be made, as this model's name promises."
    video: dict[str, Any] = {
        "id": film.id,
        "object": "video",
        "model": film.model,
        "status": status,
        "progress": progress,
        "created_at": film.created_ms // 1000,
        "completed_at": None,
        "expires_at": None,
        "prompt": film.prompt,
        "size": film.size,
        "seconds": film.seconds,
        "remixed_from_video_id": film.remixed_from,
        "error": {"code": "generation_failed", "message": message} if status == "failed" else None,
    }
    if status == "completed":
        video["completed_at"] = int(film.created_ms / 1000 + took_s)
    return Answer((orjson.dumps(video),))


def _unknown(asked: Asked) -> Answer:
    return error(404, f"The video '{asked.id[:100]}' does not exist.", "not_found")


def _film(
    asked: Asked, model: str, size: str, seconds: str, prompt: str, remixed_from: str | None = None
) -> Film:
    """A new film. Its number tells it from others of the same millisecond."""
    number = secrets.randbelow(2**24)
    kept = prompt[:_MAX_FACTS]
    while True:
        shown = kept if kept == prompt else f"{kept}…"
        facts = orjson.dumps([asked.now_ms, number, model, size, seconds, shown])
        if len(facts) <= _MAX_FACTS:
            break
        kept = kept[:-1]
    id = _PREFIX + base64.urlsafe_b64encode(facts).decode("ascii").rstrip("=")
    if remixed_from is not None:
        id += f".{remixed_from.removeprefix(_PREFIX)}"
    return Film(id, asked.now_ms, model, size, seconds, shown, remixed_from)


def _known(id: str) -> Film | None:
    """The film that an id tells of; None if it tells of none."""
    facts, _, before = id.removeprefix(_PREFIX).partition(".")
    try:
        padded = facts + "=" * (-len(facts) % 4)
        read = orjson.loads(base64.b64decode(padded, b"-_", validate=True))
    except (binascii.Error, ValueError):
        return None
    if not id.startswith(_PREFIX) or type(read) is not list:
        return None
    if [type(fact) for fact in read] != [int, int, str, str, str, str] or read[2] not in MODELS:
        return None
    created_ms, _, model, size, seconds, prompt = read
    if size not in SIZES or seconds not in SECONDS:
        return None
    remixed_from = _PREFIX + before if before else None
    return Film(id, created_ms, model, size, seconds, prompt, remixed_from)


def _look_at(reference: File) -> None:
    """Raise Refused where it is no whole picture."""
    from gateway.sandbox import drawing  # loads Pillow: see looks.py

    drawing.seen(reference)


def _thumbnail(look: Look, prompt: str) -> bytes:
    from gateway.sandbox import drawing  # loads Pillow: see looks.py

    return drawing.drawn(look, prompt, "sandbox")
