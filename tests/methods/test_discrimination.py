"""AUC from cells against pROC, against all pairs, and simulated coverage."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from response_reference import cells, expected, rows
from scipy.stats import mannwhitneyu, norm

from cxstats.methods.discrimination import (
    area_under_curve,
    compare_independent,
    discrimination,
    power_for_auc,
)

SCORES = ["nps", "ces"]


def both(frame: pd.DataFrame, **options):
    return discrimination(frame, scores=SCORES, outcome="churned", low_predicts=SCORES, **options)


def all_pairs(score: np.ndarray, event: np.ndarray, weight: np.ndarray) -> float:
    case, other = score[event][:, None], score[~event][None, :]
    won = (case > other) + 0.5 * (case == other)
    mass = weight[event][:, None] * weight[~event][None, :]
    return float((won * mass).sum() / mass.sum())


# --------------------------------------------------------------------------------------- against pROC


def test_auc_variance_and_interval_are_procs() -> None:
    counted, _ = cells(*SCORES, "churned")
    result = both(counted)
    r = expected()
    np.testing.assert_allclose(result.auc["auc"], r["auc"], atol=1e-12)
    a, ab, b = r["auc_covariance"]
    np.testing.assert_allclose(result.covariance, [[a, ab], [ab, b]], atol=1e-14)
    np.testing.assert_allclose(result.auc[["low", "high"]].to_numpy().ravel(), r["auc_interval"], atol=1e-12)
    assert (result.n_events, result.n_others, result.n_set_aside) == (153, 447, 0)


def test_paired_test_is_procs() -> None:
    counted, _ = cells(*SCORES, "churned")
    test = both(counted).compare("nps", "ces")
    z, p_value, low, high = expected()["auc_paired"]
    assert test.z == pytest.approx(z, abs=1e-10)
    assert test.p_value == pytest.approx(p_value, abs=1e-10)
    assert (test.low, test.high) == pytest.approx((low, high), abs=1e-10)


def test_unpaired_test_is_procs() -> None:
    counted, _ = cells("nps", "ces", "churned", "wave")
    first, second = (both(counted[counted["wave"] == wave]) for wave in (1, 2))
    test = compare_independent(first, second, "nps")
    t, degrees, p_value = expected()["auc_unpaired"]
    assert test.z == pytest.approx(t, abs=1e-10)
    assert test.degrees_of_freedom == pytest.approx(degrees, abs=1e-8)
    assert test.p_value == pytest.approx(p_value, abs=1e-10)


def test_power_is_procs() -> None:
    assert power_for_auc(25, 60, 0.65) == pytest.approx(expected()["auc_power"][0], abs=1e-12)
    # pROC's own test: 41 cases, 72 controls
    assert power_for_auc(41, 72, 0.73) == pytest.approx(0.9897453, abs=5e-8)


def test_published_values_of_the_asah_patients(shared_data) -> None:
    """Aneurysmal subarachnoid haemorrhage, 113 patients (Turck et al. 2010); values of pROC's tests, printed digits."""
    frame = pd.read_csv(shared_data / "reference_tables" / "aSAH_min.csv").assign(n=1)
    result = discrimination(frame, scores=["wf", "s100b", "ndka"], outcome="y")
    np.testing.assert_allclose(
        result.auc["auc"], [0.823678861788618, 0.7313685636856369, 0.611957994579946], atol=1e-10
    )
    np.testing.assert_allclose(
        np.diag(result.covariance), [0.00146991470882363, 0.00266868245717244, 0.0031908105493913], atol=1e-10
    )
    np.testing.assert_allclose(
        result.covariance[[0, 2, 1], [2, 1, 0]],
        [-0.000532967856762438, -0.000756164938056579, 0.00119615567376754],
        atol=1e-10,
    )
    first = result.compare("wf", "s100b")
    assert first.z == pytest.approx(2.20898359144091, abs=1e-10)
    assert first.p_value == pytest.approx(0.0271757822291882, abs=1e-10)
    assert (first.low, first.high) == pytest.approx((0.0104061769564846, 0.174214419249478), abs=1e-10)
    second, third = result.compare("wf", "ndka"), result.compare("ndka", "s100b")
    assert (second.z, second.p_value) == pytest.approx((2.79777591868904, 0.00514557970691098), abs=1e-10)
    assert (third.z, third.p_value) == pytest.approx((-1.39077002573558, 0.164295175223054), abs=1e-10)
    assert tuple(result.auc.loc["ndka", ["low", "high"]]) == pytest.approx(
        (0.501244999271703, 0.722670989888189), abs=1e-10
    )
    # unpaired: pROC takes the two curves for those of other patients
    pairs = [
        ("wf", "s100b", 1.43490640926908),
        ("wf", "ndka", 3.10125096778969),
        ("ndka", "s100b", -1.55995743389685),
    ]
    for a, b, t in pairs:
        assert compare_independent(result, result, a, b).z == pytest.approx(t, abs=1e-10)
    assert compare_independent(result, result, "wf", "s100b").p_value == pytest.approx(0.152825, abs=5e-7)
    assert (result.n_events, result.n_others) == (41, 72)


