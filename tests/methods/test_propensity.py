"""Response propensity against R's glm and survey package, and against what can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from response_reference import cells, expected, risq_cells, rows
from scipy.optimize import minimize

from cxstats.methods import propensity
from cxstats.methods.frame_variables import frame_variables

BY = ["region", "plan"]
COLUMNS = ("intercept", "region: e", "region: s", "region: w", "plan: family", "plan: gold")


def two_by_two(*, n=(300, 700, 200, 800)) -> pd.DataFrame:
    return pd.DataFrame(
        {"channel": ["app", "app", "mail", "mail"], "responded": [True, False] * 2, "n": list(n)}
    )


def table(rates: dict[str, tuple[int, int]], name: str = "x") -> pd.DataFrame:
    """Cells from {category: (answered, not answered)}."""
    parts = [
        {name: category, "responded": answered, "n": n}
        for category, both in rates.items()
        for answered, n in zip((True, False), both, strict=True)
    ]
    return pd.DataFrame(parts)


# ------------------------------------------------------------------------------------- against R


def test_coefficients_and_covariance_are_those_of_glm() -> None:
    counted, _ = cells(*BY, "responded")
    model = propensity.fit(counted, BY)
    assert model.columns == COLUMNS
    np.testing.assert_allclose(model.coefficients, expected()["glm_coefficients"], rtol=1e-9)
    np.testing.assert_allclose(model.covariance.ravel(), expected()["glm_covariance"], rtol=1e-8, atol=1e-15)
    assert model.method == "maximum likelihood"
    assert model.warnings == ()


def test_single_rows_are_cells_too() -> None:
    single = rows().assign(n=1)
    model = propensity.fit(single, BY)
    np.testing.assert_allclose(model.coefficients, expected()["glm_coefficients"], rtol=1e-9)
    assert model.cells["invited"].sum() == 600
    assert len(model.cells) == 12


@pytest.mark.parametrize("name", ["weighted", "customers", "weighted_customers"])
def test_sandwich_is_that_of_the_survey_package(name: str) -> None:
    weighted = "weighted" in name
    counted, matrix = cells(*BY, "responded", weighted=weighted)
    model = propensity.fit(counted, BY, matrix=matrix if "customers" in name else None)
    clusters = 420 if "customers" in name else 600
    np.testing.assert_allclose(model.coefficients, expected()[f"{name}_coefficients"], rtol=1e-8)
    # svyglm multiplies by C/(C − 1)
    covariance = model.covariance * clusters / (clusters - 1)
    np.testing.assert_allclose(covariance.ravel(), expected()[f"{name}_covariance"], rtol=1e-7, atol=1e-12)


def test_parts_as_clusters_are_those_of_the_survey_package() -> None:
    counted, _ = cells(*BY, "responded", "part")
    model = propensity.fit(counted, BY, part="part")
    np.testing.assert_allclose(
        model.covariance.ravel(), expected()["parts_covariance"], rtol=1e-7, atol=1e-12
    )


def test_weights_per_customer_are_the_sums_of_weights() -> None:
    counted, _ = cells(*BY, "responded", "weight")
    by_weight = propensity.fit(counted, BY, weights=counted["weight"])
    sums, _ = cells(*BY, "responded", weighted=True)
    by_sums = propensity.fit(sums, BY)
    np.testing.assert_allclose(by_weight.coefficients, by_sums.coefficients, rtol=1e-9)
    np.testing.assert_allclose(by_weight.covariance, by_sums.covariance, rtol=1e-9)


# ----------------------------------------------------------------------------------- by hand


def test_one_variable_gives_each_category_its_response_rate() -> None:
    model = propensity.fit(risq_cells(), ["urb"])
    rates = model.cells["answered"] / model.cells["invited"]
    np.testing.assert_allclose(model.cells["propensity"], rates, rtol=1e-10)
    assert model.n == 35_455
    assert model.n_answered == 19_379
    assert model.response_rate == pytest.approx(0.54658, abs=5e-6)


def test_interactions_of_all_pairs_give_each_cell_its_rate() -> None:
    model = propensity.fit(risq_cells(), ["gender", "urb"], interactions=[("gender", "urb")])
    np.testing.assert_allclose(
        model.cells["propensity"], model.cells["answered"] / model.cells["invited"], rtol=1e-9
    )
    assert len(model.columns) == 10
    assert any("×" in name for name in model.columns)


def test_predictions_follow_the_row_order_and_the_missing_label() -> None:
    frame = table({"a": (30, 70), "b": (60, 40)})
    frame["x"] = frame["x"].astype("string")
    frame = pd.concat([frame, pd.DataFrame({"x": [None, None], "responded": [True, False], "n": [45, 55]})])
    model = propensity.fit(frame.reset_index(drop=True), ["x"])
    asked = pd.DataFrame({"x": pd.array(["b", None, "a"], dtype="string")})
    np.testing.assert_allclose(model.predict(asked), [0.6, 0.45, 0.3], rtol=1e-9)
    assert "not known" in set(model.cells["x"])
    with pytest.raises(ValueError, match="'c', which none of the customers had"):
        model.predict(pd.DataFrame({"x": ["c"]}))


def test_scaling_weights_changes_nothing() -> None:
    counted, _ = cells(*BY, "responded", weighted=True)
    model = propensity.fit(counted, BY)
    larger = propensity.fit(counted.assign(w=7 * counted["w"], w2=49 * counted["w2"]), BY)
    np.testing.assert_allclose(larger.coefficients, model.coefficients, rtol=1e-9)
    np.testing.assert_allclose(larger.covariance, model.covariance, rtol=1e-8)


def test_auc_of_the_model_is_that_of_its_propensities() -> None:
    model = propensity.fit(two_by_two(), ["channel"])
    # P(app | answered)·P(mail | not) + half of the ties, by hand: .6·.5333 + ½(.6·.4667 + .4·.5333)
    assert model.auc == pytest.approx(0.6 * 8 / 15 + 0.5 * (0.6 * 7 / 15 + 0.4 * 8 / 15))
    assert model.calibration["predicted_share"].tolist() == pytest.approx([0.2, 0.3])


def test_performance_recovers_intercept_and_slope() -> None:
    # log-odds of the truth are 0.5 + 0.7·log-odds of what is claimed
    claimed = np.array([0.05, 0.2, 0.5, 0.8])
    true = 1 / (1 + np.exp(-(0.5 + 0.7 * np.log(claimed / (1 - claimed)))))
    n = 1e7
    frame = pd.DataFrame(
        {"responded": [True] * 4 + [False] * 4, "n": np.round(np.r_[n * true, n * (1 - true)])}
    )
    result = propensity.performance(frame, np.tile(claimed, 2))
    assert result.intercept == pytest.approx(0.5, abs=1e-5)
    assert result.slope == pytest.approx(0.7, abs=1e-5)
    np.testing.assert_allclose(result.bands["observed_share"], true, atol=1e-6)


# ---------------------------------------------------------------------------------- cross-fitting


def test_cross_fitted_rows_come_from_models_without_their_fold() -> None:
    counted, _ = cells(*BY, "responded", "part")
    result = propensity.cross_fit(counted, BY, folds=4)
    fold = counted["part"].to_numpy() % 4
    for k in range(4):
        train, out = counted[fold != k], counted[fold == k]
        design = pd.get_dummies(train[BY], dtype=float).drop(columns=["region_n", "plan_basic"])
        fitted = sm.GLM(
            train["responded"].astype(float),
            sm.add_constant(design),
            family=sm.families.Binomial(),
            freq_weights=train["n"].to_numpy(float),
        ).fit(tol=1e-12)
        asked = pd.get_dummies(out[BY], dtype=float).reindex(columns=design.columns, fill_value=0.0)
        np.testing.assert_allclose(
            result[fold == k], fitted.predict(sm.add_constant(asked, has_constant="add")), rtol=1e-6
        )


def test_cross_fitting_an_unrelated_variable_finds_nothing() -> None:
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "x": rng.integers(0, 20, 4000),
            "part": rng.integers(0, 64, 4000),
            "responded": rng.random(4000) < 0.3,
        }
    )
    counted = frame.groupby(["x", "part", "responded"], as_index=False).size().rename(columns={"size": "n"})
    apparent = propensity.fit(counted, ["x"]).auc
    honest = propensity.performance(counted, propensity.cross_fit(counted, ["x"])).auc
    assert apparent > 0.53
    assert honest < 0.52


def test_cross_fitting_needs_folds_and_parts() -> None:
    frame = two_by_two()
    with pytest.raises(ValueError, match="no column 'part'"):
        propensity.cross_fit(frame, ["channel"])
    with pytest.raises(ValueError, match="folds must be"):
        propensity.cross_fit(frame.assign(part=0), ["channel"], folds=1)
    with pytest.raises(ValueError, match="fold 0 of 5 is empty, or holds everyone"):
        propensity.cross_fit(frame.assign(part=0), ["channel"])


# ------------------------------------------------------------------------------ separation, overlap


def test_an_empty_category_takes_firths_half_answer() -> None:
    # one variable is a saturated model: Firth adds half an answer and half a non-answer to each category
    model = propensity.fit(table({"a": (300, 700), "b": (0, 500), "c": (100, 400)}), ["x"])
    assert model.method == "Firth"
    by_label = model.cells.set_index("x")["propensity"]
    assert by_label["b"] == pytest.approx(0.5 / 501, rel=1e-6)
    assert by_label["a"] == pytest.approx(300.5 / 1001, rel=1e-6)
    assert any("None of the 500 invited with x b answered" in note for note in model.warnings)
    assert any("separated by x: b" in note for note in model.warnings)


def test_firth_is_the_maximum_of_the_penalised_likelihood() -> None:
    frame = pd.DataFrame(
        {
            "x": ["a", "a", "b", "b", "a", "a", "b", "b"],
            "z": ["u", "u", "u", "u", "v", "v", "v", "v"],
            "responded": [True, False] * 4,
            "n": [40, 60, 0, 90, 20, 30, 0, 70],
        }
    )
    model = propensity.fit(frame, ["x", "z"])
    counts = model.cells

    def penalised(beta: np.ndarray) -> float:
        p = 1 / (1 + np.exp(-model.design @ beta))
        n, s = counts["invited"].to_numpy(), counts["answered"].to_numpy()
        information = (model.design * (n * p * (1 - p))[:, None]).T @ model.design
        return -(s @ np.log(p) + (n - s) @ np.log1p(-p) + 0.5 * np.linalg.slogdet(information)[1])

    best = minimize(penalised, np.zeros(3), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12})
    assert model.method == "Firth"
    np.testing.assert_allclose(model.coefficients, best.x, atol=1e-5)


def test_a_combination_that_separates_is_found() -> None:
    frame = pd.DataFrame(
        {
            "x": ["a", "a", "b", "b"] * 2,
            "z": ["u"] * 4 + ["v"] * 4,
            "responded": [True, False] * 4,
            "n": [40, 60, 30, 70, 20, 80, 0, 100],
        }
    )
    # main effects alone are not separated: every category has answers of both kinds
    assert propensity.fit(frame, ["x", "z"]).method == "maximum likelihood"
    crossed = propensity.fit(frame, ["x", "z"], interactions=[("x", "z")])
    assert crossed.method == "Firth"
    np.testing.assert_allclose(crossed.cells["propensity"].min(), 0.5 / 101, rtol=1e-6)


def test_rare_answers_are_said() -> None:
    model = propensity.fit(table({"a": (400, 600), "b": (10, 990)}), ["x"])
    assert any("less than a fifth as likely" in note for note in model.warnings)


# ------------------------------------------------------------------------ categories put together


def test_five_thousand_categories_are_cut_and_said() -> None:
    branch = [f"b{i:04d}" for i in range(5000)]
    frame = pd.concat(
        [
            pd.DataFrame({"branch": branch, "responded": True, "n": 12}),
            pd.DataFrame({"branch": branch, "responded": False, "n": 28}),
            pd.DataFrame({"branch": "big", "responded": [True, False], "n": [900, 100]}),
        ],
        ignore_index=True,
    )
    model = propensity.fit(frame, ["branch"])
    assert len(model.cells) == 50
    assert model.cells["invited"].sum() == 201_000
    assert any("branch: 4,952 of 5,001 categories hold too few" in note for note in model.warnings)
    assert model.predict(pd.DataFrame({"branch": ["big", "b4999", "never seen"]})).round(6).tolist() == [
        0.9,
        0.3,
        0.3,
    ]


def test_which_categories_are_small_depends_on_the_invited_only() -> None:
    rates = {"a": (300, 700), "b": (250, 250), "tiny": (1, 3), "small": (1, 5)}
    one = propensity.fit(table(rates), ["x"])
    # ten people are too few to expect five answers, so the smallest category that could stand alone joins them
    assert set(one.cells["x"]) == {"a", "others (3 categories)"}
    assert any("x: 3 of 4 categories (b, small and tiny)" in note for note in one.warnings)


def test_numbers_are_cut_into_bands_of_about_the_same_size() -> None:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"tenure": rng.exponential(24, 5000), "n": 1})
    frame["responded"] = rng.random(5000) < 1 / (1 + np.exp(1 - frame["tenure"] / 24))
    model = propensity.fit(frame, ["tenure"])
    assert len(model.cells) == 10
    assert model.cells["invited"].between(490, 510).all()
    assert any(
        "tenure is a number with 5,000 values: it was cut into 10 bands" in note for note in model.warnings
    )
    numbered = frame.assign(key=np.arange(5000))
    assert any("Is it an identifier?" in note for note in propensity.fit(numbered, ["key"]).warnings)
    # longer tenure, higher propensity: the bands keep their order
    low, high = model.predict(pd.DataFrame({"tenure": [1.0, 100.0]}))
    assert low < 0.4 < 0.8 < high


def test_a_variable_without_two_categories_is_left_out_and_said() -> None:
    frame = table({"a": (300, 700), "b": (200, 800)}).assign(same="x")
    model = propensity.fit(frame, ["x", "same"])
    assert model.by == ("x",)
    assert any("same was left out: all customers are alike in it" in note for note in model.warnings)


def test_a_variable_that_says_the_same_is_left_out_and_said() -> None:
    frame = table({"a": (300, 700), "b": (200, 800), "c": (100, 100)})
    frame["copy"] = frame["x"].map({"a": "A", "b": "B", "c": "B"})
    model = propensity.fit(frame, ["x", "copy"])
    assert any(
        "copy: A left out: the other variables say the same" in note or "copy: B left out" in note
        for note in model.warnings
    )
    np.testing.assert_allclose(model.cells.sort_values("x")["propensity"], [0.3, 0.2, 0.5], rtol=1e-9)


# ----------------------------------------------------------------------------------- what is refused


def test_nobody_or_everybody_answered() -> None:
    with pytest.raises(ValueError, match="nobody of the 1,500 invited answered"):
        propensity.fit(two_by_two(n=(0, 700, 0, 800)), ["channel"])
    with pytest.raises(ValueError, match="all 500 customers answered"):
        propensity.fit(two_by_two(n=(300, 0, 200, 0)), ["channel"])
    with pytest.raises(ValueError, match="3 answered and 1,500 did not: fewer than 10"):
        propensity.fit(two_by_two(n=(2, 700, 1, 800)), ["channel"])
    with pytest.raises(ValueError, match="nobody was invited"):
        propensity.fit(two_by_two(n=(0, 0, 0, 0)), ["channel"])


def test_no_variable_left_is_no_model() -> None:
    frame = pd.DataFrame({"x": [f"c{i}" for i in range(60)], "responded": [True, False] * 30, "n": 1})
    with pytest.raises(ValueError, match="no frame variable can be used with 60 invited and 30 answers"):
        propensity.fit(frame.assign(x="same"), ["x"])


def test_a_fact_known_only_for_those_who_answered_is_refused() -> None:
    frame = pd.DataFrame(
        {"mood": ["good", "bad", None], "responded": [True, True, False], "n": [100, 100, 800]}
    ).astype({"mood": "string"})
    with pytest.raises(ValueError, match="'mood' is known for nobody of the 800 who did not answer"):
        propensity.fit(frame, ["mood"])


def test_a_fact_mostly_known_for_those_who_answered_is_said() -> None:
    frame = pd.DataFrame(
        {
            "mood": ["good", "bad", None, "good", "bad", None],
            "responded": [True] * 3 + [False] * 3,
            "n": [300, 300, 10, 60, 60, 800],
        }
    ).astype({"mood": "string"})
    note = " ".join(propensity.fit(frame, ["mood"]).warnings)
    assert "mood is not known for 87" in note
    assert "was it filled in by the survey?" in note


def test_a_fact_that_tells_who_answered_is_refused() -> None:
    with pytest.raises(ValueError, match="'x' tells exactly who answered"):
        propensity.fit(table({"a": (200, 0), "b": (0, 800)}), ["x"])


@pytest.mark.parametrize(
    ("change", "by", "match"),
    [
        ({}, ["chanel"], "no column 'chanel'.*Did you mean 'channel'"),
        ({}, [], "by must name at least one"),
        ({}, ["channel", "channel"], "names a column twice"),
        ({"responded": [1, 2, 1, 2]}, ["channel"], "must be true or false"),
        ({"responded": [True, None, True, False]}, ["channel"], "'responded' is missing in 1 rows"),
        ({"n": [1, 2, -3, 4]}, ["channel"], "0 or more"),
    ],
)
def test_what_cannot_be_used_is_named(change: dict, by: list, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        propensity.fit(two_by_two().assign(**change), by)


def test_weights_and_matrices_of_another_shape_are_refused() -> None:
    frame = two_by_two()
    with pytest.raises(ValueError, match="weights must be 4 numbers"):
        propensity.fit(frame, ["channel"], weights=[1.0, 2.0])
    with pytest.raises(ValueError, match="hold missing or negative"):
        propensity.fit(frame, ["channel"], weights=[1.0, 2.0, -1.0, 1.0])
    with pytest.raises(ValueError, match=r"the matrix is \(2, 2\), but there are 4 rows"):
        propensity.fit(frame, ["channel"], matrix=np.eye(2))
    with pytest.raises(ValueError, match="not both"):
        propensity.fit(frame.assign(part=[0, 1, 0, 1]), ["channel"], matrix=np.eye(4), part="part")
    with pytest.raises(ValueError, match="pairs of the variables in by"):
        propensity.fit(frame, ["channel"], interactions=[("channel", "x")])


def test_frame_variables_names_a_category_not_known_only_once() -> None:
    frame = pd.DataFrame({"x": pd.array(["not known", None, "a", "a"], dtype="string")})
    variables, codes, _ = frame_variables(
        frame, ["x"], np.array([100.0] * 4), np.array([True, False, True, False])
    )
    assert set(variables[0].categories) == {"a", "not known"}
    assert codes[0][0] == codes[0][1]


def test_results_show_themselves() -> None:
    model = propensity.fit(two_by_two(), ["channel"])
    assert "Response propensity" in model._repr_html_()
    assert "AUC" in model.performance._repr_html_()
