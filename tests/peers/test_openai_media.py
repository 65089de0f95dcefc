"""OpenAI's Python SDK as the judge of pictures and films, on the sandbox."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
from openai import OpenAI
from PIL import Image

from tests import openai_schema
from tests.gateway.media.pictures import png
from tests.live.server import Server, served

pytestmark = [
    pytest.mark.peers,
    pytest.mark.xdist_group("peers-media"),
    # OpenAI has switched its own service off; the shape lives on.
    pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served(tmp_path_factory.mktemp("live"), TOKENS_POLL_S="0.3") as server:
        server.prepare()
        server.start()
        yield server


@pytest.fixture
def client(live: Server) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{live.url}/sandbox/v1", api_key=live.key, max_retries=0) as client:
        yield client


def picture(data: str | None) -> Image.Image:
    assert data is not None
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    image.load()
    return image


def test_images_generate(client: OpenAI) -> None:
    answer = client.images.generate(model="sandbox-image", prompt="A cat", n=2, size="1024x1024")

    assert answer.data is not None
    assert [picture(row.b64_json).size for row in answer.data] == [(1024, 1024)] * 2
    assert answer.usage is not None
    assert answer.usage.total_tokens > 0
    openai_schema.images(answer.model_dump(exclude_unset=True))


def test_images_generate_as_links(client: OpenAI) -> None:
    answer = client.images.generate(model="sandbox-image", prompt="A cat", response_format="url")

    assert answer.data is not None
    url = answer.data[0].url
    assert url is not None
    assert url.startswith(str(client.base_url.join("/media/")))


@pytest.mark.parametrize("files", [1, 3])
def test_images_edit(client: OpenAI, files: int) -> None:
    pictures = [(f"{n}.png", png(64, 64), "image/png") for n in range(files)]

    answer = client.images.edit(
        model="sandbox-image",
        prompt="By night",
        image=pictures if files > 1 else pictures[0],
        mask=("mask.png", png(64, 64), "image/png"),
        quality="low",
    )

    assert answer.data is not None
    assert picture(answer.data[0].b64_json).format == "PNG"


def test_a_film_from_beginning_to_end(client: OpenAI) -> None:
    film = client.videos.create(
        model="sandbox-video",
        prompt="Waves",
        seconds="4",
        size="1280x720",
        input_reference=("first.png", png(64, 64), "image/png"),
    )
    assert (film.status, film.seconds, film.size) == ("queued", "4", "1280x720")
    done = client.videos.poll(film.id, poll_interval_ms=200)
    assert (done.status, done.progress, done.error) == ("completed", 100, None)

    content = client.videos.download_content(film.id).read()
    thumbnail = client.videos.download_content(film.id, variant="thumbnail").read()
    remix = client.videos.remix(film.id, prompt="By night")
    remixed = client.videos.poll(remix.id, poll_interval_ms=200)
    listed = client.videos.list(limit=1)
    deleted = client.videos.delete(film.id)

    assert content[4:8] == b"ftyp"
    assert Image.open(io.BytesIO(thumbnail)).size[0] > 0
    assert (remixed.status, remixed.remixed_from_video_id) == ("completed", film.id)
    assert listed.data[0].id == remix.id
    assert listed.has_more
    assert (deleted.id, deleted.deleted) == (film.id, True)
    with pytest.raises(openai.NotFoundError):
        client.videos.retrieve(film.id)


def test_create_and_poll(client: OpenAI, tmp_path: Path) -> None:
    film = client.videos.create_and_poll(
        model="sandbox-video", prompt="Waves", poll_interval_ms=200
    )

    assert film.status == "completed"
    path = tmp_path / "film.mp4"
    client.videos.download_content(film.id).write_to_file(path)
    assert path.stat().st_size > 1000


def test_a_film_that_fails(client: OpenAI) -> None:
    film = client.videos.create_and_poll(
        model="sandbox-video-failed", prompt="Waves", poll_interval_ms=200
    )

    assert film.status == "failed"
    assert film.error is not None
    assert film.error.message


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("sandbox-image-429", openai.RateLimitError),
        ("sandbox-image-500", openai.InternalServerError),
        ("sandbox-image-moderated", openai.BadRequestError),
        ("sandbox-image-truncated", openai.InternalServerError),
        ("sandbox-image-html", openai.InternalServerError),
        ("sandbox-nothing", openai.NotFoundError),
    ],
)
def test_errors_are_of_the_sdks_own_classes(
    client: OpenAI, model: str, error: type[openai.APIStatusError]
) -> None:
    with pytest.raises(error):
        client.images.generate(model=model, prompt="A cat")


def test_streaming_is_refused_by_name(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="stream"):
        client.images.generate(model="sandbox-image", prompt="A cat", stream=True)
