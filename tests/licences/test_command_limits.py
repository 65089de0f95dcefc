"""Limits and budgets in `manage.py licence …`: as people write them, beside the spend."""

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from licences.limits.spending import budgets_of
from licences.limits.terms import Spent
from licences.models import Licence, LicenceSpend
from licences.money import MAX_MICROS, from_micros, to_micros
from tests.licences.people import ada, bob

pytestmark = pytest.mark.django_db


def run(*arguments: object) -> str:
    out = io.StringIO()
    call_command("licence", *map(str, arguments), stdout=out)
    return out.getvalue()


def spend(licence: Licence, **micros: int) -> None:
    today = timezone.now().date()
    starts = {"total": today.replace(year=1970), "day": today, "month": today.replace(day=1)}
    for window, cost in micros.items():
        LicenceSpend.objects.create(
            licence=licence, window=window, starts_on=starts[window], cost_micros=cost
        )


def test_issue_takes_every_limit() -> None:
    limits = {"gpt-*": {"rpm": 3, "tpm": 100}}
    rates = ["--rpm", 10, "--tpm", 20_000, "--concurrency", 2]
    budget = ["--budget", "10.00", "--budget-window", "month", "--budget", "0.5"]

    text = run(
        *("issue", "--name", "n", *rates, *budget, "--budget-window", "day"),
        *("--model-limits", json.dumps(limits), "--json"),
    )

    answer, licence = json.loads(text), Licence.objects.get()
    assert (licence.rpm, licence.tpm, licence.concurrency) == (10, 20_000, 2)
    assert licence.model_limits == answer["model_limits"] == limits
    assert (licence.budget_month_micros, licence.budget_day_micros) == (10_000_000, 500_000)
    assert licence.budget_total_micros is None
    assert answer["budgets"] == {
        "day": {"amount": "0.50", "spent": "0.00", "left": "0.50"},
        "month": {"amount": "10.00", "spent": "0.00", "left": "10.00"},
    }


def test_a_budget_without_a_window_is_in_total() -> None:
    run("issue", "--name", "n", "--budget", "10.00")

    assert Licence.objects.get().budget_total_micros == 10_000_000


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--rpm", "0"], "--rpm: Ensure this value is greater than or equal to 1."),
        (["--tpm", "many"], "argument --tpm: invalid int value: 'many'"),
        (["--concurrency", "1" + "0" * 30], "--concurrency: Ensure this value is less than"),
        (["--budget", "-1"], "--budget: “-1” is no amount; it is zero or more"),
        (["--budget", "0.0000001"], "--budget: “0.0000001” is no amount"),
        (["--budget", "NaN"], "--budget: “NaN” is no amount"),
        (["--budget", "1e999999999"], "is no amount"),
        (["--budget", "1", "--budget", "2"], "Each --budget needs a --budget-window of its own"),
        (["--budget-window", "day"], "Each --budget needs"),
        (["--budget-window", "year"], "invalid choice: 'year'"),
        (["--model-limits", "gpt"], "--model-limits is no JSON"),
        (["--model-limits", "[]"], "--model-limits: This must be a JSON object"),
        (["--model-limits", "null"], "--model-limits: This must be a JSON object"),
        (["--model-limits", '{"a b": {"rpm": 1}}'], "--model-limits: “a b” is not a model pattern"),
        (["--model-limits", '{"a\\u0000": {"rpm": 1}}'], "is not a model pattern"),
        (["--model-limits", '{"a": {}}'], "--model-limits: “a” must have an object of limits"),
        (["--model-limits", '{"a": {"rpd": 1}}'], "“rpd” of “a” cannot be so: limits are rpm"),
        (["--model-limits", '{"a": {"rpm": true}}'], "“rpm” of “a” cannot be so"),
    ],
)
def test_a_mistake_is_named_and_issues_nothing(arguments: list[str], sentence: str) -> None:
    with pytest.raises(CommandError) as error:
        run("issue", "--name", "n", *arguments)

    assert sentence in str(error.value)
    assert not Licence.objects.exists()


def test_show_and_list_have_the_spend_beside_the_budget(
    django_assert_num_queries: Any,
) -> None:
    licence, _key = ada(budget_day_micros=2_000_000, budget_total_micros=10_000_000, rpm=5)
    spend(licence, total=12_000_000, day=1_250_000, month=3_000_000)
    bob()

    with django_assert_num_queries(2):  # licences and all that they have spent
        listed = json.loads(run("list", "--json"))
    shown = json.loads(run("show", licence.pk, "--json"))

    assert [row["spent"] for row in listed] == ["0.00", "12.00"]
    assert shown == listed[1]
    assert shown["rpm"] == 5
    assert shown["budgets"] == {
        "total": {"amount": "10.00", "spent": "12.00", "left": "0.00"},
        "day": {"amount": "2.00", "spent": "1.25", "left": "0.75"},
    }
    assert "day (amount 2.00, spent 1.25, left 0.75)" in run("show", licence.pk)
    assert "12.00" in run("list")


def test_what_was_spent_yesterday_is_not_of_today() -> None:
    licence, _key = ada(budget_day_micros=2_000_000)
    yesterday = timezone.now().date() - timedelta(days=1)
    LicenceSpend.objects.create(
        licence=licence, window="day", starts_on=yesterday, cost_micros=1_000_000
    )

    shown = json.loads(run("show", licence.pk, "--json"))

    assert shown["budgets"]["day"]["left"] == "2.00"


@pytest.mark.parametrize(
    ("text", "micros", "again"),
    [
        ("10", 10_000_000, "10.00"),
        ("0", 0, "0.00"),
        (" 2.50 ", 2_500_000, "2.50"),
        ("0.000001", 1, "0.000001"),
        ("999999999.999999", MAX_MICROS, "999999999.999999"),
    ],
)
def test_money_is_typed_in_units_and_kept_in_millionths(text: str, micros: int, again: str) -> None:
    assert to_micros(text) == micros
    assert from_micros(micros) == again


def test_every_window_has_its_budget() -> None:
    licence, _key = ada(budget_total_micros=1, budget_day_micros=2, budget_month_micros=3)
    spent = Spent(4, 5, 6, timezone.now().date())

    assert budgets_of(licence, spent) == {"total": (1, 4), "day": (2, 5), "month": (3, 6)}
