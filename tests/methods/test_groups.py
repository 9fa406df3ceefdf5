"""Group means against row-level sandwiches made by statsmodels and by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from cxstats.methods.groups import group_means
from cxstats.methods.limits import critical_value
from cxstats.methods.score import score_limits
from cxstats.metrics import NPS


def _rows(seed: int = 3, customers: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    level = rng.normal(size=customers)
    rows = []
    for wave in ("a", "b"):
        here = rng.random(customers) < 0.6
        score = np.clip(np.round(7.5 + 1.6 * level + rng.normal(size=customers)), 0, 10).astype(int)
        rows.append(pd.DataFrame({"customer": np.flatnonzero(here), "wave": wave, "nps": score[here]}))
    frame = pd.concat(rows, ignore_index=True)
    frame["weight"] = rng.uniform(0.3, 3, len(frame))
    frame["u"] = np.asarray(NPS.values)[frame["nps"]]
    return frame


def _cells(rows: pd.DataFrame, *, weighted: bool) -> tuple[pd.DataFrame, np.ndarray]:
    mass = rows["weight"] if weighted else pd.Series(1.0, index=rows.index)
    keyed = rows.assign(m=mass, m2=mass**2)
    cells = keyed.groupby(["nps", "wave"], as_index=False).agg(
        n=("m", "size"), w=("m", "sum"), w2=("m2", "sum")
    )
    index = {key: i for i, key in enumerate(zip(cells["nps"], cells["wave"], strict=True))}
    tally = np.zeros((rows["customer"].max() + 1, len(cells)))
    column = [index[key] for key in zip(rows["nps"], rows["wave"], strict=True)]
    np.add.at(tally, (rows["customer"].to_numpy(), column), mass.to_numpy())
    return (cells if weighted else cells.drop(columns=["w", "w2"])), tally.T @ tally


@pytest.mark.parametrize("weighted", [False, True])
def test_covariance_of_two_waves_equals_the_clustered_regression(weighted: bool) -> None:
    rows = _rows()
    cells, matrix = _cells(rows, weighted=weighted)
    result = group_means(cells, NPS, score="nps", group="wave", matrix=matrix)

    design = pd.get_dummies(rows["wave"], dtype=float)
    weights = rows["weight"] if weighted else np.ones(len(rows))
    fit = sm.WLS(rows["u"], design, weights=weights).fit(
        cov_type="cluster", cov_kwds={"groups": rows["customer"], "use_correction": False}
    )
    small = np.sqrt(result.n / (result.n - 1))
    np.testing.assert_allclose(result.values, fit.params.to_numpy(), rtol=1e-12)
    np.testing.assert_allclose(
        result.covariance, fit.cov_params().to_numpy() * np.outer(small, small), rtol=1e-10
    )
    assert result.correlation(0, 1) > 0.2


def test_independent_answers_have_the_textbook_variance() -> None:
    cells = pd.DataFrame({"nps": [0, 8, 10], "n": [20, 30, 50]})
    result = group_means(cells, NPS, score="nps")
    assert result.values[0] == pytest.approx(30)
    # variance .61 of one answer (in shares), divisor n - 1
    assert result.covariance[0, 0] == pytest.approx(1e4 * 0.61 / 99)
    assert result.effective_n[0] == 100
    uneven = pd.DataFrame({"nps": [0, 3, 8, 9, 10], "n": [7, 11, 13, 17, 19]})
    for matrix in (None, np.diag(uneven["n"].astype(float))):
        plain = group_means(uneven, NPS, score="nps", matrix=matrix)
        assert (plain.effective_n[0], plain.design_effect[0]) == (
            67,
            1,
        )  # exactly: the exact interval needs it


def test_equal_weights_change_nothing() -> None:
    plain = pd.DataFrame({"nps": [0, 8, 10], "n": [20, 30, 50]})
    weighted = plain.assign(w=2.0 * plain["n"], w2=4.0 * plain["n"])
    first, second = (group_means(cells, NPS, score="nps") for cells in (plain, weighted))
    np.testing.assert_allclose(first.covariance, second.covariance)
    np.testing.assert_allclose(first.effective_n, second.effective_n)
    np.testing.assert_allclose(first.counts, second.counts)


def test_all_answers_equal_leaves_kishs_effective_n() -> None:
    cells = pd.DataFrame({"nps": [10], "n": [3], "w": [6.0], "w2": [14.0]})
    result = group_means(cells, NPS, score="nps")
    assert result.values[0] == 100
    assert result.effective_n[0] == pytest.approx(36 / 14)


def test_missing_answers_and_other_groups_are_left_out() -> None:
    cells = pd.DataFrame(
        {"nps": pd.array([pd.NA, 10, 0, 10], dtype="Int64"), "g": ["x", "x", "x", pd.NA], "n": [500, 3, 1, 7]}
    )
    result = group_means(cells, NPS, score="nps", group="g", labels=["x"])
    assert result.labels == ("x",)
    assert result.values[0] == pytest.approx(50)
    with pytest.raises(ValueError, match="no answers to NPS in: y"):
        group_means(cells, NPS, score="nps", group="g", labels=["y"])


def test_effective_n_of_many_customers_is_the_linearised_one() -> None:
    rows = _rows(customers=4000)
    cells, matrix = _cells(rows, weighted=True)
    result = group_means(cells, NPS, score="nps", group="wave", matrix=matrix)
    for i, wave in enumerate(result.labels):
        mine = rows[rows["wave"] == wave]
        mean = np.average(mine["u"], weights=mine["weight"])
        spread = np.average((mine["u"] - mean) ** 2, weights=mine["weight"])
        variance = np.sum((mine["weight"] * (mine["u"] - mean)) ** 2) / mine["weight"].sum() ** 2
        assert result.n[i] / result.design_effect[i] == pytest.approx(spread / variance, rel=1e-9)
        assert result.effective_n[i] == pytest.approx(spread / variance, rel=2e-3)


def test_a_light_critic_does_not_make_ten_answers_worth_eighty() -> None:
    # nine promoters of weight 1 and a detractor of weight .1: the linearised variance alone gives 83
    cells = pd.DataFrame({"nps": [0, 10], "n": [1, 9], "w": [0.1, 9.0], "w2": [0.01, 9.0]})
    result = group_means(cells, NPS, score="nps")
    assert result.design_effect[0] == pytest.approx(1)
    assert 8 < result.effective_n[0] < 10


def test_one_customer_who_repeats_the_same_answer_is_one_customer() -> None:
    cells = pd.DataFrame({"nps": [10], "n": [30]})
    # six customers, five answers each
    result = group_means(cells, NPS, score="nps", matrix=np.array([[6 * 25.0]]))
    assert result.effective_n[0] == pytest.approx(6)


@pytest.mark.parametrize(
    ("customers", "answers_each", "weight_spread"), [(10, 1, 1.0), (30, 1, 1.0), (6, 5, 0.0), (15, 2, 0.7)]
)
def test_intervals_of_small_weighted_or_repeated_groups_hold(
    customers: int, answers_each: int, weight_spread: float
) -> None:
    # without the cap and the customers' t: 72 %, 85 %, 90 %, 88 %
    rng = np.random.default_rng(8)
    shares = np.array([0.02, 0.08, 0.90])
    runs, worth = 400, []
    for _ in range(runs):
        usual = rng.choice(3, size=customers, p=shares)
        again = rng.random((customers, answers_each)) < 0.5
        answers = np.where(again, usual[:, None], rng.choice(3, size=(customers, answers_each), p=shares))
        weight = np.exp(rng.normal(0, weight_spread, customers))
        tally = np.stack([(answers == k).sum(axis=1) for k in range(3)], axis=1) * weight[:, None]
        there = tally.sum(axis=0) > 0
        cells = pd.DataFrame(
            {
                "nps": np.array([0, 8, 10])[there],
                "n": [(answers == k).sum() for k in np.flatnonzero(there)],
                "w": tally.sum(axis=0)[there],
                "w2": [((answers == k).sum(axis=1) * weight**2).sum() for k in np.flatnonzero(there)],
            }
        )
        means = group_means(cells, NPS, score="nps", matrix=(tally.T @ tally)[np.ix_(there, there)])
        worth.append(NPS.reduce(means.counts[0]) * means.effective_n[0] / means.n[0])
    low, high = score_limits(np.array(worth), NPS.distinct_values, critical_value(0.95))
    inside = np.sum((low <= 88) & (high >= 88))
    # two Monte-Carlo errors below 94 %
    assert inside / runs > 0.94 - 2 * np.sqrt(0.94 * 0.06 / runs)
