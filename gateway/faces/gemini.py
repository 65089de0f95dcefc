"""Gemini clients: generateContent's requests as chats. Pure.

Answers are in gemini_stream.py. Sources: wire notes gemini §1, §2, §5 and google-genai 3.4.0 (Nov
2026). Field names come in camelCase or snake_case, as protobuf's JSON allows; errors say camelCase.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from typing import NoReturn

import orjson
from typing_extensions import override

from gateway.errors import BadRequest
from gateway.faces import Asked
from gateway.faces.gemini_stream import GeminiAnswers
from gateway.faces.openai import require, typed
from gateway.shapes import Chat, Json

REFUSED: Mapping[str, str] = {
    "cachedContent": "it names what Google keeps for you; send the contents themselves",
    "continuationToken": "it continues an answer that Google keeps; send the contents so far",
    "generationConfig.speechConfig": "a chat answers in texts and pictures",
    "generationConfig.audioTranscriptionConfig": "a chat answers in texts and pictures",
    "generationConfig.imageConfig": "a chat has no word for a picture's shape; say it in the text",
}
"""What would change what is answered and cannot be said in a chat: refused, with the reason."""
DROPPED: Mapping[str, str] = {
    "safetySettings": "they set Google's own filters; each platform has its own",
    "labels": "for Google's bills",
    "store": "about Google's own logs",
    "generationConfig.topK": "tuning, and most platforms refuse what OpenAI has not",
    "generationConfig.mediaResolution": "tuning of what a picture costs",
    "contents.parts.mediaResolution": "tuning of what a picture costs",
    "contents.parts.videoMetadata": "tuning of how Google samples a film",
    "toolConfig.retrievalConfig": "for Google's own tools",
    "tools.googleSearch": "an offer that a model may leave alone, as are all tools of Google's own",
    "tools.functionDeclarations.response": "a hint; results say themselves what they are",
}
"""Left out, each for its reason, as is every field that is not known; told in `Face.dropped`."""
_KINDS = ("text", "inlineData", "fileData", "functionCall", "functionResponse")
_FOREIGN = ("executableCode", "codeExecutionResult", "toolCall", "toolResponse")
_USER = ("text", "inlineData", "fileData", "functionResponse")
_MODEL = ("text", "inlineData", "functionCall")
_NUMBERS = {
    "temperature": "temperature",
    "topP": "top_p",
    "presencePenalty": "presence_penalty",
    "frequencyPenalty": "frequency_penalty",
}
_COUNTS = {"maxOutputTokens": "max_tokens", "candidateCount": "n", "seed": "seed"}
_EFFORTS = ("minimal", "low", "medium", "high", "xhigh")
_BUDGETS = ((0, "none"), (1024, "low"), (8192, "medium"))
"""Tokens of thinking up to which it is this effort; the reverse of Google's own table (§5)."""
_TIERS = {"standard": "default", "flex": "flex", "priority": "priority"}
_AUDIO = {"wav": "wav", "x-wav": "wav", "wave": "wav", "mp3": "mp3", "mpeg": "mp3"}
_MEDIA_TYPE = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,80}(;[^;,]{1,40}){0,2}")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")
_PICTURE = re.compile(r"\.(png|jpe?g|webp|gif|heic|heif|bmp)$", re.IGNORECASE)
_STREAM = "streamGenerateContent"

Fields = dict[str, Json]
"""An object with its names in camelCase and without nulls, which say nothing in protobuf's JSON."""


class GeminiFace(GeminiAnswers):
    """One request of `models/{model}:{method}`; `sse`: whether its stream was asked as events."""

    def __init__(self, model: str, method: str, *, sse: bool = True) -> None:
        super().__init__(stream=method == _STREAM, sse=sse)
        self._model = model
        self._method = method

    @override
    def read(self, body: bytes) -> Asked:
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            what = f"{error.msg} (line {error.lineno}, column {error.colno})" if body else "it is empty"
            raise BadRequest(f"The body is not valid JSON: {what}.", code="invalid_json") from None
        if type(value) is not dict:
            raise BadRequest("The body must be a JSON object.", code="invalid_type")
        request, at = self._request(value)
        if not _items(request, "contents", at):
            raise BadRequest(
                f"'{at}contents' is empty; at least one content is needed.", param=f"{at}contents"
            )
        return Asked(self._model, self._method == _STREAM, value)

    @override
    def chat(self, asked: Asked) -> Chat:
        self.dropped.clear()
        request, at = self._request(asked.body)
        try:
            messages = self._system(request, at) + _Turns(self._drop).messages(request, at)
            chat: Chat = {"model": asked.model, "messages": messages}
            ...
        except (RecursionError, orjson.JSONEncodeError):
            raise BadRequest("The request holds too many objects inside each other.") from None
        if asked.stream:
            chat |= {"stream": True, "stream_options": {"include_usage": True}}
        return chat
