"""Gemini clients: generateContent's requests as chats; what answers them is in gemini_stream.py.

Sources: wire notes gemini §1, §2, §5; google-genai 3.4.0 (Nov 2026). Names of fields come in
camelCase or snake_case, as protobuf's JSON allows, and null says nothing; errors say camelCase.
"""

from collections.abc import Iterable, Mapping
from itertools import chain, groupby
from operator import itemgetter

import orjson
from typing_extensions import override

from gateway.errors import BadRequest
from gateway.faces import Asked
from gateway.faces.gemini_given import Given, OpenCalls, Piece, json_schema, part_of
from gateway.faces.gemini_stream import STREAM, GeminiAnswers
from gateway.faces.given import content_of, effort_of
from gateway.faces.openai import json_object
from gateway.shapes import Chat, Json
from gateway.signatures import kept
from gateway.values import camel

_VOICE = "a chat answers in texts and pictures"
REFUSED: Mapping[str, str] = {
    "cachedContent": "it names what Google keeps; send the contents themselves",
    "continuationToken": "it continues an answer that Google keeps; send the contents so far",
    "generationConfig.speechConfig": _VOICE,
    "generationConfig.audioTranscriptionConfig": _VOICE,
    "generationConfig.imageConfig": "a chat cannot say a picture's shape; ask for it in words",
}
"""What would change the answer and cannot be said in a chat: refused, for this reason."""
DROPPED: Mapping[str, str] = {
    "safetySettings": "thresholds of Google's own filters",
    "labels": "for Google's bills",
    "store": "about Google's own logs",
    "generationConfig.topK": "tuning; most platforms refuse what OpenAI does not have",
    "generationConfig.mediaResolution": "tuning of what a picture costs",
    "contents.parts.mediaResolution": "tuning of what a picture costs",
    "contents.parts.videoMetadata": "tuning of how Google samples a film",
    "toolConfig.retrievalConfig": "for Google's own tools",
    "tools.googleSearch": "an offer, not a demand, as are all tools of Google's own",
    "tools.functionDeclarations.response": "a hint; a result says itself what it is",
}
"""Left out, for this reason, as is any field not known; `Face.dropped` has those of a request."""
_NUMBERS = ("temperature", "top_p", "presence_penalty", "frequency_penalty")
_COUNTS = {"maxOutputTokens": "max_tokens", "candidateCount": "n", "seed": "seed"}
_EFFORTS = {name.upper(): name for name in ("minimal", "low", "medium", "high", "xhigh")}
_TIERS = {"standard": "default", "flex": "flex", "priority": "priority"}
_MODES = {"AUTO": "auto", "NONE": "none", "ANY": "required", "VALIDATED": "auto"}
_TYPES = {"text/plain": False, "application/json": True}
_ROLES = {"user": False, "model": True, "function": False}
_MEDIA = ("inlineData", "fileData")
_USER, _MODEL = ("text", *_MEDIA, "functionResponse"), ("text", "inlineData", "functionCall")
_FOREIGN = ("executableCode", "codeExecutionResult", "toolCall", "toolResponse")
_KINDS = frozenset((*_USER, *_MODEL, *_FOREIGN))


