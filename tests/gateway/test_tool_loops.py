"""Five turns of two parallel calls with thinking on: each official SDK over each protocol.

The upstreams refuse, as the real ones do, whatever reasoning does not come back as it was given.
"""

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anthropic
import openai
import pytest
from google import genai
from google.genai import types

from platforms.models import CatalogueVersion, Platform
from tests.gateway.conftest import Site
from tests.upstreams import thinkers
from tests.upstreams.thinkers import FINAL, TOOLS, TURNS, USED, Thinker

pytestmark = [
    pytest.mark.peers,
    # Said of google-genai by aiohttp.
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession"),
]

Loop = Callable[[Any, str, bool], Awaitable[str]]
"""Runs the conversation to its end with one SDK; the last text."""
PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
}
UPSTREAMS: dict[str, tuple[dict[str, Any], str, Callable[[], Thinker]]] = {
    "anthropic": (
        {"protocol": "anthropic", "auth_style": "x-api-key"},
        "claude-opus-4-7",
        thinkers.anthropic,
    ),
    "gemini": (
        {"protocol": "gemini", "auth_style": "x-goog-api-key"},
        "gemini-3-flash",
        thinkers.gemini,
    ),
    "deepseek": (
        {"protocol": "openai", "rules": {"replay_reasoning": "tool_turns"}},
        "deepseek-flash",
        thinkers.deepseek,
    ),
}


def result(name: str, arguments: dict[str, int]) -> str:
    a, b = arguments["a"], arguments["b"]
    return str(a + b if name == "add" else a * b)


@contextlib.asynccontextmanager
async def sdk(name: str, site: Site) -> AsyncIterator[Any]:
    """The official client of this name, for the platform `acme`."""
    if name == "genai":
        options = types.HttpOptions(base_url=f"{site.url}/acme", api_version="v1beta")
        async with genai.Client(api_key=site.key, http_options=options).aio as google:
            yield google
    elif name == "anthropic":
        address = f"{site.url}/acme"
        async with anthropic.AsyncAnthropic(api_key=site.key, base_url=address) as claude:
            yield claude
    else:
        address = f"{site.url}/acme/v1"
        async with openai.AsyncOpenAI(api_key=site.key, base_url=address) as client:
            yield client


