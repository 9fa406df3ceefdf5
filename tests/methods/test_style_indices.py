"""Style indices: hand counts, R resquin's printed results, reliability by analysis of variance, known truth.

The ten respondents and the expected indices are those of the vignette "Getting started with resquin" of the
R package resquin (output of ``resp_styles(testdata, 1, 5, min_valid_responses = 1)`` and of
``resp_distributions``); the halves and the analysis of variance are made by statsmodels and numpy here.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from cxstats.methods.style_indices import (
    INDICES,
    items_by_scale,
    residualise,
    single_item_indices,
    style_indices,
)
from cxstats.metrics import NPS, Scale, mean_score, top_box

FIVE = Scale(1, 5)
RESQUIN = pd.DataFrame(
    {
        "var_a": [1, 4, 3, 5, 3, 2, 3, 1, 3, None],
        "var_b": [2, 5, 2, 3, 4, 1, None, 2, None, None],
        "var_c": [1, 2, 3, None, 3, 4, 4, 5, None, None],
    },
    dtype="Int64",
)
# person (from 0): midpoint, acquiescence, disacquiescence, extreme, standard deviation, as resquin prints them
RESQUIN_PRINTS = {
    0: (0.00, 0.00, 1.00, 0.67, 0.58),
    1: (0.00, 0.67, 0.33, 0.33, 1.53),
    2: (0.67, 0.00, 0.33, 0.00, 0.58),
    4: (0.67, 0.33, 0.00, 0.00, 0.58),
    5: (0.00, 0.33, 0.67, 0.33, 1.53),
    7: (0.00, 0.33, 0.67, 0.67, 2.08),
}
PRINTED = ["midpoint", "acquiescence", "disacquiescence", "extreme", "standard_deviation"]


def battery(n: int, items: int, seed: int, *, points: int = 5, habit: float = 0.6) -> pd.DataFrame:
    """Answers of people who stretch around the middle by a habit of their own; items on unrelated topics."""
    rng = np.random.default_rng(seed)
    stretch = np.exp(habit * rng.normal(size=n))[:, None]
    latent = stretch * rng.normal(size=(n, items))
    cuts = np.linspace(-1.6, 1.6, points - 1)
    answers = 1 + np.searchsorted(cuts, latent.ravel()).reshape(latent.shape)
    return pd.DataFrame(answers, columns=[f"q{j}" for j in range(items)])


# ------------------------------------------------------------------------------- one person's answers


def test_persons_are_as_resquin_prints_them() -> None:
    found = style_indices(RESQUIN, list(RESQUIN), scale=FIVE, min_share=1.0)
    assert list(found.persons.index) == list(RESQUIN_PRINTS)
    for person, printed in RESQUIN_PRINTS.items():
        assert found.persons.loc[person, PRINTED].round(2).tolist() == list(printed)


def test_persons_by_exact_hand_count_with_missing_items() -> None:
    found = style_indices(RESQUIN, list(RESQUIN), scale=FIVE)
    fourth = found.persons.loc[3]  # 5, 3, missing
    assert fourth[["extreme", "extreme_top", "extreme_bottom"]].tolist() == [0.5, 0.5, 0.0]
    assert fourth[["midpoint", "acquiescence", "disacquiescence", "net_acquiescence"]].tolist() == [
        0.5,
        0.5,
        0.0,
        0.5,
    ]
    assert fourth["range"] == 0.5
    assert fourth["n_items"] == 2
    assert np.isnan(fourth["straight_lining"])  # two answers are no straight line
    assert (found.n, found.n_silent, found.n_set_aside) == (8, 1, 1)


def test_group_counts_are_the_ones_counted_by_hand() -> None:
    rows = RESQUIN.assign(country=["A"] * 4 + ["B"] * 6)
    counts = style_indices(rows, list(RESQUIN), scale=FIVE, group="country").counts
    # A: 1 2 1 | 4 5 2 | 3 2 3 | 5 3 –      B: 3 4 3 | 2 1 4 | 3 – 4 | 1 2 5
    assert counts.set_index("group").to_dict("index") == {
        "A": {"n": 4, "answers": 11, "top": 2, "bottom": 2, "middle": 3, "above": 3, "below": 5},
        "B": {"n": 4, "answers": 11, "top": 1, "bottom": 2, "middle": 3, "above": 4, "below": 4},
    }


def test_runs_and_straight_lines() -> None:
    rows = pd.DataFrame(
        {
            "a": [3, 3, 1, 5, 2],
            "b": [3, 3, 1, 4, None],
            "c": [3, 4, 2, 4, 2],
            "d": [3, 4, 2, 4, 2],
            "e": [3, 4, 1, 5, 2],
        }
    )
    found = style_indices(rows, list("abcde"), scale=FIVE)
    assert found.persons["longest_run"].tolist() == [5, 3, 2, 3, 3]  # a missing answer ends a run
    assert found.persons["straight_lining"].tolist() == [1, 0, 0, 0, 1]


def test_both_keyings_count_half() -> None:
    rows = pd.DataFrame({"a": [5], "b": [5], "c": [5], "r": [1]})
    plain = style_indices(rows, list("abcr"), scale=FIVE)
    keyed = style_indices(rows, list("abcr"), scale=FIVE, keyed={"r": "reversed"})
    assert plain.persons["extreme_top"].item() == 0.75
    assert keyed.persons["extreme_top"].item() == 0.5
    assert keyed.persons["net_acquiescence"].item() == 0.0  # somebody who only says what they think
    assert keyed.balanced
    assert keyed.items["weight"].tolist() == pytest.approx([1 / 6, 1 / 6, 1 / 6, 0.5])
    both = style_indices(
        pd.concat([rows, rows.assign(r=None)]), list("abcr"), scale=FIVE, keyed=[1, 1, 1, -1]
    )
    assert (both.n, both.n_set_aside) == (1, 1)  # without an item of one keying there is no balance


@settings(max_examples=10, deadline=None)
@given(st.lists(st.lists(st.integers(0, 6), min_size=4, max_size=4), min_size=2, max_size=12))
def test_shares_are_coherent_and_blind_to_the_codes(table: list[list[int]]) -> None:
    rows = pd.DataFrame(table, columns=list("abcd"))
    keyed = {"b": "reversed", "d": "reversed"}
    found = style_indices(rows, list("abcd"), scale=Scale(0, 6), keyed=keyed, splits=0).persons
    np.testing.assert_allclose(found["extreme"], found["extreme_top"] + found["extreme_bottom"])
    np.testing.assert_allclose(found["midpoint"] + found["acquiescence"] + found["disacquiescence"], 1.0)
    np.testing.assert_allclose(found["net_acquiescence"], found["acquiescence"] - found["disacquiescence"])
    shifted = style_indices(rows + 1, list("abcd"), scale=Scale(1, 7), keyed=keyed, splits=0).persons
    pd.testing.assert_frame_equal(found, shifted)
    turned = style_indices(6 - rows, list("abcd"), scale=Scale(0, 6), keyed=keyed, splits=0).persons
    np.testing.assert_allclose(found["extreme_top"], turned["extreme_bottom"])


def test_rows_may_stand_for_several_persons() -> None:
    rows = battery(300, 3, 1, points=3).assign(country="A")
    cells = rows.value_counts().rename("n").reset_index()
    one = style_indices(rows, ["q0", "q1", "q2"], scale=Scale(1, 3), group="country")
    two = style_indices(cells, ["q0", "q1", "q2"], scale=Scale(1, 3), group="country")
    pd.testing.assert_frame_equal(one.groups, two.groups)
    pd.testing.assert_frame_equal(one.counts, two.counts)
    pd.testing.assert_frame_equal(one.reliability, two.reliability)


# ---------------------------------------------------------------------------------------- intervals


def test_interval_of_a_share_of_yes_or_no_is_wilsons() -> None:
    rows = battery(40, 4, 3)
    found = style_indices(rows, list(rows), scale=FIVE).of("straight_lining", "all")
    k, n = round(found["value"] * 40), 40
    low, high = proportion_confint(k, n, method="wilson")
    assert (found["low"], found["high"]) == pytest.approx((low, high), abs=1e-12)


def test_standard_error_with_repeated_customers_is_the_clustered_one() -> None:
    rows = battery(200, 6, 4)
    rows = pd.concat([rows, rows.iloc[:80]], ignore_index=True)
    rows["who"] = [*range(200), *range(80)]
    rows["country"] = np.where(rows["who"] % 3 == 0, "A", "B")
    items = [f"q{j}" for j in range(6)]
    found = style_indices(rows, items, scale=FIVE, group="country", customer="who")
    design = pd.get_dummies(rows["country"], dtype=float)
    for index in ("extreme", "range", "longest_run"):
        fit = sm.OLS(found.persons[index], design).fit(
            cov_type="cluster", cov_kwds={"groups": rows["who"], "use_correction": False}
        )
        clusters = rows.groupby("country")["who"].nunique().to_numpy()
        expected = fit.bse.to_numpy() * np.sqrt(clusters / (clusters - 1))
        np.testing.assert_allclose(found.of(index)["standard_error"], expected, rtol=1e-10)
    alone = style_indices(rows, items, scale=FIVE, group="country")
    assert (
        (found.of("extreme")["high"] - found.of("extreme")["low"])
        .gt(alone.of("extreme")["high"] - alone.of("extreme")["low"])
        .all()
    )


def test_nobody_at_the_midpoint_of_a_small_group_is_no_certainty() -> None:
    rows = pd.DataFrame({"a": [1, 5, 1, 4], "b": [5, 1, 2, 5], "c": [2, 4, 5, 1]})
    midpoint = style_indices(rows, list("abc"), scale=FIVE).of("midpoint", "all")
    assert midpoint["value"] == 0
    assert midpoint["standard_error"] == 0
    assert midpoint["high"] == pytest.approx(proportion_confint(0, 4, method="wilson")[1])


def test_a_person_who_stands_in_two_groups_links_them() -> None:
    rows = pd.concat([battery(50, 4, 5).assign(wave=w, who=range(50)) for w in "ab"], ignore_index=True)
    found = style_indices(rows, ["q0", "q1", "q2", "q3"], scale=FIVE, group="wave", customer="who")
    cov = found.covariance["extreme"]
    assert cov[0, 1] == pytest.approx(cov[0, 0])  # the same people gave the same answers


@pytest.mark.simulation
@pytest.mark.parametrize("index", ["extreme", "midpoint", "standard_deviation", "straight_lining"])
@pytest.mark.parametrize("n", [12, 60])
def test_intervals_contain_the_truth_as_often_as_they_say(index: str, n: int) -> None:
    everyone = battery(60_000, 6, 99)
    items = list(everyone)
    truth = style_indices(everyone, items, scale=FIVE, splits=0).of(index, "all")["value"]
    rng = np.random.default_rng(5)
    runs = 600  # every run is a group of one call
    samples = everyone.iloc[rng.integers(0, len(everyone), runs * n)].reset_index(drop=True)
    samples["run"] = np.repeat(np.arange(runs), n)
    found = style_indices(samples, items, scale=FIVE, group="run", splits=0).of(index)
    hits = (found["low"].le(truth) & found["high"].ge(truth)).sum()
    error = np.sqrt(0.95 * 0.05 / runs)
    assert hits / runs >= 0.95 - 3 * error


# -------------------------------------------------------------------------------------- reliability


def test_alpha_is_hoyts_analysis_of_variance() -> None:
    rows = battery(150, 5, 7)
    found = style_indices(rows, list(rows), scale=FIVE)
    for index, mark in {
        "extreme": rows.isin([1, 5]),
        "midpoint": rows == 3,
        "extreme_top": rows == 5,
    }.items():
        long = mark.astype(float).reset_index(names="person").melt("person", var_name="item", value_name="x")
        table = sm.stats.anova_lm(smf.ols("x ~ C(person) + C(item)", long).fit())
        hoyt = 1 - table.loc["Residual", "mean_sq"] / table.loc["C(person)", "mean_sq"]
        alpha = found.reliability.set_index("index").loc[index, "alpha"]
        assert alpha == pytest.approx(hoyt, abs=1e-10)


def test_content_does_not_pass_for_a_habit_of_agreeing() -> None:
    rng = np.random.default_rng(8)
    opinion = rng.normal(size=(6_000, 1))
    signs = np.array([1, 1, 1, -1, -1, -1])
    latent = signs * opinion + rng.normal(size=(6_000, 6))
    rows = pd.DataFrame(
        1 + np.searchsorted([-1.5, -0.5, 0.5, 1.5], latent.ravel()).reshape(-1, 6), columns=list("abcdef")
    )
    keyed = style_indices(rows, list("abcdef"), scale=FIVE, keyed=signs.tolist()).reliability.set_index(
        "index"
    )
    assert abs(keyed.loc["net_acquiescence", "alpha"]) < 0.05
    assert abs(keyed.loc["net_acquiescence", "split_half"]) < 0.08
    plain = rows.copy()
    plain[["d", "e", "f"]] = 6 - plain[["d", "e", "f"]]
    one_way = style_indices(plain, list("abcdef"), scale=FIVE).reliability.set_index("index")
    assert one_way.loc["net_acquiescence", "alpha"] > 0.8  # what all straight keys would have said


def test_reliability_is_that_of_parallel_items() -> None:
    rng = np.random.default_rng(9)
    n, items = 20_000, 8
    habit = rng.beta(2, 6, size=n)  # each answer is extreme with this probability
    extreme = rng.random((n, items)) < habit[:, None]
    answers = np.where(extreme, rng.choice([1, 5], (n, items)), rng.choice([2, 3, 4], (n, items)))
    rows = pd.DataFrame(answers, columns=[f"q{j}" for j in range(items)])
    variance, mean = habit.var(), habit.mean()
    expected = variance / (variance + (mean * (1 - mean) - variance) / items)
    found = style_indices(rows, list(rows), scale=FIVE).reliability.set_index("index")
    assert found.loc["extreme", "alpha"] == pytest.approx(expected, abs=0.02)
    assert found.loc["extreme", "split_half"] == pytest.approx(expected, abs=0.02)
    assert found.loc["extreme", "n_items"] == items


def test_groups_that_differ_do_not_make_items_reliable() -> None:
    rng = np.random.default_rng(10)
    share = np.repeat([0.1, 0.6], 3_000)[:, None]  # no habits within the groups
    extreme = rng.random((6_000, 6)) < share
    answers = np.where(extreme, 5, rng.choice([2, 3, 4], (6_000, 6)))
    rows = pd.DataFrame(answers, columns=list("abcdef")).assign(country=np.repeat(["A", "B"], 3_000))
    found = style_indices(rows, list("abcdef"), scale=FIVE, group="country").reliability.set_index("index")
    assert abs(found.loc["extreme", "alpha"]) < 0.05
    pooled = style_indices(rows, list("abcdef"), scale=FIVE).reliability.set_index("index")
    assert pooled.loc["extreme", "alpha"] > 0.6


# ----------------------------------------------------------------------------------------- bad input


def test_items_all_keyed_one_way_have_no_acquiescence() -> None:
    rows = battery(100, 5, 11)
    found = style_indices(rows, list(rows), scale=FIVE, keyed=dict.fromkeys(rows, "straight"))
    for index in ("acquiescence", "disacquiescence", "net_acquiescence"):
        row = found.of(index, "all")
        assert np.isnan(row["value"])
        assert "keyed one way" in row["why_not"]
    assert any("acquiescence has no value" in text for text in found.warnings)
    assert found.persons["acquiescence"].notna().all()  # the plain shares stay


def test_a_scale_without_a_midpoint_has_no_midpoint_share() -> None:
    rows = battery(100, 5, 12, points=6)
    found = style_indices(rows, list(rows), scale=Scale(1, 6))
    assert found.of("midpoint")["value"].isna().all()
    assert "no midpoint" in found.of("midpoint", "all")["why_not"]
    assert found.persons["midpoint"].isna().all()
    assert found.counts["middle"].isna().all()
    assert found.of("extreme")["value"].notna().all()


def test_items_on_different_scales_are_refused_by_name() -> None:
    rows = pd.DataFrame({"a": [1, 5], "b": [0, 10], "c": [2, 3]})
    scales = {"a": FIVE, "b": Scale(0, 10), "c": FIVE}
    with pytest.raises(ValueError, match=r"5 points: a, c; 11 points: b"):
        style_indices(rows, list("abc"), scale=scales)
    assert items_by_scale(scales) == {5: ["a", "c"], 11: ["b"]}


def test_the_same_points_under_other_codes_are_one_scale() -> None:
    rows = pd.DataFrame({"a": [1, 5, 3], "b": [0, 4, 2]})
    found = style_indices(rows, ["a", "b"], scale={"a": FIVE, "b": Scale(0, 4)})
    assert found.persons["extreme"].tolist() == [1.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"items": ["q0"]}, "two items or more"),
        ({}, {"items": ["q0", "q0"]}, "named twice"),
        ({}, {"items": ["q0", "nope"]}, "no column 'nope'"),
        ({"q0": 9}, {}, "runs 1–5.*first: 9"),
        ({}, {"keyed": {"q0": "backwards"}}, '"straight"'),
        ({}, {"keyed": {"zz": "reversed"}}, "none of the items"),
        ({}, {"keyed": [1, -1]}, "3 items, but 2 keyings"),
        ({}, {"scale": {"q0": FIVE, "q1": FIVE}}, "'q2' has no scale"),
        ({}, {"group": "country"}, "'country'"),
        ({}, {"customer": "who"}, "'who'"),
        ({}, {"level": 95}, "Did you mean 0.95"),
        ({"q0": None, "q1": None, "q2": None}, {}, "nobody answered enough"),
    ],
)
def test_bad_input_is_told_in_words(change: dict, options: dict, message: str) -> None:
    rows = battery(20, 3, 13).astype("Int64").assign(**change)
    items = options.pop("items", ["q0", "q1", "q2"])
    with pytest.raises(ValueError, match=message):
        style_indices(rows, items, **({"scale": FIVE} | options))


def test_the_satisfaction_item_among_the_items_is_warned_of() -> None:
    rows = battery(300, 5, 14)
    rows["csat"] = rows["q2"]
    found = style_indices(rows, [f"q{j}" for j in range(5)], scale=FIVE, scores=["csat"])
    assert found.warnings[-1].startswith("Confounded: q2 is the satisfaction score itself")
    by_name = style_indices(rows, ["q0", "q1", "q3", "csat"], scale=FIVE, scores=["csat"])
    assert any(text.startswith("Confounded: csat") for text in by_name.warnings)
    clean = style_indices(rows, ["q0", "q1", "q3", "q4"], scale=FIVE, scores=["csat"])
    assert not any("satisfaction" in text for text in clean.warnings)


def test_items_about_satisfaction_are_warned_of() -> None:
    rng = np.random.default_rng(15)
    happy = rng.normal(size=500)
    rows = pd.DataFrame(
        {
            name: 1 + np.searchsorted([-1, -0.3, 0.3, 1], happy + 0.6 * rng.normal(size=500))
            for name in ["q0", "q1", "q2", "q3", "nps"]
        }
    )
    found = style_indices(rows, ["q0", "q1", "q2", "q3"], scale=FIVE, scores=["nps"])
    assert any("go along with nps" in text for text in found.warnings)


def test_a_missing_country_is_a_group_of_its_own() -> None:
    rows = battery(30, 4, 16).assign(country=pd.array(["NA"] * 10 + [None] * 20, dtype="string"))
    found = style_indices(rows, [f"q{j}" for j in range(4)], scale=FIVE, group="country")
    assert found.labels == ("NA", "not known")
    assert found.of("extreme", "not known")["n"] == 20
    with pytest.raises(ValueError, match="no group 'DE'"):
        found.of("extreme", "DE")
    with pytest.raises(ValueError, match="not one of"):
        found.of("ers")


def test_a_notebook_shows_every_index() -> None:
    rows = battery(60, 4, 17).assign(country=["A", "B"] * 30)
    html = style_indices(rows, [f"q{j}" for j in range(4)], scale=FIVE, group="country")._repr_html_()
    assert all(index.replace("_", " ") in html for index in INDICES)


# ---------------------------------------------------------------------------------- one item: weaker


def test_single_item_shares_with_wilson_intervals() -> None:
    counts = [2, 0, 0, 1, 1, 9, 5, 10, 24, 12, 36]
    found = single_item_indices(counts, NPS)
    table = found.table.set_index("index")
    for index, k, n in [
        ("extreme_top", 36, 100),
        ("extreme_bottom", 2, 100),
        ("midpoint", 9, 100),
        ("heaping_at_8", 24, 46),
    ]:
        assert table.loc[index, "value"] == k / n
        assert table.loc[index, "n"] == n
        expected = proportion_confint(k, n, method="wilson")
        assert tuple(table.loc[index, ["low", "high"]]) == pytest.approx(expected, abs=1e-12)
    assert found.strength == "weaker"
    assert "one item cannot tell" in found.warnings[0]
    half = single_item_indices(counts, NPS, effective_n=50).table.set_index("index")
    assert half.loc["extreme_top", "low"] == pytest.approx(proportion_confint(18, 50, method="wilson")[0])


def test_single_item_indices_by_group_and_what_cannot_be_said() -> None:
    found = single_item_indices({"A": [0] * 10 + [7], "B": [3] + [0] * 10}, NPS).table
    assert found[found["index"] == "heaping_at_8"]["value"].isna().all()
    assert found[found["index"] == "extreme_top"]["value"].tolist() == [1.0, 0.0]
    six = single_item_indices([1, 2, 3, 4, 5, 6], top_box(Scale(1, 6), [6])).table.set_index("index")
    assert "no midpoint" in six.loc["midpoint", "why_not"]
    assert "no 8" in six.loc["heaping_at_8", "why_not"]
    with pytest.raises(ValueError, match="needs 11 counts"):
        single_item_indices([20, 30, 50], NPS)
    with pytest.raises(ValueError, match="B: nobody answered"):
        single_item_indices({"A": [1] * 11, "B": [0] * 11}, NPS)


# --------------------------------------------------------------------------------------- residuals


def habits(n: int, items: int, seed: int, *, style_gap: float, true_gap: float) -> pd.DataFrame:
    """Two countries; a person's score is their satisfaction plus twice their habit of extreme answers."""
    rng = np.random.default_rng(seed)
    country = np.repeat([0.0, 1.0], n // 2)
    habit = np.clip(0.3 + style_gap * country + 0.12 * rng.normal(size=n), 0.01, 0.99)
    extreme = rng.random((n, items)) < habit[:, None]
    answers = np.where(extreme, rng.choice([1, 5], (n, items)), rng.choice([2, 3, 4], (n, items)))
    rows = pd.DataFrame(answers, columns=[f"q{j}" for j in range(items)])
    latent = 4.4 + true_gap * country + 4 * (habit - 0.3) + 0.8 * rng.normal(size=n)
    low = np.floor(latent)
    rows["score"] = np.clip(low + (rng.random(n) < latent - low), 0, 10).astype(int)  # unbiased rounding
    rows["country"] = np.where(country == 0, "A", "B")
    return rows


def test_adjusted_values_are_the_regression_with_country_dummies() -> None:
    rows = habits(2_000, 8, 21, style_gap=0.2, true_gap=0.5)
    metric = mean_score(Scale(0, 10))
    items = [f"q{j}" for j in range(8)]
    styles = style_indices(rows, items, scale=FIVE, group="country")
    found = residualise(rows, metric, styles, score="score", use=["extreme", "midpoint"])
    own = styles.persons[["extreme", "midpoint"]]
    design = pd.get_dummies(rows["country"], dtype=float).join(own - own.mean())
    fit = sm.OLS(rows["score"], design).fit()
    np.testing.assert_allclose(found.table["adjusted"], fit.params[["A", "B"]], rtol=1e-10)
    np.testing.assert_allclose(found.slopes["slope"], fit.params[["extreme", "midpoint"]], rtol=1e-10)
    np.testing.assert_allclose(found.table["raw"], rows.groupby("country")["score"].mean(), rtol=1e-12)
    robust = sm.OLS(rows["score"], design).fit(cov_type="HC3").bse
    np.testing.assert_allclose(found.slopes["slope_error"], robust[["extreme", "midpoint"]], rtol=0.3)


def test_one_index_is_corrected_by_its_reliability() -> None:
    rows = habits(2_000, 8, 22, style_gap=0.2, true_gap=0.5)
    styles = style_indices(rows, [f"q{j}" for j in range(8)], scale=FIVE, group="country")
    found = residualise(rows, mean_score(Scale(0, 10)), styles, score="score", use=["extreme"])
    slope = found.slopes.iloc[0]
    alpha = styles.reliability.set_index("index").loc["extreme", "alpha"]
    assert slope["reliability"] == pytest.approx(alpha, rel=1e-10)
    assert slope["corrected_slope"] == pytest.approx(slope["slope"] / alpha, rel=1e-10)
    gap = found.gaps("A").iloc[0]
    assert gap["style"] == pytest.approx(gap["raw"] - gap["corrected"])
    assert any("too little" in text for text in found.warnings)


@pytest.mark.simulation
@pytest.mark.parametrize(("items", "bias_shown"), [(4, 0.25), (12, 0.1)])
def test_the_correction_recovers_the_true_gap_and_its_intervals_cover(items: int, bias_shown: float) -> None:
    runs, truth = 90, 0.5
    names = [f"q{j}" for j in range(items)]
    found = []
    for seed in range(runs):
        rows = habits(1_600, items, 1_000 + seed, style_gap=0.2, true_gap=truth)
        styles = style_indices(rows, names, scale=FIVE, group="country", splits=0)
        found.append(
            residualise(rows, mean_score(Scale(0, 10)), styles, score="score", parts=32).gaps("A").iloc[0]
        )
    table = pd.DataFrame(found)
    error = table["corrected"].std() / np.sqrt(runs)
    assert abs(table["corrected"].mean() - truth) < 3 * error + 0.03
    assert table["adjusted"].mean() - truth > bias_shown  # too little is taken out where items are few
    inside = table["corrected_low"].le(truth) & table["corrected_high"].ge(truth)
    assert inside.mean() >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / runs)