class GeminiFace(GeminiAnswers):
    """One request of `models/{model}:{method}`; `sse`: a stream of it comes as events."""

    def __init__(self, model: str, method: str, *, sse: bool = True) -> None:
        super().__init__(method, sse=sse)
        self._model = model
        self._open = OpenCalls()
        self._made = 0  # calls so far
        self._noted: dict[str, None] = {}  # what is dropped, in its order

    @override
    def read(self, body: bytes) -> Asked:
        value = json_object(body)
        request = self._request(value)
        if not request.each("contents"):
            request.refuse("contents", "is missing or empty; at least one content is needed.")
        return Asked(self._model, self._method == STREAM, value)

    @override
    def chat(self, asked: Asked) -> Chat:
        self._open, self._made, self._noted = OpenCalls(), 0, {}
        request = self._request(asked.body)
        try:
            system = self._pieces(request.inner("systemInstruction"), ("text",))
            messages = self._turns(request.each("contents"))
            rest = self._config(request.inner("generationConfig")) | self._tools(request)
        except (RecursionError, orjson.JSONEncodeError):
            what = "The request has too many objects inside each other; 200 levels are the most."
            raise BadRequest(what) from None
        if not messages:
            request.refuse("contents", "says nothing; at least one text or file is needed.")
        if said := _content([part_of(piece) for piece in system]):
            messages = [{"role": "system", "content": said}, *messages]
        if tier := request.word("serviceTier", _TIERS):
            rest["service_tier"] = tier
        if asked.stream:
            rest |= {"stream": True, "stream_options": {"include_usage": True}}
        request.fields.pop("model", None)  # the path says it
        self._drop(request)
        self.dropped[:] = self._noted
        return {"model": asked.model, "messages": messages, **rest}

    def _request(self, body: Json) -> Given:
        """The request, which stands inside another one where it is to be counted."""
        request, inner = Given(body, ""), "generateContentRequest"
        is_inside = self._method == "countTokens" and inner in request.fields
        return request.inner(inner) if is_inside else request

    def _drop(self, given: Given, prefix: str = "") -> None:
        """Refuse or drop what nobody has read."""
        for name, value in given.fields.items():
            if value and (reason := REFUSED.get(prefix + name)):
                given.refuse(name, f"is not for this platform: {reason}.")
            self._note(prefix + name)

    def _note(self, name: str) -> None:
        self._noted[name] = None

    def _turns(self, contents: list[Given]) -> list[Json]:
        """Messages by turns. What models say in a row is one message: SDKs keep it in pieces."""
        turns = []
        for content in contents:
            is_model = bool(content.word("role", _ROLES))
            turns.append((is_model, self._pieces(content, _MODEL if is_model else _USER)))
            self._drop(content, "contents.")
        messages: list[Json] = []
        for is_model, run in groupby(turns, key=itemgetter(0)):
            said = [pieces for _, pieces in run]
            messages += self._models(chain.from_iterable(said)) if is_model else self._users(said)
        return messages

    def _pieces(self, content: Given, takes: tuple[str, ...]) -> list[Piece]:
        """A content's parts, each of one of these kinds."""
        pieces = []
        for part in content.each("parts"):
            is_thought = part.fields.pop("thought", None) is True
            signed = kept(part.fields.pop("thoughtSignature", None))
            if signed and not part.fields:  # so does Google send what is signed late
                part.fields["text"] = ""
            kinds = [name for name in part.fields if name in _KINDS] or list(part.fields)
            right = f"a part must hold one of {', '.join(takes)} here."
            if len(kinds) != 1:
                what = f"'{part.path}' holds {' and '.join(kinds) or 'nothing'}; {right}"
                raise BadRequest(what, param=part.path)
            if kinds[0] not in takes:
                part.refuse(kinds[0], f"cannot be told to this platform; {right}")
            for name in part.fields:
                if name != kinds[0]:
                    self._note(f"contents.parts.{name}")
            pieces.append(Piece(kinds[0], part, is_thought, signed))
        return pieces

    def _users(self, turns: list[list[Piece]]) -> list[Json]:
        """Results first, as OpenAI's order demands; then their files, then what the user says."""
        files: list[Json] = []
        results, contents = [], [files]
        for pieces in turns:
            answers = [one.part.inner(one.kind) for one in pieces if one.kind == "functionResponse"]
            results += [self._result(one, files) for one in answers]
            contents.append([part_of(one) for one in pieces if one.kind != "functionResponse"])
        said = [content for parts in contents if (content := _content(parts))]
        return results + [{"role": "user", "content": content} for content in said]

    def _models(self, pieces: Iterable[Piece]) -> list[Json]:
        """One message of the assistant; none where there are thoughts at most."""
        texts: list[str] = []
        thoughts: list[str] = []
        images, calls = [], []
        signed: dict[str, Json] = {}
        for piece in pieces:
            if piece.kind == "functionCall":
                calls.append(self._call(piece.part.inner(piece.kind)) | piece.signed)
            elif piece.kind == "text":
                (thoughts if piece.is_thought else texts).append(piece.part.take("text", str))
                signed = piece.signed if piece.signed and not piece.is_thought else signed
            elif not piece.is_thought:  # a draft of a picture otherwise
                image = part_of(piece)
                if image["type"] != "image_url":
                    piece.part.refuse("inlineData", "must be a picture in what a model said.")
                images.append(image | piece.signed)
        self._open.add([(call["id"], call["function"]["name"]) for call in calls])
        message = {"role": "assistant", "content": "".join(texts) or None, **signed}
        more = {"reasoning_content": "".join(thoughts), "images": images, "tool_calls": calls}
        message |= {name: value for name, value in more.items() if value}
        return [message] if message["content"] or images or calls else []

    def _call(self, call: Given) -> dict[str, Json]:
        self._made += 1
        name, id = call.take("name", str), call.take("id", str, f"call_{self._made}")
        arguments = orjson.dumps(call.take("args", dict, {})).decode()
        self._drop(call, "contents.parts.functionCall.")
        return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}

    def _result(self, result: Given, files: list[Json]) -> Json:
        """A result as the message of its call, found by id, or else by name and order."""
        id, name = result.take("id", str, ""), result.take("name", str, "")
        call = self._open.take(id, name)
        if call is None:
            result.refuse("id" if id else "name", "answers no functionCall before it.")
        response = result.take("response", dict, {})
        files += [part_of(piece) for piece in self._pieces(result, _MEDIA)]
        self._drop(result, "contents.parts.functionResponse.")
        output = response.get("output") if len(response) == 1 else None
        content = output if isinstance(output, str) else orjson.dumps(response).decode()
        return {"role": "tool", "tool_call_id": call, "content": content}

    def _config(self, config: Given) -> Chat:
        """`generationConfig` in OpenAI's words."""
        chat: Chat = {}
        for name, own in (*((camel(own), own) for own in _NUMBERS), *_COUNTS.items()):
            if name in config.fields:
                chat[own] = config.number(name, whole=name in _COUNTS)
        if stops := config.texts("stopSequences"):
            chat["stop"] = stops
        if config.take("responseLogprobs", bool, False):
            chat["logprobs"] = True
        if "logprobs" in config.fields:
            chat["top_logprobs"] = config.number("logprobs", whole=True)
            if "logprobs" not in chat:
                config.refuse("logprobs", "is only allowed with responseLogprobs: true.")
        modalities = [one.lower() for one in config.texts("responseModalities")]
        if not {"text", "image"}.issuperset(modalities):
            config.refuse("responseModalities", f"must be of TEXT and IMAGE: {_VOICE}.")
        if "image" in modalities:  # text alone is what all platforms answer
            chat["modalities"] = modalities
        if wanted := _format(config):
            chat["response_format"] = wanted
        thinking = config.inner("thinkingConfig")
        self.shows_thoughts = thinking.fields.get("includeThoughts") is True
        if effort := _effort(thinking):
            chat["reasoning_effort"] = effort
        self._drop(config, "generationConfig.")
        return chat

    def _tools(self, request: Given) -> Chat:
        """The functions of `tools`, none of Google's own tools, and `toolConfig`."""
        functions = []
        for tool in request.each("tools"):
            functions += [self._function(one) for one in tool.each("functionDeclarations")]
            self._drop(tool, "tools.")
        holder = request.inner("toolConfig")
        config = holder.inner("functionCallingConfig")
        choice = config.word("mode", _MODES) or "auto"
        names = config.texts("allowedFunctionNames")
        self._drop(holder, "toolConfig.")
        self._drop(config, "toolConfig.functionCallingConfig.")
        if not functions:
            if choice == "required":
                config.refuse("mode", "is ANY, which demands functionDeclarations in 'tools'.")
            return {}
        allowed = [{"type": "function", "function": {"name": name}} for name in names]
        if choice == "required" and len(allowed) == 1:
            choice = allowed[0]
        elif allowed and choice != "none":
            choice = {"type": "allowed_tools", "allowed_tools": {"mode": choice, "tools": allowed}}
        return {"tools": functions} | ({"tool_choice": choice} if choice != "auto" else {})

    def _function(self, given: Given) -> Json:
        function = {"name": given.take("name", str)}
        if description := given.take("description", str, ""):
            function["description"] = description
        old, schema = given.inner("parameters"), given.take("parametersJsonSchema", dict, {})
        if schema := schema or json_schema(old):
            function["parameters"] = schema
        self._drop(given, "tools.functionDeclarations.")
        return {"type": "function", "function": function}


def _format(config: Given) -> Json:
    """The `response_format`; a schema asks for JSON by itself."""
    is_json = config.word("responseMimeType", _TYPES)
    old, schema = config.inner("responseSchema"), config.take("responseJsonSchema", dict, {})
    if schema := schema or json_schema(old):
        if is_json is False:
            config.refuse("responseMimeType", "must be application/json beside a schema.")
        return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    return {"type": "json_object"} if is_json else None


def _effort(thinking: Given) -> Json:
    """How much to think, as OpenAI says it."""
    level = thinking.word("thinkingLevel", _EFFORTS)
    if level or "thinkingBudget" not in thinking.fields:
        return level
    budget = thinking.number("thinkingBudget", whole=True)
    if budget <= 0:
        return "none" if budget == 0 else None  # -1: as much as the model likes
    return effort_of(budget)


def _content(parts: list[dict[str, Json]]) -> Json:
    """Parts as a message's content, empty texts left out."""
    return content_of([part for part in parts if part.get("text") != ""])
