"""Old and new findings beside each other; a difference is a change only when its interval says so."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

import cxstats as cx
from cxstats.reporting import catalog as catalogs
from cxstats.reporting import publish, record, run
from cxstats.reporting.compare import change, with_comparison
from cxstats.reporting.execute import Executed
from cxstats.reporting.index import render_index
from cxstats.reporting.periods import parse_period
from cxstats.reporting.plan import SurveyRef, plan
from cxstats.reporting.progress import Progress

from .conftest import ANSWER, HEADER, PART, Workshop

PARAMETERS = 'survey: str = "demo"\nlevel: cx.Level = 0.95'


def answer(value: float | None, low: float | None, high: float | None, **more: Any) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "effect": "NPS", "unit": "points"} | more


# The rule ------------------------------------------------------------------------------------------


def test_the_interval_is_newcombes() -> None:
    """Newcombe (1998), Statistics in Medicine 17, 873-890, Table II, method 10: 56/70 less 48/80."""
    now, before = (answer(x / n, *proportion_confint(x, n, method="wilson")) for x, n in ((56, 70), (48, 80)))
    moved = change(now, before)
    assert moved.kind == "higher"
    assert moved.difference == pytest.approx(0.2)
    assert (moved.low, moved.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_it_is_the_interval_that_the_studies_give_for_two_groups() -> None:
    first, second = (40, 25, 35), (30, 20, 70)
    now, before = (answer(e.value, e.low, e.high) for e in (cx.estimate(c, cx.NPS) for c in (second, first)))
    theirs = cx.compare(first, second, cx.NPS)
    moved = change(now, before)
    assert (moved.difference, moved.low, moved.high) == pytest.approx(
        (theirs.difference, theirs.low, theirs.high), abs=1e-6
    )


def test_with_the_same_customers_the_distances_add_and_that_is_said() -> None:
    now, before = answer(10.0, 8.0, 12.0), answer(6.5, 4.5, 8.5)
    moved = change(now, before, customers="same")
    assert (moved.low, moved.high) == (-0.5, 7.5)
    assert moved.kind == "none"
    assert "same customers answered both times" in moved.note
    assert change(now, before, customers="different").kind == "higher"
    assert change(now, before, customers="different").note == ""
    assert "as a rule, wider" in change(now, before).note


def test_ranges_are_told_apart_only_where_they_lie_apart() -> None:
    ranges = {"assumption_low": 1.0, "assumption_high": 2.0}
    assert change(answer(None, 12.0, 20.0), answer(None, 1.0, 11.0)).kind == "higher"
    assert change(answer(None, 10.0, 20.0), answer(None, 1.0, 11.0)).kind == "none"
    moved = change(answer(10.0, 8.0, 12.0, **ranges), answer(5.0, 3.0, 8.5, **ranges))
    assert (moved.kind, moved.low, moved.high) == ("none", -0.5, 9.0)


@pytest.mark.parametrize(
    ("now", "before", "why"),
    [
        ({"effect": "change in NPS since W2"}, {"effect": "change in NPS since W2"}, "share a period"),
        ({}, {"effect": "CSAT"}, "measure different things"),
        ({}, {"unit": "%"}, "measure different things"),
        ({"level": 0.9}, {"level": 0.95}, "different confidence levels"),
        ({"days": "2025-01-01/2025-03-31"}, {"days": "2024-04-01/2025-01-01"}, "overlap"),
        ({"low": None}, {}, "no interval"),
        ({}, {"high": float("nan")}, "no interval"),
    ],
)
def test_what_is_no_like_for_like_is_not_compared(now, before, why) -> None:
    moved = change(answer(5.0, 4.0, 6.0) | now, answer(1.0, 0.0, 2.0) | before)
    assert moved.kind == "not_comparable"
    assert why in moved.why


@pytest.mark.simulation
def test_chance_alone_is_called_a_change_no_more_often_than_it_should() -> None:
    """Two periods of one true share: independent customers, and the same ones with every correlation."""
    rng = np.random.default_rng(20250401)
    runs, n, share = 1500, 300, 0.3
    for together, customers in (
        (0.0, "different"),
        (0.0, "same"),
        (0.5, "same"),
        (0.9, "same"),
        (-0.3, "same"),
    ):
        both = share**2 + together * share * (1 - share)
        pairs = rng.multinomial(n, [both, share - both, share - both, 1 - 2 * share + both], size=runs)
        false = 0
        for a, b, c, _ in pairs:
            now, before = (answer(x / n, *proportion_confint(x, n, method="wilson")) for x in (a + b, a + c))
            false += change(now, before, customers=customers).kind != "none"
        rate = false / runs
        assert rate <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5, (together, customers, rate)
        if customers == "different":
            assert rate >= 0.05 - 4 * (0.05 * 0.95 / runs) ** 0.5  # and it finds what there is


# From record to page and index -----------------------------------------------------------------------


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Stands for execution: what the next run's notebook will say."""
    said: dict[str, Any] = {"header": {}, "answer": {}, "points": []}

    def execute(*_: Any, **__: Any) -> Executed:
        parts = [HEADER | said["header"], ANSWER | {"effect": "NPS"} | said["answer"]]
        if said["points"]:
            parts.append({"part": "points", "points": said["points"]})
        cells = [
            nbformat.v4.new_code_cell("show", id="show"),
            nbformat.v4.new_markdown_cell("## Evidence", id="e"),
        ]
        cells[0].outputs = [
            nbformat.v4.new_output("display_data", {PART: part, "text/plain": "p"}) for part in parts
        ]
        return Executed(nbformat.v4.new_notebook(cells=cells), 1, {"start": 0.0, "cells": 0.0})

    monkeypatch.setattr(run, "execute", execute)
    return said


