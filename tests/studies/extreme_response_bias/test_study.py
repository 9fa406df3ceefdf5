"""The study on the demo company, whose truth is known, and its numbers made again by other means."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.stats import norm

import cxstats as cx
from cxstats.display.fragments import part_html
from cxstats.findings import Verdict, judge
from cxstats.studies.extreme_response_bias import SECTIONS, mix, study

COUNTRIES = ("Brazil", "Germany", "Japan", "United Kingdom", "United States")


@pytest.fixture(
    scope="module",
    params=["nps", *(pytest.param(key, marks=pytest.mark.simulation) for key in ("csat", "ces"))],
)
def made(request: pytest.FixtureRequest, demo_study) -> cx.ExtremeResponseBiasStudy:
    return demo_study("extreme_response_bias", metric=request.param, reference="Germany")


@pytest.fixture(scope="module")
def nps(demo_study) -> cx.ExtremeResponseBiasStudy:
    return demo_study("extreme_response_bias", metric="nps", reference="Germany")


def _true_gap(demo: cx.Survey, metric: str, country: str) -> float:
    """Truth: everybody's satisfaction with the same mix, nobody's scale use differing."""
    here, there = (demo.truth.metric(metric, country=c).style_free_same_mix for c in (country, "Germany"))
    return here - there


def test_every_region_holds_the_truth(made: cx.ExtremeResponseBiasStudy, demo: cx.Survey) -> None:
    for pair in made.numbers.pairs:
        truth = _true_gap(demo, made.numbers.metric.key, pair.label)
        assert pair.styled.region_low <= truth <= pair.styled.region_high, pair.label


def test_japan_is_thirty_points_below_as_measured_and_nine_without_scale_use(
    nps: cx.ExtremeResponseBiasStudy,
) -> None:
    japan = nps.numbers.pair("Japan")
    assert nps.numbers.headline == "Japan"
    assert japan.raw.low <= -30.4 <= japan.raw.high
    assert japan.raw.value == pytest.approx(-30, abs=3)
    # all of the difference in spread is scale use, around the middle of 5: how the demo was made
    assert japan.styled.all_style[0] == pytest.approx(-9.3, abs=2)
    assert japan.styled.low == pytest.approx(japan.before_style.value, abs=1e-6)


def test_no_verdict_is_wrong(made: cx.ExtremeResponseBiasStudy, demo: cx.Survey) -> None:
    margin = made.numbers.settings.margin
    for pair in made.numbers.pairs:
        large = abs(_true_gap(demo, made.numbers.metric.key, pair.label)) > margin
        assert pair.verdict is not (Verdict.NEGLIGIBLE if large else Verdict.MATERIAL)


def test_the_verdict_follows_its_own_rule(made: cx.ExtremeResponseBiasStudy) -> None:
    for finding in made.findings:
        region = (finding.low, finding.high)
        assumption = (finding.assumption_low, finding.assumption_high)
        assert finding.verdict is judge(*region, finding.margin, assumption=assumption)
    assert len(made.findings) == len(made.numbers.pairs) == 4
    assert made.findings[0].effect.startswith(f"{made.numbers.metric.short} of {made.numbers.headline}")


def _counts(demo: cx.Survey, metric: cx.Metric) -> np.ndarray:
    rows = demo.rows(["country", metric.key]).dropna()
    table = pd.crosstab(rows["country"], rows[metric.key].astype(int))
    return table.reindex(index=COUNTRIES, columns=metric.scale.categories, fill_value=0).to_numpy(float)


def test_raw_gaps_and_sizes_are_hand_counts(made: cx.ExtremeResponseBiasStudy, demo: cx.Survey) -> None:
    metric = made.numbers.metric
    counts = _counts(demo, metric)
    value = dict(zip(COUNTRIES, counts @ np.asarray(metric.values) / counts.sum(axis=1), strict=True))
    size = dict(zip(COUNTRIES, counts.sum(axis=1), strict=True))
    for pair in made.numbers.pairs:
        assert pair.raw.value == pytest.approx(value[pair.label] - value["Germany"])
        assert pair.n == size[pair.label]


def test_the_range_is_the_likelihood_maximised_by_another_hand(demo: cx.Survey) -> None:
    """Without weights: the model fitted by scipy's BFGS, and the formula written out again."""
    metric = demo.metric("nps")
    counts = _counts(demo, metric)[[1, 2]]  # Germany, Japan

    def shares(x: np.ndarray) -> np.ndarray:
        cuts = np.concatenate([[x[0]], x[0] + np.cumsum(np.exp(x[1:10]))])
        z = np.stack([cuts, (cuts - x[10]) / np.exp(x[11])])
        return np.diff(np.hstack([np.zeros((2, 1)), norm.cdf(z), np.ones((2, 1))]), axis=1)

    start = np.concatenate([[-2.0], np.full(9, -1.5), [0.0, 0.0]])
    found = minimize(
        lambda x: -(counts * np.log(shares(x))).sum(), start, method="BFGS", options={"gtol": 1e-4}
    )
    x = found.x
    cuts = np.concatenate([[x[0]], x[0] + np.cumsum(np.exp(x[1:10]))])
    neutral = (cuts[4] + cuts[5]) / 2
    worth = np.asarray(metric.values)
    eta = neutral + (x[10] - neutral) / np.exp(x[11])
    undone = np.diff(np.concatenate([[0], norm.cdf(cuts - eta), [1]])) @ worth
    raw = counts @ worth / counts.sum(axis=1)
    by_hand = raw[1] + undone - shares(x)[1] @ worth - raw[0]

    whole = _counts(demo, metric).astype(int)
    (verdict, styled), *_ = study.verdicts_of_counts(whole[[1, 2]], metric, replicates=50, seed=1)
    assert styled.all_style[0] == pytest.approx(by_hand, abs=0.02)
    assert styled.low == pytest.approx(raw[1] - raw[0])
    assert verdict in tuple(Verdict)


