"""An upstream that makes films as OpenAI's service did, and counts what it is asked."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from tests.gateway.media.pictures import film, video
from tests.upstreams import Connection, Play, answer


@dataclass
class FilmMaker:
    """Give `play` to an upstream; every film is done after `polls_needed` looks at it."""

    polls_needed: int = 1
    submits: int = 0
    polls: int = 0
    fetches: int = 0
    deleted: int = 0
    bodies: list[bytes] = field(default_factory=list)
    content: Play = field(default_factory=lambda: answer(film(), content_type="video/mp4"))
    on_submit: Play | None = None
    on_poll: Play | None = None
    poll_s: float = 0.0
    over: dict[str, Any] = field(default_factory=dict)

    async def play(self, peer: Connection) -> None:
        """Answer one request."""
        request = peer.request
        path = request.path.partition("?")[0]
        if request.method == "POST":
            self.submits += 1
            self.bodies.append(request.body)
            play = self.on_submit or answer(video(id=f"up_{self.submits}"))
        elif path.endswith("/content"):
            if "variant=" in request.path:
                play = answer({"error": {"message": "no such variant"}}, 404)
            else:
                self.fetches += 1
                play = self.content
        else:
            self.polls += 1
            await asyncio.sleep(self.poll_s)
            done = self.polls >= self.polls_needed
            state = video("completed", progress=100) if done else video("in_progress", progress=50)
            play = self.on_poll or answer({**state, **self.over})
        await play(peer)
