"""The index: what each report found, whether it moved, and what failed."""

from __future__ import annotations

import base64
import doctest
import hashlib
import itertools
import re

import pytest

from cxstats.reporting import index
from cxstats.reporting.index import render_index

from .sample_cards import card, cards


@pytest.fixture(scope="module")
def html() -> str:
    return render_index(cards())


def articles(html: str) -> list[str]:
    return re.findall(r"<article.*?</article>", html, re.DOTALL)


def test_nothing_is_fetched_and_the_policy_allows_only_the_style(html):
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in html
    assert "<script" not in html
    assert "http://" not in html
    assert "https://" not in html
    assert " style=" not in html


def test_headings_and_language(html):
    levels = [int(level) for level in re.findall(r"<h(\d)", html)]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert '<html lang="en">' in html


def test_reports_stand_under_their_survey_with_a_count_per_verdict(html):
    first, second = (
        html.index(f">{title}</h2>") for title in ("Contoso relationship survey", "Contoso service calls")
    )
    assert first < html.index("Predictive validity") < second < html.index("The column score was not found")
    counts = re.findall(
        r"<li><b>(\d)</b> <span class=\"cx-verdict cx-(\w+)", re.sub(r"\n", " ", html).replace("  ", " ")
    )
    assert counts == [("2", "material"), ("1", "negligible"), ("2", "inconclusive"), ("1", "not_answerable")]
    assert "Seven reports on two surveys." in html


def test_the_main_finding_is_the_link(html):
    assert re.search(
        r'<h3><a href="contoso-relationship/r/index.html">The published \+37 is 11 to 22 points too high',
        html,
    )
    assert "ranked &lt;script&gt;</a>" in html


def test_a_failed_attempt_keeps_the_last_good_report_linked(html):
    failed = next(a for a in articles(html) if "NPS held steady" in a)
    assert 'class="cx-card cx-failed"' in failed
    assert "Last attempt failed on 2 April 2025." in failed
    assert "The file &lt;customers.xlsx&gt; was missing." in failed
    assert "This is the last good report, of 4 January 2025." in failed
    assert "<a href=" in failed


def test_a_report_of_an_earlier_description_says_so_and_is_not_counted():
    now = cards()[0] | {"failed": None}
    old = now | {"report": "old", "left_out": "2026-07-01", "published": "2026-06-01"}
    html = render_index([now, old])
    assert "Two reports on one survey." in html
    assert "One is from an earlier description of the survey, and not counted here." in html
    assert "From an earlier description, of 1 June 2026." in articles(html)[1]
    assert "The survey.yml of 1 July 2026 does not ask for it" in articles(html)[1]
    assert "earlier description" not in articles(html)[0]


def test_a_report_that_was_never_made_has_no_link(html):
    never = next(a for a in articles(html) if "There is no earlier report" in a)
    assert "<a " not in never
    assert never.count("Sample size · CSAT") == 1


def test_the_first_lines_count_failed_attempts(html):
    assert re.search(r"The last attempt failed for \w+ of them\.", html)
    alone = [{"survey": "s", "title": "t", "failed": {"date": "2025-04-02", "cause": "c"}}]
    assert "The last attempt failed for it." in render_index(alone)
    assert "attempt failed" not in render_index([{"survey": "s", "title": "t"}])


def test_a_number_held_against_itself_shows_how_far_chance_reaches():
    row = {"period": "2025", "value": 0.0, "low": -2.9, "high": 2.8}
    html = render_index([{"survey": "s", "title": "t", "margin": 5.0, "unit": "points", "history": [row]}])
    assert ">±2.9</text>" in html


def test_a_range_over_an_assumption_is_drawn_with_the_ends_of_its_region():
    rows = [
        {
            "period": period,
            "value": None,
            "low": low,
            "high": 2.6,
            "assumption_low": low + 3,
            "assumption_high": 0.0,
        }
        for period, low in (("2024", -20.2), ("2025", -14.2))
    ]
    html = render_index([{"survey": "s", "title": "t", "margin": 5.0, "unit": "points", "history": rows}])
    assert "cx-spark" in html
    assert ">−14</text>" in html
    assert ">+3</text>" in html
    assert "no report for" not in html
    assert "no change beyond chance since 2024" in html


def test_sparklines_label_the_last_value_and_mark_a_missing_period(html):
    effort = next(a for a in articles(html) if "Effort (CES)" in a)
    assert ">+0.031</text>" in effort
    assert "l6 6m0-6l-6 6" in effort
    level = next(a for a in articles(html) if "no two teams" in a)
    assert ">5.3</text>" in level, "a level is no difference: no sign"
    nothing = next(a for a in articles(html) if "Who did not answer" in a)
    assert "cx-spark" not in nothing


@pytest.mark.parametrize(
    ("values", "half", "words"),
    [
        # differences of 2 and 4 against sqrt(2)·2 = 2.83
        ([1.0, 3.0], 2.0, "no change beyond chance since Oct–Dec 2024"),
        ([1.0, 5.0], 2.0, "higher than in Oct–Dec 2024, beyond chance"),
        ([5.0, 1.0], 2.0, "lower than in Oct–Dec 2024, beyond chance"),
        ([5.0, None, 1.0], 2.0, "× no report for Oct–Dec 2024"),
        ([5.0], 2.0, ""),
    ],
)
def test_whether_it_changed_beyond_chance(values, half, words):
    assert index._change(card("material", "x", values, half)["history"]) == words


def test_an_index_of_nothing_says_so():
    html = render_index([])
    assert "No report has been made yet." in html
    assert "cx-tally" not in re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)


def test_a_mixed_index_says_which_data_is_simulated():
    real = card(
        "material", "Real", [1.0], 1, {"simulated": False, "survey": "real", "survey_title": "Real survey"}
    )
    html = render_index([*cards(), real])
    assert "are of invented customers" in html
    assert "No real customers" not in html
    assert "Simulated data" not in render_index([real])


def test_one_period_for_all_is_said_once():
    same = [{"survey": "s", "title": title, "period_text": "March 2025"} for title in ("a", "b")]
    assert render_index(same).count("March 2025") == 1
    html = render_index([*same, {"survey": "s", "title": "c", "period_text": "May 2025"}])
    assert (html.count("March 2025"), html.count("May 2025")) == (2, 1)


def test_a_record_with_hardly_any_keys_is_still_shown():
    assert "<h3>t</h3>" in render_index([{"survey": "s", "title": "t"}])


def test_examples():
    assert doctest.testmod(index).failed == 0