def test_residuals_that_cannot_be_made_are_refused() -> None:
    rows = habits(400, 6, 23, style_gap=0.2, true_gap=0.0)
    items = [f"q{j}" for j in range(6)]
    metric = mean_score(Scale(0, 10))
    styles = style_indices(rows, items, scale=FIVE, group="country")
    with pytest.raises(ValueError, match="cannot be taken out: all items are keyed one way"):
        residualise(rows, metric, styles, score="score", use=["net_acquiescence"])
    with pytest.raises(ValueError, match="determine one another"):
        residualise(rows, metric, styles, score="score", use=["extreme", "extreme_top", "extreme_bottom"])
    with pytest.raises(ValueError, match="use must name"):
        residualise(rows, metric, styles, score="score", use=["range"])
    with pytest.raises(ValueError, match="no column 'nps'"):
        residualise(rows, metric, styles, score="nps")
    with pytest.raises(ValueError, match="same, unique index"):
        residualise(rows.reset_index(drop=True).iloc[:10], metric, styles, score="score")
    four = rows.assign(country=["C", *rows["country"].tolist()[1:]])
    with pytest.raises(ValueError, match="too few persons answered mean score and the items in C"):
        residualise(four, metric, style_indices(four, items, scale=FIVE, group="country"), score="score")
    cells = rows.assign(n=2)
    with pytest.raises(ValueError, match="several persons"):
        residualise(cells, metric, style_indices(cells, items, scale=FIVE, group="country"), score="score")
    noise = pd.DataFrame(np.random.default_rng(1).integers(1, 6, (400, 6)), columns=items).assign(
        score=rows["score"], country=rows["country"]
    )
    with pytest.raises(ValueError, match="no common habit"):
        residualise(noise, metric, style_indices(noise, items, scale=FIVE, group="country"), score="score")


