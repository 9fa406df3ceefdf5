"""Weighted estimates: R's survey package, replicates, repeated customers, and coverage from known truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from test_calibration import CALLS, ROW_MARGINS, reference_rows

from cxstats.methods.calibration import calibrate, margins_of, weighted_estimate
from cxstats.methods.groups import group_means
from cxstats.methods.replicates import multinomial, part_jackknife
from cxstats.methods.weighted import mean_parts
from cxstats.metrics import NPS, csat


@pytest.fixture(scope="module")
def values(root) -> pd.Series:
    """Estimates and standard errors of R's survey package (tests/reference/calibration.R)."""
    return pd.read_csv(root / "tests" / "reference" / "calibration_values.csv", index_col="name")["value"]


@pytest.fixture(scope="module")
def rows(root) -> pd.DataFrame:
    return reference_rows(root)


def cluster_matrix(labels: pd.Series, weight: np.ndarray | None = None) -> np.ndarray:
    """M of rows of single answers: which rows are of the same customer (times their weights)."""
    same = (labels.to_numpy()[:, None] == labels.to_numpy()[None, :]).astype(float)
    return same if weight is None else same * np.outer(weight, weight)


@pytest.mark.parametrize("name", CALLS)
def test_value_and_linearised_error_of_r_survey(rows, values, name):
    margins, options = CALLS[name]
    result = weighted_estimate(rows, NPS, calibrate(rows, margins, **options), score="nps")
    assert result.value == pytest.approx(values[f"{name}.mean"], abs=1e-6)
    assert result.standard_error == pytest.approx(values[f"{name}.se"], abs=1e-6)
    assert result.n == 220


def test_customers_who_answered_repeatedly_as_in_r_survey(rows, values):
    matrix, customers = cluster_matrix(rows["customer"]), rows["customer"].nunique()
    for name, method in [("raking_clustered", "raking"), ("linear_clustered", "linear")]:
        weights = calibrate(rows, ROW_MARGINS, method=method, weights="d")
        result = weighted_estimate(rows, NPS, weights, score="nps", matrix=matrix, customers=customers)
        assert result.standard_error == pytest.approx(values[f"{name}.se"], abs=1e-6)


def test_a_part_of_the_answers_as_in_r_survey(rows, values):
    weights = calibrate(rows, ROW_MARGINS, weights="d")
    app = rows.assign(nps=rows["nps"].where(rows["channel"] == "app"))
    result = weighted_estimate(app, NPS, weights, score="nps")
    assert result.value == pytest.approx(values["domain.mean"], abs=1e-6)
    assert result.standard_error == pytest.approx(values["domain.se"], abs=1e-6)


@pytest.mark.parametrize(("name", "method"), [("jackknife", "raking"), ("jackknife_linear", "linear")])
def test_weights_made_anew_in_every_replicate_as_in_r_survey(rows, values, name, method):
    weights = calibrate(rows, ROW_MARGINS, method=method, weights="d")
    result = weighted_estimate(rows, NPS, weights, score="nps", replicates=part_jackknife(rows))
    assert result.standard_error == pytest.approx(values[f"{name}.se"], abs=1e-6)
    assert result.error_from == "jackknife"


def test_the_survey_packages_own_example(root):
    # Lumley's api data, raked by school type and growth target; 15 districts as clusters (survey: tests/rakecheck.R)
    sums = pd.read_csv(root / "tests" / "reference" / "calibration_api.csv")
    margins = {"stype": {"E": 4421, "H": 755, "M": 1018}, "growth": {"No": 1072, "Yes": 5122}}
    weights = calibrate(sums, margins)
    matrix = cluster_matrix(sums["dnum"])
    # a row's schools share their weight and residuals add up, so that the row's mean serves for all of them
    counts = matrix * np.outer(sums["n"], sums["n"])
    parts = mean_parts(sums, (sums["api00"] / sums["n"]).to_numpy(), weights)
    total = parts.influence @ sums["n"]
    error = np.sqrt((parts.influence @ counts @ parts.influence - total**2 / 15) * 15 / 14)
    assert parts.value == pytest.approx(641.2303209268, abs=1e-6)
    assert error == pytest.approx(23.9420099145702, abs=1e-6)
    assert error * np.sqrt(1 - 15 / 757) == pytest.approx(
        23.704, abs=1e-3
    )  # as printed, with its 757 districts
    assert weights.weights @ sums["enroll"] == pytest.approx(3647280.148065, abs=1e-3)
    jackknife = part_jackknife(sums, part="dnum")

    def raked_mean(n: np.ndarray) -> float:
        again = weights.reweighted(n, jackknife.expansion)
        kept = n > 0
        return float(again[kept] @ sums["api00"][kept] / (again @ n))

    replicated = jackknife.standard_error(jackknife.apply(raked_mean))
    assert replicated == pytest.approx(27.1442585775909, abs=1e-6)
    assert replicated * np.sqrt(1 - 15 / 757) == pytest.approx(26.874, abs=1e-3)


