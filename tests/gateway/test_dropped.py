"""What a platform is not told of is named in the headers, and never changes the meaning."""

from typing import Any

import pytest

from platforms.models import CatalogueVersion, Platform
from tests.gateway.conftest import Site
from tests.upstreams import answer, hello, thinkers

ANTHROPIC = {"protocol": "anthropic", "auth_style": "x-api-key"}


async def speaks(site: Site, **fields: Any) -> None:
    await Platform.objects.aupdate(**fields)
    await CatalogueVersion.objects.aupdate(number=99)
    await site.reload()


@pytest.mark.parametrize("streamed", [False, True])
async def test_left_out_fields_are_named(site: Site, streamed: bool) -> None:
    await speaks(site, **ANTHROPIC)
    site.upstream.default = thinkers.anthropic().play()
    tools = [{"type": "function", "function": {"name": name}} for name in thinkers.TOOLS]

    response = await site.chat(
        model="claude-opus-4-7", seed=7, temperature=0.2, tools=tools, stream=streamed
    )

    assert response.status_code == 200, response.text
    assert response.headers["x-tokens-dropped"] == "seed, temperature"
    assert not {"seed", "temperature"} & site.upstream.requests[0].json.keys()


@pytest.mark.parametrize("streamed", [False, True])
async def test_nothing_is_named_where_nothing_is_left_out(site: Site, streamed: bool) -> None:
    if streamed:
        site.upstream.default = hello()

    response = await site.chat(seed=7, temperature=0.2, stream=streamed)

    assert "x-tokens-dropped" not in response.headers


async def test_what_would_change_the_answer_is_refused_by_name(site: Site) -> None:
    await speaks(site, **ANTHROPIC)

    response = await site.chat(model="claude-opus-4-7", n=2)

    assert (response.status_code, response.json()["error"]["param"]) == (400, "n")
    assert site.upstream.requests == []


async def test_the_key_order_of_a_request_is_kept_byte_for_byte(site: Site) -> None:
    schema = {"zeta": {"type": "string"}, "alpha": {"type": "number"}, "$ref": 1}
    functions = [
        {"name": "z", "parameters": {"type": "object", "properties": schema}},
        {"parameters": {"b": 1, "a": 2}, "name": "a"},
    ]
    tools = [{"function": function, "type": "function"} for function in functions]

    for _ in range(2):
        await site.chat(top_k=3, tools=tools, metadata={"b": "1", "a": "2"}, n=1)

    first, second = (request.body for request in site.upstream.requests)
    assert first == second
    assert first == (
        b'{"model":"m-1","messages":[{"role":"user","content":"Hello"}],"top_k":3,"tools":['
        b'{"function":{"name":"z","parameters":{"type":"object","properties":{"zeta":'
        b'{"type":"string"},"alpha":{"type":"number"},"$ref":1}}},"type":"function"},'
        b'{"function":{"parameters":{"b":1,"a":2},"name":"a"},"type":"function"}],'
        b'"metadata":{"b":"1","a":"2"},"n":1}'
    )


@pytest.mark.parametrize(
    ("fields", "model", "path"),
    [
        (ANTHROPIC, "claude-opus-4-7", ("tools", "input_schema")),
        ({"protocol": "gemini"}, "gemini-3-flash", ("tools", "functionDeclarations")),
    ],
)
async def test_tools_keep_their_order_in_other_protocols(
    site: Site, fields: dict[str, Any], model: str, path: tuple[str, str]
) -> None:
    await speaks(site, **fields)
    site.upstream.default = answer({"error": {"message": "no"}}, 400)
    schema = {"type": "object", "properties": {"zeta": {}, "alpha": {}}, "required": ["zeta"]}
    tools = [
        {"type": "function", "function": {"name": name, "parameters": schema}} for name in "zab"
    ]

    for _ in range(2):
        await site.chat(model=model, tools=tools)

    first, second = (request.body for request in site.upstream.requests)
    assert first == second
    assert b'"properties":{"zeta":{},"alpha":{}},"required":["zeta"]' in first
    assert [first.index(f'"name":"{name}"'.encode()) for name in "zab"] == sorted(
        first.index(f'"name":"{name}"'.encode()) for name in "zab"
    )
