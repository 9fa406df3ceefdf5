"""The location–scale ordered model against published fits, R's clm, scipy, and known truth."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import approx_fprime, minimize
from scipy.stats import norm

from cxstats.cells import cluster_variance
from cxstats.methods.ordinal import location_scale, starting_values, too_few_categories
from cxstats.methods.ordinal_design import build
from cxstats.methods.ordinal_likelihood import (
    LINKS,
    hessian,
    implied_shares,
    log_likelihood,
    maximise,
    ordered_cells,
    scores,
)
from cxstats.methods.replicates import multinomial, part_jackknife

WINE = pd.DataFrame(
    {
        "rating": [1, 2, 3, 4, 5] * 4,
        "temp": ["cold"] * 10 + ["warm"] * 10,
        "contact": (["no"] * 5 + ["yes"] * 5) * 2,
        "n": [4, 9, 5, 0, 0, 1, 7, 8, 2, 0, 0, 5, 8, 3, 2, 0, 1, 5, 7, 5],
    }
)
SHARES = np.array([3, 1, 1, 2, 2, 5, 6, 12, 22, 20, 26]) / 100
CUTS = norm.ppf(np.cumsum(SHARES)[:-1])


def drawn(groups: dict[str, tuple[float, float, int]], seed: int) -> pd.DataFrame:
    """Counts of 0–10 answers; per group location, log-scale and number of answers."""
    rng = np.random.default_rng(seed)
    rows = []
    for label, (location, log_scale, n) in groups.items():
        edges = np.concatenate([[0], norm.cdf((CUTS - location) / np.exp(log_scale)), [1]])
        rows += [(label, k, c) for k, c in enumerate(rng.multinomial(n, np.diff(edges)))]
    return pd.DataFrame(rows, columns=["country", "nps", "n"])


@pytest.fixture(scope="module")
def housing(root):
    # MASS::housing (Madsen 1976): 1,681 tenants in 72 cells
    frame = pd.read_csv(root / "tests/reference/housing.csv").rename(columns={"Freq": "n"})
    levels = {
        "Infl": ["Low", "Medium", "High"],
        "Type": ["Tower", "Apartment", "Atrium", "Terrace"],
        "Cont": ["Low", "High"],
    }
    frame["Sat"] = pd.Categorical(frame["Sat"], ["Low", "Medium", "High"], ordered=True)
    return frame.assign(**{name: pd.Categorical(frame[name], order) for name, order in levels.items()})


# -------------------------------------------------------------------------------- published fits


def test_wine_location():
    # ordinal's tutorial (Christensen 2019): clm(rating ~ temp + contact, data = wine)
    fit = location_scale(WINE, score="rating", location=["temp", "contact"], link="logit")
    assert fit.log_likelihood == pytest.approx(-86.492, abs=5e-4)
    assert fit.aic == pytest.approx(184.98, abs=5e-3)
    assert fit.location.to_dict() == pytest.approx({"temp[warm]": 2.5031, "contact[yes]": 1.5278}, abs=5e-5)
    assert fit.standard_errors["location"].to_list() == pytest.approx([0.5287, 0.4766], abs=5e-5)
    assert fit.thresholds.to_list() == pytest.approx([-1.3444, 1.2508, 3.4669, 5.0064], abs=5e-5)
    contact, temp = fit.drop_test("contact"), fit.drop_test("temp")
    assert (contact.statistic, temp.statistic) == pytest.approx((11.043, 26.928), abs=5e-4)
    assert contact.p_value == pytest.approx(0.00089, abs=5e-6)
    assert contact.method == "likelihood ratio"


def test_wine_location_and_scale():
    # clm(rating ~ temp + contact, scale = ~ temp, data = wine)
    fit = location_scale(WINE, score="rating", location=["temp", "contact"], scale="temp", link="logit")
    assert fit.log_likelihood == pytest.approx(-86.439, abs=5e-4)
    assert fit.aic == pytest.approx(186.88, abs=5e-3)
    assert fit.location.to_list() == pytest.approx([2.6294, 1.5878], abs=5e-5)
    assert fit.thresholds.to_list() == pytest.approx([-1.3520, 1.2730, 3.6170, 5.2982], abs=5e-5)
    assert fit.log_scale["temp[warm]"] == pytest.approx(0.0954, abs=5e-5)
    assert fit.groups("temp").loc["warm", "spread"] == pytest.approx(1.1001, abs=5e-5)
    row = fit.to_frame().set_index(["part", "term"]).loc[("log_scale", "temp[warm]")]
    assert (row.standard_error, row.p_value) == pytest.approx((0.2941, 0.746), abs=5e-4)
    assert fit.standard_errors["location"].to_list() == pytest.approx([0.6860, 0.5301], abs=5e-5)


def test_wine_probit():
    plain = location_scale(WINE, score="rating", location=["temp", "contact"])
    assert plain.log_likelihood == pytest.approx(-85.7611, abs=5e-5)
    assert plain.thresholds.to_list() == pytest.approx([-0.7733, 0.7360, 2.0447, 2.9413], abs=5e-5)
    assert plain.location.to_list() == pytest.approx([1.4994, 0.8677], abs=5e-5)
    wide = location_scale(WINE, score="rating", location=["temp", "contact"], scale="temp")
    assert wide.log_likelihood == pytest.approx(-85.6731, abs=5e-5)
    assert wide.log_scale.to_list() == pytest.approx([0.1111], abs=5e-5)


def test_housing_location(housing):
    # stored R course notes: polr(Sat ~ Infl + Type + Cont, weights = Freq)
    fit = location_scale(housing, score="Sat", location=["Infl", "Type", "Cont"], link="logit")
    assert fit.location.to_list() == pytest.approx(
        [0.5664, 1.2888, -0.5724, -0.3662, -1.0910, 0.3603], abs=5e-5
    )
    assert fit.standard_errors["location"].to_list() == pytest.approx(
        [0.10465, 0.12716, 0.11924, 0.15517, 0.15149, 0.09554], abs=6e-6
    )
    assert fit.thresholds.to_list() == pytest.approx([-0.4961, 0.6907], abs=5e-5)
    assert -2 * fit.log_likelihood == pytest.approx(3479.149, abs=5e-4)
    assert fit.aic == pytest.approx(3495.149, abs=5e-4)
    assert fit.n == 1681


@pytest.mark.parametrize(
    ("scale", "log_scales", "ratio", "coefficients"),
    [
        # R: tests/reference/location_scale.R; thresholds, then locations
        (
            "Cont",
            [-0.195803],
            5.655882,
            [-0.458028, 0.601458, 0.500609, 1.148739, -0.520288, -0.346899, -1.003780, 0.313482],
        ),
        (
            "Infl",
            [0.069997, 0.181930],
            2.393354,
            [-0.558922, 0.708275, 0.589582, 1.438365, -0.634157, -0.385808, -1.185603, 0.384174],
        ),
    ],
)
def test_housing_scale(housing, scale, log_scales, ratio, coefficients):
    fit = location_scale(housing, score="Sat", location=["Infl", "Type", "Cont"], scale=scale, link="logit")
    assert fit.log_scale.to_list() == pytest.approx(log_scales, abs=2e-6)
    assert [*fit.thresholds, *fit.location] == pytest.approx(coefficients, abs=2e-6)
    test = fit.scale_test()
    assert (test.statistic, test.df) == (pytest.approx(ratio, abs=2e-6), len(log_scales))


@pytest.mark.parametrize(
    ("link", "value", "without"),
    [("probit", -9625.20869629, -9727.08978503), ("logit", -9627.44343419, -9715.19062617)],
)
def test_eight_countries_as_r(root, link, value, without):
    # 4,900 simulated answers; R's clm fitted the rows, this the counts (tests/reference/location_scale.R)
    folder = root / "tests/reference"
    expected = pd.read_csv(folder / "location_scale_clm.csv").query("link == @link")
    cells = pd.read_csv(folder / "location_scale_counts.csv")
    fit = location_scale(
        cells, score="nps", location="country", scale="country", link=link, reference={"country": "Germany"}
    )
    assert fit.log_likelihood == pytest.approx(value, abs=1e-6)
    found = fit.to_frame()
    assert found["part"].to_list() == expected["part"].to_list()
    terms = [term.removeprefix("country[").removesuffix("]") for term in found["term"]]
    assert terms == expected["term"].to_list()
    assert found["estimate"].to_list() == pytest.approx(expected["estimate"].to_list(), abs=1e-7)
    assert found["standard_error"].to_list() == pytest.approx(expected["standard_error"].to_list(), abs=1e-7)
    test = fit.scale_test()
    assert (test.statistic, test.df) == (pytest.approx(2 * (value - without), abs=1e-6), 7)


# ------------------------------------------------------------------------------- the likelihood


@pytest.mark.parametrize("link", LINKS)
def test_derivatives_are_those_of_the_likelihood(link):
    cells = build(
        WINE, score="rating", location=["temp", "contact"], scale=["contact", "temp"], link=link, reference={}
    ).cells
    here = np.array([-1.3, 1.2, 3.5, 5.0, 2.5, 1.5, -0.2, 0.1])
    gradient = cells.mass @ scores(here, cells, link)
    assert gradient == pytest.approx(approx_fprime(here, log_likelihood, 1e-7, cells, link), abs=2e-5)
    step = 1e-5 * np.eye(8)
    numeric = [
        (cells.mass @ (scores(here + h, cells, link) - scores(here - h, cells, link))) / 2e-5 for h in step
    ]
    assert hessian(here, cells, link) == pytest.approx(np.array(numeric), abs=1e-6)


def test_scipy_finds_nothing_higher():
    cells = build(
        WINE,
        score="rating",
        location=["temp", "contact"],
        scale=["temp", "contact"],
        link="probit",
        reference={},
    ).cells
    fit = location_scale(WINE, score="rating", location=["temp", "contact"], scale=["temp", "contact"])

    def loss(x):  # thresholds as increments, so that no order can be broken
        return -log_likelihood(np.concatenate([np.cumsum([x[0], *np.exp(x[1:4])]), x[4:]]), cells, "probit")

    found = minimize(loss, [-1, 0, 0, 0, 0, 0, 0, 0], method="BFGS", options={"gtol": 1e-8})
    assert fit.log_likelihood == pytest.approx(-found.fun, abs=1e-8)
    assert [*fit.location, *fit.log_scale] == pytest.approx(found.x[4:], abs=1e-4)


def test_far_tails_lose_no_digits():
    one = ordered_cells(np.array([0, 1, 2]), np.zeros((3, 0)), np.zeros((3, 0)), np.ones(3), 3)
    # P(Z > 9) = 1.1285884e-19: 1 − F would be 0
    assert log_likelihood(np.array([8.5, 9.0]), one, "probit") == pytest.approx(
        norm.logcdf(8.5) + np.log(norm.sf(8.5) - norm.sf(9.0)) + norm.logsf(9.0), rel=1e-12
    )


def test_rows_are_cells_of_one():
    rows = WINE.loc[WINE.index.repeat(WINE["n"])].assign(n=1)
    by_rows, by_cells = (
        location_scale(frame, score="rating", location=["temp", "contact"], scale="temp")
        for frame in (rows, WINE)
    )
    assert by_rows.log_likelihood == pytest.approx(by_cells.log_likelihood, abs=1e-10)
    assert by_rows.parameters == pytest.approx(by_cells.parameters, abs=1e-8)


def test_numbers_are_linear_effects():
    numbers = WINE.assign(warmth=(WINE["temp"] == "warm") * 10.0)
    fit = location_scale(
        numbers, score="rating", location=["warmth", "contact"], scale="warmth", link="logit"
    )
    assert (10 * fit.location["warmth"], 10 * fit.log_scale["warmth"]) == pytest.approx(
        (2.6294, 0.0954), abs=5e-5
    )


def test_another_reference_is_the_same_model():
    first = location_scale(WINE, score="rating", location="temp", scale="temp")
    other = location_scale(WINE, score="rating", location="temp", scale="temp", reference={"temp": "warm"})
    assert first.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-9)
    assert first.log_scale["temp[warm]"] == pytest.approx(-other.log_scale["temp[cold]"], abs=1e-8)
    assert first.shares("temp").loc["warm"].to_list() == pytest.approx(
        other.shares("temp").loc["warm"].to_list()
    )


def test_missing_groups_are_a_group_and_unanswered_rows_none():
    cells = drawn({"A": (0, 0, 500), "B": (0.3, 0.2, 500), "C": (0, 0, 200)}, seed=1)
    cells["country"] = cells["country"].astype("string").where(cells["country"] != "C")
    unanswered = pd.DataFrame({"country": ["A", "B"], "nps": [pd.NA, pd.NA], "n": [900, 800]})
    cells = pd.concat([cells, unanswered]).astype({"nps": "Int64"})
    fit = location_scale(cells, score="nps", location="country", scale="country")
    assert fit.n == 1200
    assert list(fit.location.index) == ["country[B]", "country[not known]"]


def test_sixty_countries_take_little_time():
    rng = np.random.default_rng(7)
    groups = {
        f"c{i:02d}": (rng.normal(0, 0.4), rng.normal(0, 0.25), int(rng.integers(100, 3000)))
        for i in range(60)
    }
    cells = drawn(groups, seed=8)
    took = []
    for _ in range(3):  # a busy machine may spoil one
        start = time.perf_counter()
        fit = location_scale(cells, score="nps", location="country", scale="country")
        took.append(time.perf_counter() - start)
    assert min(took) < 2
    assert fit.converged
    assert fit.iterations <= 12
    truth = np.array([location for location, _, _ in groups.values()])
    # the first group is the reference: the others lie where they do in its unit
    reference = groups["c00"]
    expected = (truth[1:] - reference[0]) / np.exp(reference[1])
    z = (fit.location.to_numpy() - expected) / fit.standard_errors["location"].to_numpy()
    # all of them share the reference's error, so they do not vary by one on average
    assert np.std(z) < 1.3
    assert np.abs(z).max() < 5


def test_starts_near_the_maximum():
    cells = drawn({"A": (0, 0, 900), "B": (0.5, 0.4, 900), "C": (-0.6, -0.5, 900)}, seed=2)
    problem = build(cells, score="nps", location=["country"], scale=["country"], link="probit", reference={})
    start = starting_values(problem)
    fit = maximise(start, problem.cells, "probit")
    # nearly all of the way from groups that are all alike
    none = np.concatenate([start[:10], np.zeros(4)])
    behind = [fit.log_likelihood - log_likelihood(x, problem.cells, "probit") for x in (start, none)]
    assert 0 < behind[0] < 0.05 * behind[1]
    assert np.abs(start - fit.parameters).max() < 0.25


# ---------------------------------------------------------------------- weights, repeated customers


def test_equal_weights_change_nothing_and_count_as_one():
    cells = drawn({"A": (0, 0, 700), "B": (0.4, 0.3, 500)}, seed=3)
    plain = location_scale(cells, score="nps", location="country", scale="country")
    heavy = location_scale(
        cells.assign(w=2.5 * cells["n"], w2=6.25 * cells["n"]),
        score="nps",
        location="country",
        scale="country",
    )
    assert heavy.parameters == pytest.approx(plain.parameters, abs=1e-8)
    assert heavy.covariance_method == "sandwich (weights)"
    # sandwich against information: the same in large samples where the model is right
    ratio = heavy.standard_errors.to_numpy() / plain.standard_errors.to_numpy()
    assert ratio == pytest.approx(np.ones_like(ratio), abs=0.15)
    assert np.isnan(heavy.aic)


def test_everybody_twice_is_half_the_information():
    cells = drawn({"A": (0, 0, 700), "B": (0.4, 0.3, 500)}, seed=3)
    once = location_scale(
        cells, score="nps", location="country", scale="country", matrix=np.diag(cells["n"]).astype(float)
    )
    twice = location_scale(
        cells.assign(n=2 * cells["n"]),
        score="nps",
        location="country",
        scale="country",
        matrix=np.diag(4 * cells["n"]).astype(float),  # every customer gives the same answer twice
    )
    assert twice.standard_errors.to_numpy() == pytest.approx(once.standard_errors.to_numpy(), rel=1e-6)
    assert twice.covariance_method == "cluster-robust"
    assert twice.scale_test().method == "Wald (cluster-robust)"


def test_influence_has_no_sum_and_gives_the_covariance():
    cells = drawn({"A": (0, 0, 700), "B": (0.4, 0.3, 500)}, seed=3)
    matrix = np.diag(cells["n"]).astype(float)
    fit = location_scale(cells, score="nps", location="country", scale="country", matrix=matrix)
    assert fit.influence.T @ cells["n"].to_numpy() == pytest.approx(np.zeros(fit.n_parameters), abs=1e-9)
    assert fit.covariance.to_numpy() == pytest.approx(cluster_variance(fit.influence, matrix))


def test_jackknife_agrees_with_the_cluster_matrix():
    # 3,000 customers in 64 parts, each answering twice with about the same mind
    rng = np.random.default_rng(11)
    n = 3000
    country = rng.integers(0, 2, n)
    part = rng.integers(0, 64, n)
    mind = rng.normal(size=n)
    rows = []
    for wave in range(2):
        latent = 0.3 * country + np.exp(0.2 * country) * (0.8 * mind + 0.6 * rng.normal(size=n))
        rows.append(
            pd.DataFrame(
                {
                    "customer": range(n),
                    "country": np.where(country, "B", "A"),
                    "part": part,
                    "wave": wave,
                    "nps": np.searchsorted(CUTS, latent),
                }
            )
        )
    answers = pd.concat(rows, ignore_index=True)
    by = ["nps", "country", "part"]
    cells = answers.groupby(by, as_index=False).size().rename(columns={"size": "n"})
    place = answers.merge(cells.reset_index(names="cell"), on=by)[["customer", "cell"]]
    falls = np.zeros((n, len(cells)))
    np.add.at(falls, (place["customer"], place["cell"]), 1)
    arguments = {"score": "nps", "location": "country", "scale": "country"}
    robust = location_scale(cells, matrix=falls.T @ falls, customers=n, **arguments)
    jackknife = location_scale(cells, replicates=part_jackknife(cells), **arguments)
    naive = location_scale(cells, **arguments)
    ratio = jackknife.standard_errors["location"] / robust.standard_errors["location"]
    assert ratio.to_list() == pytest.approx([1], abs=0.25)  # 64 parts: a standard error is known to 9 %
    assert (
        naive.standard_errors["location"] / robust.standard_errors["location"]
    ).to_list() == pytest.approx([0.78], abs=0.08)
    with pytest.raises(ValueError, match="not both"):
        location_scale(cells, matrix=falls.T @ falls, replicates=part_jackknife(cells), **arguments)


# ----------------------------------------------------------------------------------- replicates


def test_refit_is_the_fit_of_each_replicate():
    cells = drawn({"A": (0, 0, 60), "B": (0.3, 0.3, 40), "C": (-0.5, -0.2, 50)}, seed=5)
    fit = location_scale(cells, score="nps", location="country", scale="country")
    replicates = multinomial(cells, 40, seed=6)
    values = fit.refit(replicates)
    compared, merged = 0, 0
    for counts, found in zip(replicates.counts, values, strict=True):
        again = cells.assign(n=counts)
        if too_few_categories(again, score="nps", group="country"):
            continue
        own = location_scale(again, score="nps", location="country", scale="country")
        assert found[-4:] == pytest.approx([*own.location, *own.log_scale], abs=1e-5)
        # a category nobody chose has no width
        empty = len(fit.thresholds) - len(own.thresholds)
        finite = found[: len(fit.thresholds)][np.isfinite(found[: len(fit.thresholds)])]
        assert np.unique(finite.round(9)) == pytest.approx(own.thresholds.to_numpy(), abs=1e-5)
        compared, merged = compared + 1, merged + (empty > 0)
    assert compared > 30
    assert merged > 5


def test_a_group_too_small_in_a_replicate_is_missing_there_only():
    cells = drawn({"A": (0, 0, 600), "B": (0.3, 0.3, 400), "C": (0, 0, 400)}, seed=5)
    fit = location_scale(cells, score="nps", location="country", scale="country")
    without_b = cells["n"].where((cells["country"] != "B") | (cells["nps"] > 8), 0).to_numpy()
    without_a = cells["n"].where(cells["country"] != "A", 0).to_numpy()
    first, second = fit.refit(np.array([without_b, without_a]))
    missing = dict(zip(fit.covariance.index, np.isnan(first), strict=True))
    assert [key for key, gone in missing.items() if gone] == [
        ("location", "country[B]"),
        ("log_scale", "country[B]"),
    ]
    alone = location_scale(cells[cells["country"] != "B"], score="nps", location="country", scale="country")
    assert first[~np.isnan(first)] == pytest.approx(alone.parameters, abs=1e-5)
    assert np.isnan(second).all()


# -------------------------------------------------------------------------- thresholds beyond scale


def test_nominal_test_as_r():
    # R: nominal_test(clm(rating ~ temp + contact, data = wine))
    fit = location_scale(WINE, score="rating", location=["temp", "contact"], link="logit")
    for column, statistic, p_value in (("temp", 3.17497713, 0.36542594), ("contact", 0.56674027, 0.90400239)):
        test = fit.nominal_test(column)
        assert (test.statistic, test.df) == (pytest.approx(statistic, abs=1e-6), 3)
        assert test.p_value == pytest.approx(p_value, abs=1e-6)


@pytest.mark.parametrize(("scale", "value"), [("Cont", -1736.242893), ("Infl", -1737.460642)])
def test_thresholds_beyond_a_scale_as_r(housing, scale, value):
    # R: clm(Sat ~ Infl + Type, nominal = ~ Cont, scale = ~ Cont) and scale = ~ Infl
    fit = location_scale(housing, score="Sat", location=["Infl", "Type", "Cont"], scale=scale, link="logit")
    test = fit.nominal_test("Cont")
    assert fit.log_likelihood + test.statistic / 2 == pytest.approx(value, abs=1e-5)
    assert test.df == 1
    # one threshold up, the other down, by what separates them from a common pair: small
    gap = test.differences.set_index(["Cont", "threshold"])["difference"]
    assert gap["Low"].iloc[0] * gap["Low"].iloc[1] < 0
    assert gap.abs().max() < 0.06


def test_own_thresholds_of_a_table_are_its_quantiles():
    cells = drawn({"A": (0, 0, 900), "B": (0.4, 0.3, 900)}, seed=4)
    fit = location_scale(cells, score="nps", location="country", scale="country")
    test = fit.nominal_test("country")
    counts = cells["n"].to_numpy().reshape(2, 11)
    # G² by hand: the larger model is the table
    shares = counts / counts.sum(axis=1, keepdims=True)
    saturated = (counts * np.log(np.where(counts > 0, shares, 1))).sum()
    assert test.statistic == pytest.approx(2 * (saturated - fit.log_likelihood), abs=1e-7)
    assert test.df == 8
    b = test.differences.query("country == 'B'")
    line = fit.location.iloc[0] + np.exp(fit.log_scale.iloc[0]) * norm.ppf(np.cumsum(shares[1])[:-1])
    assert b["own"].to_numpy() == pytest.approx(line)
    assert b["common"].to_numpy() == pytest.approx(fit.thresholds.to_numpy())


def test_the_size_of_a_moved_threshold_is_found():
    # B's boundary between 8 and 9 lies a quarter higher: its 9s say 8
    rng = np.random.default_rng(9)
    cuts = CUTS.copy()
    cuts[8] += 0.25
    a, b = (np.bincount(np.searchsorted(c, rng.normal(size=40_000)), minlength=11) for c in (CUTS, cuts))
    cells = pd.DataFrame({"country": ["A"] * 11 + ["B"] * 11, "nps": [*range(11)] * 2, "n": [*a, *b]})
    test = location_scale(cells, score="nps", location="country", scale="country").nominal_test("country")
    assert test.p_value < 1e-10
    gap = test.differences.set_index(["country", "threshold"])["difference"]
    # location and spread take up a little of it, alike for neighbouring thresholds
    moved = gap["B"] - gap["A"]
    assert moved["8|9"] - (moved["7|8"] + moved["9|10"]) / 2 == pytest.approx(0.25, abs=0.03)
    assert moved.abs().idxmax() == "8|9"
    assert test.misfit.loc["B", "dissimilarity_share"] > 3 * test.misfit.loc["B", "chance_share"]
    assert test.misfit.loc["B", "largest"] == pytest.approx(abs(gap["B"]["8|9"]))


def test_simulated_p_value_where_categories_are_rare():
    # 12 groups of 120: one answer in a hundred is a 1 or a 2, so chi-squared is no guide
    cells = drawn({f"c{i}": (0, 0, 120) for i in range(12)}, seed=12)
    fit = location_scale(cells, score="nps", location="country", scale="country")
    plain, simulated = fit.nominal_test("country"), fit.nominal_test("country", replicates=199, seed=1)
    assert simulated.statistic == plain.statistic
    assert simulated.p_value > 0.02
    assert "simulated" in simulated.method


def test_weighted_nominal_test_is_scaled_by_the_design():
    cells = drawn({"A": (0, 0, 900), "B": (0.4, 0.3, 900)}, seed=4)
    arguments = {"score": "nps", "location": "country", "scale": "country"}
    plain = location_scale(cells, **arguments).nominal_test("country")
    n = cells["n"]
    same = location_scale(cells.assign(w=n.astype(float), w2=n.astype(float)), **arguments).nominal_test(
        "country"
    )
    assert same.statistic == pytest.approx(plain.statistic, rel=0.1)
    # every answer counted twice: G² doubles, its design effect is 2
    twice = location_scale(
        cells.assign(n=2 * n), matrix=np.diag(4 * n).astype(float), **arguments
    ).nominal_test("country")
    assert twice.statistic == pytest.approx(same.statistic, rel=1e-6)
    assert twice.p_value == pytest.approx(same.p_value, rel=1e-4)
    assert "Rao–Scott" in twice.method


# --------------------------------------------------------------------------------- what is refused


def answers(**groups: list[int]) -> pd.DataFrame:
    rows = [(label, k, n) for label, counts in groups.items() for k, n in enumerate(counts) if n]
    return pd.DataFrame(rows, columns=["country", "nps", "n"])


GOOD = [5, 10, 20, 30, 25]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (answers(A=GOOD, B=[0, 0, 0, 0, 40]), r"B has 40 answers, all 4\. Merge or leave out"),
        (
            answers(A=GOOD, B=[0, 0, 0, 12, 40], C=[9, 0, 0, 0, 3]),
            r"B has 52 answers, all 3 and 4 and C has 12 answers",
        ),
        (answers(A=GOOD), "all answers are of one group, 'A'"),
        (answers(A=[10, 10], B=[5, 6]), "3 categories or more, but all are 0 and 1"),
        (answers(A=GOOD).assign(n=0), "no answers"),
        (answers(A=GOOD, B=GOOD).assign(n=-1), "column 'n' must hold numbers of 0 or more"),
        (answers(A=GOOD, B=GOOD).assign(nps="x"), "the answers are texts"),
        (answers(A=GOOD, B=GOOD).assign(nps=lambda f: pd.Categorical(f["nps"])), "order the categories"),
        (answers(A=GOOD, B=GOOD).drop(columns="country"), "no column 'country'"),
    ],
)
def test_what_the_model_cannot_describe_is_refused_by_name(cells, message):
    with pytest.raises(ValueError, match=message):
        location_scale(cells, score="nps", location="country", scale="country")


def test_too_few_categories_are_named():
    cells = answers(A=GOOD, B=[0, 0, 0, 12, 40], C=[9, 0, 0, 0, 3])
    assert too_few_categories(cells, score="nps", group="country") == {"B": (3, 4), "C": (0, 4)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"link": "cloglog"}, 'link must be "probit" or "logit"'),
        ({"reference": {"country": "Z"}}, "the reference 'Z' has no answers"),
        ({"reference": {"region": "Z"}}, "not among the columns of the model"),
        ({"location": ["country", "country"]}, "named once"),
        ({"location": "nps"}, "cannot explain itself"),
        ({"location": ["country", "copy"]}, r"copy\[B\] follows from the other columns"),
        ({"location": ["country", "hole"]}, "have no number"),
        ({"matrix": np.eye(3)}, "rows of cells"),
    ],
)
def test_arguments_are_checked(arguments, message):
    cells = answers(A=GOOD, B=GOOD, C=GOOD)
    cells["copy"] = cells["country"]
    cells["hole"] = np.where(cells["nps"] == 1, np.nan, 1.0)
    with pytest.raises(ValueError, match=message):
        location_scale(cells, score="nps", **{"location": "country", "scale": None, **arguments})


@pytest.mark.parametrize("link", LINKS)
def test_separation_is_said(link):
    # a number that splits the answers: everyone above 5 answered 3 or 4, everyone below 0 to 2
    cells = pd.DataFrame({"nps": [0, 1, 2, 3, 4], "age": [1.0, 2.0, 3.0, 7.0, 8.0], "n": 20})
    with pytest.raises(ValueError, match="runs away without end"):
        location_scale(cells, score="nps", location="age", link=link)
    ends = answers(A=GOOD, B=[40, 0, 0, 0, 0])
    with pytest.raises(ValueError, match="B has 40 answers, all 0"):
        location_scale(ends, score="nps", location="country", link=link)


def test_fits_show_themselves():
    fit = location_scale(WINE, score="rating", location="temp", scale="temp")
    assert "log-scale: temp[warm]" in fit._repr_html_()
    assert "degrees of freedom" in fit.scale_test()._repr_html_()
    assert "by chance" in fit.nominal_test("temp")._repr_html_()
    with pytest.raises(ValueError, match="no scale part"):
        location_scale(WINE, score="rating", location="temp").scale_test()
    with pytest.raises(ValueError, match="not in the model"):
        fit.groups("contact")


def test_implied_shares_average_over_the_customers():
    fit = location_scale(WINE, score="rating", location=["temp", "contact"], link="logit")
    cells = fit.problem.cells
    shares = implied_shares(fit.parameters, cells, fit.problem.code_of_cell("temp"), 2, "logit")
    assert shares.sum(axis=1) == pytest.approx([1, 1])
    # half of each group has contact: the mean of the two curves
    b = fit.location["contact[yes]"]
    cdf = [1 / (1 + np.exp(-(fit.thresholds.to_numpy() - x))) for x in (0, b)]
    assert np.cumsum(shares[0])[:-1] == pytest.approx(np.mean(cdf, axis=0))


# ------------------------------------------------------------------------------------ simulations


@pytest.mark.simulation
@pytest.mark.parametrize("link", LINKS)
def test_standard_errors_cover(link):
    """95 % intervals of location and log-scale hold the truth in 95 % of surveys; estimates are not biased."""
    rng = np.random.default_rng(1)
    groups = {"A": (0.0, 0.0, 400), "B": (0.4, 0.35, 250), "C": (-0.5, -0.3, 300)}
    quantile = LINKS[link].quantile(np.cumsum(SHARES)[:-1])
    runs, held, total = 500, np.zeros(4), np.zeros(4)
    truth = np.array([0.4, -0.5, 0.35, -0.3])
    for _ in range(runs):
        rows = []
        for label, (location, log_scale, n) in groups.items():
            edges = [0, *LINKS[link].cumulative((quantile - location) / np.exp(log_scale)), 1]
            rows += [(label, k, c) for k, c in enumerate(rng.multinomial(n, np.diff(edges)))]
        fit = location_scale(
            pd.DataFrame(rows, columns=["g", "y", "n"]), score="y", location="g", scale="g", link=link
        )
        z = (np.array([*fit.location, *fit.log_scale]) - truth) / fit.standard_errors.to_numpy()[-4:]
        held += np.abs(z) < norm.ppf(0.975)
        total += z
    error = 3 * np.sqrt(0.05 * 0.95 / runs)  # eight intervals are looked at
    assert (held / runs) == pytest.approx(np.full(4, 0.95), abs=error)
    assert total / runs == pytest.approx(np.zeros(4), abs=0.15)


@pytest.mark.simulation
def test_threshold_test_keeps_its_level():
    """Where thresholds are common, the chi-squared and the Rao–Scott p-value are below 5 % in one survey of twenty."""
    rng = np.random.default_rng(22)
    runs, rejected = 250, np.zeros(2)
    for run in range(runs):
        n = 600
        country = rng.integers(0, 3, n)
        mind = rng.normal(size=n)
        falls = np.zeros((n, 33))
        for _ in range(2):  # everybody answers twice
            latent = 0.3 * country + np.exp(0.2 * country) * (
                0.9 * mind + np.sqrt(1 - 0.81) * rng.normal(size=n)
            )
            falls[np.arange(n), 11 * country + np.searchsorted(CUTS + 0.0, latent)] += 1
        cells = pd.DataFrame(
            {
                "country": np.repeat(["A", "B", "C"], 11),
                "nps": [*range(11)] * 3,
                "n": falls.sum(axis=0).astype(int),
            }
        )
        robust = location_scale(
            cells, score="nps", location="country", scale="country", matrix=falls.T @ falls
        )
        rejected[0] += robust.nominal_test("country").p_value < 0.05
        single = drawn({"A": (0, 0, 800), "B": (0.3, 0.2, 800), "C": (0.6, 0.4, 800)}, seed=1000 + run)
        rejected[1] += (
            location_scale(single, score="nps", location="country", scale="country")
            .nominal_test("country")
            .p_value
            < 0.05
        )
    error = 2 * np.sqrt(0.05 * 0.95 / runs)
    assert rejected[1] / runs == pytest.approx(0.05, abs=error + 0.01)
    assert rejected[0] / runs < 0.05 + error + 0.02
