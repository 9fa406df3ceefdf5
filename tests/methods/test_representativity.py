"""R-indicator, CV and partial indicators: published values of the RISQ test set, R at unit level, simulated coverage."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from response_reference import cells, expected, risq_cells
from scipy.special import expit

from cxstats.methods import propensity
from cxstats.methods.representativity import _invert, _Spread, _squared_trace, representativity
from cxstats.metrics import NPS, csat

BY = ["region", "plan"]


@pytest.fixture(scope="module")
def risq():
    return representativity(risq_cells(), ["gender", "age", "urb"])


def column(result, name: str, variable: str) -> list[float]:
    """Values of a column of the partial table: the variable's own first, then its categories."""
    rows = result.partial[result.partial["variable"] == variable]
    return rows[name].tolist()


# ------------------------------------------------- RISQ manual 2.0 (de Heij, Schouten & Shlomo 2015), printed digits


def test_published_r_indicator_and_cv(risq) -> None:
    assert risq.n == 35_455
    assert risq.response_rate == pytest.approx(0.54658, abs=5e-6)
    assert risq.r_indicator == pytest.approx(0.878922, abs=5e-7)
    assert risq.r_indicator_adjusted == pytest.approx(0.88110, abs=5e-6)
    assert risq.cv == pytest.approx(0.1107595, abs=5e-8)
    assert risq.cv_se == pytest.approx(0.004806956, abs=5e-10)
    assert risq.bias_factor == pytest.approx(0.96438, abs=5e-6)


def test_published_partial_indicators(risq) -> None:
    published = {
        "unconditional": (0.00967045, 0.02785369, 0.05382786),
        "conditional": (0.009256866, 0.025869904, 0.052964532),
        "unconditional_adjusted": (0.00949666, 0.02735313, 0.05286051),
        "conditional_adjusted": (0.00909051, 0.02540499, 0.05201269),
    }
    # the manual took the persons for a sample (weights of 500), which moves the adjusted values by 3e-8 of themselves
    sampled = representativity(risq_cells(), ["gender", "age", "urb"], population=500 * 35_455)
    for name, values in published.items():
        half_a_digit = 5e-10 if name == "conditional" else 5e-9
        for variable, value in zip(("gender", "age", "urb"), values, strict=True):
            assert column(sampled, name, variable)[0] == pytest.approx(value, abs=1.01 * half_a_digit)
            assert column(risq, name, variable)[0] == pytest.approx(value, abs=1e-8)


def test_published_indicators_of_categories(risq) -> None:
    urb_own = [-0.046690533, -0.001599985, 0.010083497, 0.016929938, 0.018071340]
    urb_given = [0.045877355, 0.002560629, 0.010067456, 0.016460659, 0.017934496]
    age_own = [
        *[-0.009671122, 0.002796507, -0.006474036, -0.013555440, -0.003498266, 0.002720500, 0.0000462414],
        *[0.004985914, -0.002813430, -0.002255802, 0.007004059, 0.008283321, 0.016541950, 0.0000581958],
    ]
    assert column(risq, "unconditional", "urb")[1:] == pytest.approx(urb_own, abs=5e-10)
    assert column(risq, "conditional", "urb")[1:] == pytest.approx(urb_given, abs=5e-10)
    assert column(risq, "unconditional", "gender")[1:] == pytest.approx(
        [-0.006849699, 0.006826362], abs=5e-10
    )
    assert column(risq, "conditional", "gender")[1:] == pytest.approx([0.006551467, 0.006539714], abs=5e-10)
    # the manual prints age with seven digits
    assert column(risq, "unconditional", "age")[1:] == pytest.approx(age_own, abs=5e-9)


def test_published_standard_errors_of_partial_indicators() -> None:
    # the manual's were made with weights of 500: the persons are a sample of 500 times as many
    result = representativity(risq_cells(), ["gender", "age", "urb"], population=500 * 35_455)
    published = {"age": 0.002698560, "urb": 0.002642265}
    for variable, value in published.items():
        assert column(result, "unconditional_se", variable)[0] == pytest.approx(value, abs=5e-10)
    # printed 0.002692305: R's glm stops one iteration short, and its covariance is that of the step before.
    # With epsilon = 1e-14 R gives 0.002692318959
    assert column(result, "unconditional_se", "gender")[0] == pytest.approx(0.002692318959, abs=1e-11)


