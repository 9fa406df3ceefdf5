"""Propensity and trimmed weights, held-out outcomes, and the multiverse of weighting choices."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from test_calibration import ROW_MARGINS, reference_rows

from cxstats.methods.calibration import calibrate, margins_of, weighted_estimate
from cxstats.methods.multiverse import merge_small, multiverse
from cxstats.methods.replicates import multinomial
from cxstats.methods.weighting import held_out, potter_limit, propensity_weights, trim
from cxstats.metrics import NPS


@pytest.fixture(scope="module")
def values(root) -> pd.Series:
    """Estimates and standard errors made in R (tests/reference/calibration.R)."""
    return pd.read_csv(root / "tests" / "reference" / "calibration_values.csv", index_col="name")["value"]


@pytest.fixture(scope="module")
def frame(root) -> pd.DataFrame:
    """1,200 made-up customers in cells: country, channel, responded, nps (tests/reference/calibration.R)."""
    cells = pd.read_csv(root / "tests" / "reference" / "calibration_frame.csv")
    return cells.astype({"nps": "Int64"})


@pytest.fixture(scope="module")
def rows(root) -> pd.DataFrame:
    return reference_rows(root)


# --------------------------------------------------------------------------- propensities


def test_inverse_propensities_and_their_error(frame, values):
    # R: glm() and the stacked estimating equations of its coefficients and the mean
    weights = propensity_weights(frame, ["country", "channel"], responded="nps")
    result = weighted_estimate(frame, NPS, weights, score="nps")
    assert result.value == pytest.approx(values["ipw.mean"], abs=1e-6)
    # n/(n − 1) and centring as for every linearised error here
    assert result.standard_error == pytest.approx(values["ipw.se"], rel=1e-3)
    answered = frame["nps"].notna()
    assert (weights.weights[~answered] == 0).all()
    assert weights.n == frame["n"][answered].sum()


def test_known_propensities_would_be_less_precise(frame):
    weights = propensity_weights(frame, ["country", "channel"], responded="nps")
    estimated = weighted_estimate(frame, NPS, weights, score="nps").standard_error
    given = weighted_estimate(frame, NPS, weights.weights, score="nps").standard_error
    assert estimated < given
    again = weighted_estimate(frame, NPS, weights, score="nps", replicates=multinomial(frame, 200, seed=3))
    assert again.standard_error == pytest.approx(estimated, rel=0.15)


def test_saturated_propensities_are_post_stratification(frame):
    by = ["country", "channel"]
    saturated = propensity_weights(frame, by, responded="nps", interactions=[tuple(by)])
    cells = calibrate(frame, margins_of(frame, [tuple(by)]), responded="nps")
    assert np.allclose(saturated.weights, cells.weights, rtol=1e-6)
    one = weighted_estimate(frame, NPS, saturated, score="nps", population=1200)
    two = weighted_estimate(frame, NPS, cells, score="nps", population=1200)
    # the same weights have the same error, found by two routes
    assert one.standard_error == pytest.approx(two.standard_error, rel=1e-2)


# ------------------------------------------------------------------------------- trimming


@pytest.mark.parametrize(("name", "strict"), [("trimmed", False), ("trimmed_strict", True)])
def test_the_trimmed_weights_of_r_survey(root, rows, name, strict):
    expected = pd.read_csv(root / "tests" / "reference" / "calibration_weights.csv")[name]
    weights = calibrate(rows, ROW_MARGINS, weights="d")
    result = trim(weights, rows, lower=3, upper=8.5, strict=strict)
    assert np.abs(result.weights - expected).max() < 1e-7
    assert result.weights.sum() == pytest.approx(1380, rel=1e-9)
    assert result.design_effect < result.design_effect_before
    assert "margins are no longer met" in result.notes[0]


def test_trimming_by_a_rule():
    cells = pd.DataFrame({"n": [500, 480, 20]})
    result = trim([1.0, 1.4, 30.0], cells)
    # the median plus six interquartile ranges
    assert result.upper == pytest.approx(1.0 + 6 * 0.4)
    assert result.weights.max() == pytest.approx(result.upper)
    assert result.n_trimmed == 20
    alike = trim([2.0, 2.0, 2.0], cells)
    assert alike.n_trimmed == 0
    assert alike.notes == ()
    with pytest.raises(ValueError, match="leave no room"):
        trim([1.0, 1.4, 30.0], cells, upper=1.2)
    with pytest.raises(ValueError, match="upper or times_average"):
        trim([1.0, 1.1, 30.0], cells, upper=5, times_average=3)
    with pytest.raises(ValueError, match="each of the 3 rows"):
        trim([1.0, 1.1], cells)


def test_trimmed_weights_know_how_they_were_made(rows):
    weights = calibrate(rows, ROW_MARGINS, weights="d")
    done = trim(weights, rows, upper=8)
    result = weighted_estimate(rows, NPS, done, score="nps")
    plain = weighted_estimate(rows, NPS, weights, score="nps")
    assert result.raw == plain.raw
    assert result.kish_design_effect < plain.kish_design_effect
    again = weighted_estimate(rows, NPS, done, score="nps", replicates=multinomial(rows, 300, seed=4))
    assert again.standard_error == pytest.approx(result.standard_error, rel=0.15)
    # limits beyond every weight change nothing, the error neither
    untouched = weighted_estimate(rows, NPS, trim(weights, rows, upper=1e6), score="nps")
    assert untouched.standard_error == pytest.approx(plain.standard_error, rel=1e-12)


def test_potter_trims_where_heavy_weights_only_add_noise():
    rng = np.random.default_rng(1)
    rows = pd.DataFrame({"nps": rng.choice([0, 8, 10], 600), "n": 1})
    heavy = np.where(rng.random(600) < 0.05, 25.0, 1.0)
    limit, table = potter_limit(rows, NPS, heavy, score="nps")
    assert limit < 25
    assert table["times_average"].is_monotonic_increasing
    # heavy answers that think otherwise are not trimmed: the bias would be larger than the noise saved
    other = rows.assign(nps=np.where(heavy > 1, 0, 10))
    assert potter_limit(other, NPS, heavy, score="nps")[0] == np.inf


# ---------------------------------------------------------------------------- held-out outcomes


def company(seed: int = 1, size: int = 20_000) -> pd.DataFrame:
    """Customers who leave, and answer, depending on app use; the plan matters for nothing."""
    rng = np.random.default_rng(seed)
    use = rng.choice(["rare", "often"], size)
    rows = pd.DataFrame({"use": use, "plan": rng.choice(["A", "B", "C"], size), "part": np.arange(size) % 64})
    rows["left"] = rng.random(size) < np.where(use == "rare", 0.3, 0.1)
    rows["responded"] = rng.random(size) < np.where(use == "rare", 0.1, 0.3)
    rows["nps"] = pd.array(
        np.where(rng.random(size) < np.where(use == "rare", 0.3, 0.7), 10, 3), dtype="Int64"
    )
    rows.loc[~rows["responded"], "nps"] = pd.NA
    return rows.groupby(list(rows.columns), dropna=False).size().rename("n").reset_index()


def test_weights_repair_outcomes_they_can_and_not_those_they_cannot():
    cells = company()
    good = held_out(cells, ["left"], calibrate(cells, margins_of(cells, ["use"]))).table.iloc[0]
    assert good["error_before"] < -0.03
    assert good["error_before_high"] < 0  # beyond chance
    assert good["error_after_low"] < 0 < good["error_after_high"]
    assert good["repaired_share"] > 0.7
    bad = held_out(cells, "left", calibrate(cells, margins_of(cells, ["plan"]))).table.iloc[0]
    assert bad["error_after"] == pytest.approx(bad["error_before"], abs=2e-3)
    by_part = held_out(cells, ["left"], calibrate(cells, margins_of(cells, ["use"])), part="part").table.iloc[
        0
    ]
    assert by_part["error_after_high"] == pytest.approx(good["error_after_high"], abs=0.004)


def test_outcomes_not_known_yet_are_left_out_of_the_truth_too():
    cells = company()
    weights = calibrate(cells, margins_of(cells, ["use"]))
    late = cells.assign(left=cells["left"].astype("boolean").mask(cells["part"] > 40))
    row = held_out(late, ["left"], weights).table.iloc[0]
    known = cells[cells["part"] <= 40]
    assert row["n_invited"] == known["n"].sum()
    assert row["truth_share"] == pytest.approx((known["left"] * known["n"]).sum() / known["n"].sum())
    with pytest.raises(ValueError, match="known for nobody who answered"):
        held_out(late.assign(left=late["left"].mask(late["responded"])), ["left"], weights)
    with pytest.raises(ValueError, match="must be true or false"):
        held_out(cells.assign(left=cells["part"]), ["left"], weights)
    with pytest.raises(ValueError, match="Did you mean 'left'"):
        held_out(cells, ["lefty"], weights)


def test_an_outcome_of_everyone_who_answered_is_known_without_error():
    cells = company()
    everyone = cells.assign(responded=True)
    row = held_out(everyone, ["left"], calibrate(everyone, margins_of(everyone, ["use"]))).table.iloc[0]
    assert abs(row["error_before"]) < 1e-12
    assert row["error_before_high"] - row["error_before_low"] < 1e-6
    assert np.isnan(row["repaired_share"])


@pytest.mark.simulation
def test_errors_of_known_outcomes_cover_zero_where_weights_suffice():
    # one frame, whose truth is known, and 800 surveys of it
    rng = np.random.default_rng(21)
    size, runs, hits, before = 5_000, 800, 0, 0
    use = rng.choice(2, size)
    left = rng.random(size) < np.where(use == 0, 0.3, 0.1)
    for _ in range(runs):
        responded = rng.random(size) < np.where(use == 0, 0.2, 0.6)
        rows = pd.DataFrame({"use": use, "left": left, "responded": responded})
        cells = rows.groupby(list(rows.columns)).size().rename("n").reset_index()
        row = held_out(cells, ["left"], calibrate(cells, margins_of(cells, ["use"]))).table.iloc[0]
        hits += row["error_after_low"] <= 0 <= row["error_after_high"]
        before += row["error_before_low"] <= 0 <= row["error_before_high"]
    assert abs(hits / runs - 0.95) < 2 * np.sqrt(0.95 * 0.05 / runs)
    assert before / runs < 0.1


# ------------------------------------------------------------------------------- multiverse


def test_every_choice_is_there_once_and_is_what_it_says():
    cells = company()
    result = multiverse(cells, NPS, ["use", "plan"], score="nps")
    table = result.made
    assert set(table["variables"]) == {"use, plan", "use", "plan"}
    assert not table.duplicated(["variables", "method", "trimming"]).any()
    chosen = table[
        (table["variables"] == "use, plan") & (table["method"] == "raking") & table["trimming"].isna()
    ]
    plain = weighted_estimate(
        cells, NPS, calibrate(cells, margins_of(cells, ["use", "plan"]), responded="nps"), score="nps"
    )
    for name in ("value", "standard_error", "low", "high", "bias", "bias_standard_error"):
        assert chosen[name].iloc[0] == pytest.approx(getattr(plain, name), rel=1e-8)
    assert table["value"].is_monotonic_increasing
    # what matters is whether app use is among the variables, not the method
    with_use = table[table["variables"].str.contains("use")]["value"]
    without = table[~table["variables"].str.contains("use")]["value"]
    assert with_use.max() - with_use.min() < 1
    assert without.min() - with_use.max() > 10
    assert (result.lowest, result.highest) == (table["value"].min(), table["value"].max())
    assert result.raw == pytest.approx(plain.raw)
    assert "ways to weight" in result._repr_html_()


def test_choices_that_cannot_be_made_say_why():
    cells = company(size=1_500)
    # by chance or not: nobody with plan C who uses it rarely answered
    gone = (cells["plan"] == "C") & (cells["use"] == "rare")
    cells = cells.assign(nps=cells["nps"].mask(gone), responded=cells["responded"] & ~gone)
    result = multiverse(cells, NPS, ["use", "plan"], score="nps")
    failed = result.table[result.table["reason"] != ""]
    assert failed["method"].tolist() == ["post-stratification"]
    assert "nobody in use × plan “rare × C” answered" in failed["reason"].iloc[0]
    assert "1 of " in result.notes[-1]


def test_many_variables_do_not_explode():
    rng = np.random.default_rng(2)
    size = 3_000
    rows = pd.DataFrame({f"x{i}": rng.choice(["a", "b"], size) for i in range(9)})
    rows["nps"] = pd.array(rng.choice([3, 8, 10], size), dtype="Int64")
    rows.loc[rng.random(size) < 0.7, "nps"] = pd.NA
    result = multiverse(
        rows.assign(n=1), NPS, list(rows.columns[:9]), score="nps", methods=["raking"], most=24
    )
    assert result.table["variables"].nunique() == 24
    assert result.table["n_variables"].max() == 9


def test_repeated_customers_in_the_multiverse():
    cells = company().groupby(["use", "nps"], dropna=False)["n"].sum().reset_index()
    single = multiverse(cells, NPS, ["use"], score="nps")
    # every customer answered four times the same: four times the variance
    matrix = np.diag(cells["n"].to_numpy(float)) * 4
    fourfold = multiverse(cells, NPS, ["use"], score="nps", matrix=matrix)
    ratio = fourfold.made["standard_error"] / single.made["standard_error"]
    assert ratio.iloc[0] == pytest.approx(2, rel=1e-2)


def test_small_categories_are_put_together_by_who_was_invited(frame):
    many = frame.assign(
        country=np.where(np.arange(len(frame)) == 0, "Malta", frame["country"]), n=frame["n"] * 5
    )
    many.loc[0, "n"] = 3
    merged, kept, _ = merge_small(many, ["country", "channel"], responded="nps")
    assert kept == ["country", "channel"]
    assert len(merged) == len(many)
    assert merged["n"].equals(many["n"])
    assert "Malta" not in merged["country"].tolist()
    with pytest.raises(ValueError, match="nobody answered"):
        merge_small(frame.assign(nps=pd.NA), ["country"], responded="nps")
    with pytest.raises(ValueError, match="everybody answered"):
        merge_small(frame.assign(nps=9), ["country"], responded="nps")
    with pytest.raises(ValueError, match="method 'rakin'"):
        multiverse(frame, NPS, ["country"], score="nps", methods=["rakin"])
