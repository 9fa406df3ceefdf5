"""Sentences that would say more than their number, and the cases that tell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import cxstats as cx
from cxstats.findings import Verdict
from cxstats.methods import planning
from cxstats.methods.ranks import rank_sets
from cxstats.metrics import NPS
from cxstats.studies.sample_size import sentences, study

DESCRIPTION = """
title: Claims
population: Customers
period: {{from: 2025-01-01, to: 2025-03-31}}
responses: {{file: answers.csv}}
customer: customer
scores: {{nps: {{column: nps, scale: 0-10}}}}
wave: {{column: wave, order: [w1, w2, w3]}}
groups: {{team: {{column: team}}}}
{more}
"""


def survey_of(folder: Path, rows: list[tuple], more: str = "") -> cx.Survey:
    """Rows are (customer, wave, nps, team, weight)."""
    lines = ["customer,wave,nps,team,weight", *(",".join(map(str, row)) for row in rows)]
    (folder / "answers.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "survey.yml").write_text(DESCRIPTION.format(more=more), encoding="utf-8")
    return cx.open_survey(folder / "survey.yml")


def wave(name: str, counts: tuple[int, int, int], team=lambda i: "a") -> list[tuple]:
    scores = np.repeat([3, 8, 10], counts)
    return [(f"{name}-{i}", name, score, team(i), 1) for i, score in enumerate(scores)]


def numbers_of(survey: cx.Survey, **given) -> study.Numbers:
    usual = {
        "metric": "nps",
        "margin": None,
        "level": 0.95,
        "power": 0.8,
        "response_rate": None,
        "population": None,
        "wave": None,
        "group": None,
        "smallest_group": 10,
        "days": 10,
        "seed": 1,
    }
    return study.measure(survey, study.settings(survey, **usual | given))


def test_a_wave_without_answers_is_not_replaced_by_the_one_before(tmp_path: Path) -> None:
    survey = survey_of(tmp_path, [*wave("w1", (20, 30, 50)), ("x", "w2", "", "a", 1)])
    numbers = numbers_of(survey, wave="w2")
    assert numbers.n == 0
    assert numbers.total is None
    assert "No answers" in sentences.answer(numbers).answer
    assert (
        numbers_of(survey).waves[-1].label == "w1"
    )  # not asked for: the latest with answers, named on the page


def test_a_wave_left_out_is_named(tmp_path: Path) -> None:
    survey = survey_of(
        tmp_path, [*wave("w1", (20, 30, 50)), *wave("w2", (1, 1, 2)), *wave("w3", (20, 30, 50))]
    )
    limits = dict(sentences.limits(numbers_of(survey), survey))
    assert "the one since w1" in limits["What w2 showed."]


def test_a_small_real_change_is_not_called_steady(tmp_path: Path) -> None:
    survey = survey_of(tmp_path, [*wave("w1", (200, 3000, 800)), *wave("w2", (140, 3000, 860))])
    numbers = numbers_of(survey, margin=8)
    finding = sentences.answer(numbers)
    assert finding.verdict is Verdict.NEGLIGIBLE
    assert finding.low > 0
    assert "steady" not in finding.answer
    assert "rose, but by less than would matter" in finding.answer


def test_what_would_settle_it_depends_on_the_change_seen(tmp_path: Path) -> None:
    survey = survey_of(tmp_path, [*wave("w1", (200, 300, 500)), *wave("w2", (180, 300, 520))])
    near = numbers_of(survey, margin=5)  # a change of 4 seen
    assert near.verdict is Verdict.INCONCLUSIVE
    steady = next(p for p in near.plans if p.key == "steady").size.n
    # the gap of one point takes far more answers than ruling 5 out where nothing changed
    assert near.settling > 10 * steady
    assert f"{near.settling:,} answers a wave" in sentences.answer(near).answer
    edge = numbers_of(survey, margin=4.0)
    assert edge.settling is None
    assert "so near the margin" in sentences.answer(edge).answer


def test_the_plan_says_what_customers_in_both_waves_are_taken_for(tmp_path: Path) -> None:
    rows = [(i, w, int(s), "a", 1) for w in ("w1", "w2") for i, s in enumerate(np.repeat([3, 8, 10], 60))]
    numbers = numbers_of(survey_of(tmp_path, rows[:-60] + [(f"n{i}", "w2", 9, "a", 1) for i in range(60)]))
    said = " ".join(next(p for p in numbers.plans if p.key == "detect").assumptions)
    assert numbers.change.correlation > 0.1
    assert "100%" not in said
    assert "as large a share of customers as now" in said


def test_a_population_has_a_plan_of_its_own(tmp_path: Path) -> None:
    numbers = numbers_of(survey_of(tmp_path, wave("w1", (20, 30, 50))), population=400)
    these = next(p for p in numbers.plans if p.key == "these").size
    assert these.n == planning.n_for_margin(NPS, 5, counts=numbers.counts, population=400).n < 400


def test_the_example_of_the_card_has_the_interval_of_its_group(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    rows = [
        (
            i,
            "w1",
            int(rng.choice([3, 8, 10])),
            "few" if i < 40 else "many",
            round(float(np.exp(rng.normal())), 3),
        )
        for i in range(300)
    ]
    numbers = numbers_of(survey_of(tmp_path, rows, "weight: {column: weight}"))
    table = numbers.groups[0]
    group = table.estimates[table.labels.index("few")]
    assert numbers.card_for.endswith("few")
    assert numbers.card.n == round(group.effective_n) < 40
    assert numbers.card.row("score").estimate.low == pytest.approx(group.low)
    assert numbers.card.row("score").estimate.high == pytest.approx(group.high)


def test_places_that_are_all_clear_are_not_called_open() -> None:
    values, errors = [30.0, 28.0, -10.0, -60.0], [2.0] * 4
    table = study.GroupTable(
        "team", "Team", ("a", "b", "c", "d"), (90,) * 4, (), 0, rank_sets(values, errors, seed=1), np.empty(0)
    )
    assert "a and b" in sentences.rank_headline(table)
    assert sentences.rank_headline(table).endswith("the others have a place of their own")
    blurred = replace(table, ranks=rank_sets([30.0, 28.0, -10.0, -11.0], errors, seed=1))
    assert sentences.rank_headline(blurred).endswith("not all others can be put in order")


def test_a_sequence_that_errs_too_often_gives_way_to_one_that_does_not() -> None:
    counts = np.zeros(11)
    counts[0], counts[10] = 8, 992
    chosen = study.Settings("nps", 5.0, 0.95, 0.8, None, None, None, None, 10, 90, 1)
    alarms = study._alarms(counts, 2000, NPS, chosen)
    assert alarms.sequence.low <= 0.05


def test_who_did_not_answer_and_is_in_no_wave_makes_no_response_rate(tmp_path: Path) -> None:
    rows = [(i, "w1" if i < 40 else "", (i * 7) % 11 if i < 40 else "", "a", 1) for i in range(200)]
    survey = survey_of(tmp_path, rows)
    cells = survey.cells(by=["nps", "wave"])

    class Invited:
        """The survey with a record of invitations."""

        n_invited, wave = 200, "wave"

    assert study._invited(Invited(), cells, "w1") is None
    placed = cells.assign(wave=cells["wave"].fillna("w1"))
    assert study._invited(Invited(), placed, "w1") == 200


def test_one_group_below_the_highest_is_not_given_a_place_it_shares() -> None:
    ranks = rank_sets([-4.7, -7.7, -15.1], [2.2, 4.2, 3.5], seed=1)
    assert (ranks.lower.tolist(), ranks.upper.tolist()) == ([1, 1, 2], [2, 3, 3])
    table = study.GroupTable("land", "Land", ("DE", "CH", "AT"), (90,) * 3, (), 0, ranks, np.empty(0))
    assert sentences.rank_headline(table) == "By land, DE and CH could each be highest; AT could not"
    # a group that is not shown may be higher than all of these
    hidden = replace(table, hidden=2)
    assert sentences.rank_headline(hidden).startswith("By land, of those shown, DE and CH could")
