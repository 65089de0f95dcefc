"""How media tasks end: their files kept and booked, or their failure told."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta

from gateway import attempts
from gateway.errors import ApiError, explain
from gateway.jobs import Result
from gateway.media import film, money, results, tasks
from gateway.media.intake import new_file
from gateway.media.outcome import record_of
from gateway.media.results import BrokenMedia
from gateway.media.storage import Draft
from gateway.media.tools import Tools
from gateway.models import MediaFile, MediaTask, TaskState
from gateway.shapes import Failure, Json
from platforms.routes import CredentialSpec


class Endings:
    """The last step of every task."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._database = tools.database

    async def keep(
        self,
        task: MediaTask,
        wanted: Iterable[Result],
        drafts: dict[int, Draft],
    ) -> None:
        """Look at each draft, store those that are whole, and end the task well."""
        kept: list[MediaFile] = []
        broken: BrokenMedia | None = None
        for position, result in enumerate(wanted):
            draft = drafts.get(position)
            if draft is None:
                continue
            try:
                kind = await results.look(result, draft)
            except BrokenMedia as error:
                broken = broken or (None if result.optional else error)
                continue
            found = await self._film(draft) if result.variant == "video" else {}
            prompt = result.revised_prompt
            kept.append(await new_file(self._tools, draft, result.variant, kind, position, prompt))
            if result.variant == "video":
                task.facts = {**task.facts, **found, **_address(result)}
        made = [file for file in kept if file.variant in ("image", "video")]
        if not made:
            await self.remove(kept)
            broken = broken or BrokenMedia("The platform answered without a file.")
            return await self.fail(task, explain(broken))
        for file in kept:
            file.task = task
        record = record_of(task, made)
        said = {"facts": task.facts, "used": task.used, "upstream_id": task.upstream_id}
        ids = [file.pk for file in kept]
        cost = record["cost_micros"]
        await money.settled(self._tools.limiter, task, cost)
        if await self._database(tasks.complete, task, ids, record, **said):
            self._tools.metrics.booked(record)
            self._tools.ended(task.pk)
            await self._drop_inputs(task)
        else:
            await money.settled(self._tools.limiter, task, -cost)  # it had ended already
            await self.remove(kept)

    async def fail(self, task: MediaTask, error: ApiError, *, refused: bool = False) -> None:
        """End it badly. `refused`: the platform surely has nothing, so it may be tried again."""
        if refused and task.submitted_at is not None:
            await self._database(tasks.move, task, TaskState.SUBMITTING, submitted_at=None)
        ended = tasks.Ended(error)
        record = record_of(task, (), error)
        if await self._database(tasks.fail, task, ended, record, frees_key=refused):
            await money.settled(self._tools.limiter, task, record["cost_micros"])
            self._tools.ended(task.pk)
            if not refused:
                await self._drop_inputs(task)

    async def _film(self, draft: Draft) -> dict[str, Json]:
        """What a film says of itself, for what neither platform nor caller has said."""
        found = await asyncio.to_thread(film.read, draft.file, draft.size)
        said: dict[str, Json] = {"seconds": found.seconds, "size": found.size}
        return {"film": {name: value for name, value in said.items() if value}}

    async def _drop_inputs(self, task: MediaTask) -> None:
        """What came with a task is not needed after its end."""
        await self.remove(await self._database(lambda: list(task.files.filter(variant="input"))))

    async def remove(self, files: Iterable[MediaFile]) -> None:
        """Remove files and their rows, the rows last: what they name can be removed again."""
        for file in files:
            await self._tools.store.delete(file.name)
            await self._database(MediaFile.objects.filter(pk=file.pk).delete)


def _address(result: Result) -> dict[str, Json]:
    """For a remix, which the platform makes from its own copy while that is there."""
    return {"upstream_url": result.url} if result.url[:4].lower() == "http" else {}


def unknown(task: MediaTask, failure: Failure) -> ApiError:
    """A submit that ended without a clear answer."""
    error = explain(failure)
    if failure.kind not in ("timeout", "unreachable") and failure.status is None:
        return error  # it has answered, and what it answered is the error
    return ApiError(
        error.status,
        f"{error.message} Whether the platform has begun is not known, so it was not tried again.",
        type=error.type,
        code=error.code if task.blocking else "submit_outcome_unknown",
        # OpenAI's SDKs repeat such a call by themselves otherwise.
        headers={**error.headers, "x-should-retry": "false"},
    )


def lost() -> ApiError:
    """A submit whose worker was gone before it had an answer."""
    return ApiError(
        502,
        "The gateway stopped while this was being submitted, so it is not known whether the "
        "platform has begun. It is not submitted again, because it may be billed; order it "
        "anew if it is still wanted.",
        type="server_error",
        code="submit_outcome_unknown",
    )


def late(task: MediaTask) -> ApiError:
    """The error of a task whose time is over."""
    minutes = (task.deadline_at - task.created_at) / timedelta(minutes=1)
    return ApiError(
        504,
        f"It was not done after {minutes:g} minutes, the longest that is waited for a task of this "
        "kind.",
        type="server_error",
        code="timeout",
    )


def unlicensed() -> ApiError:
    """The error of a task whose licence was revoked or switched off while it was queued."""
    return ApiError(
        401, "The licence that ordered this is not in force any more.", code="licence_revoked"
    )


def uncopied(error: Exception, credential: CredentialSpec) -> ApiError:
    """The error of a task whose result could not be copied, a Failure or TimeoutError."""
    if isinstance(error, Failure):
        attempts.scrub(error, credential)
        return explain(error)
    return explain(Failure("timeout", "The platform's file could not be fetched in time."))
