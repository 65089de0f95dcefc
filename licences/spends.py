"""What licences have spent, beside their budgets, for the pages of the admin."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _, gettext_lazy, pgettext
from typing_extensions import override

from licences.limits.spending import budgets_of, spent
from licences.limits.terms import BudgetWindow
from licences.models import Licence
from licences.money import from_micros

_WINDOWS: dict[BudgetWindow, Any] = {
    "total": gettext_lazy("in total"),
    "day": gettext_lazy("today"),
    "month": gettext_lazy("this month"),
}


class SpendsList(ChangeList):
    """The list of licences, with what those on the page have spent: one query for all of them."""

    @override
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)  # so that it is read once
        note_spends(self.result_list)


def note_spends(licences: Iterable[Licence]) -> None:
    """Write down on each what it has spent, as of today (UTC)."""
    by_id = {licence.pk: licence for licence in licences}
    for id_, own in spent(by_id, timezone.now().date()).items():
        by_id[id_].spent = own


def short(licence: Licence) -> str:
    """What is spent of each budget; without any, in total. After `note_spends`."""
    texts = [
        in_words(own, amount, window)
        for window, (amount, own) in budgets_of(licence, licence.spent).items()
        if amount is not None
    ]
    return pgettext("between budgets", "; ").join(texts) or from_micros(licence.spent.total)


def in_words(own: int, amount: int, window: BudgetWindow) -> str:
    """What is spent of one budget."""
    return _("%(spent)s of %(amount)s %(window)s") % {
        "spent": from_micros(own),
        "amount": from_micros(amount),
        "window": _WINDOWS[window],
    }


def lines(licence: Licence) -> list[str]:
    """A line for each window, in the currency. After `note_spends`."""
    found = []
    for window, (amount, own) in budgets_of(licence, licence.spent).items():
        parameters = {
            "spent": from_micros(own),
            "currency": settings.TOKENS_CURRENCY,
            "window": _WINDOWS[window],
        }
        text = _("%(spent)s %(currency)s spent %(window)s")
        if amount is not None:
            text = _("%(spent)s %(currency)s spent %(window)s of %(amount)s, %(left)s left")
            parameters["amount"] = from_micros(amount)
            parameters["left"] = from_micros(max(0, amount - own))
        found.append(text % parameters)
    return found
