"""A call of a media endpoint becomes a task: looked at, checked, written, and begun."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from gateway.admission import admitted
from gateway.bodies import Source
from gateway.errors import BadRequest
from gateway.faces.media import Asked
from gateway.jobs import JobKind, Remix
from gateway.media import asking, money, tasks
from gateway.media.intake import Intake, Taken, fingerprint
from gateway.media.studio import Studio
from gateway.media.worker import first_lease
from gateway.models import MediaTask
from gateway.protocols import PROTOCOLS
from gateway.usage.entry import Entry
from licences.holders import Holder
from platforms.routes import Route

MAX_KEY = 255


@dataclass(frozen=True, slots=True)
class Order:
    """A call, read and authenticated."""

    kind: JobKind
    endpoint: str
    holder: Holder
    asked: Asked
    idempotency_key: str = ""
    remix: Remix | None = None
    source: MediaTask | None = None
    """The film that is remixed; a new one is made where it was made."""

    def __post_init__(self) -> None:
        key = self.idempotency_key
        if len(key) > MAX_KEY or not key.isprintable():
            raise BadRequest(
                f"The header Idempotency-Key must be of at most {MAX_KEY} printable characters.",
                param="Idempotency-Key",
            )


async def place(studio: Studio, entry: Entry, order: Order) -> MediaTask:
    """The task of this order: a new one, or that of the same order before. Raises ApiError.

    A blocking order is begun at once by this process's own worker, an asynchronous one is queued.
    """
    entry.route = route = admitted(
        studio.tools.catalogue, order.holder, entry, order.asked.model, order.kind
    )
    await money.admitted(studio.tools.limiter, entry, route)
    asked = asking.with_fields(order.asked, route.fields) if route.fields else order.asked
    # Before any picture is fetched or stored: what the platform cannot make is refused now.
    shape = [Source(given.name, file=given.name, size=1) for given in asked.inputs]
    mask_shape = Source("mask", file="mask", size=1) if asked.mask else None
    asking.plan_of(order.kind, asking.kept(asked, shape, mask_shape, order.remix), route)
    protocol = PROTOCOLS[route.platform.protocol]
    with Intake(studio.tools) as intake:
        masks = [asked.mask] if asked.mask else []
        taken = await intake.take([*asked.inputs, *masks], urls=protocol.takes_urls)
        digest = fingerprint(order.endpoint, f"{entry.platform} {order.source or ''}", asked, taken)
        if order.idempotency_key:
            found = await studio.database(tasks.of_key, order.holder.id, order.idempotency_key)
            if found is not None:
                same = tasks.same_request(digest, found)
                entry.forget_journal()
                return same
        sources, files = await _keep(intake, taken)
    mask = sources.pop() if asked.mask else None
    task = _row(studio, entry, order, route, digest)
    task.asked = tasks.storable(asking.kept(asked, sources, mask, order.remix))
    if route.groups:
        task.asked["groups"] = [sorted(names) for names in route.groups]
    # The task's own record tells of this call, under the same id; to ask for the same again is
    # free. Before the row is there: a client that leaves meanwhile must not be booked instead.
    limiter = studio.tools.limiter
    async with await money.reserved(limiter, entry, route, task, asked, order.kind) as reservation:
        with entry.booked_elsewhere():
            task, is_new = await studio.database(tasks.order, task, files)
        if is_new:
            limiter.let_go(reservation)
    if is_new:
        if task.blocking:
            studio.worker.begin(task)
        else:
            studio.worker.wake()
    return task


async def _keep(intake: Intake, taken: Sequence[Taken]) -> tuple[list[Source], list[str]]:
    sources, files = [], []
    for one in taken:
        source, file = await intake.keep(one)
        sources.append(source)
        if file is not None:
            files.append(file)
    return sources, files


def _row(studio: Studio, entry: Entry, order: Order, route: Route, digest: str) -> MediaTask:
    now = timezone.now()
    limits = {"image": settings.TOKENS_IMAGE_LIMIT_S, "video": settings.TOKENS_VIDEO_LIMIT_S}
    blocking = order.kind == "image" and not order.asked.is_async
    task = MediaTask(
        id=tasks.new_id(order.kind),
        kind=order.kind,
        endpoint=order.endpoint,
        request_id=entry.id,
        licence_id=order.holder.id,
        licence_name=order.holder.name,
        platform=route.platform.slug,
        model=tasks.storable(entry.model),
        upstream_model=tasks.storable(route.upstream_model),
        response_format=order.asked.response_format,
        blocking=blocking,
        price=asdict(route.price),
        created_at=now,
        due_at=now,
        deadline_at=now + timedelta(seconds=limits[order.kind]),
        idempotency_key=order.idempotency_key,
        fingerprint=digest,
    )
    if order.source is not None:
        # The platform knows the film by a name that belongs to this credential.
        task.remixed_from = order.source.pk
        task.credential_id = order.source.credential_id
    if blocking:
        for name, value in first_lease(studio.worker).items():
            setattr(task, name, value)
    return task
