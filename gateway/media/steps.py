"""One step of a media task: submit it, ask how it stands, or copy what was made.

Each step begins with a row that is leased to this worker, and ends with the row changed and the
lease given back. What a step may do twice (ask, copy) is simply done again after a crash; what it
may not (submit) is announced in the row first.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseFailure
from django.utils import timezone

from gateway import attempts
from gateway.errors import ApiError, explain
from gateway.jobs import JobKind, Progress, Result
from gateway.media import asking, endings, tasks
from gateway.media.calls import Calls, surely_refused
from gateway.media.endings import Endings
from gateway.media.outcome import used_of
from gateway.media.results import BrokenMedia
from gateway.media.storage import Draft
from gateway.media.tools import Tools
from gateway.models import MediaTask, TaskState
from gateway.retry import VERDICTS
from gateway.shapes import Failure
from platforms.errors import AllResting, NoCredential
from platforms.pool import LOOK_S
from platforms.routes import CredentialSpec, PlatformSpec, Route

logger = logging.getLogger(__name__)

MOST_FAILURES = 8
"""Of copies in a row, and of submits that a platform put off; polls may fail until the deadline."""
_REPEATED = (TaskState.RUNNING, TaskState.STORING)
_LONGEST_ID = 500  # characters; what the column holds
_NO_ID = Progress("failed", failure=Failure("broken", "The platform's id of the job is too long."))
_TYPICAL_S = {"image": 20.0, "video": 90.0}


class Steps:
    """All steps, as one table: `take` does the next one of a task."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._database = tools.database
        self._calls = Calls(tools.upstream, tools.store, tools.results)
        self._endings = Endings(tools)
        self._do: dict[str, Callable[[MediaTask], Awaitable[None]]] = {
            TaskState.QUEUED: self._submit,
            TaskState.SUBMITTING: self._lost,
            TaskState.RUNNING: self._poll,
            TaskState.STORING: self._copy,
        }

    async def take(self, task: MediaTask) -> None:
        """Do the next step of a task that is leased to us."""
        try:
            if timezone.now() >= task.deadline_at and task.state != TaskState.SUBMITTING:
                return await self._endings.fail(task, endings.late(task))
            await self._do[task.state](task)
        except DatabaseFailure:
            raise  # its lease runs out, and it is taken up again
        except Exception as error:
            explained = explain(error)
            if explained.code == "internal_error":
                logger.exception("Media task %s failed inside the gateway", task.pk)
                if task.state in _REPEATED and task.failures + 1 < MOST_FAILURES:
                    # A full disk or a bucket out of reach is no reason to lose what is paid for.
                    failures, wait_s = task.failures + 1, _backoff_s(task.failures)
                    state = TaskState(task.state)
                    return await self._release(task, state, wait_s, failures=failures)
            await self._endings.fail(task, explained, refused=task.state == TaskState.QUEUED)

    async def _submit(self, task: MediaTask) -> None:
        """Order it from the platform: with one credential after another while they are refused."""
        if not await self._database(tasks.is_licensed, task):
            return await self._endings.fail(task, endings.unlicensed(), refused=True)
        route = asking.route(task, self._tools.catalogue)
        plan = asking.plan(task, route)
        pool = self._tools.pool
        last: Failure | None = None
        state = TaskState.QUEUED
        own = (await self._pinned(task))[1] if task.remixed_from else None
        tried: set[int] = set()
        counted = 0  # refusals cost nothing and end with the last credential
        while counted < settings.TOKENS_ATTEMPTS:
            credential = pool.choose(route, tried=tried) if own is None else own
            if credential is None or not pool.is_free(route, credential):
                break
            tried.add(credential.id)
            said = {
                "state": TaskState.SUBMITTING,
                "submitted_at": timezone.now(),
                "credential_id": credential.id or None,
                "credential_name": credential.name,
                "attempts": task.attempts + 1,
            }
            if not await self._database(tasks.move, task, state, **said):
                return  # cancelled, deleted, or taken over
            state = TaskState.SUBMITTING
            with contextlib.ExitStack() as stack:
                use = stack.enter_context(pool.take(route, credential))
                try:
                    progress, drafts = await self._calls.order(
                        plan, route.platform, credential, stack
                    )
                except Failure as failure:
                    last = self._tools.noted(failure, task.platform, credential)
                    attempts.told(use, failure)
                    if not surely_refused(failure):
                        return await self._endings.fail(task, endings.unknown(task, failure))
                    verdict = VERDICTS[failure.kind]
                    counted += verdict.credential == "count"
                    if own is not None or verdict.again == "never":
                        break
                else:
                    use.succeeded()
                    return await self._ordered(task, route.platform, credential, progress, drafts)
        if last is None:
            return await self._wait_for_credential(task, route, own)
        await self._put_off(task, route, last)

    async def _wait_for_credential(
        self, task: MediaTask, route: Route, own: CredentialSpec | None
    ) -> None:
        """All rest: looked at again when the first may be free. Raises NoCredential, AllResting."""
        pool = self._tools.pool
        pause = pool.pause(route) if own is None else pool.pause_of(route, own)
        if pause is None:
            raise NoCredential(route.platform.slug)
        seconds, why = pause
        if not _may_wait(task, seconds):
            raise AllResting(route.platform.slug, seconds, why)
        wait_s = max(seconds, LOOK_S if task.blocking else settings.TOKENS_POLL_S / 5)
        await self._release(task, TaskState.QUEUED, wait_s)

    async def _ordered(
        self,
        task: MediaTask,
        platform: PlatformSpec,
        credential: CredentialSpec,
        progress: Progress,
        drafts: dict[int, Draft],
    ) -> None:
        """The platform has accepted: it runs there, has failed there, or is already done."""
        self._log_strange(task, progress)
        said: dict[str, Any] = {
            "upstream_id": progress.upstream_id,
            "facts": {**task.facts, **progress.facts},
            "used": used_of(progress.usage),
        }
        if progress.status == "failed":
            return await self._failed_there(task, progress)
        if len(progress.upstream_id) > _LONGEST_ID:
            return await self._failed_there(task, _NO_ID)
        if progress.status == "completed" and drafts:
            # Inline: it cannot be fetched again, so the state stays one that is not resumed.
            for name, value in said.items():
                setattr(task, name, value)
            return await self._endings.keep(task, progress.results, drafts)
        if progress.status == "completed":
            rows = [asdict(result) for result in progress.results]
            said.update(state=TaskState.STORING, results=rows, progress=99)
            if await self._database(tasks.move, task, TaskState.SUBMITTING, **said):
                await self._copy(task)
            return
        said.update(state=TaskState.RUNNING, progress=_percent(task, progress), failures=0)
        await self._release(task, TaskState.SUBMITTING, settings.TOKENS_POLL_S, **said)

    async def _poll(self, task: MediaTask) -> None:
        """Ask the platform how it stands."""
        platform, credential = await self._pinned(task)
        kind: JobKind = "image" if task.kind == "image" else "video"
        with contextlib.ExitStack() as stack:
            try:
                progress, drafts = await self._calls.poll(
                    kind, task.upstream_id, platform, credential, stack
                )
            except BrokenMedia as broken:
                return await self._endings.fail(task, explain(broken))
            except Failure as failure:
                return await self._poll_again(task, credential, failure)
            self._log_strange(task, progress)
            if progress.status == "failed":
                return await self._failed_there(task, progress)
            if progress.status != "completed":
                age_s = (timezone.now() - task.created_at).total_seconds()
                wait_s = min(2 * settings.TOKENS_POLL_S, max(settings.TOKENS_POLL_S, age_s / 20))
                percent = _percent(task, progress)
                return await self._release(
                    task, TaskState.RUNNING, wait_s, progress=percent, failures=0
                )
            said: dict[str, Any] = {
                "facts": {**task.facts, **progress.facts},
                "used": {**task.used, **used_of(progress.usage)},
                "state": TaskState.STORING,
                "results": [{**asdict(result), "data": ""} for result in progress.results],
                "failures": 0,
                "progress": 99,
            }
            if drafts:
                # Inline, but the platform will tell it again: after a crash it is asked again.
                said.update(state=TaskState.RUNNING, results=[])
            if not await self._database(tasks.move, task, TaskState.RUNNING, **said):
                return
            if drafts:
                await self._endings.keep(task, progress.results, drafts)
            else:
                await self._copy(task)

    async def _poll_again(
        self, task: MediaTask, credential: CredentialSpec, failure: Failure
    ) -> None:
        """A poll that failed says nothing of the job: ask again, later and later."""
        self._tools.noted(failure, task.platform, credential)
        if failure.kind == "not_found" and task.failures + 1 >= MOST_FAILURES:
            message = f"The platform does not know this job any more: {failure.message}"
            return await self._endings.fail(task, explain(Failure("broken", message)))
        wait_s = max(failure.retry_after_s or 0.0, _backoff_s(task.failures))
        await self._release(task, TaskState.RUNNING, wait_s, failures=task.failures + 1)

    async def _copy(self, task: MediaTask) -> None:
        """Copy what the platform shows into our own storage."""
        platform, credential = await self._pinned(task)
        wanted = [Result(**row) for row in task.results]
        with contextlib.ExitStack() as stack:
            drafts: dict[int, Draft] = {}
            for place, result in enumerate(wanted):
                draft = stack.enter_context(self._tools.store.draft())
                try:
                    async with asyncio.timeout(platform.timeouts.total_s):
                        await self._tools.results.fetch(result, platform, credential, draft)
                except (Failure, TimeoutError) as error:
                    if result.optional:
                        continue
                    if isinstance(error, BrokenMedia) or task.failures + 1 >= MOST_FAILURES:
                        return await self._endings.fail(task, endings.uncopied(error, credential))
                    wait_s = _backoff_s(task.failures) / (4 if task.blocking else 1)
                    return await self._release(
                        task, TaskState.STORING, wait_s, failures=task.failures + 1
                    )
                drafts[place] = draft
            await self._endings.keep(task, wanted, drafts)

    async def _lost(self, task: MediaTask) -> None:
        """A submit without a worker: whether the platform has it cannot be known."""
        await self._endings.fail(task, endings.lost())

    async def _put_off(self, task: MediaTask, route: Route, failure: Failure) -> None:
        """Surely refused: tries again later, if that may help and nobody waits for too long."""
        pause = self._tools.pool.pause(route) if failure.kind == "rate" else None
        if pause is not None:
            failure.retry_after_s = pause[0]  # of the first that is free, not of the last asked
        patient = failure.kind in ("rate", "overloaded") or failure.unsent
        if task.blocking:
            patient = pause is not None and _may_wait(task, pause[0])
        if not patient or task.failures + 1 >= MOST_FAILURES:
            return await self._endings.fail(task, explain(failure), refused=True)
        least_s = LOOK_S if task.blocking else _backoff_s(task.failures)
        wait_s = max(failure.retry_after_s or 0.0, least_s)
        said = {"state": TaskState.QUEUED, "submitted_at": None, "failures": task.failures + 1}
        await self._release(task, TaskState.SUBMITTING, wait_s, **said)

    async def _release(
        self, task: MediaTask, source: TaskState, wait_s: float, /, **said: Any
    ) -> None:
        """Give the lease back; the task is due again in `wait_s` seconds."""
        due = min(timezone.now() + timedelta(seconds=wait_s), task.deadline_at)
        await self._database(tasks.move, task, source, due_at=due, lease_until=None, **said)

    async def _failed_there(self, task: MediaTask, progress: Progress) -> None:
        failure = progress.failure or Failure("broken", "The platform failed and gave no reason.")
        error = explain(failure)
        if failure.code:
            error = ApiError(error.status, error.message, type=error.type, code=failure.code)
        await self._endings.fail(task, error)

    async def _pinned(self, task: MediaTask) -> tuple[PlatformSpec, CredentialSpec]:
        """The task's own platform and credential, also when they are switched off by now."""
        found = asking.pinned_in(self._tools.catalogue, task)
        return found or await self._database(asking.pinned_rows, task)

    def _log_strange(self, task: MediaTask, progress: Progress) -> None:
        if progress.strange:
            logger.warning(
                "Media task %s: the platform %s reports a status that is not known, %r; taken for "
                "in progress",
                task.pk,
                task.platform,
                progress.strange,
            )


def _percent(task: MediaTask, progress: Progress) -> int:
    """Progress that never goes back; made up from the time where the platform says nothing."""
    percent = progress.percent
    if percent is None and progress.status == "in_progress":
        begun = task.submitted_at or task.created_at
        passed_s = (timezone.now() - begun).total_seconds()
        percent = int(95 * passed_s / (passed_s + _TYPICAL_S[task.kind]))
    return max(task.progress, min(percent or 0, 99))


def _may_wait(task: MediaTask, seconds: float) -> bool:
    """Somebody is waiting for a blocking one."""
    waited_s = (timezone.now() - task.created_at).total_seconds()
    return not task.blocking or waited_s + seconds <= settings.TOKENS_QUEUE_S


def _backoff_s(failures: int) -> float:
    return float(min(60.0, settings.TOKENS_POLL_S * 2 ** min(failures, 6)))
