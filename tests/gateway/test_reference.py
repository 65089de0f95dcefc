"""The OpenAPI document is true: of every route, and of what is really answered."""

import base64
import itertools
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.urls import URLPattern
from django.utils import translation
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from openapi_spec_validator import validate

from gateway import routing, urls
from gateway.reference.document import document
from gateway.rest import GatewayView, UnknownPath
from tests.live.server import Server, served

DOCUMENT = document()
METHODS = ("get", "post", "put", "patch", "delete")
PIXEL = base64.b64encode(
    base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    )
).decode()
CHAT = {"model": "sandbox-chat", "messages": [{"role": "user", "content": "Hello"}]}
GEMINI = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_it_is_an_openapi_document_in_every_language(language: str) -> None:
    with translation.override(language):
        validate(document())


def test_every_route_is_in_it_and_nothing_else() -> None:
    described = {
        (path, method)
        for path, item in DOCUMENT["paths"].items()
        for method in item
        if method in METHODS and path.startswith(("/v1", "/media"))
    }

    assert described == {*_streaming_routes(), *_view_routes()}


def _streaming_routes() -> Iterator[tuple[str, str]]:
    """routing.py's table; its one regular expression stands for several paths."""
    for pattern in routing._API:
        path = pattern.replace(r"(?P<model>(?s:.+))", "{model}")
        versions = ["v1", "v1beta"] if "(?:beta)?" in path else ["v1"]
        methods = re.search(r"\(\?P<method>(.+)\)", path)
        for version, name in itertools.product(
            versions, methods[1].split("|") if methods else [""]
        ):
            plain = path.replace("v1(?:beta)?", version)
            yield "/" + re.sub(r"\(\?P<method>.+\)", name, plain), "post"


def _view_routes() -> Iterator[tuple[str, str]]:
    """urls.py's patterns without a platform: those with one have the same ends."""
    for pattern in urls.urlpatterns:
        assert isinstance(pattern, URLPattern)
        view = getattr(pattern.callback, "view_class", None) or pattern.callback.cls  # type: ignore[attr-defined]
        route = str(pattern.pattern)
        if view is UnknownPath or route.startswith("<str:platform>"):
            continue
        assert issubclass(view, GatewayView)
        for method in METHODS:
            if hasattr(view, method):
                yield "/" + re.sub(r"<\w+:(\w+)>", r"{\1}", route), method


def test_paths_with_and_without_a_platform_are_the_same() -> None:
    routes = [str(pattern.pattern) for pattern in urls.urlpatterns]
    named = {route.removeprefix("<str:platform>/") for route in routes if "<str:platform>" in route}

    assert named == {route for route in routes if route.startswith("v1")}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served(tmp_path_factory.mktemp("reference")) as server:
        server.prepare()
        server.start()
        yield server


@pytest.fixture
def client(live: Server) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {live.key}"}
    with httpx.Client(base_url=live.url, headers=headers, timeout=30) as found:
        yield found


def check(response: httpx.Response, path: str, method: str = "get") -> Any:
    """The answer is one that the document describes; its body, read."""
    operation = DOCUMENT["paths"][path][method]
    assert str(response.status_code) in operation["responses"], response.text
    described = operation["responses"][str(response.status_code)]
    kind = response.headers["content-type"].partition(";")[0]
    content = described["content"]
    assert kind in content or f"{kind.partition('/')[0]}/*" in content, kind
    for name in described.get("headers", ()):
        if name == "x-request-id":
            assert name in response.headers
    if kind != "application/json":
        return response.content
    if schema := content[kind].get("schema"):
        valid(response.json(), schema)
    return response.json()


def valid(value: Any, schema: dict[str, Any]) -> None:
    judge = Draft202012Validator({**schema, "components": DOCUMENT["components"]})
    problem = best_match(judge.iter_errors(value))
    assert problem is None, f"{problem.json_path}: {problem.message[:300]}"


PLAIN: list[tuple[str, str, Any]] = [
    ("post", "/v1/chat/completions", CHAT),
    ("post", "/v1/chat/completions", {"model": "sandbox-chat"}),
    ("post", "/v1/chat/completions", {**CHAT, "model": "sandbox-429"}),
    ("post", "/v1/chat/completions", {**CHAT, "model": "sandbox-500"}),
    ("post", "/v1/embeddings", {"model": "sandbox-embedding", "input": ["a", "b"]}),
    ("post", "/v1/embeddings", {"model": "sandbox-embedding", "input": []}),
    ("post", "/v1/messages", {**CHAT, "max_tokens": 50}),
    ("post", "/v1/messages", {"model": "sandbox-chat"}),
    ("post", "/v1/messages/count_tokens", CHAT),
    ("post", "/v1/responses", {"model": "sandbox-chat", "input": "Hello"}),
    ("post", "/v1/responses", {"model": "sandbox-chat", "input": 5}),
    ("post", "/v1/images/generations", {"model": "sandbox-image", "prompt": "A"}),
    ("post", "/v1/images/generations", {"model": "sandbox-image", "prompt": "A", "async": True}),
    ("post", "/v1/images/generations", {"model": "sandbox-image"}),
    ("post", "/v1/images/edits", {"model": "sandbox-image", "prompt": "A", "image": PIXEL}),
    ("post", "/v1/videos", {"model": "sandbox-video", "prompt": "A", "seconds": "4"}),
    ("post", "/v1/videos", {"model": "sandbox-video", "prompt": ""}),
    ("get", "/v1/videos", None),
    ("get", "/v1/models", None),
    ("get", "/v1beta/models", None),
    ("get", "/v1/licence", None),
]


