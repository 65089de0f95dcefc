"""POST playground/pass/: a pass of some minutes, by which the page calls on a licence's behalf."""

from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST

from gateway.console.pages import for_staff
from licences import passes
from licences.models import Licence
from licences.passes import Pass

PAUSE_S = 1800
"""After so long without a pass, the next one is another use, and written to the history again."""
_SESSION = "playground"


@require_POST
@for_staff("gateway.use_playground")
@sensitive_variables("text")
def give(request: HttpRequest) -> HttpResponse:
    """A pass for the licence whose id is posted, and for how many seconds it is good.

    Also for one that is not in force: what its holder is told then is worth seeing.
    """
    id = request.POST.get("licence", "")
    licence = Licence.objects.filter(pk=int(id)).first() if _is_number(id) else None
    if licence is None:
        message = _("This licence is not there any more. Reload the page.")
        return JsonResponse({"error": message}, status=404)
    user_id = request.user.pk
    assert isinstance(user_id, int)  # for_staff lets nobody else in
    now_s = int(timezone.now().timestamp())
    _remember(request, licence, user_id, now_s)
    key = passes.signing_key(settings.SECRET_KEY)
    text = passes.make(Pass(licence.pk, user_id, now_s + passes.LIFE_S), key)
    return JsonResponse({"pass": text, "seconds": passes.LIFE_S})


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def _remember(request: HttpRequest, licence: Licence, user_id: int, now_s: int) -> None:
    """Write to the licence's history that it is used here, once for each time of use."""
    uses: dict[str, int] = request.session.get(_SESSION, {})
    last_s = uses.get(str(licence.pk))
    if last_s is None or now_s > last_s + PAUSE_S:
        LogEntry.objects.log_actions(
            user_id=user_id,
            queryset=[licence],
            action_flag=CHANGE,
            change_message=_("Used in the playground."),
            single_object=True,
        )
    recent = {id: s for id, s in uses.items() if now_s <= s + PAUSE_S}
    request.session[_SESSION] = {**recent, str(licence.pk): now_s}