# ------------------------------------------------------------------------------------ identities


def test_auc_is_the_share_of_pairs_ties_one_half() -> None:
    frame = rows()
    result = both(frame.assign(n=1))
    event = frame["churned"].to_numpy()
    for name in SCORES:
        score = -frame[name].to_numpy(float)
        assert result.auc.loc[name, "auc"] == pytest.approx(all_pairs(score, event, np.ones(600)), abs=1e-12)
        u = mannwhitneyu(score[event], score[~event]).statistic
        assert result.auc.loc[name, "auc"] == pytest.approx(u / (153 * 447), abs=1e-12)


def test_rows_and_cells_agree() -> None:
    counted, _ = cells(*SCORES, "churned")
    single, merged = both(rows().assign(n=1)), both(counted)
    np.testing.assert_allclose(single.covariance, merged.covariance, rtol=1e-11)
    assert merged.gini.tolist() == pytest.approx((2 * merged.auc["auc"] - 1).tolist())


def test_turning_a_score_round_mirrors_it() -> None:
    counted, _ = cells(*SCORES, "churned")
    up = discrimination(counted, scores="nps", outcome="churned").auc.loc["nps"]
    down = discrimination(counted, scores="nps", outcome="churned", low_predicts="nps").auc.loc["nps"]
    assert up["auc"] + down["auc"] == pytest.approx(1)
    assert up["se"] == pytest.approx(down["se"])
    assert up["low"] == pytest.approx(1 - down["high"])


def test_logit_interval_is_walds_for_the_log_odds() -> None:
    counted, _ = cells(*SCORES, "churned")
    wald, logit = both(counted).auc.loc["nps"], both(counted, interval="logit").auc.loc["nps"]
    a = wald["auc"]
    for limit, sign in (("low", -1), ("high", 1)):
        odds = np.log(a / (1 - a)) + sign * norm.ppf(0.975) * wald["se"] / (a * (1 - a))
        assert logit[limit] == pytest.approx(1 / (1 + np.exp(-odds)))
    sure = pd.DataFrame({"s": [1, 2], "y": [False, True], "n": [20, 10]})
    assert discrimination(sure, scores="s", outcome="y", interval="logit").auc.loc["s"].tolist() == [
        1,
        0,
        1,
        1,
    ]


def test_any_growing_function_of_a_score_has_the_same_auc() -> None:
    counted, _ = cells(*SCORES, "churned")
    counted["curved"] = np.exp(counted["nps"] / 3.0)
    result = discrimination(counted, scores=["nps", "curved"], outcome="churned")
    assert result.auc.loc["nps"].tolist() == pytest.approx(result.auc.loc["curved"].tolist())
    test = result.compare("nps", "curved")
    assert (test.difference, test.z, test.p_value) == (0, 0, 1)


def test_a_score_that_is_the_same_for_all_is_a_guess() -> None:
    assert area_under_curve(np.array([1.0]), np.array([30]), np.array([50])) == (0.5, 0.0)


def test_a_perfect_score_has_no_error_and_says_one() -> None:
    frame = pd.DataFrame({"s": [1, 2], "y": [False, True], "n": [20, 10]})
    assert discrimination(frame, scores="s", outcome="y").auc.loc["s"].tolist() == [1, 0, 1, 1]


# ------------------------------------------------------------------- weights and repeated customers


