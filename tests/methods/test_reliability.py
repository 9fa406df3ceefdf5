"""Intraclass correlations against published tables, and what noise costs a prediction against simulated truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtr

from cxstats.methods.reliability import (
    disattenuated_auc,
    disattenuated_correlation,
    intraclass,
    retest_reliability,
)

# Shrout & Fleiss (1979), Psychological Bulletin 86, table 2: six targets (rows), four judges
JUDGED = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]])


def correlated(rng: np.random.Generator, n: int, rho: float, k: int = 2) -> np.ndarray:
    return np.sqrt(rho) * rng.normal(size=(n, 1)) + np.sqrt(1 - rho) * rng.normal(size=(n, k))


def on_a_scale(x: np.ndarray) -> np.ndarray:
    """Answers 0 to 10 heaped at the top, as recommendation is."""
    return np.searchsorted([-2.3, -2.1, -2.0, -1.9, -1.8, -1.4, -1.1, -0.7, 0.0, 0.45], x).astype(float)


def test_anova_mean_squares_agree_with_statsmodels() -> None:
    import statsmodels.formula.api as smf
    from statsmodels.stats.anova import anova_lm

    rng = np.random.default_rng(4)
    x = correlated(rng, 40, 0.6, 3) + np.array([0, 0.2, 0.5])
    long = pd.DataFrame({"who": np.repeat(np.arange(40), 3), "when": np.tile([0, 1, 2], 40), "x": x.ravel()})
    ms = anova_lm(smf.ols("x ~ C(who) + C(when)", long).fit())["mean_sq"]
    between, occasions, residual = ms["C(who)"], ms["C(when)"], ms["Residual"]
    found = intraclass(x)
    assert found.consistency[0] == pytest.approx((between - residual) / (between + 2 * residual), abs=1e-12)
    agreement = (between - residual) / (between + 2 * residual + 3 * (occasions - residual) / 40)
    assert found.agreement[0] == pytest.approx(agreement, abs=1e-12)
    within = anova_lm(smf.ols("x ~ C(who)", long).fit())["mean_sq"]["Residual"]
    assert found.one_way[0] == pytest.approx((between - within) / (between + 2 * within), abs=1e-12)


def test_the_table_of_shrout_and_fleiss() -> None:
    # psych::ICC(sf), R package psych: the same example, with limits at 95 %
    found = intraclass(JUDGED, method="F")
    assert np.round(found.one_way, 3) == pytest.approx([0.166, -0.133, 0.723])
    assert np.round(found.agreement, 3) == pytest.approx([0.290, 0.019, 0.761])
    assert np.round(found.consistency, 3) == pytest.approx([0.715, 0.342, 0.946])


@pytest.mark.parametrize("method", ["F", "jackknife"])
def test_two_occasions_without_a_shift_are_nearly_a_pearson_correlation(method: str) -> None:
    x = correlated(np.random.default_rng(5), 2000, 0.64)
    found = intraclass(x, method=method)
    r = np.corrcoef(x.T)[0, 1]
    for value, low, high in (found.one_way, found.agreement, found.consistency):
        assert value == pytest.approx(r, abs=0.004)
        half = np.tanh(np.arctanh(r) + np.array([-1, 1]) * 1.96 / np.sqrt(2000)) - r
        assert np.array([low, high]) - value == pytest.approx(half, abs=0.004)


def test_a_shift_of_everybody_lowers_agreement_and_leaves_consistency() -> None:
    x = correlated(np.random.default_rng(6), 500, 0.7)
    moved = x + np.array([0.0, 1.0])
    before, after = intraclass(x), intraclass(moved)
    assert after.consistency == pytest.approx(before.consistency, abs=1e-12)
    assert after.agreement[0] < before.agreement[0] - 0.1


def test_answers_that_never_change_and_those_that_never_agree() -> None:
    same = np.repeat(np.arange(20.0)[:, None], 2, axis=1)
    for method in ("F", "jackknife"):
        assert intraclass(same, method=method).consistency == pytest.approx((1, 1, 1), abs=1e-9)
    turned = np.column_stack([np.arange(20.0), np.arange(20.0)[::-1]])
    found = intraclass(turned)
    assert found.consistency[0] == pytest.approx(-1, abs=1e-9)
    assert -1.0 <= found.consistency[1] <= found.consistency[2] <= 0


@pytest.mark.parametrize(
    ("table", "word"),
    [
        (np.ones((5, 2)), "the same"),
        (np.ones((5, 1)), "two answers or more"),
        (np.array([[1, 2], [2, np.nan], [3, 4]]), "1 missing"),
        (np.arange(4.0).reshape(2, 2), "three customers"),
    ],
)
def test_tables_are_refused_in_words(table: np.ndarray, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        intraclass(table)


# ------------------------------------------------------------------------------------ from answers


def answers(rng: np.random.Generator, n: int = 60) -> pd.DataFrame:
    scores = on_a_scale(correlated(rng, n, 0.7))
    frame = pd.DataFrame({"customer": np.repeat(np.arange(n), 2), "wave": np.tile(["2024", "2025"], n)})
    return frame.assign(nps=scores.ravel())


def test_only_customers_with_both_answers_count() -> None:
    rows = answers(np.random.default_rng(7))
    whole = retest_reliability(rows, score="nps")
    rows.loc[[0, 3], "nps"] = np.nan  # one answer of the first two customers is gone
    found = retest_reliability(rows, score="nps")
    assert (whole.n, found.n) == (60, 58)
    table = rows["nps"].to_numpy().reshape(-1, 2)[2:]
    assert found.icc.consistency == intraclass(table).consistency
    change = table[:, 1] - table[:, 0]
    assert found.shift == pytest.approx(change.mean())
    assert found.standard_error_of_measurement == pytest.approx(change.std(ddof=1) / np.sqrt(2))
    assert found.smallest_change == pytest.approx(1.96 * change.std(ddof=1), rel=1e-4)
    assert found.same == np.mean(change == 0)


def test_of_three_waves_the_two_that_share_most_and_the_last_of_two_answers() -> None:
    rows = answers(np.random.default_rng(8), 80)
    third = rows[rows["wave"] == "2024"].head(40).assign(wave="2026")
    again = rows.iloc[[1]].assign(nps=0)
    found = retest_reliability(pd.concat([third, rows, again]), score="nps", waves=["2024", "2025", "2026"])
    assert (found.first, found.second, found.n) == ("2024", "2025", 80)
    rows.loc[rows.index[1], "nps"] = 0
    assert found.icc == retest_reliability(rows, score="nps").icc


def test_too_few_customers_asked_twice_are_told() -> None:
    rows = answers(np.random.default_rng(9), 29)
    with pytest.raises(ValueError, match="29 customers answered 'nps' in the same two waves; at least 30"):
        retest_reliability(rows, score="nps")
    with pytest.raises(ValueError, match="0 customers answered"):
        retest_reliability(rows[rows["wave"] == "2024"], score="nps")
    with pytest.raises(ValueError, match="no column 'npss'"):
        retest_reliability(rows, score="npss")


# --------------------------------------------------------------------------------- without the noise


def test_the_auc_without_noise_is_that_of_the_true_score() -> None:
    rng = np.random.default_rng(10)
    n, rate, rho, d = 400_000, 0.1, 0.6, 0.8
    event = rng.random(n) < rate
    true = d * event + rng.normal(size=n)
    # noise such that the reliability over all customers is rho
    noise = np.sqrt(true.var() * (1 - rho) / rho)
    seen = true + noise * rng.normal(size=n)
    area = ndtr((seen[event].mean() - seen[~event].mean()) / np.sqrt(2) / seen[~event].std())
    found = disattenuated_auc((area, area, area), base_rate=event.mean(), reliability=(rho, rho, rho))
    assert found.value == pytest.approx(ndtr(d / np.sqrt(2)), abs=0.003)
    assert found.low == found.value == found.high


def test_a_score_below_one_half_and_one_of_nothing() -> None:
    up = disattenuated_auc((0.65, 0.62, 0.67), base_rate=0.2, reliability=(0.6, 0.5, 0.7))
    down = disattenuated_auc((0.35, 0.33, 0.38), base_rate=0.2, reliability=(0.6, 0.5, 0.7))
    assert (1 - down.value, 1 - down.high, 1 - down.low) == pytest.approx((up.value, up.low, up.high))
    nothing = disattenuated_auc((0.5, 0.48, 0.52), base_rate=0.2, reliability=(0.6, 0.5, 0.7))
    assert nothing.value == 0.5
    assert nothing.low < 0.48
    assert nothing.high > 0.52


def test_a_perfect_score_needs_no_correction() -> None:
    given = (0.3, 0.2, 0.4)
    found = disattenuated_correlation(given, (1.0, 1.0, 1.0))
    assert (found.value, found.low, found.high) == pytest.approx(given)
    assert not found.beyond


def test_a_correction_beyond_what_is_possible_is_said() -> None:
    found = disattenuated_correlation((0.8, 0.7, 0.9), (0.5, 0.3, 0.7))
    assert found.value == found.high == 1.0
    assert found.beyond
    unsure = disattenuated_correlation((0.3, 0.2, 0.4), (0.1, -0.1, 0.3))
    assert unsure.high == 1.0
    assert unsure.beyond
    with pytest.raises(ValueError, match="the answers are noise"):
        disattenuated_correlation((0.3, 0.2, 0.4), (0.0, -0.1, 0.1))


@pytest.mark.parametrize(
    ("auc", "rate", "word"),
    [
        ((1.2, 1, 1.3), 0.1, "auc must be"),
        ((0.6, 0.5, 0.7), 0, "base_rate"),
        ((0.6, 0.7, 0.8), 0.1, "limits"),
    ],
)
def test_numbers_out_of_range_are_refused(auc: tuple, rate: float, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        disattenuated_auc(auc, base_rate=rate, reliability=(0.6, 0.5, 0.7))


# ------------------------------------------------------------------------------------------ coverage


@pytest.mark.simulation
@pytest.mark.parametrize(("n", "method", "least"), [(60, "jackknife", 0.935), (400, "jackknife", 0.935)])
def test_intervals_of_answers_on_a_scale_hold_the_truth(n: int, method: str, least: float) -> None:
    rng = np.random.default_rng(11)
    truth = intraclass(on_a_scale(correlated(rng, 2_000_000, 0.6))).consistency[0]
    held = 0
    for _ in range(2000):
        _, low, high = intraclass(on_a_scale(correlated(rng, n, 0.6)), method=method).consistency
        held += low <= truth <= high
    assert least <= held / 2000 <= 0.965


@pytest.mark.simulation
@pytest.mark.parametrize("method", ["F", "jackknife"])
def test_intervals_of_normal_answers_hold_the_truth(method: str) -> None:
    rng = np.random.default_rng(12)
    held = np.zeros(3)
    for _ in range(2000):
        found = intraclass(correlated(rng, 80, 0.6), method=method)
        held += [low <= 0.6 <= high for _, low, high in (found.one_way, found.agreement, found.consistency)]
    # agreement by F is conservative where occasions do not differ
    assert np.all((held / 2000 > 0.94) & (held / 2000 < 0.97)), held / 2000


@pytest.mark.simulation
@pytest.mark.parametrize(("n", "again", "d"), [(2000, 200, 0.5), (6000, 600, 0.9)])
def test_the_auc_without_noise_lies_in_its_interval(n: int, again: int, d: float) -> None:
    from cxstats.methods.discrimination import discrimination

    rng = np.random.default_rng(13)
    rate, rho = 0.1, 0.6
    noise = np.sqrt((1 + rate * (1 - rate) * d**2) * (1 - rho) / rho)
    truth, held, runs = ndtr(d / np.sqrt(2)), 0, 1000
    for _ in range(runs):
        event = rng.random(n) < rate
        true = d * event + rng.normal(size=n)
        seen = true[:, None] + noise * rng.normal(size=(n, 2))
        area = discrimination(
            pd.DataFrame({"x": seen[:, 0], "event": event, "n": 1}), scores="x", outcome="event"
        ).auc.loc["x", ["auc", "low", "high"]]
        steady = intraclass(seen[:again]).consistency
        found = disattenuated_auc(tuple(area), base_rate=event.mean(), reliability=steady)
        held += found.low <= truth <= found.high
    assert 0.936 <= held / runs <= 0.975