QUARTERS = {"q4": "2024-Q4", "q1": "2025-Q1"}


def describe(path: str) -> SurveyRef:
    """A survey a quarter, all of one name, or (``x-q4``) each with its own."""
    name = Path(path).stem
    period = parse_period(QUARTERS[name[-2:]])
    return SurveyRef(name if "-" in name else "ours", path, name, period=(period.start, period.end))


def go(workshop: Workshop, survey: str, *, force: bool = False, **entry: Any) -> run.Outcome:
    workshop.entries["size"] = {"notebook": "size", "title": "Size", "survey": f"{survey}.yml"} | entry
    jobs, _ = plan(catalogs.load(workshop.catalog), describe=describe)
    quiet = Progress(io.StringIO(), live=False)
    (outcome,) = run.render(
        jobs, publish.open_out(workshop.out), progress=quiet, engine="kernel", force=force
    )
    return outcome


@pytest.fixture
def ready(workshop: Workshop) -> Workshop:
    workshop.add("size", "1", parameters=PARAMETERS)
    return workshop


def point(headline: str, figure: str | None = None) -> dict[str, Any]:
    return {"headline": headline, "number": "+3", "interval": "+1 to +5", "sentence": "", "figure": figure}


def test_old_and_new_stand_side_by_side_on_page_and_index(ready, says) -> None:
    old = {
        "value": 1.0,
        "low": -1.0,
        "high": 3.0,
        "answer": "NPS <b>was</b> low. Really.",
        "verdict": "inconclusive",
    }
    says |= {
        "header": {"period_text": "October–December 2024", "n_text": "700 answers"},
        "answer": old | {"verdict_words": "Too few answers to say"},
        "points": [point("Old & gone"), point("Ladder, then", "ladder")],
    }
    assert go(ready, "q4").status == "ok"
    says |= {
        "header": {"period_text": "January–March 2025"},
        "answer": {"value": 6.0, "low": 4.0, "high": 8.0, "answer": "NPS is high."},
        "points": [point("Ladder, now", "ladder"), point("New")],
    }
    outcome = go(ready, "q1", compare_with="2024-Q4")
    page = outcome.page.read_text(encoding="utf-8")
    text = " ".join(page.split())
    for words in (
        "Compared with October–December 2024",
        "another verdict, “Too few answers to say”; +5.0 points (+2.2 to +7.8), higher beyond chance.",
        "NPS &lt;b&gt;was&lt;/b&gt; low.",
        "What was found then and now",
        "700 answers",
        "as a rule, wider than it need be",
        "Main points then and now",
        "Old &amp; gone: +3 (+1 to +5)",
    ):
        assert words in text, words
    row = text[text.index("Ladder, then") :]
    assert row.index("Ladder, now") < row.index("<tr"), "points of one figure stand in one row"
    (card,) = record.cards(ready.out)
    assert card["comparison"]["change"]["kind"] == "higher"
    index = render_index([card])
    assert "“NPS &lt;b&gt;was&lt;/b&gt; low” (Too few answers to say)." in index
    assert "Higher than in Oct–Dec 2024, beyond chance." in index
    # the page of the quarter before has an analyst's edition too, and names of files are of no order
    analysts = [path.read_text(encoding="utf-8") for path in outcome.page.parent.glob("analyst-*.html")]
    assert sum("What was found then and now" in analyst for analyst in analysts) == 1