# ------------------------------------------------------------------------------- R, on made-up invitations


def test_indicators_are_those_of_r_at_unit_level() -> None:
    counted, _ = cells(*BY, "responded")
    result = representativity(counted, BY)
    r = expected()
    assert result.r_indicator == pytest.approx(r["r_indicator"][0], rel=1e-9)
    assert result.bias_factor == pytest.approx(r["bias_factor"][0], rel=1e-8)
    assert result.r_indicator_se == pytest.approx(r["r_indicator_se"][0], rel=1e-7)
    assert result.cv == pytest.approx(r["cv"][0], rel=1e-9)
    assert result.cv_se == pytest.approx(r["cv_se"][0], rel=1e-7)
    for variable in BY:
        assert column(result, "unconditional", variable) == pytest.approx(
            r[f"{variable}_unconditional"], rel=1e-8
        )
        assert column(result, "conditional", variable) == pytest.approx(
            r[f"{variable}_conditional"], rel=1e-8
        )
        assert column(result, "unconditional_se", variable)[0] == pytest.approx(
            r[f"{variable}_unconditional_se"][0], rel=1e-7
        )
        ours, theirs = (
            np.array(x)
            for x in (column(result, "conditional_se", variable)[1:], r[f"{variable}_conditional_se"])
        )
        clear = np.array(column(result, "conditional", variable)[1:]) > theirs
        assert clear.sum() == 2
        np.testing.assert_allclose(ours[clear], theirs[clear], rtol=1e-6)
        # the others' spread is below its noise, where the derivative of a root says nothing and R's errors explode
        assert np.all(ours[~clear] < theirs[~clear])
    adjusted = 1 - (1 - result.r_indicator) * np.sqrt(result.bias_factor)
    assert result.r_indicator_adjusted == pytest.approx(adjusted)


def test_category_error_is_that_of_a_difference_of_rates() -> None:
    # one variable of two categories: rate_h − rate = (n_other/n)·(rate_h − rate_other)
    frame = pd.DataFrame({"x": list("aabb"), "responded": [True, False] * 2, "n": [300, 700, 100, 400]})
    result = representativity(frame, ["x"])
    variance = 0.3 * 0.7 / 1000 + 0.2 * 0.8 / 500
    assert column(result, "unconditional_se", "x")[1] == pytest.approx(
        np.sqrt(2 / 3) * (1 / 3) * np.sqrt(variance), rel=1e-8
    )
    assert column(result, "unconditional", "x")[1] == pytest.approx(np.sqrt(2 / 3) / 30, rel=1e-8)


def test_a_conditional_spread_below_its_noise_keeps_a_usable_error() -> None:
    # age 70–74 differs from the others by nothing: the derivative of a root at zero would make its error infinite
    errors = column(representativity(risq_cells(), ["gender", "age", "urb"]), "conditional_se", "age")[1:]
    assert max(errors) < 0.0035


# ------------------------------------------------------------------------------------------- invariants


def test_equal_response_everywhere_is_representative() -> None:
    frame = pd.DataFrame(
        {"x": list("aabbcc"), "responded": [True, False] * 3, "n": [300, 700, 150, 350, 60, 140]}
    )
    result = representativity(frame, ["x"])
    assert result.r_indicator == pytest.approx(1, abs=1e-7)
    assert result.r_indicator_adjusted == 1
    assert result.cv_adjusted == 0
    assert result.r_high == 1
    assert 0.9 < result.r_low < 1


def test_half_certain_and_half_never_is_the_worst() -> None:
    frame = pd.DataFrame({"x": list("aabb"), "responded": [True, False] * 2, "n": [9_999, 1, 1, 9_999]})
    result = representativity(frame, ["x"])
    assert result.r_indicator == pytest.approx(0, abs=1e-3)
    assert result.cv == pytest.approx(1, abs=1e-3)