def test_weights_count_customers_several_times() -> None:
    frame = rows().assign(n=1)
    frame["w"], frame["w2"] = frame["weight"], frame["weight"] ** 2
    result = both(frame)
    event = frame["churned"].to_numpy()
    for name in SCORES:
        wanted = all_pairs(-frame[name].to_numpy(float), event, frame["weight"].to_numpy())
        assert result.auc.loc[name, "auc"] == pytest.approx(wanted, abs=1e-12)
    counted, _ = cells(*SCORES, "churned", weighted=True)
    np.testing.assert_allclose(both(counted).covariance, result.covariance, rtol=1e-10)
    scaled = both(frame.assign(w=5 * frame["w"], w2=25 * frame["w2"]))
    np.testing.assert_allclose(scaled.covariance, result.covariance, rtol=1e-10)


def test_customers_that_are_all_different_change_nothing() -> None:
    counted, _ = cells(*SCORES, "churned")
    alone = both(counted, matrix=np.diag(counted["n"].astype(float)))
    np.testing.assert_allclose(alone.covariance, both(counted).covariance, rtol=1e-12)
    assert alone.clustered


def test_repeating_every_customer_adds_no_information() -> None:
    counted, _ = cells(*SCORES, "churned")
    plain = both(counted)
    # every customer twice with the same answers: n doubles, t is 2 for each customer
    twice = both(counted.assign(n=2 * counted["n"]), matrix=np.diag(4.0 * counted["n"]))
    np.testing.assert_allclose(twice.auc["auc"], plain.auc["auc"])
    np.testing.assert_allclose(twice.covariance, plain.covariance, rtol=0.01)
    naive = both(counted.assign(n=2 * counted["n"]))
    np.testing.assert_allclose(naive.covariance, plain.covariance / 2, rtol=0.01)


def test_cluster_variance_is_that_of_leaving_out_customers() -> None:
    frame = rows()
    counted, matrix = cells(*SCORES, "churned")
    result = both(counted, matrix=matrix)
    event, weight = frame["churned"].to_numpy(), np.ones(600)
    left_out = []
    for customer in range(420):
        keep = (frame["customer"] != customer).to_numpy()
        left_out.append(
            [all_pairs(-frame[s].to_numpy(float)[keep], event[keep], weight[keep]) for s in SCORES]
        )
    deviation = np.array(left_out) - np.mean(left_out, axis=0)
    jackknife = deviation.T @ deviation * 419 / 420
    np.testing.assert_allclose(result.covariance, jackknife, rtol=0.03)
    assert both(counted).covariance[0, 0] != pytest.approx(result.covariance[0, 0], rel=0.01)


def test_parts_stand_in_for_customers() -> None:
    counted, _ = cells(*SCORES, "churned", "part")
    _, matrix = cells(*SCORES, "churned")
    exact, _ = cells(*SCORES, "churned")
    by_part, by_customer = both(counted, part="part"), both(exact, matrix=matrix)
    np.testing.assert_allclose(by_part.auc["auc"], by_customer.auc["auc"])
    np.testing.assert_allclose(by_part.auc["se"], by_customer.auc["se"], rtol=0.25)


# ------------------------------------------------------------------------------------ data as it comes


def test_scores_are_compared_on_the_same_customers() -> None:
    frame = rows().assign(n=1).astype({"nps": "Int64", "ces": "Int64", "churned": "boolean"})
    frame.loc[:49, "ces"] = pd.NA
    frame.loc[50:59, "churned"] = pd.NA
    result = both(frame)
    assert result.n_set_aside == 60
    kept = frame.iloc[60:]
    np.testing.assert_allclose(both(kept).covariance, result.covariance, rtol=1e-12)
    _, matrix = cells("nps", "ces", "churned")
    counted, _ = cells("nps", "ces", "churned")
    with_matrix = both(
        counted.assign(n=np.where(np.arange(len(counted)) < 3, 0, counted["n"])), matrix=matrix
    )
    assert with_matrix.n_set_aside == 0


