"""What the explorer's fields offer while one types: licences and models by a part of their name."""

from django.http import HttpRequest, HttpResponse, JsonResponse

from gateway.console.pages import for_staff
from licences.models import Licence
from platforms.models import ModelMapping

MOST = 20


@for_staff("gateway.view_usageday")
def show(request: HttpRequest) -> HttpResponse:
    """`?field=licence|model&q=…`: `{"choices": [{"value", "label"}]}`.

    Of thousands of licences a browser shows no list; models that have no mapping can be typed.
    """
    typed = request.GET.get("q", "").strip()[:100].replace("\x00", "")
    find = {"licence": _licences, "model": _models}.get(request.GET.get("field", ""))
    return JsonResponse({"choices": find(typed) if find else []})


def _licences(typed: str) -> list[dict[str, str]]:
    found = Licence.objects.filter(name__icontains=typed).order_by("name", "pk")
    rows = found.values_list("pk", "name", "owner")[:MOST]
    return [{"value": f"{name} ({number})", "label": owner} for number, name, owner in rows]


def _models(typed: str) -> list[dict[str, str]]:
    found = ModelMapping.objects.filter(public_name__icontains=typed).order_by("public_name")
    names = found.values_list("public_name", flat=True).distinct()[:MOST]
    return [{"value": name, "label": ""} for name in names]
