"""Follow-ups: the estimate against R's two-phase design and repeated surveys, plans against what they promise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

from cxstats.methods.follow_up import (
    hansen_hurwitz,
    instrument_power,
    n_for_instrument,
    optimal_design,
    plan,
)
from cxstats.methods.selection import instrument_contrast
from cxstats.metrics import NPS

SCORE = {"promoters": 10, "passives": 8, "detractors": 3}


def _cells(first: tuple[int, int, int], later: tuple[int, int, int], quiet: int, never: int) -> pd.DataFrame:
    """Counts of promoters, passives, detractors at first and in the follow-up; its silent; the never followed up."""
    return pd.DataFrame(
        {
            "nps": pd.array([10, 8, 3, 10, 8, 3, None, None], dtype="Int64"),
            "follow_up": [False] * 3 + [True] * 4 + [False],
            "n": [*first, *later, quiet, never],
        }
    )


def test_estimate_equals_rs_two_phase_design() -> None:
    # tests/reference/unseen.R, part 3: value 2, standard error 4.59373
    found = hansen_hurwitz(_cells((500, 300, 200), (60, 70, 70), 0, 3_800), NPS, score="nps")
    assert found.value == pytest.approx(2)
    # R draws the second phase without replacement and divides by n: a tenth of a percent
    assert found.standard_error == pytest.approx(4.59373, rel=1e-3)
    assert found.bias == pytest.approx(28)
    # nobody was silent in the follow-up: nothing is left open
    assert found.everyone.assumption == pytest.approx((2, 2))
    assert (found.everyone.low, found.everyone.high) == pytest.approx((found.low, found.high))
    assert (found.bias_region.low, found.bias_region.high) == pytest.approx((found.bias_low, found.bias_high))


def test_what_the_silent_of_the_follow_up_would_say_is_left_open() -> None:
    found = hansen_hurwitz(_cells((500, 300, 200), (60, 70, 70), 100, 3_700), NPS, score="nps")
    assert found.answer_rate == pytest.approx(2 / 3)
    # a third of the four fifths could all be detractors or all promoters
    middle = 0.2 * 30 + 0.8 * (2 / 3) * (-5)
    assert found.everyone.assumption == pytest.approx((middle - 80 / 3, middle + 80 / 3))
    assert found.bias_region.assumption == pytest.approx((30 - middle - 80 / 3, 30 - middle + 80 / 3))
    assert found.everyone.low < found.everyone.assumption_low


def test_repeated_customers_count_once() -> None:
    cells = _cells((500, 300, 200), (60, 70, 70), 50, 3_750)
    twice = hansen_hurwitz(cells.assign(n=2 * cells["n"]), NPS, score="nps", matrix=np.diag(4.0 * cells["n"]))
    once = hansen_hurwitz(cells, NPS, score="nps", matrix=np.diag(1.0 * cells["n"]))
    # n/(n − 1) aside
    assert twice.standard_error == pytest.approx(once.standard_error, rel=5e-3)
    assert once.standard_error == pytest.approx(hansen_hurwitz(cells, NPS, score="nps").standard_error)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (_cells((0, 0, 0), (6, 7, 7), 0, 80).query("n > 0"), "before the follow-up"),
        (_cells((5, 3, 2), (0, 0, 0), 0, 80).query("n > 0"), "marks nobody"),
        (_cells((5, 3, 2), (1, 0, 0), 9, 80), "at least two answers"),
        (_cells((5, 3, 2), (1, 0, 0), 9, 80).drop(columns="follow_up"), "no column 'follow_up'"),
    ],
)
def test_follow_ups_that_say_nothing_are_refused(cells: pd.DataFrame, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        hansen_hurwitz(cells, NPS, score="nps")


def test_a_plan_keeps_its_promise() -> None:
    made = plan([450, 990, 1560], NPS, 15_000, margin_of_error=3, answer_rate=1, others_sd=75)
    # draw the others with that standard deviation: half at −75, half at +75 around 0 is not NPS, so the formula itself
    first = 0.2**2 * NPS.variance([450, 990, 1560]) / 3_000
    assert 1.959964 * np.sqrt(first + 0.8**2 * 75**2 / made.selected) == pytest.approx(3, rel=1e-3)
    assert made.expected <= 3
    assert 1.959964 * np.sqrt(first + 0.8**2 * 75**2 / (made.selected - 1)) > 3
    assert made.unbounded == 0
    assert made.smallest == pytest.approx(1.959964 * np.sqrt(first))


def test_a_plan_says_what_no_number_can_do() -> None:
    made = plan([45, 99, 156], NPS, 1_500, margin_of_error=1, answer_rate=0.7)
    assert made.selected is None
    assert made.expected > 1
    assert made.unbounded == pytest.approx(0.8 * 0.3 * 100)
    assert "no number suffices" in made._repr_html_()


def test_costs_of_a_plan_add_up() -> None:
    made = plan([450, 990, 1560], NPS, 15_000, answer_rate=0.5, cost_contact=3, cost_answer=2)
    assert made.cost == pytest.approx(made.selected * 3 + made.answers * 2)
    assert made.table["cost"].is_monotonic_increasing
    assert made.table["margin_of_error"].is_monotonic_decreasing
    assert made.table["selected"].iloc[-1] == 12_000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"others_sd": 120}, "at most 100"),
        ({"answer_rate": 80}, "Did you mean 0.8"),
        ({"margin_of_error": -1}, "above 0"),
    ],
)
def test_impossible_plans_are_refused(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plan([450, 990, 1560], NPS, 15_000, **change)
    with pytest.raises(ValueError, match="some who did not"):
        plan([450, 990, 1560], NPS, 3_000)


def test_the_optimal_design_is_the_cheapest() -> None:
    sd, others, rate, costs, wanted = 70.0, 60.0, 0.3, (0.1, 0.4, 4.1), 1.2
    found = optimal_design(
        wanted,
        sd,
        response_rate=rate,
        others_sd=others,
        cost_invite=costs[0],
        cost_answer=costs[1],
        cost_follow_up=costs[2],
    )

    def cost(k: float) -> float:
        n = (sd**2 + (k - 1) * (1 - rate) * others**2) / wanted**2
        return n * (costs[0] + costs[1] * rate + costs[2] * (1 - rate) / k)

    best = optimize.minimize_scalar(cost, bounds=(1, 20), method="bounded", options={"xatol": 1e-8})
    assert found.one_in == pytest.approx(best.x, rel=1e-4)
    assert found.cost == pytest.approx(best.fun, rel=1e-3)
    assert found.standard_error <= wanted
    assert f"{found.invited:,}" in found._repr_html_()


def test_following_up_everybody_where_that_is_cheap() -> None:
    found = optimal_design(
        1,
        70,
        response_rate=0.3,
        others_sd=70,
        cost_invite=5,
        cost_answer=0,
        cost_follow_up=0.01,
        population=20_000,
    )
    assert found.one_in == 1
    assert found.invited < 4_900  # the finite population helps
    with pytest.raises(ValueError, match="response rate in"):
        optimal_design(1, 70, response_rate=1, others_sd=70, cost_invite=1, cost_answer=1, cost_follow_up=1)


def test_sizes_and_power_of_randomised_reminders_agree() -> None:
    n = n_for_instrument((0.2, 0.25), -30, 70, power=0.9)
    assert instrument_power(n, (0.2, 0.25), -30, 70) >= 0.9
    assert instrument_power(n - 1, (0.2, 0.25), -30, 70) < 0.9
    assert instrument_power(n, (0.25, 0.2), 30, 70) == pytest.approx(
        instrument_power(n, (0.2, 0.25), -30, 70)
    )
    assert instrument_power(n, (0.2, 0.25), 0, 70) == pytest.approx(0.05)
    for arguments, message in (
        (((0.2, 0.2), -30, 70), "two different"),
        (((0.2, 0.3), 0, 70), "difference of 0"),
    ):
        with pytest.raises(ValueError, match=message):
            n_for_instrument(*arguments)


# ----------------------------------------------------------------------------------------- simulated


@pytest.mark.simulation
def test_intervals_hold_and_regions_hold_whatever_the_silent_are_like() -> None:
    # the silent of the follow-up are detractors all: the worst there can be
    rng, runs = np.random.default_rng(11), 2_000
    p = np.array([0.10, 0.06, 0.04, 0.8])
    others = np.array([0.35, 0.30, 0.35])
    answer_rate, inside, complete = 0.7, 0, 0
    everyone = p[:3] @ [100, 0, -100] + 0.8 * (
        answer_rate * others @ [100, 0, -100] - (1 - answer_rate) * 100
    )
    like = p[:3] @ [100, 0, -100] + 0.8 * others @ [100, 0, -100]
    for _ in range(runs):
        first = rng.multinomial(5_000, p)
        drawn = 400
        answered = rng.binomial(drawn, answer_rate)
        later = rng.multinomial(answered, others)
        found = hansen_hurwitz(
            _cells(tuple(first[:3]), tuple(later), drawn - answered, first[3] - drawn), NPS, score="nps"
        )
        inside += found.everyone.low <= everyone <= found.everyone.high
        complete += found.low <= like <= found.high
    error = np.sqrt(0.95 * 0.05 / runs)
    assert inside / runs > 0.95 - 2 * error
    assert abs(complete / runs - 0.95) < 3 * error


@pytest.mark.simulation
def test_the_power_of_reminders_is_the_share_of_tests_that_find() -> None:
    rng, runs, found = np.random.default_rng(12), 300, 0
    anyway, pushed = np.array([0.5, 0.3, 0.2]), np.array([0.3, 0.3, 0.4])
    spread = np.sqrt(NPS.variance([20, 30, 50]))
    wanted = instrument_power(6_000, (0.2, 0.27), -40, spread)
    for _ in range(runs):
        rows = []
        for arm, rate in (("1", 0.0), ("2", 0.07)):
            a, b = rng.binomial(6_000, 0.2), rng.binomial(6_000, rate)
            counts = rng.multinomial(a, anyway) + rng.multinomial(b, pushed)
            rows.append(
                pd.DataFrame(
                    {
                        "arm": arm,
                        "nps": pd.array([10, 8, 3, None], dtype="Int64"),
                        "n": [*counts, 6_000 - a - b],
                    }
                )
            )
        found += instrument_contrast(pd.concat(rows), NPS, "arm", score="nps").p_value < 0.05
    assert abs(found / runs - wanted) < 3 * np.sqrt(wanted * (1 - wanted) / runs) + 0.01
