"""Coverage: the published table of exact coverages, simulation, and the card."""

from __future__ import annotations

import time

import numpy as np
import pytest

import cxstats as cx
from cxstats.methods.coverage import CARD_METHODS, _nearby, coverage, coverage_card
from cxstats.methods.exact import outcomes
from cxstats.methods.intervals import estimate

Z2 = 1.959963984540054**2
CES = cx.ces(7, high_is="easy")
COLUMNS = (
    ("wald", None),
    ("adjusted_wald", None),
    ("adjusted_wald", [1, 1, 1]),
    ("adjusted_wald", [Z2 / 3] * 3),
    ("score", None),
)
# T4 of the method notes: n, (detractors, promoters), then coverage and expected length (−1 … 1) for Wald,
# AW(3,T), AW(3,U), AW(z²,U), score; full enumeration, nominal 95 %
T4 = """
10  .02 .90  .6494/.289 .9298/.621 .9592/.643 .9298/.678 .9592/.631
10  .05 .75  .7776/.570 .9408/.697 .9408/.725 .9370/.732 .9647/.712
10  .20 .45  .8997/.885 .9555/.796 .9613/.825 .9706/.807 .9614/.847
10  .50 .50  .8906/1.159 .8906/.986 .8906/1.009 .9785/.973 .9785/1.013
20  .05 .75  .9203/.456 .9498/.498 .9592/.513 .9498/.519 .9680/.496
20  .02 .90  .8752/.259 .9544/.415 .9671/.428 .9406/.452 .9648/.410
30  .20 .45  .9367/.537 .9488/.513 .9536/.520 .9546/.515 .9523/.527
30  .02 .90  .8413/.235 .9578/.326 .9695/.335 .9385/.351 .9609/.317
50  .20 .45  .9406/.420 .9482/.408 .9508/.411 .9535/.409 .9488/.415
100 .28 .36  .9454/.310 .9488/.305 .9497/.306 .9513/.305 .9507/.308
100 .02 .90  .9303/.146 .9620/.161 .9654/.163 .9581/.167 .9555/.156
200 .05 .75  .9448/.154 .9509/.155 .9511/.156 .9512/.156 .9507/.155
""".strip().splitlines()


@pytest.mark.parametrize("line", T4)
@pytest.mark.parametrize("column", range(5))
def test_t4_exact_coverage_and_length(line, column):
    n, detractors, promoters, *cells = line.split()
    expected, length = (float(x) for x in cells[column].split("/"))
    method, added = COLUMNS[column]
    d, p = float(detractors), float(promoters)
    result = coverage(int(n), [d, 1 - d - p, p], cx.NPS, method=method, pseudo_counts=added)
    assert result.exact
    assert result.monte_carlo_error == 0
    assert result.value == pytest.approx(expected, abs=1e-4)
    assert result.expected_length / 200 * 2 == pytest.approx(length, abs=6e-4)


@pytest.mark.parametrize("method", ["dirichlet", "bootstrap", "goodman", "score"])
def test_every_result_one_by_one(method):
    # n = 9: all 55 results through the public function, weighted by hand
    shares = np.array([0.15, 0.2, 0.65])
    counts, coefficient = outcomes(9, 3)
    chance = np.exp(coefficient + counts @ np.log(shares))
    inside = [
        e.low - 1e-7 <= 50 <= e.high + 1e-7 for e in (estimate(row, cx.NPS, method=method) for row in counts)
    ]
    assert coverage(9, shares, cx.NPS, method=method).value == pytest.approx(chance @ inside, abs=1e-9)


@pytest.mark.parametrize("n", [10, 30, 60])
@pytest.mark.parametrize("shares", [(0.02, 0.08, 0.9), (0.2, 0.35, 0.45), (0.5, 0.0, 0.5)])
def test_exact_keeps_its_level(n, shares):
    result = coverage(n, shares, cx.NPS, method="exact")
    assert result.value >= 0.95 - 1e-9
    assert np.isnan(result.expected_length)


@pytest.mark.parametrize("method", ["wilson", "clopper_pearson", "jeffreys", "score", "exact"])
def test_shares(method):
    result = coverage(30, [0.3, 0.7], cx.csat(5), method=method)
    assert result.exact
    assert 0.92 < result.value < 1
    if method in ("clopper_pearson", "exact"):
        assert result.value >= 0.95


def test_more_than_three_values_are_simulated_with_their_error():
    shares = np.array([1, 1, 2, 6, 10, 20, 20]) / 60
    first = coverage(60, shares, CES, seed=1, replicates=4000)
    assert not first.exact
    assert first.monte_carlo_error == pytest.approx(np.sqrt(0.05 * 0.95 / 4000), rel=0.2)
    assert first.value == pytest.approx(0.95, abs=4 * first.monte_carlo_error)
    assert first == coverage(60, shares, CES, seed=1, replicates=4000)
    assert first != coverage(60, shares, CES, seed=2, replicates=4000)


def test_simulation_agrees_with_enumeration(monkeypatch):
    shares = [0.05, 0.2, 0.75]
    listed = coverage(40, shares, cx.NPS, method="wald")
    monkeypatch.setattr("cxstats.methods.coverage._results", lambda *_: None)
    drawn = coverage(40, shares, cx.NPS, method="wald")
    assert drawn.value == pytest.approx(listed.value, abs=4 * drawn.monte_carlo_error)
    assert drawn.expected_length == pytest.approx(listed.expected_length, rel=0.01)