def worth(rows: pd.DataFrame) -> np.ndarray:
    nps = rows["nps"].to_numpy(dtype=float, na_value=np.nan)
    return np.where(np.isnan(nps), np.nan, np.where(nps >= 9, 100.0, np.where(nps <= 6, -100.0, 0.0)))


# --------------------------------------------------------------------- what must hold anyway


def test_rows_or_cells_are_the_same(rows):
    keys = ["country", "segment", "channel", "nps"]
    cells = rows.groupby(keys, dropna=False)["n"].sum().reset_index()
    one = weighted_estimate(rows, NPS, calibrate(rows, ROW_MARGINS), score="nps")
    two = weighted_estimate(cells, NPS, calibrate(cells, ROW_MARGINS), score="nps")
    for name in ("value", "standard_error", "low", "high", "bias_standard_error", "kish_design_effect"):
        assert getattr(one, name) == pytest.approx(getattr(two, name), rel=1e-9)


def test_weighted_cells_and_base_weights_are_the_same(rows):
    keys = ["country", "segment", "channel", "nps"]
    grouped = rows.assign(w=rows["d"], w2=rows["d"] ** 2).groupby(keys, dropna=False)
    cells = grouped[["n", "w", "w2"]].sum().reset_index()
    one = weighted_estimate(rows, NPS, calibrate(rows, ROW_MARGINS, weights="d"), score="nps")
    two = weighted_estimate(cells, NPS, calibrate(cells, ROW_MARGINS), score="nps")
    for name in ("value", "standard_error", "raw", "kish_design_effect", "bias_standard_error"):
        # the centring term differs in the seventh digit: rows know each weight, cells their average
        assert getattr(one, name) == pytest.approx(getattr(two, name), rel=1e-6)
    # and with the weighted matrix of customers
    group = grouped.ngroup().to_numpy()
    member = np.zeros((len(cells), len(rows)))
    member[group, np.arange(len(rows))] = rows["d"]
    same = cluster_matrix(rows["customer"])
    three = weighted_estimate(
        cells, NPS, calibrate(cells, ROW_MARGINS), score="nps", matrix=member @ same @ member.T
    )
    four = weighted_estimate(rows, NPS, calibrate(rows, ROW_MARGINS, weights="d"), score="nps", matrix=same)
    assert three.standard_error == pytest.approx(four.standard_error, rel=1e-9)


def test_weights_taken_as_given_are_those_of_group_means(rows):
    w = rows["d"].to_numpy()
    given = weighted_estimate(rows, NPS, w, score="nps")
    cells = rows.assign(w=w, w2=w**2)
    known = group_means(cells[cells["nps"].notna()], NPS, score="nps")
    assert given.value == pytest.approx(known.values[0], rel=1e-12)
    assert given.standard_error == pytest.approx(known.standard_errors[0], rel=1e-3)


