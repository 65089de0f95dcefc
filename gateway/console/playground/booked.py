"""GET playground/booked/: what a call that the playground has made was booked with, and made."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from gateway.console.pages import for_staff
from gateway.console.units import money
from gateway.media.links import link
from gateway.models import MediaFile, UsageRecord

_ID = 64  # characters of an id at most


@for_staff("gateway.use_playground")
def show(request: HttpRequest) -> HttpResponse:
    """The usage record of `?request=`, once it is booked, and the files of the task `?task=`.

    Both ids are random and known only to who has made the call. Not being booked yet is no error:
    the page asks again.
    """
    record = UsageRecord.objects.filter(request_id=_id(request, "request")).first()
    answer: dict[str, Any] = {"booked": None, "files": _files(_id(request, "task"))}
    if record is not None:
        answer["booked"] = {
            "outcome": record.outcome,
            "outcome_name": record.get_outcome_display(),
            "cost": money(record.cost_micros, settings.TOKENS_CURRENCY),
            "is_priced": record.price_version > 0,
        }
    return JsonResponse(answer)


def _id(request: HttpRequest, name: str) -> str:
    # PostgreSQL takes no NUL, not even to look for it.
    return request.GET.get(name, "")[:_ID].replace("\x00", "")


def _files(task_id: str) -> list[dict[str, str]]:
    """What the task has made, with links on this host: a player fetches parts of a film."""
    if not task_id:
        return []
    made = MediaFile.objects.filter(task=task_id, variant__in=("image", "video"))
    files = made.order_by("position").select_related("task")
    return [{"url": link(file, ""), "type": file.content_type} for file in files]
