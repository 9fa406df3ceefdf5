"""Vignettes: R anchors' printed output on its own data sets, R's table of examples, statsmodels, known truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import approx_fprime
from scipy.stats import norm
from statsmodels.miscmodels.ordinal_model import OrderedModel

from cxstats.methods.hierarchical_probit import Problem, log_likelihoods
from cxstats.methods.vignettes import (
    _censored_probit,
    _entropy,
    _minimum_entropy,
    _uniform,
    c_ranks,
    chopit,
    vignette_order,
)
from cxstats.metrics import Scale

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
FIVE = Scale(1, 5)

# King & Wand (2007), table 1, with the answers and the output of tests/unit.anchors.R of the R package anchors 3.0-7
KING_WAND = pd.DataFrame(
    {
        "y": [1, 3, 3, 4, 4, 2, 2, 3, 1, 2, 3, 3, 4],
        "z1": [2, 3, 2, 2, 2, 3, 2, 2, 3, 3, 4, 3, 3],
        "z2": [3, 4, 4, 4, 3, 3, 2, 2, 2, 2, 2, 2, 2],
    }
)
LOW = [1, 2, 3, 4, 5, 1, 2, 5, 1, 1, 1, 2, 5]
HIGH = [1, 2, 3, 4, 5, 1, 4, 5, 1, 4, 5, 5, 5]


def spans(vignettes: str) -> pd.DataFrame:
    table = pd.read_csv(REFERENCE / "anchors_freedom_spans.csv", comment="#", dtype={"vignettes": str})
    return table[table["vignettes"] == vignettes].reset_index(drop=True)


# --------------------------------------------------------------------------------------------- ranks


def test_the_thirteen_examples_of_king_and_wand() -> None:
    found = c_ranks(KING_WAND, "y", ["z1", "z2"], scale=FIVE)
    assert found.persons["low"].tolist() == LOW
    assert found.persons["high"].tolist() == HIGH
    assert (found.n, found.n_spans, found.n_ranks) == (13, 4, 5)
    shares = found.distribution.set_index("rank").round(3)
    assert shares["scalar"].tolist() == [0.333, 0.111, 0.111, 0.111, 0.333]
    assert shares["uniform"].tolist() == [0.265, 0.156, 0.156, 0.156, 0.265]
    np.testing.assert_allclose(shares["censored_probit"], [0.283, 0.145, 0.145, 0.145, 0.283], atol=0.0006)
    # for spans that could go to rank 1 or 5, R takes 1 first as here
    assert shares["minimum_entropy"].tolist() == [0.385, 0.154, 0.077, 0.077, 0.308]


def test_a_rank_nobody_has_for_certain_is_merged_away_as_in_anchors() -> None:
    rows = KING_WAND.astype("Int64")
    rows.loc[3, "y"] = pd.NA
    rows.loc[7, "z2"] = pd.NA
    found = c_ranks(rows, "y", ["z1", "z2"], scale=FIVE)
    assert (found.n, found.n_set_aside) == (11, 2)
    cuts = found.censored_probit.set_index("term")["estimate"]
    assert cuts.index.tolist() == ["cut 1|2", "cut 2|3", "cut 3|5"]
    np.testing.assert_allclose(cuts, [-0.3983560, 0.1372114, 0.7190729], atol=2e-4)
    shares = found.distribution.round(3)
    np.testing.assert_allclose(shares["censored_probit"], [0.345, 0.209, 0.209, 0.0, 0.236], atol=0.0006)
    np.testing.assert_allclose(shares["uniform"], [0.314, 0.185, 0.185, 0.094, 0.223], atol=0.0006)
    assert shares["minimum_entropy"].tolist() == [0.455, 0.273, 0.091, 0.0, 0.182]


@pytest.mark.parametrize(
    ("vignettes", "n_spans", "scalar", "uniform", "probit", "entropy"),
    [
        (
            "23456",
            1763,
            [0.223, 0.161, 0.193, 0.047, 0.034, 0.016, 0.006, 0.018, 0.013, 0.094, 0.195],
            [0.116, 0.100, 0.125, 0.070, 0.070, 0.090, 0.079, 0.091, 0.060, 0.090, 0.107],
            [0.118, 0.103, 0.142, 0.051, 0.045, 0.138, 0.025, 0.155, 0.017, 0.095, 0.110],
            [0.119, 0.080, 0.103, 0.023, 0.017, 0.472, 0.003, 0.009, 0.006, 0.060, 0.108],
        ),
        (
            "23546",
            1654,
            [0.210, 0.151, 0.182, 0.044, 0.032, 0.043, 0.021, 0.033, 0.012, 0.089, 0.184],
            [0.116, 0.100, 0.127, 0.073, 0.068, 0.096, 0.072, 0.090, 0.057, 0.093, 0.107],
            [0.118, 0.103, 0.144, 0.056, 0.042, 0.147, 0.037, 0.120, 0.016, 0.107, 0.110],
            [0.119, 0.080, 0.103, 0.023, 0.017, 0.431, 0.011, 0.017, 0.006, 0.084, 0.109],
        ),
    ],
)
def test_3500_people_and_every_way_of_treating_spans(
    vignettes: str, n_spans: int, scalar: list, uniform: list, probit: list, entropy: list
) -> None:
    table = spans(vignettes)
    assert table["n"].sum() == 3500
    assert table.loc[table["low"] < table["high"], "n"].sum() == n_spans
    low, high, n = (table[name].to_numpy() for name in ("low", "high", "n"))
    counts = np.zeros((11, 11))
    counts[low - 1, high - 1] = n
    np.testing.assert_allclose(np.diag(counts) / np.diag(counts).sum(), scalar, atol=0.0006)
    np.testing.assert_allclose(n @ _uniform(low, high, 11) / 3500, uniform, atol=0.0006)
    given = _minimum_entropy(counts)[low - 1, high - 1] + 1
    assert given.tolist() == table["minimum_entropy"].tolist()
    np.testing.assert_allclose(np.bincount(given - 1, weights=n) / 3500, entropy, atol=0.0006)
    _, fitted = _censored_probit(low, high, np.zeros((len(low), 0)), [], n.astype(float), 11)
    np.testing.assert_allclose(n @ fitted / 3500, probit, atol=0.0015)


def test_minimum_entropy_is_the_least_of_all_ways_where_all_can_be_tried() -> None:
    counts = np.zeros((3, 3))
    counts[0, 0], counts[2, 2], counts[0, 1], counts[1, 2], counts[0, 2] = 5, 3, 2, 2, 1
    given = _minimum_entropy(counts)
    cells = [(a, b) for a, b in np.argwhere(counts > 0)]
    options = [range(a, b + 1) for a, b in cells]
    best = np.inf
    for choice in np.array(np.meshgrid(*options)).reshape(len(cells), -1).T:
        share = np.bincount(choice, weights=[counts[a, b] for a, b in cells], minlength=3) / counts.sum()
        best = min(best, _entropy(share))
    mine = (
        np.bincount([given[a, b] for a, b in cells], weights=[counts[a, b] for a, b in cells]) / counts.sum()
    )
    assert _entropy(mine) == pytest.approx(best)


def test_without_spans_the_censored_probit_is_statsmodels_ordered_probit() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=400)
    rank = 1 + np.searchsorted([-1.0, 0.2, 0.9], 0.6 * x + rng.normal(size=400))
    table, _ = _censored_probit(rank, rank, x[:, None], ["x"], np.ones(400), 4)
    model = OrderedModel(rank, x[:, None], distr="probit")
    fit = model.fit(method="bfgs", disp=False, gtol=1e-8)
    cuts = model.transform_threshold_params(fit.params)[1:-1]
    np.testing.assert_allclose(table["estimate"], [*cuts, fit.params[0]], atol=1e-5)
    assert table["standard_error"].iloc[-1] == pytest.approx(fit.bse[0], rel=1e-3)


def test_a_censored_answer_has_the_probability_of_its_span() -> None:
    rng = np.random.default_rng(4)
    low = rng.integers(1, 5, 60)
    high = np.minimum(low + rng.integers(0, 3, 60), 5)
    low[:5], high[:5] = np.arange(1, 6), np.arange(1, 6)
    x = rng.normal(size=60)
    table, fitted = _censored_probit(low, high, x[:, None], ["x"], np.ones(60), 5)

    def likelihood(parameters: np.ndarray) -> float:
        cuts = np.concatenate([[-np.inf], parameters[:4], [np.inf]])
        return -np.log(
            norm.cdf(cuts[high] - parameters[4] * x) - norm.cdf(cuts[low - 1] - parameters[4] * x)
        ).sum()

    best = table["estimate"].to_numpy()
    np.testing.assert_allclose(approx_fprime(best, likelihood, 1e-6), 0, atol=1e-3)
    for away in np.eye(5) * 0.01:
        assert likelihood(best + away) > likelihood(best) < likelihood(best - away)
    np.testing.assert_allclose(fitted.sum(axis=1), 1)
    outside = (np.arange(1, 6) < low[:, None]) | (np.arange(1, 6) > high[:, None])
    assert (fitted[outside] == 0).all()


def test_freedom_with_three_vignettes_as_printed(shared_data) -> None:
    rows = pd.read_csv(shared_data / "reference_tables" / "freedom_complete.csv")
    by = ["country", "sex", "age", "educ"]
    found = c_ranks(rows, "self", ["vign1", "vign3", "vign6"], scale=FIVE, by=by)
    expected = spans("136").sort_values(["low", "high"])
    assert found.spans[["low", "high", "n", "minimum_entropy"]].values.tolist() == (
        expected[["low", "high", "n", "minimum_entropy"]].values.tolist()
    )
    shares = found.distribution
    np.testing.assert_allclose(shares["scalar"], [0.17, 0.077, 0.168, 0.081, 0.17, 0.167, 0.168], atol=0.0006)
    np.testing.assert_allclose(
        shares["uniform"], [0.147, 0.082, 0.161, 0.108, 0.179, 0.175, 0.148], atol=0.0006
    )
    np.testing.assert_allclose(
        shares["censored_probit"], [0.148, 0.075, 0.165, 0.094, 0.187, 0.183, 0.148], atol=0.0006
    )
    np.testing.assert_allclose(
        shares["minimum_entropy"], [0.144, 0.065, 0.160, 0.068, 0.278, 0.142, 0.142], atol=0.0006
    )
    assert found.entropy["estimated"] == pytest.approx(1.903, abs=0.0006)
    assert found.entropy["minimum"] == pytest.approx(1.844, abs=0.0006)
    for vignettes, estimated, minimum in [
        (["vign1", "vign3"], 1.450, 1.430),
        (["vign1", "vign6"], 1.490, 1.465),
        (["vign3", "vign6"], 1.527, 1.489),
        (["vign1"], 0.795, 0.795),
        (["vign3"], 1.044, 1.044),
        (["vign6"], 0.959, 0.959),
    ]:
        part = c_ranks(rows, "self", vignettes, scale=FIVE, by=by).entropy
        assert part["estimated"] == pytest.approx(estimated, abs=0.0006)
        assert part["minimum"] == pytest.approx(minimum, abs=0.0006)


def test_shares_above_a_story_by_group() -> None:
    rows = KING_WAND.assign(country=["A"] * 6 + ["B"] * 7)
    found = c_ranks(rows, "y", ["z1", "z2"], scale=FIVE, group="country").groups.set_index(
        ["group", "vignette"]
    )
    # B: spans 2–4, 5–5, 1–1, 1–4, 1–5, 2–5, 5–5
    assert found.loc[("B", "z1"), "surely_above"] == pytest.approx(2 / 7)
    assert found.loc[("B", "z1"), "possibly_above"] == pytest.approx(6 / 7)
    assert found.loc[("B", "z2"), "surely_above"] == pytest.approx(2 / 7)
    assert found.loc[("B", "z2"), "possibly_above"] == pytest.approx(4 / 7)
    for way in ("uniform", "minimum_entropy", "censored_probit"):
        assert (found[way] >= found["surely_above"] - 1e-12).all()
        assert (found[way] <= found["possibly_above"] + 1e-12).all()
    assert (found["low"] < found["surely_above"]).all()
    assert (found["high"] >= found["possibly_above"]).all()
    assert found.loc[("A", "z1"), "n_spans"] == 0


# --------------------------------------------------------------------------------------------- order


def test_order_of_stories_by_hand() -> None:
    rows = pd.DataFrame(
        {"a": [1, 2, 3, 1, 2], "b": [2, 2, 1, 3, 2], "c": [3, 1, 4, 3, 2], "n": [1, 1, 1, 2, 1]}
    )
    found = vignette_order(rows, ["a", "b", "c"], scale=FIVE)
    assert found.n == 6
    assert found.n_distinct == 5
    assert found.violations == (3, 1, 1)  # 1 2 3 and twice 1 3 3; 3 1 4; 2 2 1 turns two pairs
    assert found.n_in_order == 3
    assert found.below[0, 1] == pytest.approx(3 / 6)
    assert found.below[1, 0] == pytest.approx(1 / 6)
    assert found.tied[1, 2] == pytest.approx(3 / 6)
    assert found.observed == ("a", "b", "c")


def test_freedom_stories_four_and_five_are_out_of_order(shared_data) -> None:
    rows = pd.read_csv(shared_data / "reference_tables" / "freedom_complete.csv")
    names = ["vign2", "vign3", "vign4", "vign5", "vign6"]
    found = vignette_order(rows, names, scale=FIVE)
    # printed for all 3,500 people; these are the 3,447 with complete covariates
    printed = {(0, 1): 0.663, (1, 2): 0.457, (2, 3): 0.183, (3, 2): 0.339, (3, 4): 0.495, (4, 0): 0.070}
    for pair, share in printed.items():
        assert found.below[pair] == pytest.approx(share, abs=53 / 3500)
    assert 3223 - 53 <= found.n_distinct <= 3223
    assert 1178 - 53 <= found.n_in_order <= 1178
    assert [text for text in found.warnings if "vign4 was declared worse than vign5" in text]
    assert found.observed == ("vign2", "vign3", "vign5", "vign4", "vign6")
    ranks = c_ranks(rows, "self", names, scale=FIVE, order="observed")
    assert ranks.vignettes == found.observed
    assert ranks.n_spans < c_ranks(rows, "self", names, scale=FIVE).n_spans


def test_tied_stories_are_said() -> None:
    rows = pd.DataFrame({"y": [1, 3, 5, 2] * 10, "z1": [2, 3, 4, 2] * 10, "z2": [2, 3, 4, 3] * 10})
    found = c_ranks(rows, "y", ["z1", "z2"], scale=FIVE)
    assert any("rated the same by 75%" in text for text in found.warnings)


# -------------------------------------------------------------------------------------------- CHOPIT


def as_table(found, terms: dict[str, str] | None = None) -> pd.DataFrame:
    gamma = found.thresholds.assign(block="gamma")
    theta = found.vignettes.rename(columns={"vignette": "term"})
    parts = [
        gamma[["block", "cut", "term", "estimate", "standard_error"]],
        theta.assign(
            block="sigma", cut=0, estimate=theta["deviation"], standard_error=theta["deviation_error"]
        ),
        theta.assign(block="theta", cut=0, estimate=theta["mean"], standard_error=theta["mean_error"]),
        found.location.assign(block="beta", cut=0),
    ]
    table = pd.concat([p[["block", "cut", "term", "estimate", "standard_error"]] for p in parts])
    return table.set_index(["block", "cut", "term"])


def compare(found, name: str) -> None:
    printed = pd.read_csv(REFERENCE / name, comment="#").fillna({"cut": 0}).astype({"cut": int})
    printed = printed.set_index(["block", "cut", "term"])
    mine = as_table(found).loc[printed.index]
    np.testing.assert_allclose(mine["estimate"], printed["estimate"], atol=0.00011)
    np.testing.assert_allclose(mine["standard_error"], printed["standard_error"], atol=0.00021)


def test_freedom_to_the_printed_digits(shared_data) -> None:
    rows = pd.read_csv(shared_data / "reference_tables" / "freedom_complete.csv")
    found = chopit(
        rows,
        "self",
        [f"vign{j}" for j in range(1, 7)],
        location=["sex", "age", "educ", "country"],
        scale=FIVE,
        spacing="linear",
    )
    assert found.converged
    assert found.log_likelihood == pytest.approx(-32421.69, abs=0.006)
    np.testing.assert_allclose(
        -found.by_question["log_likelihood"],
        [5154.965, 5032.314, 5207.052, 4766.234, 4340.710, 4485.543, 3434.877],
        atol=0.002,
    )
    compare(found, "anchors_freedom_chopit.csv")
    assert any("vign5 comes out below vign4" in text for text in found.warnings)


def test_china_and_mexico_turn_round(shared_data) -> None:
    rows = pd.read_csv(shared_data / "anchors_mexchn" / "mexchn.csv.gz")
    names = [f"xsay{j}" for j in range(1, 6)]
    answers = ["xsayself", *names]
    rows[answers] = rows[answers].where(rows[answers] > 0)
    covariates = ["china", "age", "male", "educyrs"]
    found = chopit(
        rows, "xsayself", names, location=covariates, scale=FIVE, spacing="linear", leave_one_out=True
    )
    assert found.log_likelihood == pytest.approx(-6979.267, abs=0.002)
    assert (found.n_own, found.n_vignettes) == (859, 851)
    np.testing.assert_allclose(
        -found.by_question["log_likelihood"],
        [1154.407, 1179.538, 1166.480, 1194.045, 1170.087, 1114.711],
        atol=0.002,
    )
    assert found.by_question["n"].tolist() == [859, 844, 842, 841, 845, 849]
    compare(found, "anchors_mexchn_chopit.csv")
    china = found.location.set_index("term").loc["china"]
    assert china["without_vignettes"] > 3 * china["without_error"]  # the Chinese say that they have more say
    assert china["high"] < 0
    assert "china turns round once the thresholds are learnt from the vignettes." in found.warnings
    without = found.dropped.set_index(["term", "vignette"]).loc["china", "estimate"]
    assert (without < 0).all()  # whichever story is left out
    king = chopit(rows, "xsayself", names, location=covariates, scale=FIVE)
    assert king.location.set_index("term").loc["china", "high"] < 0  # with the spacing of King et al. too


def test_the_chinese_put_themselves_above_every_story_less_often(shared_data) -> None:
    rows = pd.read_csv(shared_data / "anchors_mexchn" / "mexchn.csv.gz")
    names = [f"xsay{j}" for j in (5, 4, 3, 2, 1)]
    rows[["xsayself", *names]] = rows[["xsayself", *names]].where(rows[["xsayself", *names]] > 0)
    rows["country"] = np.where(rows["china"] == 1, "China", "Mexico")
    own = rows.groupby("country")["xsayself"].mean()
    assert own["China"] > own["Mexico"] + 0.5
    found = c_ranks(rows, "xsayself", names, scale=FIVE, group="country").groups.set_index("vignette")
    china, mexico = (found[found["group"] == country] for country in ("China", "Mexico"))
    for way in ("surely_above", "possibly_above", "uniform", "censored_probit", "minimum_entropy"):
        assert (china[way] < mexico[way]).all()


def test_without_vignettes_it_is_statsmodels_ordered_probit(shared_data) -> None:
    rows = pd.read_csv(shared_data / "anchors_mexchn" / "mexchn.csv.gz")
    rows = rows[(rows["xsayself"] > 0)].dropna(subset=["age", "male", "educyrs"])
    rows["xsay1"] = rows["xsay1"].where(rows["xsay1"] > 0)
    x = rows[["china", "age", "male", "educyrs"]]
    fit = OrderedModel(rows["xsayself"].to_numpy(), x.to_numpy(float), distr="probit").fit(
        method="bfgs", disp=False, gtol=1e-6, maxiter=500
    )
    found = chopit(rows, "xsayself", ["xsay1"], location=list(x), scale=FIVE)
    np.testing.assert_allclose(found.location["without_vignettes"], fit.params[:4], atol=2e-4)
    np.testing.assert_allclose(found.location["without_error"], fit.bse[:4], rtol=0.01)
    assert found.without_vignettes_log_likelihood == pytest.approx(fit.llf, abs=1e-3)


@pytest.mark.parametrize("spacing", ["linear", "exponential"])
def test_the_gradient_is_the_likelihoods(spacing: str) -> None:
    rng = np.random.default_rng(5)
    answers = rng.integers(0, 4, (80, 3))
    answers[:10, 1] = -1
    high = np.where(answers >= 0, np.minimum(answers + rng.integers(0, 2, answers.shape), 3), -1)
    problem = Problem(
        answers, high, rng.normal(size=(80, 2)), np.column_stack([np.ones(80), rng.normal(size=80)]),
        rng.integers(1, 4, 80).astype(float), 4, spacing,
    )  # fmt: skip
    at = np.array([-1, 0.1, 0.8, 0.05, 0.7, -0.1, 0.3, -0.2, 0.1, -0.3, 0.2, 0.4])
    log_p, scores = log_likelihoods(problem, at)
    assert np.isfinite(log_p).all()

    def value(parameters: np.ndarray) -> float:
        return problem.mass @ log_likelihoods(problem, parameters)[0].sum(axis=1)

    np.testing.assert_allclose(problem.mass @ scores, approx_fprime(at, value, 1e-7), rtol=1e-4, atol=1e-3)


def simulated(n: int, seed: int, *, level_gap: float, shift: float) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    b = np.repeat([0.0, 1.0], n // 2)

    def answer(latent: np.ndarray) -> np.ndarray:
        return 1 + sum((latent > cut + shift * b).astype(int) for cut in (-1.2, -0.3, 0.4, 1.2))

    rows = pd.DataFrame(
        {"own": answer(level_gap * b + rng.normal(size=n)), "country": np.where(b == 1, "B", "A")}
    )
    for j, (mean, sd) in enumerate([(-0.9, 0.6), (0.1, 0.8), (0.9, 0.7)]):
        rows[f"v{j}"] = answer(mean + sd * rng.normal(size=n))
    return rows


def test_cells_give_what_rows_give() -> None:
    rows = simulated(600, 6, level_gap=0.3, shift=0.5)
    cells = rows.value_counts().rename("n").reset_index()
    one = chopit(rows, "own", ["v0", "v1", "v2"], location=["country"], scale=FIVE)
    two = chopit(cells, "own", ["v0", "v1", "v2"], location=["country"], scale=FIVE)
    assert two.log_likelihood == pytest.approx(one.log_likelihood, abs=1e-6)
    np.testing.assert_allclose(two.location["estimate"], one.location["estimate"], atol=1e-5)
    np.testing.assert_allclose(two.location["standard_error"], one.location["standard_error"], rtol=1e-4)


def test_answers_given_twice_by_the_same_people_are_no_new_information() -> None:
    rows = simulated(600, 7, level_gap=0.3, shift=0.5).assign(who=range(600))
    twice = pd.concat([rows, rows], ignore_index=True)
    options = {"location": ["country"], "scale": FIVE, "customer": "who"}
    one = chopit(rows, "own", ["v0", "v1"], **options).location.iloc[0]
    two = chopit(twice, "own", ["v0", "v1"], **options).location.iloc[0]
    assert two["estimate"] == pytest.approx(one["estimate"], abs=1e-6)
    assert two["standard_error"] == pytest.approx(one["standard_error"], rel=1e-3)


@pytest.mark.simulation
@pytest.mark.parametrize(("level_gap", "shift"), [(0.4, 0.0), (0.0, 0.6)])
def test_intervals_contain_the_true_difference_in_level(level_gap: float, shift: float) -> None:
    runs, inside, naive = 60, 0, 0
    for seed in range(runs):
        rows = simulated(500, 500 + seed, level_gap=level_gap, shift=shift)
        term = chopit(rows, "own", ["v0", "v1", "v2"], location=["country"], scale=FIVE).location.iloc[0]
        inside += term["low"] <= level_gap <= term["high"]
        naive += abs(term["without_vignettes"] - level_gap) <= 1.96 * term["without_error"]
    assert inside / runs >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / runs)
    if shift:
        assert naive / runs < 0.2  # what the ordered probit would have said


# ----------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"vignettes": []}, "needs a vignette"),
        ({}, {"vignettes": ["v0", "v0"]}, "named twice"),
        ({}, {"vignettes": ["v9"]}, "no column 'v9'"),
        ({"v0": 0}, {}, "'v0' runs 1–5.*first: 0"),
        ({}, {"location": ["age"]}, "no column 'age'"),
        ({"country": "A"}, {}, "'country' is the same for everybody"),
        ({"x": 1.0}, {"location": ["country", "x"]}, "'x' is the same for everybody"),
        ({}, {"location": ["country", "copy"]}, "determine one another"),
        ({"own": 1, "v0": 3, "v1": 3, "v2": 5}, {}, "nobody chose 2 and 4 on any question"),
        ({"own": None}, {}, "nobody answered 'own'"),
        ({}, {"scale": Scale(1, 2)}, "three points"),
        ({}, {"spacing": "cubic"}, '"linear" or "exponential"'),
    ],
)
def test_bad_input_is_told_in_words(change: dict, options: dict, message: str) -> None:
    rows = simulated(60, 8, level_gap=0.0, shift=0.0)
    rows["copy"] = (rows["country"] == "B").astype(float)
    rows = rows.assign(**change)
    settings = {"vignettes": ["v0", "v1", "v2"], "location": ["country"], "scale": FIVE} | options
    with pytest.raises(ValueError, match=message):
        chopit(rows, "own", settings.pop("vignettes"), **settings)


def test_ranks_refuse_what_they_cannot_use() -> None:
    with pytest.raises(ValueError, match="nobody rated all"):
        c_ranks(KING_WAND.assign(z1=None), "y", ["z1", "z2"], scale=FIVE)
    with pytest.raises(ValueError, match="named twice"):
        c_ranks(KING_WAND, "z1", ["z1", "z2"], scale=FIVE)
    with pytest.raises(ValueError, match='"declared" or "observed"'):
        c_ranks(KING_WAND, "y", ["z1", "z2"], scale=FIVE, order="best")
    few = c_ranks(KING_WAND.iloc[:2], "y", ["z1", "z2"], scale=FIVE)
    assert few.distribution["censored_probit"].isna().all()
    assert np.isnan(few.entropy["estimated"])
    assert "1" in few._repr_html_()
