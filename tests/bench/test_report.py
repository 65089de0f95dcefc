"""What is said of a run: true verdicts, no ratio of nothing, a readable report and chart."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import orjson
import pytest

from bench import report
from bench.chart import Panel, svg
from bench.figures import medians, ratio
from bench.load import Outcome
from bench.machine import OtherWork
from bench.markdown import markdown, table
from bench.run import Found, Sample
from bench.scenarios import (
    BARE,
    BLOCKING,
    DIRECT,
    GATEWAY,
    LITELLM,
    ONE,
    PORTKEY,
    STREAMS,
    THOUSAND,
)
from bench.verdicts import BOUNDS, Bound, Verdict, judge, spelt


def turn(
    contender: str, scenario: str, number: int = 0, answers: int = 100, wait_s: float = 0.001
) -> Sample:
    events = 0 if scenario in (ONE, BLOCKING) else 100 * answers
    outcome = Outcome(answers, events, elapsed_s=1.0, waits_s=[wait_s] * answers)
    return Sample(contender, scenario, number, outcome, cpu_s=0.1, peak_mb=50)


def good() -> Found:
    """A run in which everything holds."""
    answers = {DIRECT: 9_000, BARE: 2_000, GATEWAY: 1_600, PORTKEY: 300, LITELLM: 20}
    waits_s = {DIRECT: 0.0001, GATEWAY: 0.0005}
    samples = [
        turn(name, scenario, 0, count, waits_s.get(name, 0.001))
        for scenario in (ONE, BLOCKING, STREAMS, THOUSAND, "200 paced streams")
        for name, count in answers.items()
    ]
    return Found(samples, {"LiteLLM, gemini": "status 500 | `no`"}, {GATEWAY: [1.5, 1.9, 1.4]}, 300)


def test_a_ratio_is_the_median_of_what_ran_in_the_same_round() -> None:
    counts = {BARE: (100, 1_000, 400), GATEWAY: (50, 500, 300)}
    samples = [
        turn(name, BLOCKING, number, answers)
        for name, rounds in counts.items()
        for number, answers in enumerate(rounds)
    ]
    samples.append(turn(LITELLM, BLOCKING, 7))

    assert medians(samples)[BLOCKING, GATEWAY]["answers_per_s"] == 300
    assert ratio(samples, BLOCKING, GATEWAY, BARE, "answers_per_s") == 0.5
    assert ratio(samples, BLOCKING, GATEWAY, LITELLM, "answers_per_s") is None  # no common round
    assert ratio(samples, BLOCKING, GATEWAY, BARE, "events_per_s") is None  # of nothing


def test_errors_are_added_up_and_no_answers() -> None:
    samples = [turn(GATEWAY, BLOCKING, number) for number in range(3)]
    for sample in samples:
        sample.outcome.errors["cut"] = 2

    assert medians(samples)[BLOCKING, GATEWAY]["errors"] == 6
    assert medians(samples)[BLOCKING, GATEWAY]["answers_per_s"] == 100


@pytest.mark.parametrize(
    ("way", "value", "word"),
    [
        ("at least", 2.0, "holds"),
        ("at least", 1.9, "MISSED"),
        ("at most", 2.0, "holds"),
        ("at most", 2.1, "MISSED"),
        ("below", 1.9, "holds"),
        ("below", 2.0, "MISSED"),
        ("below", None, "not measured"),
        ("at least", None, "not measured"),
    ],
)
def test_a_verdict_keeps_to_its_bound(way: str, value: float | None, word: str) -> None:
    verdict = Verdict(Bound("", "", "", 2, way), value)  # type: ignore[arg-type] # from a table

    assert (verdict.word, verdict.holds) == (word, word == "holds")


@pytest.mark.parametrize(
    ("value", "alone", "word"),
    [
        (3.0, 2.5, "MISSED, by load and upstream alone too"),
        (3.0, 1.0, "MISSED"),
        (3.0, None, "MISSED"),
        (1.0, 2.5, "holds"),
    ],
)
def test_what_load_and_upstream_miss_themselves_is_said(
    value: float, alone: float | None, word: str
) -> None:
    assert Verdict(Bound("", "", "", 2, "below"), value, alone).word == word


def test_a_run_in_which_all_is_well_holds() -> None:
    assert {verdict.bound.title: verdict.word for verdict in judge(good())} == {
        bound.title: "holds" for bound in BOUNDS
    }


@pytest.mark.parametrize("name", [LITELLM, PORTKEY, BARE, DIRECT])
def test_without_a_contender_what_is_beside_it_is_not_measured(name: str) -> None:
    found = good()
    found.samples = [sample for sample in found.samples if sample.contender != name]

    for verdict in judge(found):
        assert (verdict.value is None) == (verdict.bound.base == name)


def test_a_run_of_nothing_measures_nothing() -> None:
    assert {verdict.word for verdict in judge(Found())} == {"not measured"}


@pytest.mark.parametrize("found", [good(), Found()], ids=["whole", "empty"])
def test_the_report_is_markdown_with_whole_tables(found: Found) -> None:
    text = markdown(found, datetime(2026, 11, 26, tzinfo=UTC))
    columns = 0
    for line in text.splitlines():
        cells = line.replace("\\|", "").count("|") if line.startswith("|") else 0
        assert cells in (0, columns) or columns == 0, line
        columns = cells

    for bound in BOUNDS:
        assert bound.title in text
    assert "(report.svg)" in text
    assert ("LiteLLM, gemini" in text) == bool(found.failed)


def test_a_table_has_a_rule_under_its_head() -> None:
    assert table([("", "a"), ("x", "1")]) == "|  | a |\n| --- | ---: |\n| x | 1 |\n"


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.4567, "0.457"), (12.34, "12.3"), (12345.6, "12,346")]
)
def test_figures_have_three_digits_that_count(value: float, text: str) -> None:
    assert spelt(value) == text


@pytest.mark.parametrize(
    "values",
    [
        {GATEWAY: 1_600.0, "LiteLLM <&>": 20.0, "nobody": 0.0},
        {GATEWAY: 1.0},
        {"x": 0.5},
        {"nobody": 0.0},
        {},
    ],
)
def test_the_chart_is_well_formed_and_in_proportion(values: dict[str, float]) -> None:
    root = ElementTree.fromstring(svg([Panel("A & B", "/s", values)], GATEWAY))
    bars = root.findall("{http://www.w3.org/2000/svg}rect")
    lengths = dict(zip(values, (float(bar.attrib["width"]) for bar in bars), strict=True))

    assert sorted(lengths, key=lambda name: lengths[name]) == sorted(values, key=values.__getitem__)
    assert all((lengths[name] > 0) == (value > 0) for name, value in values.items())
    assert all(length < 600 for length in lengths.values())


def test_only_a_whole_run_replaces_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "HERE", tmp_path)
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results")

    report.write(good(), is_whole=False)
    assert not (tmp_path / "REPORT.md").exists()
    assert (tmp_path / "results/REPORT.md").exists()

    report.write(good(), is_whole=True)
    content = orjson.loads((tmp_path / "report.json").read_bytes())
    assert (tmp_path / "REPORT.md").exists()
    assert len(content["verdicts"]) == len(BOUNDS)
    assert "holds" in report.text(good())


def test_other_work_is_a_share_and_not_our_own() -> None:
    other_work = OtherWork()
    began_s = time.process_time()
    while time.process_time() - began_s < 0.3:
        pass
    share = other_work.share()

    assert 0 <= share < 1


@pytest.mark.parametrize(("others", "told"), [(0.0, False), (0.04, False), (0.2, True)])
def test_a_noisy_run_says_so(others: float, told: bool) -> None:
    text = markdown(replace(good(), others=others), datetime(2026, 11, 26, tzinfo=UTC))

    assert f"Other work took {others:.0%}" in text
    assert ("waits and lags are partly its" in text) == told