def test_the_order_of_rows_and_variables_does_not_matter(risq) -> None:
    shuffled = risq_cells().sample(frac=1, random_state=1)
    again = representativity(shuffled, ["urb", "age", "gender"])
    assert again.r_indicator == pytest.approx(risq.r_indicator, rel=1e-10)
    assert again.r_low == pytest.approx(risq.r_low, rel=1e-10)
    for variable in ("gender", "age", "urb"):
        assert column(again, "conditional", variable) == pytest.approx(
            column(risq, "conditional", variable), rel=1e-7
        )


def test_categories_stand_in_the_order_of_their_labels(risq) -> None:
    labels = risq.partial.loc[risq.partial["variable"] == "age", "category"].tolist()[1:]
    assert labels == [str(k) for k in range(1, 15)]


def test_weights_of_one_change_nothing_and_scale_does_not_matter(risq) -> None:
    frame = risq_cells()
    frame["w"] = 3.0 * frame["n"]
    frame["w2"] = 9.0 * frame["n"]
    weighted = representativity(frame, ["gender", "age", "urb"])
    assert weighted.r_indicator == pytest.approx(risq.r_indicator, rel=1e-10)
    # the sandwich and the model agree up to what the model misses (it has no interactions)
    assert weighted.r_indicator_se == pytest.approx(risq.r_indicator_se, rel=0.03)


def test_customers_invited_twice_are_half_as_informative() -> None:
    frame = pd.DataFrame({"x": list("aabb"), "responded": [True, False] * 2, "n": [300, 700, 200, 800]})
    once = representativity(frame, ["x"], matrix=np.diag(frame["n"].astype(float)))
    # the same customers, each in two invitations with the same result: t = 2 for every one of them
    doubled = frame.assign(n=2 * frame["n"])
    twice = representativity(doubled, ["x"], matrix=np.diag(4.0 * frame["n"]))
    assert twice.r_indicator_se == pytest.approx(once.r_indicator_se, rel=1e-3)
    naive = representativity(doubled, ["x"])
    assert naive.r_indicator_se == pytest.approx(once.r_indicator_se / np.sqrt(2), rel=0.02)
    assert twice.r_high - twice.r_low > 1.3 * (naive.r_high - naive.r_low)


def test_parts_agree_with_customers() -> None:
    counted, matrix = cells(*BY, "responded")
    exact = representativity(counted, BY, matrix=matrix)
    by_part, _ = cells(*BY, "responded", "part")
    parts = representativity(by_part, BY, part="part")
    assert parts.r_indicator == pytest.approx(exact.r_indicator)
    # 63 degrees of freedom: some 9 % of chance in a standard error
    assert parts.r_indicator_se == pytest.approx(exact.r_indicator_se, rel=0.3)


def test_trace_of_squares_is_unbiased_for_few_parts() -> None:
    rng = np.random.default_rng(4)
    sigma = np.array([[2.0, 0.5], [0.5, 1.0]])
    root = np.linalg.cholesky(sigma)
    draws = []
    for _ in range(4000):
        x = rng.normal(size=(8, 2)) @ root.T
        draws.append(_squared_trace(x.T @ x / 8, 8.0))
    target = np.trace(sigma @ sigma)
    assert np.mean(draws) == pytest.approx(target, rel=4 * np.std(draws) / np.sqrt(4000) / target + 0.02)


def test_inverted_interval_solves_its_equation() -> None:
    low, high = _invert(0.01, 1e-5, 0.001, 2e-7, 0.95)
    for t in (low**2, high**2):
        assert (0.009 - t) ** 2 == pytest.approx(1.959964**2 * (1e-3 * t + 2e-7), rel=1e-6)
    assert _invert(1e-4, 1e-10, 1e-4, 1e-10, 0.95)[0] == 0


# --------------------------------------------------------------------------------------- largest bias