async def with_openai(client: Any, model: str, streamed: bool) -> str:
    tools: Any = [
        {"type": "function", "function": {"name": name, "parameters": PARAMETERS}} for name in TOOLS
    ]
    messages: list[Any] = [{"role": "user", "content": "Sums, please."}]
    for _ in range(TURNS + 1):
        asked: dict[str, Any] = {
            "model": model,
            "messages": messages,
            "tools": tools,
            "reasoning_effort": "low",
        }
        if streamed:
            async with client.chat.completions.stream(**asked) as stream:
                message: Any = (await stream.get_final_completion()).choices[0].message
        else:
            message = (await client.chat.completions.create(**asked)).choices[0].message
        if not message.tool_calls:
            return str(message.content)
        calls = [call.model_dump(include={"id", "type", "function"}) for call in message.tool_calls]
        for call in calls:
            call["function"] = {key: call["function"][key] for key in ("name", "arguments")}
        # As a plain client does it: nothing goes back but what OpenAI itself has fields for.
        messages.append({"role": "assistant", "content": message.content, "tool_calls": calls})
        for call in message.tool_calls:
            made = result(call.function.name, json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": made})
    raise AssertionError("The model never came to an end")


async def with_responses(client: Any, model: str, streamed: bool) -> str:
    tools: Any = [
        {"type": "function", "name": name, "parameters": PARAMETERS, "strict": False}
        for name in TOOLS
    ]
    items: list[Any] = [{"role": "user", "content": "Sums, please."}]
    for _ in range(TURNS + 1):
        asked: dict[str, Any] = {
            "model": model,
            "input": items,
            "tools": tools,
            "reasoning": {"effort": "low"},
            "store": False,
        }
        if streamed:
            async with client.responses.stream(**asked) as stream:
                response: Any = await stream.get_final_response()
        else:
            response = await client.responses.create(**asked)
        calls = [item for item in response.output if item.type == "function_call"]
        if not calls:
            return str(response.output_text)
        items += [item.model_dump(exclude_unset=True) for item in response.output]
        for call in calls:
            made = result(call.name, json.loads(call.arguments))
            items.append({"type": "function_call_output", "call_id": call.call_id, "output": made})
    raise AssertionError("The model never came to an end")


async def with_anthropic(client: Any, model: str, streamed: bool) -> str:
    tools: Any = [{"name": name, "input_schema": PARAMETERS} for name in TOOLS]
    messages: list[Any] = [{"role": "user", "content": "Sums, please."}]
    for _ in range(TURNS + 1):
        asked: dict[str, Any] = {
            "model": model,
            "max_tokens": 2000,
            "messages": messages,
            "tools": tools,
            "thinking": {"type": "adaptive"},
            "output_config": {"effort": "low"},
        }
        if streamed:
            async with client.messages.stream(**asked) as stream:
                message: Any = await stream.get_final_message()
        else:
            message = await client.messages.create(**asked)
        uses = [block for block in message.content if block.type == "tool_use"]
        if not uses:
            return "".join(block.text for block in message.content if block.type == "text")
        content = [block.model_dump(exclude_unset=True) for block in message.content]
        messages.append({"role": "assistant", "content": content})
        results = [
            {"type": "tool_result", "tool_use_id": use.id, "content": result(use.name, use.input)}
            for use in uses
        ]
        messages.append({"role": "user", "content": results})
    raise AssertionError("The model never came to an end")


async def with_genai(client: Any, model: str, streamed: bool) -> str:
    declared = [
        types.FunctionDeclaration(name=name, parameters_json_schema=PARAMETERS) for name in TOOLS
    ]
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=declared)],
        thinking_config=types.ThinkingConfig(include_thoughts=True),
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    contents: list[Any] = [types.Content(role="user", parts=[types.Part(text="Sums, please.")])]
    for _ in range(TURNS + 1):
        parts: list[Any] = []
        if streamed:
            stream = await client.models.generate_content_stream(
                model=model, contents=contents, config=config
            )
            async for piece in stream:
                for candidate in piece.candidates or ():
                    parts += (candidate.content and candidate.content.parts) or ()
        else:
            answered: Any = await client.models.generate_content(
                model=model, contents=contents, config=config
            )
            parts = list(answered.candidates[0].content.parts)
        calls = [part.function_call for part in parts if part.function_call]
        if not calls:
            return "".join(part.text or "" for part in parts if not part.thought)
        kept = [part for part in parts if part.function_call or part.text]
        contents.append(types.Content(role="model", parts=kept))
        results = [
            types.Part(
                function_response=types.FunctionResponse(
                    id=call.id, name=call.name, response={"output": result(call.name, call.args)}
                )
            )
            for call in calls
        ]
        contents.append(types.Content(role="user", parts=results))
    raise AssertionError("The model never came to an end")


CLIENTS: dict[str, Loop] = {
    "openai": with_openai,
    "responses": with_responses,
    "anthropic": with_anthropic,
    "genai": with_genai,
}


@pytest.mark.parametrize("streamed", [False, True], ids=["blocking", "streamed"])
@pytest.mark.parametrize("upstream", UPSTREAMS)
@pytest.mark.parametrize("client", CLIENTS)
async def test_five_turns_of_two_calls_each(
    site: Site, client: str, upstream: str, streamed: bool
) -> None:
    fields, model, make = UPSTREAMS[upstream]
    await Platform.objects.aupdate(**fields)
    await CatalogueVersion.objects.aupdate(number=99)
    await site.reload()
    thinker = make()
    site.upstream.default = thinker.play()

    async with sdk(client, site) as opened:
        text = await CLIENTS[client](opened, model, streamed)

    assert thinker.refusals == []
    assert text == FINAL
    assert thinker.turns == TURNS + 1
    for record in await site.records(TURNS + 1):
        assert record.measured
        assert (record.prompt_tokens, record.cached_tokens) == (USED["prompt"], USED["cached"])
        assert record.completion_tokens == USED["completion"]
        assert record.reasoning_tokens == USED["reasoning"]
