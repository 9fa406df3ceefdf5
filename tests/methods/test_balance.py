"""Balance and the data defect correlation: by hand, Meng's and Bradley's published arithmetic, simulated intervals."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from response_reference import cells, risq_cells, rows
from scipy.stats import hypergeom, norm, truncnorm

from cxstats.methods.balance import (
    _conditional_interval,
    _truncated_share,
    balance,
    data_defect,
    data_defects,
    error_of_defect,
    n_worth,
)


def churn(a: int, b: int, c: int, d: int) -> pd.DataFrame:
    """Cells of answered and not among those who left (a, b) and those who stayed (c, d)."""
    return pd.DataFrame(
        {"churned": [True, True, False, False], "responded": [True, False] * 2, "n": [a, b, c, d]}
    )


# -------------------------------------------------------------------------------------------- balance


def test_differences_by_hand() -> None:
    # app: 40 % of 500 invited, 60 % of 200 who answered
    frame = pd.DataFrame(
        {"channel": ["app", "app", "mail", "mail"], "responded": [True, False] * 2, "n": [120, 80, 80, 220]}
    )
    table = balance(frame, ["channel"], weights=[0.4 / 0.6, 99, 0.6 / 0.4, np.nan]).table.set_index(
        "category"
    )
    assert table.loc["app", "population_share"] == pytest.approx(0.4)
    assert table.loc["app", "respondent_share"] == pytest.approx(0.6)
    assert table.loc["app", "smd_before"] == pytest.approx(0.2 / np.sqrt(0.24))
    # weighted back to the frame; the weights of those who did not answer do not matter
    assert table.loc["app", "weighted_share"] == pytest.approx(0.4)
    assert table.loc["app", "smd_after"] == pytest.approx(0, abs=1e-12)
    assert table.loc["app", "chance_limit"] == pytest.approx(1.959964 * np.sqrt(0.6 / 200))


def test_numbers_are_compared_by_their_mean() -> None:
    frame = rows().assign(n=1)
    frame["spend"] = np.random.default_rng(1).gamma(2, 50, 600)
    table = balance(frame, ["spend", "plan"]).table
    row = table[table["variable"] == "spend"].iloc[0]
    answered = frame["responded"]
    wanted = (frame.loc[answered, "spend"].mean() - frame["spend"].mean()) / frame["spend"].std(ddof=0)
    assert row["smd_before"] == pytest.approx(wanted)
    assert pd.isna(row["category"])
    assert len(table) == 4


def test_shares_add_up_and_differences_cancel() -> None:
    result = balance(risq_cells(), ["gender", "age", "urb"])
    for _, part in result.table.groupby("variable"):
        assert part["population_share"].sum() == pytest.approx(1)
        assert part["respondent_share"].sum() == pytest.approx(1)
        spread = np.sqrt(part["population_share"] * (1 - part["population_share"]))
        assert (part["smd_before"] * spread).sum() == pytest.approx(0, abs=1e-12)
    assert result.largest_before == result.table["smd_before"].abs().max()
    assert np.isnan(result.largest_after)


def test_missing_facts_are_a_category() -> None:
    frame = pd.DataFrame({"x": ["a", None], "responded": [True, True], "n": [20, 30]})
    frame = pd.concat([frame, frame.assign(responded=False, n=[40, 10])], ignore_index=True)
    table = balance(frame, "x").table.set_index("category")
    assert table.loc["not known", "respondent_share"] == pytest.approx(0.6)


def test_design_weights_move_frame_and_answers_alike() -> None:
    counted, _ = cells("plan", "responded", weighted=True)
    table = balance(counted, ["plan"]).table.set_index("category")
    frame = rows()
    gold = (frame["plan"] == "gold").to_numpy()
    assert table.loc["gold", "population_share"] == pytest.approx(np.average(gold, weights=frame["weight"]))
    did = frame["responded"].to_numpy()
    assert table.loc["gold", "respondent_share"] == pytest.approx(
        np.average(gold[did], weights=frame["weight"][did])
    )


def test_a_calibration_is_taken_as_it_is() -> None:
    frame = churn(60, 740, 1940, 7260)
    weights = np.array([4.0, 0, 2.0, 0])
    given = balance(frame, ["churned"], weights=SimpleNamespace(weights=weights)).table
    plain = balance(frame, ["churned"], weights=weights).table
    pd.testing.assert_frame_equal(given, plain)
    assert balance(frame, ["churned"], weights=weights).largest_after >= 0
    assert "after weighting" in balance(frame, ["churned"], weights=weights)._repr_html_()


# ---------------------------------------------------------------------------------- published arithmetic


def test_meng_and_bradley() -> None:
    # Meng (2018): 1 % of the electorate, correlation 0.005: "about 400"
    assert n_worth(0.005, 0.01) == pytest.approx(404.04, abs=0.01)
    # Bradley et al. (2021): 17 points too high at some 60 %: "no more accurate than a random sample of 10"
    correlation = 0.17 / error_of_defect(1, 0.001, np.sqrt(0.6 * 0.4))
    assert n_worth(correlation, 0.001) == pytest.approx(8.3, abs=0.01)
    grid = {
        0.03: [1237, 309, 77, 12.4, 3.1],
        0.1: [4444, 1111, 278, 44, 11],
        0.2: [10000, 2500, 625, 100, 25],
        0.4: [26667, 6667, 1667, 267, 67],
    }
    for rate, values in grid.items():
        for correlation, value in zip([0.005, 0.01, 0.02, 0.05, 0.1], values, strict=True):
            assert n_worth(correlation, rate) == pytest.approx(value, rel=0.011)
            # the same through the error: (σ/error)²
            assert error_of_defect(-correlation, rate, 3.0) ** -2 * 9 == pytest.approx(
                n_worth(correlation, rate)
            )


def test_retently_example() -> None:
    """10 % answer and give +50, everyone would have given −31: σ = .71687, correlation .37664, worth .783 answers."""
    frame = pd.DataFrame(
        {
            "nps": [1, 0, -1] * 2,
            "responded": [True] * 3 + [False] * 3,
            "n": [600, 300, 100, 900, 3600, 4500],
        }
    )
    result = data_defect(frame, "nps")
    assert (result.respondent_mean, result.mean) == pytest.approx((0.5, -0.31))
    assert result.correlation == pytest.approx(0.37664, abs=5e-6)
    assert result.effective_n == pytest.approx(0.783, abs=5e-4)
    assert n_worth(result.correlation, 0.1) == pytest.approx(result.effective_n)
    assert result.effective_low < result.effective_n < result.effective_high < 1


# --------------------------------------------------------------------------------------- data defect


def test_correlation_is_that_of_answering_with_the_fact() -> None:
    frame = rows().assign(n=1)
    frame["spend"] = np.random.default_rng(1).gamma(2, 50, 600)
    for column in ("churned", "spend", "wave"):
        result = data_defect(frame, column)
        wanted = np.corrcoef(frame["responded"].astype(float), frame[column].astype(float))[0, 1]
        assert result.correlation == pytest.approx(wanted)
        did = frame["responded"]
        assert result.error == pytest.approx(frame.loc[did, column].mean() - frame[column].mean())


def test_limit_is_that_of_drawing_without_replacement() -> None:
    frame = churn(400, 1600, 1600, 6400)
    result = data_defect(frame, "churned")
    assert result.error == pytest.approx(0)
    variance = (1 - 0.2) / 2000 * 0.2 * 0.8 * 10_000 / 9_999
    assert result.limit == pytest.approx(norm.ppf(0.975) * np.sqrt(variance))
    assert (result.exceeds, result.effective_n, result.effective_low, result.effective_high) == (
        False,
        None,
        None,
        None,
    )
    assert "no different from a random sample" in result._repr_html_()


def test_rare_facts_take_the_exact_limit() -> None:
    # 12 of 3,000 left; 300 answered: 1.2 expected among them
    for got in range(7):
        frame = churn(got, 12 - got, 300 - got, 2688 + got)
        result = data_defect(frame, "churned")
        drawn = hypergeom(3000, 12, 300)
        assert result.exceeds == bool(drawn.sf(got - 1) < 0.025 or drawn.cdf(got) < 0.025)
    assert result.exceeds


def test_the_interval_is_the_truncated_normals() -> None:
    for theta, threshold in ((0.5, 1.96), (2.0, 1.96), (4.0, 2.5)):
        for x in (threshold + 0.1, threshold + 2):
            upper = truncnorm(threshold - theta, np.inf, loc=theta)
            lower = norm.cdf(-threshold - theta)
            total = lower + norm.sf(threshold - theta)
            wanted = (lower + norm.sf(threshold - theta) * upper.cdf(x)) / total
            assert _truncated_share(x, threshold, theta) == pytest.approx(wanted, abs=1e-10)
    low, high = _conditional_interval(3.0, 1.96, 0.95)
    assert _truncated_share(3.0, 1.96, low) == pytest.approx(0.975, abs=1e-9)
    assert high == pytest.approx(3 + norm.ppf(0.975))
    # far beyond the threshold being looked at costs nothing
    assert _conditional_interval(9.0, 1.96, 0.95)[0] == pytest.approx(9 - norm.ppf(0.975), abs=1e-6)


def test_never_worth_more_than_the_answers() -> None:
    # an error barely beyond chance: as little as a few hundred answers, as much as all
    result = data_defect(churn(440, 1560, 1560, 6440), "churned")
    assert result.exceeds
    assert result.effective_low < result.effective_n < result.effective_high == 2000


def test_weighting_to_a_fact_leaves_no_defect_of_it() -> None:
    frame = churn(60, 740, 1940, 7260)
    weights = np.array([800 / 60, 0, 9200 / 1940, 0])
    after = data_defect(frame, "churned", weights=weights)
    assert after.error == pytest.approx(0, abs=1e-12)
    assert not after.exceeds
    # unequal weights widen what chance does: Kish's design effect
    n = frame["n"].to_numpy()[[0, 2]]
    w = weights[[0, 2]]
    deff = (n @ w**2) * n.sum() / (n @ w) ** 2
    assert after.limit == pytest.approx(data_defect(frame, "churned").limit * np.sqrt(deff), rel=1e-9)


def test_repeated_customers_widen_limit_and_interval() -> None:
    rng = np.random.default_rng(3)
    size = 64 * 40
    part = np.repeat(np.arange(64), 40)
    # customers of a part answer alike: a strong dependence
    inclined, unhappy = rng.random(64) < 0.4, rng.random(64) < 0.5
    frame = pd.DataFrame({"part": part, "churned": unhappy[part], "n": 1})
    frame["responded"] = np.where(rng.random(size) < 0.8, inclined[part], rng.random(size) < 0.3)
    plain, clustered = data_defect(frame, "churned"), data_defect(frame, "churned", part="part")
    assert clustered.error == plain.error
    assert clustered.limit > 3 * plain.limit


def test_several_facts_at_once() -> None:
    frame = rows().assign(n=1)
    table = data_defects(frame, ["plan", "churned", "region"])
    assert table["variable"].tolist() == ["plan"] * 3 + ["churned"] + ["region"] * 4
    churned = data_defect(frame, "churned")
    row = table[table["variable"] == "churned"].iloc[0]
    assert row["correlation"] == churned.correlation
    assert row["limit"] == churned.limit
    assert table["exceeds"].dtype == bool
    assert table.loc[~table["exceeds"], "effective_n"].isna().all()
    same = data_defects(frame.assign(same="x"), ["same", "churned"])
    assert same["variable"].tolist() == ["churned"]
    wide = data_defects(churn(60, 740, 1940, 7260), ["churned"]).iloc[0]
    assert wide["effective_n"] == pytest.approx(
        data_defect(churn(60, 740, 1940, 7260), "churned").effective_n
    )


@pytest.mark.parametrize(
    ("change", "column", "match"),
    [
        ({}, "churn", "no column 'churn'.*Did you mean 'churned'"),
        ({"churned": ["a", "b", "c", "d"]}, "churned", "neither true or false nor a number"),
        (
            {"churned": pd.array([True, None, False, False], dtype="boolean")},
            "churned",
            "not known for 740 of 10,000",
        ),
        ({"churned": True}, "churned", "is 1 for everyone invited"),
        ({"n": [0, 740, 0, 7260]}, "churned", "nobody of the 8,000 invited answered"),
        ({"n": [60, 0, 1940, 0]}, "churned", "all 2,000 customers answered"),
    ],
)
def test_what_cannot_be_used_is_named(change: dict, column: str, match: str) -> None:
    frame = churn(60, 740, 1940, 7260).assign(**change)
    with pytest.raises(ValueError, match=match):
        data_defect(frame, column)


def test_weights_that_are_none_are_refused() -> None:
    frame = churn(60, 740, 1940, 7260)
    with pytest.raises(ValueError, match=r"one per row of cells, 4 of them.*shape \(2,\)"):
        balance(frame, ["churned"], weights=[1, 2])
    with pytest.raises(ValueError, match="none missing"):
        balance(frame, ["churned"], weights=[1, 2, np.nan, 1])
    with pytest.raises(ValueError, match="are all 0"):
        data_defect(frame, "churned", weights=[0, 1, 0, 1])
    with pytest.raises(ValueError, match="correlation must lie"):
        n_worth(2, 0.1)
    with pytest.raises(ValueError, match="is no defect"):
        n_worth(0, 0.1)
    with pytest.raises(ValueError, match="between 0 and 1"):
        error_of_defect(0.1, 1.0, 5)
    with pytest.raises(ValueError, match="0 or more"):
        error_of_defect(0.1, 0.5, -5)


def test_results_show_themselves() -> None:
    assert "as well as a random sample of" in data_defect(churn(60, 740, 1940, 7260), "churned")._repr_html_()
    assert "Balance" in balance(churn(60, 740, 1940, 7260), ["churned"])._repr_html_()


# ------------------------------------------------------------------------------------------- coverage


@pytest.mark.simulation
@pytest.mark.parametrize("strength", [0.0, 1.0, 1.5, 2.5, 6.0])
@pytest.mark.parametrize(("n", "share"), [(2_000, 0.3), (20_000, 0.05)])
def test_interval_of_the_effective_n_holds_the_truth_where_it_is_given(
    n: int, share: float, strength: float
) -> None:
    """Customers answer independently, at one rate if they left and another if not; ``strength`` is the true error in
    standard errors. Only surveys whose error exceeds the random-sampling limit count, as on the page."""
    rng = np.random.default_rng(7)
    left, stayed, rate = round(n * share), n - round(n * share), 0.25
    wanted = strength * np.sqrt((1 - rate) * share * (1 - share) / (rate * n))
    # the rate among those who left that makes this error, the overall rate held
    answered_left = (share + wanted) * rate * n
    r_left, r_stayed = answered_left / left, (rate * n - answered_left) / stayed
    spread = np.sqrt(share * (1 - share))
    given = held = 0
    for _ in range(60_000):
        a, c = rng.binomial(left, r_left), rng.binomial(stayed, r_stayed)
        # quickly set aside what is far inside the limit; the estimator decides about the rest
        if abs(a / (a + c) - share) < 1.9 * spread * np.sqrt((1 - (a + c) / n) / (a + c)):
            continue
        result = data_defect(churn(a, left - a, c, stayed - c), "churned")
        if not result.exceeds:
            continue
        truth = min((spread / wanted) ** 2 if wanted > 0 else np.inf, a + c)
        given += 1
        held += result.effective_low <= truth * (1 + 1e-12) and truth <= result.effective_high * (1 + 1e-12)
        if given == 1200:
            break
    assert given == 1200
    # at least its level; more where the cap at n helps
    assert held / given >= 0.95 - 2 * np.sqrt(0.95 * 0.05 / given) - 0.005
