"""Which calls belong together, so that they stay with one credential: its caches are warm. Pure."""

from gateway.shapes import Json

_LONGEST = 512


def sticky_key(body: dict[str, Json], licence_id: int) -> str:
    """What the conversation goes by, for this licence alone; "": it does not say.

    The first of `session_id` (ours: it is taken out, platforms do not know it), `prompt_cache_key`,
    `user` and `metadata.user_id`.
    """
    session = body.pop("session_id", None)
    metadata = body.get("metadata")
    user_id = metadata.get("user_id") if isinstance(metadata, dict) else None
    for value in (session, body.get("prompt_cache_key"), body.get("user"), user_id):
        if isinstance(value, str) and value:
            return f"{licence_id}:{value[:_LONGEST]}"
    return ""