def test_where_headlines_differ_the_published_scores_are_compared(ready, says) -> None:
    scores = [
        {"effect": "NPS", "value": value, "low": value - 2, "high": value + 2, "unit": "points"}
        for value in (31.0, 38.0)
    ]
    says |= {
        "header": {"period_text": "October–December 2024", "score": scores[0]},
        "answer": {"effect": "change in NPS since W1"},
    }
    assert go(ready, "q4").status == "ok"
    says |= {
        "header": {"period_text": "January–March 2025", "score": scores[1]},
        "answer": {"effect": "change in NPS since W2"},
    }
    outcome = go(ready, "q1", compare_with="2024-Q4")
    text = " ".join(outcome.page.read_text(encoding="utf-8").split())
    # (±2)² + (±2)²: 7 ± 2.83
    said = (
        "NPS itself: +31.0 points then, +38.0 points now; +7.0 points (+4.2 to +9.8), higher beyond chance."
    )
    assert said in text
    (card,) = record.cards(ready.out)
    assert said in card["comparison"]["sentence"]


def test_what_was_found_before_is_part_of_what_a_report_is_made_from(ready, says) -> None:
    says |= {
        "header": {"period_text": "October–December 2024"},
        "answer": {"value": 1.0, "low": 0.0, "high": 2.0},
    }
    go(ready, "x-q4")
    says["header"] = {"period_text": "January–March 2025"}
    now = {"compare_with": {"survey": "x-q4.yml", "customers": "different"}}
    assert go(ready, "x-q1", **now).status == "ok"
    assert go(ready, "x-q1", **now).status == "unchanged"
    says |= {
        "header": {"period_text": "October–December 2024"},
        "answer": {"value": 1.5, "low": 0.5, "high": 2.5},
    }
    go(ready, "x-q4", force=True)  # the quarter before is corrected
    says["header"] = {"period_text": "January–March 2025"}
    assert go(ready, "x-q1", **now).status == "ok"
    go(ready, "x-q4", force=True, title="Size")
    says["header"] = {"period_text": "October–December 2024"}
    go(ready, "x-q4", force=True)  # rendered again to the same findings
    before = record.load_all(ready.out)["x-q1", "size"]
    assert len(before) == 2


@pytest.mark.parametrize(
    ("text", "stated", "days"),
    [
        ("October–December 2024", False, "2024-10-01/2024-12-31"),
        ("2024-Q4", False, "2024-10-01/2024-12-31"),
        ("Wave 2", False, ""),  # one wave of the survey's period: which of its days is not known
        ("Wave 2", True, "2024-10-01/2024-12-31"),
        ("", False, "2024-10-01/2024-12-31"),
    ],
)
def test_a_page_of_one_wave_is_not_taken_for_the_whole_of_the_surveys_period(
    ready, says, text, stated, days
) -> None:
    says["header"] = {"period_text": text}
    go(ready, "q4", **({"period": "2024-Q4"} if stated else {}))
    (made,) = record.load_all(ready.out)["ours", "size"]
    assert made["period"] == days


def test_a_report_that_is_not_there_is_said_to_be_missing(ready, says) -> None:
    outcome = go(ready, "q1", compare_with="2024-Q4")
    page = " ".join(outcome.page.read_text(encoding="utf-8").split())
    assert "October–December 2024:</strong> there is no good report of it to compare with." in page
    assert "then and now" not in page
    assert "no good report to compare with" in render_index(record.cards(ready.out))


def test_the_same_inputs_give_the_same_bytes_in_both_editions(ready, says, snapshot) -> None:
    says["header"] = {"period_text": "October–December 2024"}
    go(ready, "q4")
    says |= {
        "header": {"period_text": "January–March 2025"},
        "answer": {"value": 9.0, "low": 8.0, "high": 10.0},
    }
    go(ready, "q1", compare_with="2024-Q4")
    first = snapshot(ready.out)
    assert go(ready, "q1", compare_with="2024-Q4", force=True).status == "ok"
    second = snapshot(ready.out)
    pages = [name for name in second if "/run-" not in name]
    assert sum("analyst-" in name for name in pages) >= 1
    # the page before's companions lie there a while longer: someone may have them open
    assert {name: second[name] for name in pages} == {name: first[name] for name in pages}


def test_an_older_period_that_is_made_again_is_not_held_against_a_later_one(ready, says) -> None:
    for survey, words, value in (("q4", "October–December 2024", 1.0), ("q1", "January–March 2025", 9.0)):
        says |= {
            "header": {"period_text": words},
            "answer": {"value": value, "low": value - 1, "high": value + 1},
        }
        go(ready, survey)
    (card,) = record.cards(ready.out)
    assert [row["value"] for row in card["history"]] == [1.0, 9.0]
    assert "higher than in Oct–Dec 2024, beyond chance" in render_index([card])
    says |= {
        "header": {"period_text": "October–December 2024"},
        "answer": {"value": 2.0, "low": 1.0, "high": 3.0},
    }
    go(ready, "q4", force=True)
    (card,) = record.cards(ready.out)
    assert [row["value"] for row in card["history"]] == [2.0]


def test_a_notebook_without_comparison_is_left_as_it_is() -> None:
    notebook = nbformat.v4.new_notebook()
    assert with_comparison(notebook, {}, None, None) is notebook