def test_same_style_leaves_a_gap_as_it_is() -> None:
    metric = cx.NPS
    counts = np.array([[9, 4, 6, 9, 10, 41, 40, 70, 141, 111, 162]] * 2)
    ((verdict, styled),) = study.verdicts_of_counts(counts, metric, seed=3)
    assert styled.low == pytest.approx(0, abs=1e-6)
    assert styled.high == pytest.approx(0, abs=1e-6)
    assert verdict in (Verdict.INCONCLUSIVE, Verdict.NEGLIGIBLE)
    many = study.verdicts_of_counts(40 * counts, metric, replicates=100, seed=3)
    assert many[0][0] is Verdict.NEGLIGIBLE


def test_a_narrower_assumption_gives_a_narrower_region(demo: cx.Survey) -> None:
    given = {"reference": "Germany", "margin": None, "group": None, "wave": None, "mix": None, "level": 0.95,
             "smallest_group": 10, "replicates": 100, "seed": 1}  # fmt: skip
    chosen = study.settings(demo, metric="nps", style_share=(0.8, 1), neutral=5, **given)
    metric, counts = (
        demo.metric("nps"),
        _counts(demo, demo.metric("nps"))[[1, 2]].astype(int),
    )  # Germany, Japan
    ((_, narrow),) = study.verdicts_of_counts(
        counts, metric, replicates=100, style_share=chosen.style_share, neutral=chosen.neutral
    )
    ((_, wide),) = study.verdicts_of_counts(counts, metric, replicates=100)
    assert narrow.high == pytest.approx(wide.high)
    assert narrow.low > wide.low + 10
    assert narrow.region_low > wide.region_low + 10


def test_shapley_parts_are_those_of_the_formula(nps: cx.ExtremeResponseBiasStudy) -> None:
    japan = nps.numbers.pair("Japan")
    for split, all_style in zip(japan.split, japan.styled.all_style, strict=True):
        # the average over both orders lies near what undoing the stretch in one order gives
        assert split.value == pytest.approx(japan.before_style.value - all_style, abs=3)
        assert split.low < split.value < split.high


def test_the_waterfall_adds_up(made: cx.ExtremeResponseBiasStudy) -> None:
    main = made.numbers.main
    assert main.before_style is main.answered
    assert main.styled.low == pytest.approx(main.answered.value - main.styled.step_high)
    assert main.styled.high == pytest.approx(main.answered.value - main.styled.step_low)