def test_margins_that_explain_the_score_make_it_more_certain():
    cells = pd.DataFrame({"use": ["low"] * 2 + ["high"] * 2, "nps": [0, 8, 8, 10], "n": [180, 20, 20, 180]})
    result = weighted_estimate(cells, NPS, calibrate(cells, {"use": {"low": 500, "high": 500}}), score="nps")
    # the error within the two groups is all that is left: 100·√(.09/200)/√2
    assert result.standard_error == pytest.approx(100 * np.sqrt(0.09 / 400), rel=2e-3)
    assert result.design_effect < 0.2
    assert result.kish_design_effect == pytest.approx(1)
    # margins that have nothing to do with it cost what Kish says
    cells = pd.DataFrame({"use": ["low"] * 2 + ["high"] * 2, "nps": [0, 10] * 2, "n": [50, 50, 350, 350]})
    result = weighted_estimate(cells, NPS, calibrate(cells, {"use": {"low": 500, "high": 500}}), score="nps")
    assert result.design_effect == pytest.approx(result.kish_design_effect, rel=1e-2)
    assert result.effective_n < 800


def test_bias_is_raw_less_weighted_with_the_error_of_their_difference(rows):
    weights = calibrate(rows, ROW_MARGINS, weights="d")
    result = weighted_estimate(rows, NPS, weights, score="nps")
    assert result.bias == pytest.approx(result.raw - result.value)
    by_replicates = weighted_estimate(
        rows, NPS, weights, score="nps", replicates=multinomial(rows, 400, seed=2)
    )
    assert by_replicates.bias_standard_error == pytest.approx(result.bias_standard_error, rel=0.2)
    assert by_replicates.standard_error == pytest.approx(result.standard_error, rel=0.15)
    # raw and weighted share their answers: the difference is far more certain than either
    assert result.bias_standard_error < 0.6 * result.standard_error


def frame_of(seed: int = 1, size: int = 4_000) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    use = rng.choice(["low", "mid", "high"], size)
    plan = rng.choice(["A", "B"], size)
    happy = np.select([use == "low", use == "mid"], [0.2, 0.5], 0.8)
    score = np.where(rng.random(size) < happy, 5, 2)
    answers = rng.random(size) < np.select([use == "low", use == "mid"], [0.1, 0.2], 0.45)
    rows = pd.DataFrame(
        {"use": use, "plan": plan, "csat": pd.array(np.where(answers, score, 0), dtype="Int64")}
    )
    rows.loc[~answers, "csat"] = pd.NA
    rows["part"] = np.arange(size) % 64
    return rows.groupby(list(rows.columns), dropna=False).size().rename("n").reset_index()


def test_replicates_redraw_the_margins_where_asked():
    cells = frame_of()
    weights = calibrate(cells, margins_of(cells, ["use", "plan"]), responded="csat")
    jackknife = part_jackknife(cells)
    fixed = weighted_estimate(cells, csat(5), weights, score="csat", replicates=jackknife)
    drawn = weighted_estimate(cells, csat(5), weights, score="csat", replicates=jackknife, redraw=True)
    line = weighted_estimate(cells, csat(5), weights, score="csat")
    assert fixed.standard_error == pytest.approx(line.standard_error, rel=0.25)
    # the frame's own shares vary as well: the variance of m(x) over 4,000 customers comes on top
    assert drawn.standard_error > fixed.standard_error
    foreign = calibrate(cells, {"use": {"low": 1, "mid": 1, "high": 1}}, responded="csat")
    with pytest.raises(ValueError, match="margins can be drawn anew only from cells of everyone invited"):
        weighted_estimate(cells, csat(5), foreign, score="csat", replicates=jackknife, redraw=True)


def test_one_population_leaves_less_to_chance():
    cells = frame_of()
    weights = calibrate(cells, margins_of(cells, ["use"]), responded="csat")
    anyone = weighted_estimate(cells, csat(5), weights, score="csat")
    these = weighted_estimate(cells, csat(5), weights, score="csat", population=4_000)
    assert 0.75 * anyone.standard_error < these.standard_error < anyone.standard_error
    # everybody answered: nothing is left
    full = cells[cells["csat"].notna()]
    done = calibrate(full, margins_of(full, ["use"]))
    result = weighted_estimate(full, csat(5), done, score="csat", population=float(full["n"].sum()))
    assert (result.low, result.high) == (result.value, result.value)
    with pytest.raises(ValueError, match="the population is 10"):
        weighted_estimate(full, csat(5), done, score="csat", population=10)