@pytest.mark.parametrize(("method", "path", "body"), PLAIN, ids=lambda value: str(value)[:50])
def test_what_is_answered_is_what_it_says(
    client: httpx.Client, method: str, path: str, body: Any
) -> None:
    response = client.request(method, f"/sandbox{path}", json=body)

    check(response, path, method)


@pytest.mark.parametrize("path", [path for method, path, _body in PLAIN if method == "post"])
def test_without_a_licence_it_is_the_401_that_it_says(client: httpx.Client, path: str) -> None:
    response = client.post(f"/sandbox{path}", json={}, headers={"Authorization": "Bearer tk-none"})

    assert response.status_code == 401
    check(response, path, "post")


@pytest.mark.parametrize("version", ["v1", "v1beta"])
@pytest.mark.parametrize(
    "call", ["generateContent", "countTokens", "streamGenerateContent?alt=sse"]
)
def test_googles_calls_are_answered_as_it_says(
    client: httpx.Client, version: str, call: str
) -> None:
    for body in (GEMINI, {"contents": 5}):
        response = client.post(f"/sandbox/{version}/models/sandbox-chat:{call}", json=body)

        check(response, f"/{version}/models/{{model}}:{call.partition('?')[0]}", "post")


def test_every_chunk_of_a_stream_is_one_that_it_describes(client: httpx.Client) -> None:
    response = client.post("/sandbox/v1/chat/completions", json={**CHAT, "stream": True})

    check(response, "/v1/chat/completions", "post")
    lines = [line.removeprefix("data: ") for line in response.text.splitlines() if line]
    assert lines.pop() == "[DONE]"
    assert len(lines) > 2
    schema = {"$ref": "#/components/schemas/ChatCompletionChunk"}
    for line in lines:
        valid(httpx.Response(200, text=line).json(), schema)


def test_a_film_is_as_it_says_from_its_order_to_its_end(client: httpx.Client) -> None:
    order = {"model": "sandbox-video", "prompt": "Waves", "seconds": 4}
    made = check(client.post("/sandbox/v1/videos", json=order), "/v1/videos", "post")
    one = f"/sandbox/v1/videos/{made['id']}"
    template = "/v1/videos/{task_id}"
    while made["status"] in ("queued", "in_progress"):
        made = check(client.get(one, params={"detail": "true"}), template)

    assert made["status"] == "completed"
    check(client.get("/sandbox/v1/videos", params={"limit": 1}), "/v1/videos")
    for variant in ("video", "thumbnail", "nothing"):
        check(client.get(f"{one}/content?variant={variant}"), f"{template}/content")
    remix = client.post(f"{one}/remix", json={"prompt": "Higher"})
    check(remix, f"{template}/remix", "post")
    check(client.delete(one), template, "delete")
    check(client.get(one), template)


def test_a_picture_as_a_task_is_as_it_says(client: httpx.Client) -> None:
    order = {"model": "sandbox-image", "prompt": "A", "response_format": "url"}
    path = "/v1/images/generations"
    task = check(client.post(f"/sandbox{path}?async=true", json=order), path, "post")
    while task["status"] in ("queued", "in_progress"):
        task = check(client.get(f"/sandbox/v1/images/{task['id']}"), "/v1/images/{task_id}")

    file = client.get(task["data"][0]["url"])

    assert file.status_code == 200
    check(client.get("/media/none?expires=1&signature=x"), "/media/{name}")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/openapi.json"])
def test_what_is_open_answers_without_a_licence(live: Server, path: str) -> None:
    check(httpx.get(live.url + path), path)


def test_one_model_is_as_it_says(client: httpx.Client) -> None:
    for name in ("sandbox-chat", "none"):
        check(client.get(f"/sandbox/v1/models/{name}"), "/v1/models/{model}")
        check(client.get(f"/sandbox/v1beta/models/{name}"), "/v1beta/models/{model}")


def test_the_document_is_served_in_the_readers_language(live: Server) -> None:
    for language in ("en", "zh-hans"):
        found = httpx.get(f"{live.url}/openapi.json", headers={"Accept-Language": language})

        with translation.override(language):
            assert found.json() == document()