# --------------------------------------------------------------------------------------- real data


def test_big_five_items_of_23_countries(shared_data) -> None:
    rows = pd.read_csv(shared_data / "big5" / "big5.csv.gz", keep_default_na=False)
    items = pd.read_csv(shared_data / "big5" / "items.csv.gz")
    names = items["item"].tolist()
    rows[names] = rows[names].where(rows[names] > 0)
    sizes = rows["country"].value_counts()
    rows = rows[rows["country"].isin(sizes[sizes >= 100].index) & rows["country"].str.fullmatch("[A-Z]{2}")]
    found = style_indices(
        rows, names, scale=FIVE, keyed=dict(zip(names, items["key"], strict=True)), group="country"
    )
    assert len(found.labels) == 23
    row = found.counts.set_index("group").loc["IN"]
    indian = rows.loc[rows["country"] == "IN", names]
    assert row["top"] == int((indian == 5).to_numpy().sum())
    assert row["bottom"] == int((indian == 1).to_numpy().sum())
    reliability = found.reliability.set_index("index")
    assert reliability.loc["extreme", "alpha"] > 0.85  # fifty items tell who likes extremes
    assert reliability.loc["extreme", "split_half"] == pytest.approx(
        reliability.loc["extreme", "alpha"], abs=0.03
    )
    assert found.n_items == 50
