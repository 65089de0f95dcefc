"""Where a thought signature stands in OpenAI's chat: as in Google's own OpenAI layer. Pure.

Gemini wants it back with the call, picture or text that it came with; clients bring it back there.
"""

from gateway.shapes import Json
from gateway.values import as_object, as_text


def kept(signature: Json) -> dict[str, Json]:
    """The field that keeps a signature, if there is one, in a call, a picture or a message."""
    return {"extra_content": {"google": {"thought_signature": signature}}} if signature else {}


def signature_of(holder: dict[str, Json]) -> str:
    """The signature that `kept` put there, "" where there is none."""
    google = as_object(as_object(holder.get("extra_content")).get("google"))
    return as_text(google.get("thought_signature"))
