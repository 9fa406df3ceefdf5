"""Scale use: the formulas against their test vectors, exact sums, uncertainty against replicates and known truth."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from scipy.stats import logistic, norm

from cxstats.findings import Verdict
from cxstats.methods.latent_metric import default_neutral, net_score, neutral_point, shapley, standardise
from cxstats.methods.replicates import multinomial, part_jackknife
from cxstats.methods.scale_use import (
    leniency_effect,
    naive_correction,
    scale_use,
    split_gap,
    split_gaps,
    style_range,
)
from cxstats.metrics import NPS, Scale, ces, csat, mean_score, top_box

SHARES = np.array([3, 1, 1, 2, 2, 5, 6, 12, 22, 20, 26]) / 100
CUTS = norm.ppf(np.cumsum(SHARES)[:-1])


def shares_of(location: float, log_scale: float, cuts: np.ndarray = CUTS) -> np.ndarray:
    return np.diff([0, *norm.cdf((cuts - location) / np.exp(log_scale)), 1])


def styled(
    substance: float, style: float, neutral: float, true_log_spread: float = 0.0
) -> tuple[float, float]:
    """Location and log-spread shown by a group of this substance and style."""
    return neutral + np.exp(style) * (substance - neutral), true_log_spread + style


def survey(
    groups: dict[str, tuple[float, float, int]], seed: int | None = None, cuts: np.ndarray = CUTS
) -> pd.DataFrame:
    """Cells of 0–10 answers; without a seed the expected counts, rounded."""
    rows = []
    for label, (location, log_scale, n) in groups.items():
        p = shares_of(location, log_scale, cuts)
        counts = (
            np.rint(n * p) if seed is None else np.random.default_rng([seed, len(rows)]).multinomial(n, p)
        )
        rows += [(label, k, int(c)) for k, c in enumerate(counts)]
    return pd.DataFrame(rows, columns=["country", "nps", "n"])


THREE = {"Germany": (0.0, 0.0, 900), "Brazil": (0.35, 0.3, 700), "Japan": (-0.6, -0.35, 800)}


@pytest.fixture(scope="module")
def cells() -> pd.DataFrame:
    return survey(THREE, seed=1)


@pytest.fixture(scope="module")
def measured(cells):
    return scale_use(cells, NPS, group="country", reference="Germany")


# -------------------------------------------------------------------------------- the formulas


def test_the_test_vector():
    # t7 = Φ⁻¹(.25), t9 = Φ⁻¹(.60), μ = .3, σ = 1.2, σ_ref = 1, c = −1.2
    cuts = norm.ppf([0.25, 0.60])
    assert net_score(cuts, 0.3, np.log(1.2), NPS) == pytest.approx(30.713, abs=5e-4)
    location, log_scale = standardise(0.3, np.log(1.2), neutral=-1.2)
    assert (location, log_scale) == pytest.approx((0.05, 0.0), abs=1e-12)
    assert net_score(cuts, location, log_scale, NPS) == pytest.approx(18.505, abs=5e-4)


@pytest.mark.parametrize(
    ("detractors", "promoters", "expected"),
    [
        (0.25, 0.40, [20.6, 17.6, 15.0, 12.5, 10.0]),
        (0.10, 0.60, [64.7, 57.0, 50.0, 42.8, 35.1]),
        (0.50, 0.20, [-42.0, -35.4, -30.0, -25.0, -20.1]),
        (0.15, 0.15, [0, 0, 0, 0, 0]),
        (0.02, 0.10, [1.6, 4.9, 8.0, 10.2, 11.2]),
    ],
)
def test_pure_scale_effect(detractors, promoters, expected):
    # the latent mean stays at 0, the spread goes from 0.6 to 1.6
    cuts = norm.ppf([detractors, 1 - promoters])
    found = net_score(cuts, 0.0, np.log([0.6, 0.8, 1.0, 1.25, 1.6]), NPS)
    assert found == pytest.approx(expected, abs=0.051)


@pytest.mark.parametrize("metric", [NPS, ces(7, high_is="easy"), csat(5), top_box(Scale(1, 5), [2, 4])])
@pytest.mark.parametrize(("link", "law"), [("probit", norm), ("logit", logistic)])
def test_net_score_is_the_mean_value_of_the_shares(metric, link, law):
    rng = np.random.default_rng(1)
    cuts = np.sort(rng.normal(size=metric.scale.size - 1))
    location, log_scale = rng.normal(size=(2, 3)), rng.normal(size=(2, 3)) / 3
    found = net_score(cuts, location, log_scale, metric, link=link)
    for i in np.ndindex(2, 3):
        p = np.diff([0, *law.cdf((cuts - location[i]) / np.exp(log_scale[i])), 1])
        assert found[i] == pytest.approx(p @ metric.values)
    # replicates: thresholds with leading axes of their own
    twice = net_score(np.stack([cuts, cuts]), location, log_scale, metric, link=link)
    assert twice == pytest.approx(found)


def test_net_score_needs_the_right_number_of_thresholds():
    with pytest.raises(ValueError, match="needs 10 thresholds"):
        net_score([0.0, 1.0, 2.0], 0.0, 0.0, NPS)
    # a metric that goes up and down has no two cut-points
    with pytest.raises(ValueError, match="needs 4 thresholds"):
        net_score([0.0], 0.0, 0.0, top_box(Scale(1, 5), [2, 4]))


def test_neutral_points():
    cuts = np.arange(10.0)  # between 0|1 at 0 and 9|10 at 9
    assert [neutral_point(cuts, NPS, c) for c in (5, 6, 5.5, 1, 9)] == [4.5, 5.5, 5.0, 0.5, 8.5]
    # an even scale has no middle category: the neutral point is the boundary
    assert default_neutral(csat(10))[0] == 5.5
    assert default_neutral(csat(3)) == (2.0,)
    assert neutral_point([0.0, 1.0], csat(3), 2.5) == 1.0
    for wrong in (0, 10, -1, 10.5):
        with pytest.raises(ValueError, match="not inside the scale"):
            neutral_point(cuts, NPS, wrong)
    with pytest.raises(ValueError, match="half-way"):
        neutral_point(cuts, NPS, 5.3)
    with pytest.raises(ValueError, match="nobody answered"):
        neutral_point([-np.inf, -np.inf, *range(8)], NPS, 1)


def test_standardise_undoes_style():
    for share in (0.0, 0.5, 1.0):
        style, spread = 0.4 * share, 0.4 * (1 - share)
        location, log_scale = styled(0.3, style, -1.2, spread)
        assert standardise(location, log_scale, neutral=-1.2, style_share=share) == pytest.approx(
            (0.3, spread)
        )
    with pytest.raises(ValueError, match="0 to 1"):
        standardise(0.0, 0.0, neutral=0.0, style_share=1.2)


def test_shapley_is_fair():
    assert shapley(10.0, 10.0, 4.0, 4.0) == (6.0, 0.0)  # only substance differs
    assert shapley(10.0, 4.0, 10.0, 4.0) == (0.0, 6.0)  # only style
    there, back = shapley(9.0, 2.0, 5.0, 1.0), shapley(1.0, 5.0, 2.0, 9.0)
    assert there == pytest.approx([-part for part in back])


# ------------------------------------------------------------------------------- what was measured


def test_raw_values_are_those_counted(cells, measured):
    for label, raw in zip(measured.labels, measured.raw, strict=True):
        assert raw == pytest.approx(NPS.value(cells[cells["country"] == label]["n"].to_numpy()))
    assert measured.labels == ("Germany", "Brazil", "Japan")
    assert measured.raw == pytest.approx(measured.implied + measured.residual)
    # true curves: implied values differ from counted ones by chance only
    table = measured.table()
    assert (table["residual"].abs() / table["residual_error"]).max() < 3
    assert table["spread"].to_dict() == pytest.approx(
        {"Germany": 1, "Brazil": np.exp(0.3), "Japan": np.exp(-0.35)}, abs=0.1
    )
    assert (table["spread_low"] <= table["spread"]).all()


def test_same_scale_use_changes_nothing():
    # S4 (i): where no spread differs, the adjusted value is the raw one
    same = survey({"A": (0, 0, 10_000_000), "B": (0.5, 0, 10_000_000)})
    found = style_range(same, NPS, group="country", reference="A")
    assert found.adjusted == pytest.approx(np.tile(found.measured.raw, (7, 1)), abs=0.02)
    # λ = 0 is the raw value to the last bit, whatever the data
    other = style_range(survey(THREE, seed=1), NPS, group="country", reference="Germany", style_share=[0])
    assert other.adjusted[0].tolist() == other.measured.raw.tolist()


def test_adjusted_is_the_formula(measured):
    found = style_range(measured)
    grid = found.grid().set_index(["country", "style_share", "neutral"])["adjusted"]
    table = measured.table()
    for label in measured.labels:
        location, zeta, raw = table.loc[label, ["location", "log_scale", "raw"]]
        for share in (0.5, 1.0):
            for point in (5.0, 6.0, 7.0):
                c = (measured.thresholds[int(point) - 1] + measured.thresholds[int(point)]) / 2
                eta, left = c + (location - c) * np.exp(-share * zeta), (1 - share) * zeta

                def nps(mean, log_spread):
                    p = shares_of(mean, log_spread, measured.thresholds)
                    return p @ NPS.values

                expected = raw + nps(eta, left) - nps(location, zeta)
                assert grid[label, share, point] == pytest.approx(expected, abs=1e-8)


def test_known_style_is_recovered_and_the_truth_is_in_the_range():
    # S4 (iii): Brazil shows its substance stretched by e^0.3 around 5, Japan by e^−0.35; counts are the expected ones
    c = (CUTS[4] + CUTS[5]) / 2
    truth = {"Germany": 0.0, "Brazil": 0.2, "Japan": -0.15}
    style = {"Germany": 0.0, "Brazil": 0.3, "Japan": -0.35}
    groups = {label: (*styled(truth[label], style[label], c), 5_000_000) for label in truth}
    found = style_range(survey(groups), NPS, group="country", reference="Germany")
    grid = found.grid().query("style_share == 1 and neutral == 5").set_index("country")["adjusted"]
    for label, substance in truth.items():
        expected = shares_of(substance, 0.0) @ NPS.values
        assert grid[label] == pytest.approx(expected, abs=0.02)
        row = found.groups.loc[label]
        assert row.adjusted_low - 0.02 <= expected <= row.adjusted_high + 0.02
    # half of it style: the truth lies at λ = ½
    half = {
        label: (*styled(truth[label], style[label] / 2, c, style[label] / 2), 5_000_000) for label in truth
    }
    grid = style_range(survey(half), NPS, group="country", reference="Germany").grid()
    grid = grid.query("style_share == 0.5 and neutral == 5").set_index("country")["adjusted"]
    for label in truth:
        assert grid[label] == pytest.approx(shares_of(truth[label], style[label] / 2) @ NPS.values, abs=0.02)


# ------------------------------------------------------------------------------------- the split


@pytest.mark.parametrize("metric", [NPS, mean_score(Scale(0, 10)), top_box(Scale(0, 10), [8, 9, 10])])
def test_parts_add_up_to_the_gap(cells, metric):
    # S4 (ii), to the last digits, under every assumption
    measured = scale_use(cells, metric, score="nps", group="country", reference="Germany")
    for first, second in (("Germany", "Japan"), ("Japan", "Brazil")):
        split = split_gap(measured, first, second)
        raw = [metric.value(cells[cells["country"] == g]["n"].to_numpy()) for g in (first, second)]
        assert split.raw == pytest.approx(raw[1] - raw[0], abs=1e-10)
        parts = split.parts[["substance", "style", "residual"]].sum(axis=1)
        assert parts.to_numpy() == pytest.approx(np.full(7, split.raw), abs=1e-10)
        back = split_gap(measured, second, first)
        assert back.parts["style"].to_numpy() == pytest.approx(-split.parts["style"].to_numpy())


def test_the_split_does_not_depend_on_the_reference(cells):
    splits = [
        split_gap(scale_use(cells, NPS, group="country", reference=reference), "Brazil", "Japan").parts
        for reference in ("Germany", "Brazil", "Japan")
    ]
    for other in splits[1:]:
        for name in ("substance", "style", "style_error", "residual"):
            assert other[name].to_numpy() == pytest.approx(splits[0][name].to_numpy(), abs=1e-5)


def test_only_substance_and_only_style():
    c = (CUTS[4] + CUTS[5]) / 2
    size = 5_000_000
    substance = scale_use(
        survey({"A": (0, 0, size), "B": (0.4, 0, size)}), NPS, group="country", reference="A"
    )
    assert split_gap(substance, "A", "B").parts["style"].to_numpy() == pytest.approx(np.zeros(7), abs=0.02)
    style = scale_use(
        survey({"A": (0, 0, size), "B": (*styled(0, 0.3, c), size)}), NPS, group="country", reference="A"
    )
    row = split_gap(style, "A", "B").parts.query("style_share == 1 and neutral == 5").iloc[0]
    assert row.substance == pytest.approx(0, abs=0.02)
    assert row["style"] > 3


def test_many_pairs_are_the_single_ones(measured):
    table = split_gaps(measured, "all", adjust="none").set_index(["first", "second"])
    assert len(table) == 3
    one = split_gap(measured, "Brazil", "Japan")
    row = table.loc[("Brazil", "Japan")]
    assert (row.style_low, row.style_high) == pytest.approx(one.style.assumption)
    assert (row.style_region_low, row.style_region_high) == pytest.approx((one.style.low, one.style.high))
    assert (row.substance_region_low, row.substance_region_high) == pytest.approx(
        (one.substance.low, one.substance.high)
    )
    together = split_gaps(measured, "all").set_index(["first", "second"])
    assert (together["style_region_low"] <= table["style_region_low"] + 1e-9).all()
    assert list(split_gaps(measured)["second"]) == ["Brazil", "Japan"]


# ------------------------------------------------------------------------------------ uncertainty


def test_delta_method_agrees_with_replicates(cells):
    delta = style_range(cells, NPS, group="country", reference="Germany")
    boot = style_range(cells, NPS, group="country", reference="Germany", replicates=2000, seed=5)
    # 2,000 replicates know a standard error to 1.6 %
    assert boot.standard_errors == pytest.approx(delta.standard_errors, rel=0.08)
    assert boot.measured.method == "bootstrap"
    assert boot.groups["adjusted_low"].to_list() == pytest.approx(delta.groups["adjusted_low"].to_list())
    splits = [split_gap(r.measured, "Brazil", "Japan").parts for r in (delta, boot)]
    assert splits[1]["style_error"].to_numpy() == pytest.approx(splits[0]["style_error"].to_numpy(), rel=0.08)
    # raw values: the multinomial error, known in closed form
    for label, error in zip(delta.measured.labels, np.sqrt(np.diag(delta.raw_covariance)), strict=True):
        n = cells[cells["country"] == label]["n"].to_numpy()
        assert error == pytest.approx(np.sqrt(NPS.variance(n) / n.sum()), rel=1e-9)


def test_repeated_customers_by_matrix_and_by_parts():
    rng = np.random.default_rng(8)
    n = 4000
    group, part, mind = rng.integers(0, 2, n), rng.integers(0, 64, n), rng.normal(size=n)
    rows = []
    for _ in range(2):
        latent = 0.3 * group + np.exp(0.3 * group) * (np.sqrt(0.7) * mind + np.sqrt(0.3) * rng.normal(size=n))
        rows.append(
            pd.DataFrame(
                {
                    "customer": range(n),
                    "country": np.where(group, "B", "A"),
                    "part": part,
                    "nps": np.searchsorted(CUTS, latent),
                }
            )
        )
    answers = pd.concat(rows, ignore_index=True)
    by = ["country", "nps", "part"]
    cells = answers.groupby(by, as_index=False).size().rename(columns={"size": "n"})
    place = answers.merge(cells.reset_index(names="cell"), on=by)
    falls = np.zeros((n, len(cells)))
    np.add.at(falls, (place["customer"], place["cell"]), 1)
    arguments = {"group": "country", "reference": "A"}
    matrix = style_range(cells, NPS, matrix=falls.T @ falls, **arguments)
    parts = style_range(cells, NPS, replicates=part_jackknife(cells), **arguments)
    independent = style_range(cells, NPS, **arguments)
    ratio = parts.standard_errors[:, 1] / matrix.standard_errors[:, 1]
    assert ratio == pytest.approx(np.ones(7), abs=0.25)
    assert (matrix.standard_errors[:, 1] > 1.1 * independent.standard_errors[:, 1]).all()
    assert parts.measured.method == "jackknife"


def test_weights_are_heeded_and_made_anew_in_replicates():
    cells = survey(THREE, seed=1)
    # half of the answers weigh three times as much: the same table, heavier
    heavy = cells.assign(w=3.0 * cells["n"], w2=9.0 * cells["n"])
    plain, weighted = (style_range(c, NPS, group="country", reference="Germany") for c in (cells, heavy))
    assert weighted.adjusted == pytest.approx(plain.adjusted, abs=1e-6)
    assert weighted.standard_errors == pytest.approx(plain.standard_errors, rel=0.1)
    replicates = multinomial(cells, 200, seed=2)
    anew = style_range(
        heavy,
        NPS,
        group="country",
        reference="Germany",
        replicates=replicates,
        replicate_masses=3.0 * replicates.counts,
    )
    same = style_range(cells, NPS, group="country", reference="Germany", replicates=replicates)
    assert anew.standard_errors == pytest.approx(same.standard_errors, rel=1e-5)
    with pytest.raises(ValueError, match="independent and unweighted"):
        style_range(heavy, NPS, group="country", reference="Germany", replicates=100)


def test_regions_hold_range_and_error(measured):
    found = style_range(measured)
    one = found.region("Germany", "Japan")
    row = found.against.set_index("second").loc["Japan"]
    assert one.assumption == pytest.approx((row.adjusted_low, row.adjusted_high))
    # one pair by itself is narrower than in a family
    assert (
        row.region_low <= one.low <= one.assumption_low <= one.assumption_high <= one.high <= row.region_high
    )
    assert one.judge(5) in set(Verdict)
    pairs = found.pairs().set_index(["first", "second"])
    assert list(pairs.index) == [("Germany", "Brazil"), ("Germany", "Japan"), ("Brazil", "Japan")]
    bonferroni = found.differences([("Germany", "Brazil"), ("Germany", "Japan")], adjust="bonferroni")
    assert (bonferroni["region_low"] <= found.against["region_low"] + 0.05).all()


def test_shares_of_their_own_widen_pairs_that_lean_the_same_way():
    calm = survey({"A": (0, 0, 900), "B": (-0.3, -0.3, 900), "C": (0.1, -0.35, 900)}, seed=2)
    found = style_range(calm, NPS, group="country", reference="A")
    common = found.pairs().set_index(["first", "second"])
    own = found.pairs(common_share=False).set_index(["first", "second"])
    # one of two calm groups corrected in full, the other not at all
    width = [t.loc[("B", "C"), "adjusted_high"] - t.loc[("B", "C"), "adjusted_low"] for t in (common, own)]
    assert width[1] > width[0] + 5
    # beside the reference there is only one share
    for name in common.columns:
        assert own.loc[("A", "C"), name] == pytest.approx(common.loc[("A", "C"), name])


def test_changes_are_adjusted_minus_raw(measured):
    found = style_range(measured, style_share=[1], neutral=[5])
    row = found.against.set_index("second").loc["Japan"]
    assert row.change_low == pytest.approx(row.adjusted_low - row.raw)
    grid = found.grid().set_index("country")
    assert row.adjusted_low == pytest.approx(grid.loc["Japan", "adjusted"] - grid.loc["Germany", "adjusted"])
    assert found.groups.loc["Japan", "rank_high"] == 1 + (found.adjusted[0] > found.adjusted[0][2]).sum()


def test_rank_sets_hold_all_assumptions(measured):
    from cxstats.methods.ranks import rank_sets

    found = style_range(measured)
    sets = found.rank_sets()
    raw = rank_sets(measured.raw, covariance=found.raw_covariance, seed=1)
    assert sets["raw_lower"].to_list() == raw.lower.tolist()
    assert (sets["lower"] <= sets["raw_lower"]).all()
    assert (sets["upper"] >= sets["raw_upper"]).all()
    assert (sets["lower"] <= found.groups["rank_low"]).all()
    assert (sets["upper"] >= found.groups["rank_high"]).all()


def test_a_sparse_matrix_does_as_well():
    from scipy.sparse import csr_array

    cells = pd.concat(
        [survey(THREE, seed=1), pd.DataFrame({"country": ["Japan"], "nps": [pd.NA], "n": [400]})]
    )
    cells = cells.astype({"nps": "Int64"}).reset_index(drop=True)
    dense = np.diag(2.0 * cells["n"])
    pair = [
        style_range(cells, NPS, group="country", reference="Germany", matrix=m)
        for m in (dense, csr_array(dense))
    ]
    assert pair[0].standard_errors == pytest.approx(pair[1].standard_errors)
    assert pair[0].measured.fit.nominal_test("country").p_value == pytest.approx(
        pair[1].measured.fit.nominal_test("country").p_value
    )


def test_more_style_shares_hardly_widen_the_range(measured):
    # the metric is not monotone in λ, but the ends of [0, 1] and the middle show nearly all of its range
    few, many = (style_range(measured, style_share=s) for s in ((0, 0.5, 1), np.linspace(0, 1, 21)))
    for name in ("adjusted_low", "adjusted_high"):
        assert few.groups[name].to_numpy() == pytest.approx(many.groups[name].to_numpy(), abs=0.02)


def test_seeded_and_independent_of_the_number_of_answers(cells):
    first, again = (
        style_range(cells, NPS, group="country", reference="Germany", replicates=200, seed=4)
        for _ in range(2)
    )
    assert first.against.equals(again.against)
    took = []
    rng = np.random.default_rng(3)
    groups = {f"c{i:02d}": (rng.normal(0, 0.3), rng.normal(0, 0.2), 1000) for i in range(30)}
    for factor in (1, 1000):
        big = survey({k: (a, b, n * factor) for k, (a, b, n) in groups.items()}, seed=9)
        start = time.process_time()
        style = scale_use(big, NPS, group="country", reference="c00", replicates=1000, seed=1)
        style_range(style)
        split_gaps(style)
        took.append(time.process_time() - start)
    assert max(took) < 10
    assert took[1] < 2 * took[0] + 1


# ----------------------------------------------------------------- what the range does not hold


def test_leniency_is_worth_points():
    # 0.2 latent is about 14 NPS points
    measured = scale_use(survey(THREE), NPS, group="country", reference="Germany")
    table = leniency_effect(measured)
    p = shares_of(0.2, 0.0) @ NPS.values - SHARES @ NPS.values
    assert table.loc["Germany", "points"] == pytest.approx(p, abs=0.2)
    assert 12 < p < 15
    assert (table["points_down"] < 0).all()
    # a shift of that size makes the gap disappear
    shift = table.loc["Japan", "shift_to_reference"]
    here = measured.place("Japan")
    value = measured.implied_by(
        measured.thresholds, measured.location[here] - shift, measured.log_scale[here]
    )
    assert value + measured.residual[here] == pytest.approx(measured.raw[0], abs=1e-6)
    assert table.loc["Germany", "shift_to_reference"] == pytest.approx(0, abs=1e-6)
    assert 0.2 < table.loc["Germany", "scale_points"] < 0.6
    with pytest.raises(ValueError, match="latent unit"):
        leniency_effect(measured, shift=np.nan)


def test_a_uniform_leniency_counts_as_substance():
    lenient = scale_use(
        survey({"A": (0, 0, 5_000_000), "B": (0.2, 0, 5_000_000)}), NPS, group="country", reference="A"
    )
    found = style_range(lenient)
    assert found.against[["adjusted_low", "adjusted_high"]].to_numpy() == pytest.approx(
        np.full((1, 2), found.against["raw"].iloc[0]), abs=0.05
    )


def test_the_naive_correction_moves_a_satisfied_group_the_wrong_way():
    # like everybody but loud: style stretched a satisfied group upwards; resetting its spread alone lifts it further
    c = (CUTS[4] + CUTS[5]) / 2
    loud = survey({"calm": (0, 0, 5_000_000), "loud": (*styled(0, 0.35, c), 5_000_000)})
    measured = scale_use(loud, NPS, group="country", reference="calm")
    row = naive_correction(measured).loc["loud"]
    assert row.raw > row.around_neutral + 3  # style had raised it
    assert row.naive > row.raw + 3  # and the naive correction raises it again
    assert row.wrong_way
    assert row.around_neutral == pytest.approx(measured.raw[0], abs=0.05)
    assert row.error == pytest.approx(row.naive - row.around_neutral)
    assert not naive_correction(measured).loc["calm", "wrong_way"]


# --------------------------------------------------------------------------------- other metrics


@pytest.mark.parametrize("metric", [csat(5), ces(7, high_is="easy"), csat(10), csat(3)])
def test_any_metric(metric):
    rng = np.random.default_rng(2)
    k = metric.scale.size
    cuts = norm.ppf(np.arange(1, k) / k) - 0.4
    rows = []
    for label, location, log_scale in (("A", 0.0, 0.0), ("B", 0.2, 0.3), ("C", -0.3, -0.2)):
        counts = rng.multinomial(900, shares_of(location, log_scale, cuts))
        rows += [(label, c, n) for c, n in zip(metric.scale.categories, counts, strict=True)]
    cells = pd.DataFrame(rows, columns=["country", metric.key, "n"])
    found = style_range(cells, metric, group="country", reference="A")
    assert (found.groups["adjusted_low"] <= found.groups["raw"] + 1e-9).all()
    assert (found.groups[["region_low", "region_high"]].to_numpy() >= metric.low).all()
    split = split_gap(found.measured, "B", "C")
    assert split.parts[["substance", "style", "residual"]].sum(axis=1).to_numpy() == pytest.approx(split.raw)


def test_categories_nobody_chose():
    # nobody answers 0, 2 or 10: thresholds there have no width, everything else works
    cells = survey(THREE, seed=1)
    cells = cells[~cells["nps"].isin([0, 2, 10])]
    measured = scale_use(cells, NPS, group="country", reference="Germany")
    assert np.isneginf(measured.thresholds[0])
    assert np.isposinf(measured.thresholds[9])
    assert measured.thresholds[1] == measured.thresholds[2]
    assert np.isfinite(style_range(measured).adjusted).all()
    boot = style_range(cells, NPS, group="country", reference="Germany", replicates=300, seed=1)
    assert boot.standard_errors == pytest.approx(style_range(measured).standard_errors, rel=0.2)


# --------------------------------------------------------------------------------- bad input


def table(**groups: list[int]) -> pd.DataFrame:
    return pd.DataFrame(
        [(label, k, n) for label, counts in groups.items() for k, n in enumerate(counts)],
        columns=["country", "nps", "n"],
    )


GOOD = [2, 1, 1, 2, 3, 8, 9, 15, 20, 20, 19]


def test_groups_that_cannot_be_fitted_are_set_aside_by_name():
    cells = table(
        A=GOOD,
        B=GOOD[::-1],
        four=[0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0],
        tens=[0] * 10 + [50],
        two=[0] * 8 + [30, 0, 20],
    )
    measured = scale_use(cells, NPS, group="country", reference="A")
    assert measured.labels == ("A", "B")
    assert measured.set_aside["four"] == "4 answers, fewer than 10"
    assert measured.set_aside["tens"] == "answers in 1 category only (10); spread needs 3"
    assert measured.set_aside["two"] == "answers in 2 categories only (8 and 10); spread needs 3"
    with pytest.raises(ValueError, match="tens was set aside: answers in 1 category"):
        split_gap(measured, "A", "tens")
    alone = scale_use(table(A=GOOD, B=GOOD[::-1]), NPS, group="country", reference="A")
    assert measured.raw == pytest.approx(alone.raw)
    assert measured.fit.parameters == pytest.approx(alone.fit.parameters)
    assert "set aside" in measured._repr_html_()


@pytest.mark.parametrize(
    ("cells", "arguments", "message"),
    [
        (table(A=GOOD), {}, "two groups that can be fitted, but there is A"),
        (table(A=GOOD, B=[0] * 10 + [30]), {}, r"there is A \(B: answers in 1 category"),
        (table(A=[0] * 10 + [30], B=GOOD), {}, "the reference A cannot be fitted: answers in 1 category"),
        (table(A=GOOD, B=GOOD), {"reference": "Z"}, "the reference 'Z' has no answers"),
        (table(A=GOOD, B=GOOD), {"group": "region"}, "no column 'region'"),
        (table(A=GOOD, B=GOOD), {"score": "ltr"}, "no column 'ltr'"),
        (
            table(A=GOOD, B=GOOD).assign(nps=lambda f: f["nps"] + 1),
            {},
            "whole numbers from 0 to 10, but 2 cells hold others",
        ),
    ],
)
def test_bad_input_is_refused_in_words(cells, arguments, message):
    with pytest.raises(ValueError, match=message):
        style_range(cells, NPS, **{"group": "country", "reference": "A", **arguments})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"neutral": []}, "at least one neutral point"),
        ({"style_share": []}, "at least one"),
        ({"style_share": [1.5]}, "0 to 1"),
        ({"neutral": [10]}, "not inside the scale"),
        ({"adjust": "tukey"}, "adjust must be one of"),
        ({"level": 95}, "Did you mean 0.95"),
        ({"metric": NPS}, "not given again"),
    ],
)
def test_assumptions_are_checked(measured, arguments, message):
    with pytest.raises(ValueError, match=message):
        style_range(measured, **arguments)


def test_two_categories_cannot_show_spread():
    cells = pd.DataFrame({"country": ["A", "A", "B", "B"], "csat": [1, 2, 1, 2], "n": 50})
    with pytest.raises(ValueError, match="three categories or more"):
        style_range(cells, csat(2), group="country", reference="A")


def test_groups_too_small_for_replicates_are_said():
    tiny = table(A=GOOD, B=[0] * 7 + [4, 1, 1, 6])
    with pytest.raises(ValueError, match="too few categories, or none"):
        scale_use(tiny, NPS, group="country", reference="A", replicates=200, seed=1)
    assert scale_use(tiny, NPS, group="country", reference="A").method == "delta method"


def test_results_show_themselves(measured):
    assert "spread" in measured._repr_html_()
    assert "scale use" in style_range(measured)._repr_html_()
    assert "substance" in split_gap(measured, "Germany", "Japan")._repr_html_()


# --------------------------------------------------------------------------------- simulations


@pytest.mark.simulation
@pytest.mark.parametrize(("share", "point"), [(0.0, 5), (0.5, 6), (1.0, 5), (1.0, 7)])
def test_regions_hold_the_truth(share, point):
    """Wherever in the declared class the truth lies, 95 % of regions of a gap contain it, and of families all of them."""
    c = (CUTS[point - 1] + CUTS[point]) / 2
    substance = {"A": 0.0, "B": 0.25, "C": -0.3, "D": 0.0}
    spread = {"A": 0.0, "B": 0.3, "C": -0.35, "D": 0.0}  # logarithms; a part of them style
    shown = {
        g: (*styled(substance[g], share * spread[g], c, (1 - share) * spread[g]), 300) for g in substance
    }
    true = {g: shares_of(substance[g], (1 - share) * spread[g]) @ NPS.values for g in substance}
    runs, single, family = 200, np.zeros(3), 0
    for run in range(runs):
        found = style_range(survey(shown, seed=run), NPS, group="country", reference="A")
        one = found.differences([("A", g) for g in "BCD"], adjust="none")
        gaps = np.array([true[g] - true["A"] for g in "BCD"])
        single += (one["region_low"].to_numpy() <= gaps) & (gaps <= one["region_high"].to_numpy())
        family += bool(
            (
                (found.against["region_low"].to_numpy() <= gaps)
                & (gaps <= found.against["region_high"].to_numpy())
            ).all()
        )
    error = 2 * np.sqrt(0.05 * 0.95 / runs)
    assert (single / runs).min() >= 0.95 - error
    assert family / runs >= 0.95 - error


@pytest.mark.simulation
def test_split_errors_cover_and_are_not_biased():
    """Recovery of δ: the style part at the true assumption is unbiased and its 95 % interval holds in 95 % of surveys."""
    c = (CUTS[4] + CUTS[5]) / 2
    shown = {"A": (0.0, 0.0, 400), "B": (*styled(0.2, 0.3, c), 300)}
    exact = split_gap(
        scale_use(
            survey({g: (a, b, 20_000_000) for g, (a, b, _) in shown.items()}),
            NPS,
            group="country",
            reference="A",
        ),
        "A",
        "B",
        style_share=[1],
        neutral=[5],
    ).parts.iloc[0]
    runs, z = 400, np.zeros((400, 2))
    for run in range(runs):
        measured = scale_use(survey(shown, seed=run), NPS, group="country", reference="A")
        row = split_gap(measured, "A", "B", style_share=[1], neutral=[5]).parts.iloc[0]
        z[run] = [(row[p] - exact[p]) / row[f"{p}_error"] for p in ("style", "substance")]
    held = (np.abs(z) < 1.96).mean(axis=0)
    assert held == pytest.approx([0.95, 0.95], abs=2 * np.sqrt(0.05 * 0.95 / runs) + 0.005)
    assert z.mean(axis=0) == pytest.approx([0, 0], abs=0.2)
