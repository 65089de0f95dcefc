"""Limits and budgets of a licence in the admin: set as people write them, shown with the spend."""

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from licences import issuing
from licences.models import Licence
from tests.licences.people import ada, bob
from tests.licences.test_admin import LIST, history, page, posted
from tests.licences.test_command_limits import spend

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("platforms"),
]
LIMITS = {
    "rpm": "10",
    "tpm": "20000",
    "concurrency": "3",
    "model_limits": '{"gpt-5*": {"rpm": 2}}',
    "budget_total_micros": "100",
    "budget_day_micros": "2.50",
    "budget_month_micros": "0.000001",
}


def test_limits_are_set_and_changed(operator: Client) -> None:
    operator.post(f"{LIST}add/", posted(name="carol", **LIMITS))

    licence = Licence.objects.get()
    assert (licence.rpm, licence.tpm, licence.concurrency) == (10, 20_000, 3)
    assert licence.model_limits == {"gpt-5*": {"rpm": 2}}
    assert licence.budget_total_micros == 100_000_000
    assert (licence.budget_day_micros, licence.budget_month_micros) == (2_500_000, 1)

    changed = {**LIMITS, "rpm": "", "model_limits": "", "budget_day_micros": ""}
    operator.post(page(licence), posted(name="carol", **changed))

    licence.refresh_from_db()
    assert (licence.rpm, licence.model_limits, licence.budget_day_micros) == (None, {}, None)
    assert (licence.tpm, licence.budget_total_micros) == (20_000, 100_000_000)
    said = "Changed Requests per minute, Limits of models and Budget per day."
    assert history(licence)[-1] == said


def test_the_page_to_add_a_licence_begins_without_limits(operator: Client) -> None:
    form = operator.get(f"{LIST}add/").context["adminform"].form

    assert form["model_limits"].value() == ""


def test_saving_a_page_unchanged_changes_nothing(operator: Client) -> None:
    operator.post(f"{LIST}add/", posted(name="carol", **LIMITS))
    licence = Licence.objects.get()
    form = operator.get(page(licence)).context["adminform"].form
    shown = {name: str(form[name].value()) for name in LIMITS}

    operator.post(page(licence), posted(name="carol", **shown))

    assert history(licence)[-1] == "No fields changed."


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rpm", "0"),
        ("tpm", "-1"),
        ("concurrency", "x"),
        ("model_limits", "gpt-5*: 10"),
        ("model_limits", "[]"),
        ("model_limits", '{"a": {"rpm": 0}}'),
        ("model_limits", '{"a\\u0000": {"rpm": 1}}'),
        ("budget_day_micros", "-1"),
        ("budget_day_micros", "0.0000001"),
        ("budget_total_micros", "1e99"),
    ],
)
def test_a_mistake_is_named_and_issues_nothing(operator: Client, name: str, value: str) -> None:
    answer = operator.post(f"{LIST}add/", posted(name="x", **{name: value}))

    assert list(answer.context["adminform"].form.errors) == [name]
    assert not Licence.objects.exists()


def test_the_spend_stands_beside_the_budget(operator: Client) -> None:
    licence, _key = ada(budget_day_micros=2_000_000, budget_total_micros=10_000_000)
    spend(licence, total=12_000_000, day=1_250_000, month=3_000_000)
    other, _key = bob()
    spend(other, total=70_000)

    listed = operator.get(LIST).content.decode()
    changing = operator.get(page(licence)).content.decode()

    assert "12.00 of 10.00 in total; 1.25 of 2.00 today" in listed
    assert ">0.07<" in listed
    assert "1.25 USD spent today of 2.00, 0.75 left" in changing
    assert "12.00 USD spent in total of 10.00, 0.00 left" in changing
    assert "3.00 USD spent this month<" in changing


def test_the_list_asks_once_for_all_spends(operator: Client) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as seen:
            operator.get(LIST)
        return len(seen)

    ada()
    before = count()
    for _number in range(5):
        bob()

    assert count() == before


def test_who_may_not_change_a_budget_does_not_read_it_in_millionths() -> None:
    user = User.objects.create(username="viewer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_licence"))
    viewer = Client()
    viewer.force_login(user)
    licence, _key = ada(budget_day_micros=2_000_000)

    text = viewer.get(page(licence)).content.decode()

    assert "0.00 USD spent today of 2.00, 2.00 left" in text
    assert "2000000" not in text


def test_limits_of_a_revoked_licence_stay_as_they_are(operator: Client) -> None:
    licence, _key = ada(rpm=5, budget_day_micros=2_000_000)
    issuing.revoke(licence)

    operator.post(page(licence), posted(name="late", **LIMITS))

    licence.refresh_from_db()
    assert (licence.name, licence.rpm, licence.budget_day_micros) == ("late", 5, 2_000_000)