def test_largest_bias_is_cv_times_spread(risq) -> None:
    bias = risq.largest_bias([20, 30, 50], NPS)
    assert bias.standard_deviation == pytest.approx(78.10249676)
    assert bias.value == pytest.approx(risq.cv_adjusted * 78.10249676)
    assert bias.low < bias.value < bias.high
    # the published example: S(u) = 0.80 gives 8.7 points
    assert risq.cv_adjusted * 80 == pytest.approx(8.7, abs=0.05)
    assert bias.any_answers == pytest.approx(100 * risq.cv_adjusted)
    assert risq.largest_bias([10, 10, 20, 30, 30], csat(5)).unit == csat(5).unit


def test_no_bias_of_a_frame_quantity_exceeds_it() -> None:
    # with propensities known, |Cov(ρ, y)|/ρ̄ ≤ CV·S(y) for any y that the frame explains
    rng = np.random.default_rng(8)
    rho = rng.uniform(0.05, 0.9, 50)
    share = rng.dirichlet(np.ones(50))
    mean = share @ rho
    cv = np.sqrt(share @ (rho - mean) ** 2) / mean
    for _ in range(50):
        y = rng.normal(size=50)
        bias = share @ (rho * y) / mean - share @ y
        assert abs(bias) <= cv * np.sqrt(share @ (y - share @ y) ** 2) + 1e-12


# ------------------------------------------------------------------------------------------- refusals


def test_three_answers_are_no_number() -> None:
    frame = pd.DataFrame({"x": list("aabb"), "responded": [True, False] * 2, "n": [2, 700, 1, 800]})
    with pytest.raises(ValueError, match="3 answered and 1,500 did not: fewer than 10"):
        representativity(frame, ["x"])


def test_a_population_below_the_invited_is_refused() -> None:
    with pytest.raises(ValueError, match="the population is 100, but 35,455 customers were invited"):
        representativity(risq_cells(), ["urb"], population=100)
    with pytest.raises(ValueError, match="level is 95"):
        representativity(risq_cells(), ["urb"], level=95)


def test_it_shows_itself(risq) -> None:
    assert "R-indicator" in risq._repr_html_()
    assert "frame variables could carry" in risq.largest_bias([1, 2, 3], NPS)._repr_html_()


# ------------------------------------------------------------------------------------------- coverage

GRID = pd.DataFrame(list(itertools.product("abcd", "uvw", "12345")), columns=["x", "y", "z"])
SHARE = np.outer(np.outer([0.4, 0.3, 0.2, 0.1], [0.5, 0.3, 0.2]).ravel(), [0.3, 0.25, 0.2, 0.15, 0.1]).ravel()
EFFECT = dict(zip("abcd", [0, 0.5, -0.5, 1.0], strict=True)) | dict(zip("uvw", [0, -0.4, 0.6], strict=True))
EFFECT |= dict(zip("12345", [-0.8, -0.2, 0, 0.3, 0.5], strict=True))


@pytest.mark.simulation
@pytest.mark.parametrize(
    ("n", "intercept", "scale"),
    [
        (500, -0.8, 0.0),
        (500, -0.8, 0.3),
        (2000, -2.2, 0.3),
        (2000, 0.4, 1.0),
        (20_000, -1.0, 0.15),
        (20_000, -1.4, 1.0),
    ],
)
def test_intervals_hold_the_truth(n: int, intercept: float, scale: float) -> None:
    rng = np.random.default_rng(11)
    invited = np.round(SHARE * n).astype(int)
    rho = expit(intercept + scale * sum(GRID[c].map(EFFECT) for c in "xyz").to_numpy(float))
    mean = invited @ rho / invited.sum()
    spread = np.sqrt(invited @ (rho - mean) ** 2 / invited.sum())
    runs, r_holds, cv_holds = 300, 0, 0
    for _ in range(runs):
        answered = rng.binomial(invited, rho)
        frame = pd.concat(
            [GRID.assign(responded=True, n=answered), GRID.assign(responded=False, n=invited - answered)]
        )
        got = _Spread.of(propensity.fit(frame.reset_index(drop=True), ["x", "y", "z"]), None)
        low, high = got.interval(0.95)
        r_holds += low <= spread <= high
        low, high = got.relative_interval(0.95)
        cv_holds += low <= spread / mean <= high
    # two Monte-Carlo errors below, never far above: an interval that always holds says nothing
    error = 2 * np.sqrt(0.95 * 0.05 / runs)
    for holds in (r_holds / runs, cv_holds / runs):
        assert 0.95 - error <= holds <= 0.99