def test_all_answers_agree():
    cells = pd.DataFrame({"use": ["low", "high"], "nps": [10, 10], "n": [10, 30]})
    result = weighted_estimate(cells, NPS, calibrate(cells, {"use": {"low": 20, "high": 20}}), score="nps")
    assert (result.value, result.standard_error, result.high) == (100, 0, 100)
    assert result.low < 90  # the weights say how little 40 answers are worth, the variance cannot


def test_negative_weights_have_an_interval():
    cells = pd.DataFrame(
        {
            "country": ["AT", "DE", "DE"] * 2,
            "channel": ["app", "app", "mail"] * 2,
            "nps": [9] * 3 + [3] * 3,
            "n": [6, 12, 18, 4, 8, 12],
        }
    )
    margins = {"country": {"AT": 500, "DE": 500}, "channel": {"app": 400, "mail": 600}}
    result = weighted_estimate(cells, NPS, calibrate(cells, margins, method="linear"), score="nps")
    assert -100 <= result.low < result.value < result.high <= 100


def test_what_is_refused(rows):
    weights = calibrate(rows, ROW_MARGINS)
    with pytest.raises(ValueError, match="weight and estimate with the same cells"):
        weighted_estimate(rows.iloc[:-1], NPS, weights, score="nps")
    with pytest.raises(ValueError, match="1 weights are missing"):
        weighted_estimate(rows, NPS, np.r_[np.nan, np.ones(239)], score="nps")
    with pytest.raises(ValueError, match="nobody with a weight answered"):
        weighted_estimate(rows.assign(nps=pd.NA), NPS, weights, score="nps")
    with pytest.raises(ValueError, match="whole numbers from 1 to 5"):
        weighted_estimate(rows, csat(5), weights, score="nps")
    with pytest.raises(ValueError, match="each alone covers"):
        weighted_estimate(
            rows, NPS, weights, score="nps", matrix=np.eye(240), replicates=part_jackknife(rows)
        )
    with pytest.raises(ValueError, match="make them from these cells"):
        weighted_estimate(rows, NPS, weights, score="nps", replicates=part_jackknife(rows.iloc[:-1]))
    with pytest.raises(ValueError, match="the matrix is"):
        weighted_estimate(rows, NPS, weights, score="nps", matrix=np.eye(3))


@pytest.mark.parametrize(
    ("method", "bounds"),
    [("raking", None), ("linear", None), ("propensity", None), ("logit", (0.2, 4)), ("truncated", (0.2, 4))],
)
@pytest.mark.parametrize("redraw", [False, True])
def test_all_replicates_at_once_are_each_of_them(method, bounds, redraw):
    cells = frame_of()
    average = cells["n"].sum() / cells.loc[cells["csat"].notna(), "n"].sum()
    weights = calibrate(
        cells,
        margins_of(cells, ["use", "plan"]),
        method=method,
        bounds=bounds,
        weights=np.full(len(cells), average) if bounds else None,
        responded="csat",
    )
    counts = np.random.default_rng(2).poisson(cells["n"], size=(5, len(cells)))
    together = weights.reweighted_all(counts, redraw=redraw)
    single = [weights.reweighted(row, redraw=redraw) for row in counts]
    np.testing.assert_allclose(together, single, rtol=1e-9, atol=1e-12)


def test_a_replicate_that_loses_a_category_says_so():
    cells = pd.DataFrame(
        {"use": ["low", "high", "high"], "nps": [9, 9, 0], "part": [0, 1, 2], "n": [1, 5, 5]}
    )
    weights = calibrate(cells, {"use": {"low": 10, "high": 10}})
    with pytest.raises(ValueError, match="nobody in use “low” answered in a replicate"):
        weighted_estimate(cells, NPS, weights, score="nps", replicates=part_jackknife(cells))


def test_it_shows_itself(rows):
    html = weighted_estimate(rows, NPS, calibrate(rows, ROW_MARGINS), score="nps")._repr_html_()
    assert "moved by who answered" in html


# -------------------------------------------------------------------------- coverage

INVITED = 6_000


