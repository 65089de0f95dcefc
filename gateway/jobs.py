"""Pictures and films: what is asked, and what an upstream says of it. Pure.

A protocol turns `Images` or `Video` into a `Plan`, which is one upstream call described; its
answer, and every later answer to a poll, is read as a `Progress`. A job survives a restart: all
that is kept of it is what was asked and the upstream's own id.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from gateway.bodies import Source
from gateway.shapes import Failure, Json, UpstreamRequest, Usage

JobKind = Literal["image", "video"]
Status = Literal["queued", "in_progress", "completed", "failed"]


@dataclass(frozen=True, slots=True)
class Images:
    """A call of images/generations or images/edits, checked by a face."""

    prompt: str
    sources: tuple[Source, ...] = ()
    """The pictures to edit; empty: one is to be made."""
    mask: Source | None = None
    n: int = 1
    size: str | None = None
    """`1024x1024`, or a platform's own word; None: not said, or `auto`."""
    options: Mapping[str, Json] = field(default_factory=dict)
    """Everything else under the caller's names: OpenAI's `quality`, `background`, `output_format`,
    `user` …, and a platform's own such as `seed`. Never null."""

    @property
    def is_edit(self) -> bool:
        """Whether pictures came with it."""
        return bool(self.sources)


@dataclass(frozen=True, slots=True)
class Remix:
    """The film that a new one is made from."""

    upstream_id: str
    """The upstream's name for it."""
    url: str
    """Where the upstream can fetch it; "" where nobody can."""


@dataclass(frozen=True, slots=True)
class Video:
    """A call of videos or videos/{id}/remix, checked by a face."""

    prompt: str
    sources: tuple[Source, ...] = ()
    """`input_reference`: the first frame, or pictures to go by."""
    seconds: int | None = None
    size: str | None = None
    """`1280x720`, or a platform's own word."""
    remix: Remix | None = None
    options: Mapping[str, Json] = field(default_factory=dict)
    """As with `Images`."""


@dataclass(frozen=True, slots=True)
class Result:
    """One file that an upstream has made: behind `url` or `path`, or else `data`, even if empty."""

    variant: Literal["image", "video", "thumbnail", "spritesheet"]
    url: str = ""
    """Where to fetch it: an address, or a data URL."""
    path: str = ""
    """To be fetched like an API call, with the credential: appended to the base URL."""
    data: str = field(default="", repr=False)
    """The file itself as base64, or the name of what `media.spill` has put aside."""
    with_key: bool = False
    """`url` wants the credential's headers; they are only sent to the platform's own origin."""
    revised_prompt: str = ""
    optional: bool = False
    """The job is whole without it: a thumbnail that may not exist."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What an upstream says of a job."""

    status: Status
    upstream_id: str = ""
    """The upstream's name for the job, from the answer that accepts it."""
    percent: int | None = None
    """0 to 100 where the upstream says so."""
    results: tuple[Result, ...] = ()
    """When completed: at least one."""
    failure: Failure | None = None
    """When failed."""
    usage: Usage | None = None
    """What the upstream says was used; the number of images and the seconds are counted by us
    where it leaves them 0."""
    facts: Mapping[str, Json] = field(default_factory=dict)
    """What is passed on to the caller as it is: an image answer's `usage`, `size`, `quality`,
    `background`; a film's `size`, `seconds`."""
    strange: str = ""
    """A status that is not known to us; it is taken for in progress, and logged."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One upstream call that makes or orders what was asked."""

    request: UpstreamRequest
    read: Callable[[bytes], Progress]
    """The answer of a 200. Raises Failure."""
    times: int = 1
    """So many of it side by side, for upstreams that make one image a call. More than 1 only where
    the answer brings the results at once."""
