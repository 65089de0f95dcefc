"""The list of models as each kind of client expects it: OpenAI's, Anthropic's, Gemini's.

Sources: wire notes anthropic §5, gemini §2 (Nov 2026).
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Literal

from gateway.shapes import Json

Shape = Literal["openai", "anthropic", "gemini"]
Listed = dict[str, Json]
"""A model in OpenAI's shape."""


def shape_for(headers: Mapping[str, str], *, beta: bool) -> Shape:
    """Whose client asks: by the headers that its SDK always sends; `beta`: under /v1beta/."""
    if beta or "x-goog-api-key" in headers:
        return "gemini"
    return "anthropic" if "anthropic-version" in headers else "openai"


def listed(models: Collection[Listed], shape: Shape) -> dict[str, Json]:
    """All of them on one page."""
    shown = [one(model, shape) for model in models]
    if shape == "gemini":
        return {"models": shown}
    if shape == "anthropic":
        ends = {"first_id": shown[0]["id"], "last_id": shown[-1]["id"]} if shown else {}
        return {"data": shown, "has_more": False, "first_id": None, "last_id": None, **ends}
    return {"object": "list", "data": shown}


def one(model: Listed, shape: Shape) -> dict[str, Json]:
    """One of them."""
    name = model["id"]
    if shape == "gemini":
        methods = ["generateContent", "streamGenerateContent", "countTokens"]
        return {
            "name": f"models/{name}",
            "displayName": name,
            "supportedGenerationMethods": methods,
        }
    if shape == "anthropic":
        created = datetime.fromtimestamp(model["created"], UTC)
        return {
            "type": "model",
            "id": name,
            "display_name": name,
            "created_at": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
    return model