@pytest.mark.simulation
@pytest.mark.parametrize(
    ("n", "intercept", "scale"), [(500, -0.8, 0.3), (2000, 0.4, 1.0), (20_000, -1.4, 1.0)]
)
def test_limits_of_partial_indicators_hold_the_truth(n: int, intercept: float, scale: float) -> None:
    """Adjusted value ± 1.96 standard errors, not below 0: wider than needed only where a spread is next to its noise."""
    rng, runs = np.random.default_rng(5), 150
    invited = np.round(SHARE * n).astype(int)
    rho = expit(intercept + scale * sum(GRID[c].map(EFFECT) for c in "xyz").to_numpy(float))
    cells = GRID.assign(w=invited, wr=invited * rho)
    truth = {}
    for v in "xyz":
        means = cells.groupby(v)[["w", "wr"]].sum()
        alike = cells.groupby([c for c in "xyz" if c != v])[["w", "wr"]].transform("sum")
        own = (means["wr"] / means["w"] - cells["wr"].sum() / cells["w"].sum()) ** 2 @ means["w"]
        within = invited @ (rho - alike["wr"] / alike["w"]) ** 2
        truth[v] = np.sqrt(np.array([own, within]) / invited.sum())
    held = np.zeros((3, 2))
    for _ in range(runs):
        answered = rng.binomial(invited, rho)
        frame = pd.concat(
            [GRID.assign(responded=True, n=answered), GRID.assign(responded=False, n=invited - answered)]
        )
        table = representativity(frame.reset_index(drop=True), ["x", "y", "z"]).partial
        whole = table[table["category"].isna()].set_index("variable")
        for i, v in enumerate("xyz"):
            for j, kind in enumerate(("unconditional", "conditional")):
                value, half = whole.loc[v, f"{kind}_adjusted"], 1.96 * whole.loc[v, f"{kind}_se"]
                held[i, j] += max(value - half, 0) <= truth[v][j] <= value + half
    assert (held / runs).min() >= 0.95 - 2 * np.sqrt(0.95 * 0.05 / runs)


@pytest.mark.simulation
def test_customers_invited_twice_need_their_matrix_or_parts() -> None:
    """A thousand customers, all as ready to answer, each invited twice; six in ten repeat what they did the first time."""
    rng = np.random.default_rng(3)
    customers, runs, size = 1000, 100, len(GRID)
    place = rng.choice(size, customers, p=SHARE / SHARE.sum())
    rho = np.full(size, 0.27)
    who, where = np.tile(np.arange(customers), 2), np.tile(place, 2)
    held = np.zeros(3)
    for _ in range(runs):
        first, again = rng.random((2, customers)) < rho[place]
        answered = np.concatenate([first, np.where(rng.random(customers) < 0.6, first, again)])
        # cells: those who did not answer, then those who did
        cell = where + size * answered
        tally = np.zeros((customers, 2 * size))
        np.add.at(tally, (who, cell), 1)
        both = pd.concat([GRID.assign(responded=False), GRID.assign(responded=True)], ignore_index=True)
        frame = both.assign(n=tally.sum(axis=0))
        key, n = np.unique(cell * 64 + rng.integers(0, 64, customers)[who], return_counts=True)
        parts = both.iloc[key // 64].reset_index(drop=True).assign(part=key % 64, n=n)
        options = ((frame, {}), (frame, {"matrix": tally.T @ tally}), (parts, {"part": "part"}))
        for i, (table, how) in enumerate(options):
            low, _ = _Spread.of(propensity.fit(table, ["x", "y", "z"], **how), None).interval(0.95)
            held[i] += low == 0  # nothing differs: the true spread is 0
    alone, by_customer, by_part = held / runs
    assert alone < 0.85
    assert min(by_customer, by_part) > 0.95 - 2 * np.sqrt(0.95 * 0.05 / runs)
