"""Files in an S3 bucket, by the settings alone, against `moto`'s server."""

import base64
from collections.abc import Iterator
from pathlib import Path

import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer

from tests.gateway.media.pictures import film, images, png, video
from tests.live.server import served
from tests.upstreams import Connection, answer, running_upstream

pytestmark = pytest.mark.peers
KEYS = {"aws_access_key_id": "test-key", "aws_secret_access_key": "test-secret"}


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


async def play(peer: Connection) -> None:
    path = peer.request.path
    if "variant=" in path:
        await answer(b"", 404)(peer)
    elif path.endswith("/content"):
        await answer(film(), content_type="video/mp4")(peer)
    elif "/videos/" in path:
        await answer(video("completed"))(peer)
    elif path.endswith("/videos"):
        await answer(video())(peer)
    else:
        await images(png())(peer)


def test_pictures_and_films_live_in_the_bucket(tmp_path: Path, endpoint: str) -> None:
    s3 = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **KEYS)
    s3.create_bucket(Bucket="films")
    settings = {
        "TOKENS_S3_BUCKET": "films",
        "TOKENS_S3_ENDPOINT": endpoint,
        "TOKENS_S3_REGION": "us-east-1",
        "TOKENS_S3_ACCESS_KEY": KEYS["aws_access_key_id"],
        "TOKENS_S3_SECRET_KEY": KEYS["aws_secret_access_key"],
        "TOKENS_S3_PREFIX": "tokens",
        "TOKENS_POLL_S": "0.1",
    }

    def keys() -> list[str]:
        return [row["Key"] for row in s3.list_objects_v2(Bucket="films").get("Contents", [])]

    with running_upstream(play) as upstream, served(tmp_path, **settings) as server:
        server.prepare(upstream.base_url)
        server.start()
        headers = {"Authorization": f"Bearer {server.key}"}
        with httpx.Client(base_url=server.url, headers=headers, timeout=30) as client:
            edited = client.post(
                "/up/v1/images/edits",
                data={"model": "m", "prompt": "bluer"},
                files={"image": ("a.png", png(), "image/png")},
            )
            id = client.post("/up/v1/videos", json={"model": "m", "prompt": "x"}).json()["id"]
            while (task := client.get(f"/up/v1/videos/{id}").json())["status"] != "completed":
                assert task["status"] != "failed", task
            part = client.get(f"/up/v1/videos/{id}/content", headers={"Range": "bytes=100-199"})
            whole = client.get(f"/up/v1/videos/{id}/content")
            stored = keys()
            client.delete(f"/up/v1/videos/{id}")

        assert base64.b64decode(edited.json()["data"][0]["b64_json"]) == png()
        assert (part.status_code, part.content) == (206, film()[100:200])
        assert whole.content == film()
        assert len(stored) == 2  # the input of the edit is gone
        assert all(key.startswith("tokens/results/") for key in stored)
        assert len(keys()) == 1
        assert upstream.requests[0].body.count(png()) == 1
        assert KEYS["aws_secret_access_key"] not in server.log()
    assert not (tmp_path / "media").exists()
