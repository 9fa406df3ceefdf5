"""Equating on behaviour: exact where the truth is known, Fieller's interval by its definition, honest refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import expit
from scipy.stats import norm

from cxstats.methods.equating import equate_on_behaviour
from cxstats.metrics import NPS, Scale, ces, csat, mean_score, top_box

SHARES = np.array([3, 1, 1, 2, 2, 5, 6, 12, 22, 20, 26]) / 100


def survey(
    lines: dict[str, tuple[float, float]], n: float, *, shares=None, seed: int | None = None
) -> pd.DataFrame:
    """Cells; per group intercept and slope of the log-odds to stay. Without a seed the expected counts."""
    rng = None if seed is None else np.random.default_rng(seed)
    rows = []
    for label, (a, b) in lines.items():
        p = SHARES if shares is None else shares[label]
        stay = expit(a + b * np.arange(11))
        both = np.stack([p * (1 - stay), p * stay])
        counts = n * both if rng is None else rng.multinomial(n, both.ravel()).reshape(2, 11)
        rows += [(label, k, bool(s), counts[s, k]) for s in (0, 1) for k in range(11)]
    return pd.DataFrame(rows, columns=["country", "nps", "stayed", "n"])


ARGUMENTS = {"group": "country", "outcome": "stayed", "reference": "A"}
LINES = {"A": (-2.0, 0.35), "B": (-1.3, 0.35), "C": (-2.0, 0.5)}


def equivalent(found, label, score):
    return found.scores.set_index(["country", "score"]).loc[(label, score)]


def test_the_same_probability_by_hand():
    found = equate_on_behaviour(survey(LINES, 10_000), NPS, basis="level", **ARGUMENTS)
    # B: 0.7 more in log-odds is 2 points; C: the line is steeper by 0.5/0.35
    for s in range(11):
        assert equivalent(found, "A", s)["equivalent"] == s
        assert equivalent(found, "B", s)["equivalent"] == pytest.approx(s - 2, abs=1e-6)
        assert equivalent(found, "C", s)["equivalent"] == pytest.approx(0.7 * s, abs=1e-6)


def test_the_contrast_takes_each_group_from_its_own_average():
    cells = survey(LINES, 10_000)
    found = equate_on_behaviour(cells, NPS, basis="contrast", **ARGUMENTS)
    average = np.arange(11) @ SHARES
    for label, (_, b) in LINES.items():
        for s in (3, 9):
            there = average + LINES["A"][1] / b * (s - average)
            assert equivalent(found, label, s)["equivalent"] == pytest.approx(there, abs=1e-6)


def test_a_market_that_is_harder_to_leave_moves_the_level_and_not_the_contrast():
    # the same scores mean the same, but everybody stays longer in B
    cells = survey({"A": (-2.0, 0.35), "B": (-1.0, 0.35)}, 50_000)
    level, contrast = (equate_on_behaviour(cells, NPS, basis=b, **ARGUMENTS) for b in ("level", "contrast"))
    assert level.values.loc["B", "change"] > 20  # taken for scale use
    assert contrast.values.loc["B", "change"] == pytest.approx(0, abs=1e-5)
    assert any("leave differs between markets" in caveat for caveat in level.caveats)


@pytest.mark.parametrize("metric", [NPS, mean_score(Scale(0, 10)), top_box(Scale(0, 10), [9, 10])])
def test_a_group_that_answers_two_lower_is_read_two_higher(metric):
    # B's customers are A's, answering two points lower (none below 2 in A, so that nothing is cut off)
    p = SHARES.copy()
    p[:2] = 0
    p /= p.sum()
    cells = survey(
        {"A": (-2.0, 0.35), "B": (-1.3, 0.35)}, 10_000, shares={"A": p, "B": np.append(p[2:], [0, 0])}
    )
    found = equate_on_behaviour(cells, metric, score="nps", basis="level", **ARGUMENTS)
    assert found.values.loc["B", "equated"] == pytest.approx(found.values.loc["A", "raw"], abs=1e-3)
    assert found.values.loc["A", "change"] == pytest.approx(0, abs=1e-10)
    raw = metric.value(cells[cells["country"] == "B"].groupby("nps")["n"].sum().to_numpy())
    assert found.values.loc["B", "raw"] == pytest.approx(raw)


def test_lines_are_those_of_a_logistic_regression_on_rows():
    cells = survey(LINES, 600, seed=1)
    found = equate_on_behaviour(cells, NPS, **ARGUMENTS)
    rows = cells.loc[cells.index.repeat(cells["n"])]
    for label, own in rows.groupby("country"):
        fit = sm.Logit(own["stayed"].astype(float), sm.add_constant(own["nps"].astype(float))).fit(disp=False)
        line = found.lines.loc[label]
        assert (line.intercept, line.slope) == pytest.approx(tuple(fit.params), abs=1e-6)
        # robust (sandwich) error of the same regression
        robust = sm.Logit(own["stayed"].astype(float), sm.add_constant(own["nps"].astype(float))).fit(
            disp=False, cov_type="HC0"
        )
        assert line.slope_error == pytest.approx(robust.bse.iloc[1], rel=1e-5)


def test_fieller_ends_where_the_test_does():
    # at each end the difference in log-odds is exactly 1.96 standard errors from 0
    cells = survey(LINES, 500, seed=2)
    found = equate_on_behaviour(cells, NPS, basis="level", **ARGUMENTS)
    rows = cells.loc[cells.index.repeat(cells["n"])]
    fits = {
        g: sm.Logit(f["stayed"].astype(float), sm.add_constant(f["nps"].astype(float))).fit(
            disp=False, cov_type="HC0"
        )
        for g, f in rows.groupby("country")
    }
    row = equivalent(found, "B", 9)
    for end in (row.low, row.high):
        x, y = np.array([1.0, 9.0]), np.array([1.0, end])
        gap = x @ fits["A"].params - y @ fits["B"].params
        error = np.sqrt(x @ fits["A"].cov_params() @ x + y @ fits["B"].cov_params() @ y)
        assert abs(gap) / error == pytest.approx(norm.ppf(0.975), abs=1e-4)
    assert row.low < row.equivalent < row.high


def test_a_flat_line_equates_nothing():
    cells = survey({"A": (-2.0, 0.35), "B": (0.3, 0.0)}, 300, seed=3)
    found = equate_on_behaviour(cells, NPS, **ARGUMENTS)
    assert not found.lines.loc["B", "usable"]
    row = equivalent(found, "B", 9)
    assert (row.low, row.high) == (-np.inf, np.inf)
    assert np.isnan(found.values.loc["B", "equated"])


def test_outcomes_that_fall_with_the_score_are_equated_as_well():
    stay = equate_on_behaviour(survey(LINES, 10_000), NPS, basis="level", **ARGUMENTS)
    cells = survey(LINES, 10_000)
    left = equate_on_behaviour(cells.assign(stayed=~cells["stayed"]), NPS, basis="level", **ARGUMENTS)
    assert left.values["equated"].to_numpy() == pytest.approx(stay.values["equated"].to_numpy())
    assert (left.lines["slope"] < 0).all()


def test_a_bent_line_is_noticed():
    # only the unhappiest leave: no straight line in the score
    p = np.where(np.arange(11) < 4, 0.3, 0.9)
    rows = [("A", k, s, 400 * (p[k] if s else 1 - p[k])) for k in range(11) for s in (True, False)]
    cells = pd.concat(
        [pd.DataFrame(rows, columns=["country", "nps", "stayed", "n"]), survey({"B": (-2, 0.35)}, 4400)]
    )
    found = equate_on_behaviour(cells, NPS, **ARGUMENTS)
    assert found.lines.loc["A", "linearity_p_value"] < 1e-10
    assert found.lines.loc["B", "linearity_p_value"] > 0.99


def test_repeated_customers_widen():
    cells = survey(LINES, 600, seed=4)
    once = equate_on_behaviour(cells, NPS, matrix=np.diag(cells["n"]).astype(float), **ARGUMENTS)
    twice = equate_on_behaviour(
        cells.assign(n=2 * cells["n"]), NPS, matrix=np.diag(4 * cells["n"]).astype(float), **ARGUMENTS
    )
    assert twice.values["standard_error"].to_numpy() == pytest.approx(
        once.values["standard_error"].to_numpy()
    )
    weighted = equate_on_behaviour(cells.assign(w=2.0 * cells["n"], w2=4.0 * cells["n"]), NPS, **ARGUMENTS)
    assert weighted.values["equated"].to_numpy() == pytest.approx(once.values["equated"].to_numpy())
    assert weighted.values["standard_error"].to_numpy() == pytest.approx(
        once.values["standard_error"].to_numpy()
    )


def test_unknown_outcomes_and_missing_answers_are_left_out():
    cells = survey(LINES, 600, seed=5).astype({"stayed": "boolean", "nps": "Int64"})
    more = pd.concat([cells, cells.assign(stayed=pd.NA), cells.assign(nps=pd.NA)], ignore_index=True)
    assert equate_on_behaviour(more, NPS, **ARGUMENTS).values.equals(
        equate_on_behaviour(cells, NPS, **ARGUMENTS).values
    )


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        ({}, {"reference": "Z"}, "the reference 'Z' has no answers"),
        ({}, {"outcome": "left"}, "no column 'left'"),
        ({}, {"basis": "words"}, 'basis must be "contrast" or "level"'),
        ({"stayed": 2.5}, {}, "must say whether it happened"),
        ({"stayed": True}, {}, "customers with and without stayed"),
        ({"nps": 7}, {}, "more than one score"),
        ({"nps": 11}, {}, "whole numbers of the scale"),
        ({}, {"matrix": np.eye(2)}, "rows of cells"),
    ],
)
def test_bad_input_is_refused(change, arguments, message):
    with pytest.raises(ValueError, match=message):
        equate_on_behaviour(survey(LINES, 600, seed=6).assign(**change), NPS, **{**ARGUMENTS, **arguments})


def test_opposite_slopes_and_metrics_that_fall():
    with pytest.raises(ValueError, match="falls in B"):
        equate_on_behaviour(survey({"A": (-2, 0.35), "B": (2, -0.35)}, 900, seed=7), NPS, **ARGUMENTS)
    with pytest.raises(ValueError, match="falls somewhere along its scale"):
        equate_on_behaviour(survey(LINES, 900), top_box(Scale(0, 10), [3, 9]), score="nps", **ARGUMENTS)
    separated = pd.DataFrame(
        {"country": list("AAAABB"), "nps": [1, 2, 8, 9, 3, 9], "stayed": [0, 0, 1, 1, 0, 1], "n": 9}
    )
    with pytest.raises(ValueError, match="separates"):
        equate_on_behaviour(separated, NPS, **ARGUMENTS)


@pytest.mark.parametrize("metric", [csat(5), ces(7, high_is="easy")])
def test_other_scales(metric):
    rng = np.random.default_rng(1)
    rows = [
        (
            g,
            k,
            s,
            int(
                rng.poisson(
                    60
                    * (expit(0.6 * k - 2 + 0.3 * (g == "B")) if s else expit(2 - 0.6 * k - 0.3 * (g == "B")))
                )
            ),
        )
        for g in "AB"
        for k in metric.scale.categories
        for s in (0, 1)
    ]
    found = equate_on_behaviour(
        pd.DataFrame(rows, columns=["country", metric.key, "stayed", "n"]), metric, **ARGUMENTS
    )
    assert metric.low <= found.values.loc["B", "equated"] <= metric.high
    assert metric.short in found._repr_html_()


@pytest.mark.simulation
@pytest.mark.parametrize("basis", ["level", "contrast"])
def test_equated_values_and_scores_cover(basis):
    """95 % intervals of the equivalent score and of the equated NPS hold their large-sample values."""
    exact = equate_on_behaviour(survey(LINES, 1e7), NPS, basis=basis, **ARGUMENTS)
    runs, held = 150, np.zeros((2, 2))
    for run in range(runs):
        found = equate_on_behaviour(survey(LINES, 1500, seed=run), NPS, basis=basis, **ARGUMENTS)
        for i, label in enumerate("BC"):
            row, truth = equivalent(found, label, 9), equivalent(exact, label, 9)["equivalent"]
            held[0, i] += row.low <= truth <= row.high
            value = found.values.loc[label]
            held[1, i] += value.low <= exact.values.loc[label, "equated"] <= value.high
    assert (held / runs).ravel() == pytest.approx(np.full(4, 0.95), abs=3 * np.sqrt(0.05 * 0.95 / runs))