def test_answering_itself_can_be_a_score() -> None:
    counted, _ = cells("responded", "churned")
    result = discrimination(counted, scores="responded", outcome="churned").auc.loc["responded"]
    frame = rows()
    did = frame["responded"].to_numpy(float)
    assert result["auc"] == pytest.approx(all_pairs(did, frame["churned"].to_numpy(), np.ones(600)))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"scores": "npz"}, "no column 'npz'.*Did you mean 'nps'"),
        ({"scores": []}, "at least one column"),
        ({"scores": ["nps", "nps"]}, "each once"),
        ({"scores": "region"}, "'region' holds .*needs numbers"),
        ({"low_predicts": ["ces"]}, "none of the scores"),
        ({"outcome": "wave"}, "must be true or false"),
        ({"level": 0.2}, r"level is 0\.2"),
        ({"interval": "profile"}, "'profile', but must be 'wald' or 'logit'"),
    ],
)
def test_what_cannot_be_used_is_named(options: dict, match: str) -> None:
    frame = rows().assign(n=1)
    with pytest.raises(ValueError, match=match):
        discrimination(frame, **({"scores": "nps", "outcome": "churned"} | options))


def test_too_few_events_are_no_number() -> None:
    frame = pd.DataFrame({"s": [1, 2], "y": [False, True], "n": [20, 1]})
    with pytest.raises(ValueError, match="known for 1 customer with the event and 20 without"):
        discrimination(frame, scores="s", outcome="y")
    with pytest.raises(ValueError, match="no score 'x'"):
        discrimination(frame.assign(n=[20, 5]), scores="s", outcome="y").compare("s", "x")
    with pytest.raises(ValueError, match=r"between 0\.5 and 1"):
        power_for_auc(10, 10, 0.4)
    with pytest.raises(ValueError, match="2 or more"):
        power_for_auc(1, 10, 0.7)


def test_results_show_themselves() -> None:
    counted, _ = cells(*SCORES, "churned")
    result = both(counted)
    assert "AUC" in result._repr_html_()
    assert "p-value" in result.compare("nps", "ces")._repr_html_()


# ------------------------------------------------------------------------------------ speed, coverage


def test_ten_million_customers_take_milliseconds() -> None:
    rng = np.random.default_rng(3)
    grid = pd.MultiIndex.from_product(
        [range(11), range(1, 6), range(1, 8), [True, False]], names=["nps", "csat", "ces", "churned"]
    ).to_frame(index=False)
    grid = grid.astype({"nps": "Int64", "csat": "Int64", "ces": "Int64", "churned": "boolean"})
    grid["n"] = rng.multinomial(10_000_000, rng.dirichlet(np.ones(len(grid))))
    took = []
    for _ in range(5):
        start = time.perf_counter()
        result = discrimination(grid, scores=["nps", "csat", "ces"], outcome="churned")
        took.append(time.perf_counter() - start)
    assert result.n_events + result.n_others == 10_000_000
    # the best of five: the machine may be busy with other things
    assert min(took) < 0.05


@pytest.mark.simulation
@pytest.mark.parametrize(("n", "rate", "shift"), [(300, 0.3, 0.6), (1000, 0.1, 0.9), (5000, 0.1, 0.3)])
def test_intervals_and_paired_tests_keep_their_level(n: int, rate: float, shift: float) -> None:
    """Two scores of eleven steps with the same AUC, correlated by 0.6: intervals, and the test of no difference."""
    rng = np.random.default_rng(17)
    edges = norm.ppf(np.linspace(0, 1, 12)[1:-1])
    # true AUC of the eleven-step score, ties one half
    other, case = (np.diff(np.r_[0, norm.cdf(edges - d), 1]) for d in (0, shift))
    truth = case @ (np.cumsum(other) - other / 2)
    runs, held, refused = 2000, 0, 0
    for _ in range(runs):
        event = rng.random(n) < rate
        z = rng.normal(size=(n, 2)) @ np.linalg.cholesky([[1, 0.6], [0.6, 1]]).T + shift * event[:, None]
        scores = np.searchsorted(edges, z)
        code = np.ravel_multi_index((*scores.T, event.astype(int)), (11, 11, 2))
        cell, count = np.unique(code, return_counts=True)
        a, b, y = np.unravel_index(cell, (11, 11, 2))
        result = discrimination(
            pd.DataFrame({"a": a, "b": b, "y": y == 1, "n": count}), scores=["a", "b"], outcome="y"
        )
        held += result.auc.loc["a", "low"] <= truth <= result.auc.loc["a", "high"]
        refused += result.compare("a", "b").p_value < 0.05
    error = 2 * np.sqrt(0.95 * 0.05 / runs)
    assert held / runs == pytest.approx(0.95, abs=error + 0.005)
    assert refused / runs == pytest.approx(0.05, abs=error + 0.005)