def test_many_answers_leave_out_nothing_that_shows():
    # 3,000 answers: 4.5 million results, of which some 65,000 have a probability worth listing
    result = coverage(3000, [0.1, 0.3, 0.6], cx.NPS)
    assert result.exact
    assert result.value == pytest.approx(0.95, abs=5e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"distribution": [20, 30, 50]}, "divide them by their sum"),
        ({"distribution": [0.2, 0.8]}, "11 or 3"),
        ({"n": 0}, "n is 0"),
        ({"method": "tango"}, "not one of"),
        ({"method": "exact", "n": 300}, "at most 200"),
    ],
)
def test_errors_say_what_to_do(arguments, message):
    arguments = {"n": 10, "distribution": [0.2, 0.3, 0.5], **arguments}
    with pytest.raises(ValueError, match=message):
        coverage(arguments.pop("n"), arguments.pop("distribution"), cx.NPS, **arguments)


def test_card_tells_the_textbook_interval_from_the_others():
    # branch Leeds of the page's example: 40 answers, 29 promoters, 2 detractors
    card = coverage_card([2, 9, 29], cx.NPS)
    assert [row.method for row in card.rows] == list(CARD_METHODS)
    assert card.exact
    assert card.row("wald").falls_short
    assert card.row("bootstrap").falls_short
    assert not card.row("adjusted_wald").falls_short
    assert card.row("score").lowest > 0.93
    # this survey's intervals as the page prints them
    assert (card.row("score").estimate.low, card.row("score").estimate.high) == pytest.approx(
        (45.2, 81.2), abs=0.06
    )
    assert (card.row("wald").estimate.low, card.row("wald").estimate.high) == pytest.approx(
        (50.0, 85.0), abs=0.06
    )


def test_card_agrees_with_coverage():
    counts = np.array([4, 6, 10])
    card = coverage_card(counts, cx.NPS, methods=("score", "exact", "wald"))
    for row in card.rows:
        alone = coverage(20, counts / 20, cx.NPS, method=row.method)
        assert row.value == pytest.approx(alone.value, abs=1e-9)
        assert row.lowest <= row.value <= row.highest
    assert card.row("exact").lowest >= 0.95 - 1e-9
    assert not card.row("exact").falls_short


def test_nearby_distributions_are_those_the_result_makes_half_as_likely():
    counts = np.array([2, 9, 29])
    near = _nearby(counts / 40, 40, 0.5)
    ratio = np.exp(counts @ (np.log(near) - np.log(counts / 40)).T)
    assert near.sum(axis=1) == pytest.approx(1)
    assert ratio.min() == pytest.approx(0.5, abs=1e-6)
    assert np.all(ratio <= 1)
    # they surround the survey on every side
    assert near[:, 0].min() < 0.05 < near[:, 0].max()
    assert near[:, 2].min() < 29 / 40 < near[:, 2].max()


def test_card_when_all_answers_agree():
    card = coverage_card([0, 0, 10], cx.NPS)
    assert card.smoothed
    assert card.row("wald").lowest < 0.5
    assert card.row("score").lowest > card.row("wald").highest


def test_card_for_many_values_and_for_weights():
    card = coverage_card([1, 1, 2, 6, 10, 20, 20], CES, methods=("score", "wald"), replicates=4000)
    assert not card.exact
    assert card.rows[0].monte_carlo_error > 0
    assert "simulated" in card.how
    weighted = coverage_card([4, 18, 58], cx.NPS, methods=("score",), effective_n=40.2)
    assert weighted.n == 40
    assert weighted.rows[0].value == pytest.approx(
        coverage_card([2, 9, 29], cx.NPS, methods=("score",)).rows[0].value
    )


def test_card_as_table_and_in_a_notebook():
    card = coverage_card([2, 9, 29], cx.NPS, methods=("score", "wald"))
    frame = card.to_frame()
    assert list(frame["method"]) == ["Score", "Wald (textbook)"]
    assert list(frame["falls short"]) == [row.falls_short for row in card.rows]
    assert "falls short" in card._repr_html_()
    assert "Exact" in card.how
    with pytest.raises(ValueError, match="not on this card"):
        card.row("exact")


def test_the_card_for_a_hundred_answers_takes_less_than_a_second():
    coverage_card([2, 9, 29], cx.NPS)  # imports and first calls
    start = time.process_time()
    coverage_card([28, 36, 36], cx.NPS)
    # processor time: the machine may be busy with something else
    assert time.process_time() - start < 1.0


@pytest.mark.simulation
def test_weighting_one_pool_agrees_with_separate_simulations():
    # the card simulates all distributions near at once; each must agree with a simulation of its own
    from cxstats.methods.coverage import _simulated

    shares = np.array([1, 1, 2, 6, 10, 20, 20]) / 60
    near = np.vstack([shares, _nearby(shares, 60, 0.5)])
    pool = _simulated(60, near, CES, 0.95, ("score", "wald"), 1, 20_000)
    for i in range(0, len(near), 5):
        for method in ("score", "wald"):
            alone = coverage(60, near[i], CES, method=method, seed=100 + i)
            error = np.hypot(alone.monte_carlo_error, pool.error[method][i])
            assert pool.coverage[method][i] == pytest.approx(alone.value, abs=4 * error)