def test_weights_give_every_group_the_mix_of_everyone(demo: cx.Survey) -> None:
    answers = mix.answers_of(
        demo, demo.metric("nps"), "country", COUNTRIES, "Germany",
        mix=["segment"], waves=None, n_replicates=10, seed=1,
    )  # fmt: skip
    share = demo.cells(["segment"]).set_index("segment")["n"]
    share = (share / share.sum()).to_dict()
    # NPS of each segment in Japan, put together by the segments' shares among all invited
    rows = demo.rows(["country", "segment", "nps"]).dropna()
    worth = dict(zip(range(11), cx.NPS.values, strict=True))
    japan = rows[rows["country"] == "Japan"]
    by_hand = sum(
        share[segment] * part["nps"].astype(int).map(worth).mean()
        for segment, part in japan.groupby("segment")
    )
    table = mix.tables(answers, cx.NPS, "answered").survey
    assert cx.NPS.value(table[COUNTRIES.index("Japan")]) == pytest.approx(by_hand)


def test_the_jackknife_agrees_with_a_clustered_error(nps: cx.ExtremeResponseBiasStudy) -> None:
    numbers = nps.numbers
    japan = numbers.pair("Japan")
    half = (japan.raw.high - japan.raw.low) / 2
    # mixed: 64 parts, Šidák and Student's t in place of the largest t of the normal
    assert (japan.mixed.high - japan.mixed.low) / 2 == pytest.approx(half, rel=0.25)


def test_statements_show_the_same_spread_as_the_score(nps: cx.ExtremeResponseBiasStudy) -> None:
    for row in nps.numbers.spread.rows:
        stretch = {"Japan": -0.28, "Brazil": 0.24, "United States": 0.11, "United Kingdom": 0.02}[row.label]
        assert row.items.low <= np.exp(stretch) <= row.items.high
    assert nps.numbers.items.n_items == 6
    assert nps.numbers.items.balanced
    extreme = next(values for key, _, values in nps.numbers.items.indices if key == "extreme")
    values = {index.label: index.value for index in extreme}
    assert values["Japan"] < values["Germany"] < values["United States"] < values["Brazil"]


def test_better_designs_come_near_the_truth(nps: cx.ExtremeResponseBiasStudy) -> None:
    gaps = {design.key: dict(design.gaps) for design in nps.numbers.designs}
    assert gaps["rirs"]["Japan"].low <= -9.3 <= gaps["rirs"]["Japan"].high
    assert gaps["items_spread"]["Japan"].low <= -9.3 <= gaps["items_spread"]["Japan"].high
    texts = {design.key: design.text for design in nps.numbers.designs}
    # Japan's 8 goes with the behaviour of Germany's 9
    assert "a 9 in Germany goes with the same behaviour" in texts["behaviour"]
    assert "going to the end is a habit of persons" in texts["irtree"]


def test_every_section_has_its_figures_and_numbers(made: cx.ExtremeResponseBiasStudy, drawn) -> None:
    for name in SECTIONS:
        assert made.section(name).parts
    # drawing takes longer than all else; what differs between the metrics is units and scale
    shown = drawn(made) if made.numbers.metric.key == "nps" else {"gaps": made.figures["gaps"].to_json()}
    for key, data in shown.items():
        figure = made.figures[key]
        assert data["alt"], key
        assert data["wide"]["mime"] == data["narrow"]["mime"] == "image/svg+xml"
        assert data["table"]["rows"], key
        assert "Simulated data" in figure.source
        assert not data["missing_glyphs"]
        assert "nan" not in str(part_html(data, figure_numbers={})).lower().replace("nano", "")
    assert set(made.tables) == set(made.figures)
    with pytest.raises(KeyError, match="there are gaps"):
        made.section("gap")


def test_leniency_is_always_printed_with_its_size(made: cx.ExtremeResponseBiasStudy) -> None:
    limits = dict(made.limits.items)
    assert (
        "A shift of all answers by 0.2 standard deviations is worth" in limits["Whether a group is lenient."]
    )
    assert any(
        "What no assumption here covers" in part.text
        for part in made.section("assumptions").parts
        if hasattr(part, "text")
    )


def test_no_customer_reaches_a_page(nps: cx.ExtremeResponseBiasStudy, demo: cx.Survey, drawn) -> None:
    page = str(drawn(nps))
    pseudonyms = demo.rows(["customer"])["customer"].head(200)
    assert not any(name in page for name in pseudonyms)


def test_one_wave_is_the_answers_of_that_wave(demo: cx.Survey) -> None:
    rows = demo.rows(["country", demo.wave, "csat"]).dropna()
    cells, _ = study._answered(demo, demo.metric("csat"), "country", ("2025 Q1",))
    assert cells["n"].sum() == (rows[demo.wave] == "2025 Q1").sum()