def _company(rng: np.random.Generator, size: int) -> tuple[pd.DataFrame, float]:
    """Customers whose answering and score depend on two facts, and the true NPS of customers with these facts."""
    use = rng.choice(4, size, p=[0.4, 0.3, 0.2, 0.1])
    plan = rng.choice(3, size, p=[0.5, 0.35, 0.15])
    promoter = 0.25 + 0.12 * use + 0.03 * plan
    detractor = 0.45 - 0.12 * use
    truth = 100 * float(np.mean(promoter - detractor))
    u = rng.random(size)
    nps = np.where(u < detractor, 3, np.where(u < 1 - promoter, 8, 10))
    answers = rng.random(size) < 1 / (1 + np.exp(2.4 - 0.55 * use + 0.3 * plan))
    frame = pd.DataFrame(
        {"use": use, "plan": plan, "nps": np.where(answers, nps, -1), "part": np.arange(size) % 64}
    )
    return frame, truth


def _cells(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    cells = frame.groupby(keys).size().rename("n").reset_index()
    cells["nps"] = cells["nps"].where(cells["nps"] >= 0).astype("Int64")
    return cells


@pytest.mark.simulation
@pytest.mark.parametrize("method", ["raking", "linear", "post-stratification"])
def test_linearised_intervals_keep_their_promise(method):
    rng = np.random.default_rng(11)
    runs, hits, raw_hits, errors = 1_000, 0, 0, []
    for _ in range(runs):
        frame, truth = _company(rng, INVITED)
        cells = _cells(frame, ["use", "plan", "nps"])
        keys = [("use", "plan")] if method == "post-stratification" else ["use", "plan"]
        weights = calibrate(cells, margins_of(cells, keys), method=method, responded="nps")
        result = weighted_estimate(cells, NPS, weights, score="nps")
        hits += result.low <= truth <= result.high
        raw_hits += abs(result.raw - truth) < 1.96 * result.standard_error
        errors.append((result.value - truth, result.standard_error))
    errors = np.array(errors)
    # two Monte-Carlo errors of a share of .95: .014
    assert abs(hits / runs - 0.95) < 2 * np.sqrt(0.95 * 0.05 / runs)
    assert raw_hits / runs < 0.2  # unweighted answers are far off here, so that there is something to repair
    assert abs(errors[:, 0].mean()) < 3 * errors[:, 0].std() / np.sqrt(runs)
    # a standard deviation of 1,000 draws is known to 2 %; with twelve cells of as few as 18 answers the linearised
    # error is some 5 % too small, as in all survey software: the interval makes up for it
    assert errors[:, 1].mean() == pytest.approx(errors[:, 0].std(), rel=0.09)


@pytest.mark.simulation
def test_linearised_intervals_of_small_surveys():
    rng = np.random.default_rng(12)
    runs, hits, made = 1_200, 0, 0
    for _ in range(runs):
        frame, truth = _company(rng, 800)  # some 100 answers
        cells = _cells(frame, ["use", "plan", "nps"])
        try:
            weights = calibrate(cells, margins_of(cells, ["use", "plan"]), responded="nps")
        except ValueError:
            continue  # nobody in a category answered
        made += 1
        result = weighted_estimate(cells, NPS, weights, score="nps")
        hits += result.low <= truth <= result.high
    assert made > 1_150
    assert abs(hits / made - 0.95) < 2 * np.sqrt(0.95 * 0.05 / made)


@pytest.mark.simulation
def test_jackknife_intervals_cover_repeated_customers():
    # every second customer is invited twice and answers alike both times; the jackknife redraws the frame too
    rng = np.random.default_rng(13)
    runs, hits, plain_hits = 300, 0, 0
    for _ in range(runs):
        frame, truth = _company(rng, 3_000)
        twice = pd.concat([frame, frame.iloc[::2]], ignore_index=True)
        cells = _cells(twice, ["use", "plan", "nps", "part"])
        weights = calibrate(cells, margins_of(cells, ["use", "plan"]), responded="nps")
        result = weighted_estimate(cells, NPS, weights, score="nps", replicates=part_jackknife(cells))
        plain = weighted_estimate(cells, NPS, weights, score="nps")
        hits += result.low <= truth <= result.high
        plain_hits += plain.low <= truth <= plain.high
    assert abs(hits / runs - 0.95) < 2 * np.sqrt(0.95 * 0.05 / runs)
    assert plain_hits < hits
