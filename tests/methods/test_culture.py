"""Countries and culture: R's exact p-values and intervals, scipy's permutations, mixed codes, known truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cxstats.methods.culture import culture_correlation
from cxstats.methods.style_indices import style_indices
from cxstats.metrics import Scale

EXTREME = {
    "AU": 0.31, "BR": 0.36, "CN": 0.15, "DE": 0.24, "FR": 0.27, "GB": 0.25, "IN": 0.38, "JP": 0.13, "US": 0.29,
}  # fmt: skip
INDIVIDUALISM = {"AU": 90, "BR": 38, "CN": 20, "DE": 67, "FR": 71, "GB": 89, "IN": 48, "JP": 46, "US": 91}


def first(n: int) -> dict[str, float]:
    return dict(list(EXTREME.items())[:n])


def test_seven_countries_are_r_cor_test() -> None:
    # tests/reference/culture.R
    found = culture_correlation(first(7), None, INDIVIDUALISM)
    assert found.n == 7
    assert found.rank.value == pytest.approx(0.1071428571, abs=1e-10)
    assert found.rank.p_value == pytest.approx(0.8396825397, abs=1e-10)
    assert found.pearson.value == pytest.approx(0.1523539402, abs=1e-10)
    assert (found.pearson.low, found.pearson.high) == pytest.approx((-0.6785558066, 0.8122244281), abs=1e-9)
    assert found.rank.exact
    assert found.rank.p_error == 0


def test_nine_countries_by_random_orders_agree_with_r() -> None:
    found = culture_correlation(EXTREME, None, INDIVIDUALISM, permutations=40_000, seed=1)
    assert found.rank.value == pytest.approx(0.25, abs=1e-12)
    assert not found.rank.exact
    assert found.rank.p_value == pytest.approx(0.5206349206, abs=4 * found.rank.p_error)
    assert (found.pearson.low, found.pearson.high) == pytest.approx((-0.4840192138, 0.7902450684), abs=1e-9)


def test_exact_p_value_of_pearson_is_scipys() -> None:
    values = first(6)
    found = culture_correlation(values, None, INDIVIDUALISM)
    x, y = np.array(list(values.values())), np.array([INDIVIDUALISM[c] for c in values])
    expected = stats.permutation_test(
        (x,),
        lambda a: abs(stats.pearsonr(a, y).statistic),
        permutation_type="pairings",
        n_resamples=np.inf,
        alternative="greater",
    )
    assert found.pearson.p_value == pytest.approx(expected.pvalue, abs=1e-12)


def test_each_country_is_left_out_once() -> None:
    found = culture_correlation(EXTREME, None, INDIVIDUALISM)
    out = found.leave_one_out.set_index("country")
    for country in EXTREME:
        rest = [c for c in EXTREME if c != country]
        x, y = [EXTREME[c] for c in rest], [INDIVIDUALISM[c] for c in rest]
        assert out.loc[country, "pearson"] == pytest.approx(stats.pearsonr(x, y).statistic)
        assert out.loc[country, "rank"] == pytest.approx(stats.spearmanr(x, y).statistic)
    changes = found.leave_one_out["change"].abs()
    assert changes.is_monotonic_decreasing
    assert found.sign_is_stable == bool((np.sign(out[["pearson", "rank"]]) > 0).all().all())


def test_noise_of_the_values_is_told() -> None:
    errors = dict.fromkeys(EXTREME, 0.05)
    found = culture_correlation(EXTREME, errors, INDIVIDUALISM)
    assert found.value_reliability == pytest.approx(1 - 0.0025 / np.var(list(EXTREME.values()), ddof=1))
    assert any("sampling error" in text for text in found.warnings)
    sure = culture_correlation(EXTREME, dict.fromkeys(EXTREME, 0.01), INDIVIDUALISM)
    assert not any("sampling error" in text for text in sure.warnings)


def test_smallest_clear_correlation_is_the_t_tests() -> None:
    found = culture_correlation(EXTREME, None, INDIVIDUALISM)
    r, n = found.smallest_clear, 9
    t = r * np.sqrt((n - 2) / (1 - r**2))
    assert 2 * stats.t.sf(t, n - 2) == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("values", "scores", "message"),
    [
        (EXTREME | {"Germany": 0.2}, INDIVIDUALISM, "values name countries in mixed forms.*Germany"),
        (EXTREME, INDIVIDUALISM | {"nl": 80}, "scores name countries in mixed forms.*nl"),
        (EXTREME, INDIVIDUALISM | {"NLD": 80}, "mixed forms.*three letters"),
        (
            EXTREME,
            {"Australia": 90, "Brazil": 38, "China": 20, "Germany": 67, "France": 71},
            "values name countries by two letters.*scores by names",
        ),
        (EXTREME | {"UK": 0.2}, INDIVIDUALISM, "'UK', which is no ISO code: write 'GB'"),
        (EXTREME, INDIVIDUALISM | {"EL": 35}, "write 'GR'"),
        (EXTREME | {"NL ": 0.2}, INDIVIDUALISM, "space before or after"),
        (first(4), INDIVIDUALISM, "4 countries have both.*needs 5"),
        ({"XA": 0.1, "XB": 0.2} | first(4), INDIVIDUALISM, "without a score: XA and XB"),
        (dict.fromkeys(EXTREME, 0.2), INDIVIDUALISM, "same value"),
        (EXTREME, dict.fromkeys(EXTREME, 50), "same score"),
        (EXTREME | {"US": np.inf}, INDIVIDUALISM, "infinite"),
    ],
)
def test_bad_input_is_told_in_words(values: dict, scores: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        culture_correlation(values, None, scores)


def test_a_country_twice_is_refused() -> None:
    scores = pd.Series([90, 38, 20, 67, 71, 70], index=["AU", "BR", "CN", "DE", "FR", "FR"])
    with pytest.raises(ValueError, match="'FR' twice"):
        culture_correlation(EXTREME, None, scores)


def test_regions_without_code_and_missing_scores_are_left_out_and_counted() -> None:
    scores = pd.Series([*INDIVIDUALISM.values(), 64.0, 20.0, np.nan], index=[*INDIVIDUALISM, "", None, "NA"])
    found = culture_correlation(EXTREME | {"NA": 0.2, "ZW": 0.3}, None, scores)
    assert found.n == 9
    assert found.without_score == ("NA", "ZW")
    assert any("2 countries without a score left out: NA and ZW" in text for text in found.warnings)
    assert "9" in found._repr_html_()


def test_a_perfect_order_of_few_countries_has_an_interval() -> None:
    values = {c: float(v) for c, v in list(INDIVIDUALISM.items())[:6]}
    found = culture_correlation(values, None, INDIVIDUALISM)
    assert found.pearson.value == pytest.approx(1)
    assert found.pearson.low < 0.95
    assert found.rank.p_value == pytest.approx(2 / 720)


@pytest.mark.simulation
@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_intervals_contain_the_true_correlation_and_p_values_keep_their_level(rho: float) -> None:
    rng = np.random.default_rng(7)
    runs, n = 400, 23
    inside = {"pearson": 0, "rank": 0}
    rejected = 0
    true_rank = 6 / np.pi * np.arcsin(rho / 2)
    names = [f"{a}{b}" for a in "ABCDE" for b in "ABCDE"][:n]
    for _ in range(runs):
        x = rng.normal(size=n)
        y = rho * x + np.sqrt(1 - rho**2) * rng.normal(size=n)
        found = culture_correlation(
            dict(zip(names, x, strict=True)), None, dict(zip(names, y, strict=True)), permutations=400
        )
        inside["pearson"] += found.pearson.low <= rho <= found.pearson.high
        inside["rank"] += found.rank.low <= true_rank <= found.rank.high
        rejected += found.pearson.p_value <= 0.05
    error = np.sqrt(0.95 * 0.05 / runs)
    assert inside["pearson"] / runs >= 0.95 - 3 * error
    assert inside["rank"] / runs >= 0.95 - 3 * error
    if rho == 0:
        assert rejected / runs <= 0.05 + 3 * error


def test_big_five_and_individualism_weak_with_a_wide_interval(shared_data) -> None:
    rows = pd.read_csv(shared_data / "big5" / "big5.csv.gz", keep_default_na=False)
    items = pd.read_csv(shared_data / "big5" / "items.csv.gz")
    names = items["item"].tolist()
    rows[names] = rows[names].where(rows[names] > 0)
    sizes = rows["country"].value_counts()
    large = [c for c in sizes[sizes >= 100].index if not c.startswith("(")]
    rows = rows[rows["country"].isin(large)]
    styles = style_indices(
        rows, names, scale=Scale(1, 5), keyed=dict(zip(names, items["key"], strict=True)), group="country",
        splits=0,
    )  # fmt: skip
    scores = pd.read_csv(shared_data / "country_culture" / "hofstede_2015.csv.gz", keep_default_na=False)
    individualism = pd.to_numeric(scores.set_index("iso2")["idv"], errors="coerce")
    table = styles.of("extreme").set_index("group")
    found = culture_correlation(table["value"], table["standard_error"], individualism)
    assert found.n >= 20
    assert abs(found.pearson.value) < 0.5
    assert found.pearson.high - found.pearson.low > 0.6
    assert found.pearson.low < 0 < found.pearson.high
    assert found.value_reliability > 0.8  # what is missing is countries, not customers
