"""Where a first reading goes wrong: gaps that style hides, groups whose styles differ, steps that undo each other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

import cxstats as cx
from cxstats.findings import Verdict
from cxstats.methods.chopit import Chopit, chopit
from cxstats.studies.extreme_response_bias import designs, gaps, mix, sentences, style
from cxstats.studies.extreme_response_bias import items as items_module
from cxstats.studies.extreme_response_bias.evidence_figures import _put
from cxstats.studies.extreme_response_bias.numbers import Gap, Index
from cxstats.studies.extreme_response_bias.scale_figures import few_indices
from tests.studies.extreme_response_bias.test_claims import numbers_of, pair
from tests.studies.extreme_response_bias.test_edge_cases import (
    FACTS,
    VIGNETTES,
    answers,
    items,
    likert,
    page,
    stories,
    study_of,
    survey_of,
)


@pytest.mark.parametrize(
    ("raw", "steps", "told"),
    [
        (-29.0, (-20.0, 0.0), "behind some of that, up to 20 of 29 points"),
        (-29.0, (0.0, 20.0), "hide up to 20 points more"),
        (42.0, (-22.0, 0.0), "hide up to 22 points more"),
        (42.0, (0.0, 22.0), "behind some of that, up to 22 of 42 points"),
        (10.0, (0.0, 12.0), "behind all of that"),
        (10.0, (-3.0, 4.0), "behind 4 points of the gap, or hide 3 more"),
    ],
)
def test_scale_use_that_hides_a_gap_is_not_said_to_make_it(raw: float, steps: tuple, told: str) -> None:
    ends = sorted(raw - step for step in steps)
    made = pair(*ends, (ends[0] - 3, ends[1] + 3), Verdict.MATERIAL, raw=raw)
    made = replace(made, styled=replace(made.styled, step_low=steps[0], step_high=steps[1]))
    assert told in sentences.main_points(numbers_of(made))[0].sentence


def test_evidence_that_lies_unevenly_in_its_interval_is_not_given_with_plus_or_minus() -> None:
    numbers = SimpleNamespace(metric=cx.NPS, reference="A")
    assert _put(numbers, Gap(-9.2, -28.0, -3.0, box=(-22.7, -9.2))) == "9 to 23 points below A"
    assert _put(numbers, Gap(-9.9, -17.7, -2.2)) == "10 points below A"


def test_statements_are_called_as_readers_know_them() -> None:
    battery = SimpleNamespace(items=("Q7", "Q7WIFI", "E1"), labels=("Signs", "Wi-fi", "E1"))
    told = items_module._titled("More than a fifth did not answer Q7WIFI, Q7, E1: indices", battery)
    assert told == "More than a fifth did not answer Wi-fi, Signs, E1: indices"


def test_answers_needed_look_as_far_as_the_region_does() -> None:
    grid = np.array([[[0.0, -8.0]], [[0.0, -6.0]]])
    made = SimpleNamespace(
        grid=grid, grid_low=grid - 4.0, grid_high=grid + 4.0,
        chosen=SimpleNamespace(margin=5.0), means=SimpleNamespace(n=np.array([100, 100])),
    )  # fmt: skip
    # beyond the highest share, for people who differ: half a point farther
    beyond = np.array([[[0.0, -5.5]]])
    made.farther = (beyond, beyond - 4.0, beyond + 4.0)
    made._over_assumptions = lambda i: gaps.Gaps._over_assumptions(made, i)
    # what chance adds, 4, has to shrink to the half point between the farthest estimate and the margin; there are
    # too few answers for that within 25 times as many
    assert gaps.Gaps._needed(made, 1) is None
    made.farther = tuple(x - 0.5 for x in made.farther)
    assert gaps.Gaps._needed(made, 1) == 200 * 4**2
    made.grid = made.grid + 1.1
    assert gaps.Gaps._needed(made, 1) is None  # no number of answers leads beyond the margin


def test_places_do_not_assume_that_all_groups_have_one_share_of_style(tmp_path: Path) -> None:
    cuts = norm.ppf(np.cumsum([0.02, 0.01, 0.01, 0.02, 0.02, 0.08, 0.07, 0.13, 0.24, 0.17]))
    counts = {}
    for label, location, spread in (("A", 0.0, 1.0), ("B", 0.35, 1.3), ("C", 0.50, 1.3)):
        edges = norm.cdf((np.array([-np.inf, *cuts, np.inf]) - location) / spread)
        counts[label] = np.rint(6000 * np.diff(edges)).astype(int)
    frame = pd.concat(
        [pd.DataFrame({"country": g, "nps": np.repeat(np.arange(11), n)}) for g, n in counts.items()]
    )
    made = study_of(survey_of(tmp_path, frame), reference="A", neutral=5)
    b, c = made.numbers.grid["B"][:, 0], made.numbers.grid["C"][:, 0]
    assert (c > b + 2).all()  # above at every common share
    assert c[-1] < b[0] - 2  # below where all of C's spread is style and none of B's
    places = {label: (first, last) for label, *_, first, last in made.numbers.ranks}
    assert places["B"][0] == 1
    assert places["C"][1] >= 2


def test_who_answered_does_not_undo_the_mix_of_what_only_answers_tell(tmp_path: Path) -> None:
    """`seg` is known of everyone invited; `mode` of those who answered, and B has more of the mode that scores high."""
    rng = np.random.default_rng(4)
    frame = answers(900, customer=lambda f, _: np.arange(len(f)))
    frame["seg"] = rng.choice(["x", "y"], len(frame))
    share = np.where(frame["country"] == "B", 0.75, 0.25)
    frame["mode"] = np.where(rng.random(len(frame)) < share, "call", "paper")
    frame["nps"] = np.where(frame["mode"] == "call", np.minimum(frame["nps"] + 2, 10), frame["nps"])
    gone = rng.random(len(frame)) < np.where(frame["seg"] == "x", 0.5, 0.2)
    frame["mode"] = frame["mode"].where(~gone, "")
    frame["nps"] = frame["nps"].astype(object).where(~gone, "")
    frame["sent"] = "2025-01-15"
    more = "invited: {column: sent}"
    survey = survey_of(tmp_path, frame, "  seg: {column: seg}\n  mode: {column: mode}\n" + more)
    made = mix.answers_of(
        survey, survey.metric("nps"), "country", ["A", "B"], "A",
        mix=None, waves=None, n_replicates=4, seed=1,
    )  # fmt: skip
    assert set(made.codes) == {"seg", "mode"}
    assert made.for_response == ("seg",)
    gap = {}
    for step in ("raw", "mixed", "answered"):
        table = mix.tables(made, cx.NPS, step).survey
        gap[step] = cx.NPS.value(table[1]) - cx.NPS.value(table[0])
    assert gap["raw"] > gap["mixed"] + 8  # the mode makes most of the gap
    assert gap["answered"] == pytest.approx(gap["mixed"], abs=3)


def test_a_group_of_few_raters_is_not_judged_by_the_stories(tmp_path: Path) -> None:
    frame = stories(answers(300, ("A", "B", "C")), "sat", np.random.default_rng(5))
    few = (frame["country"] == "C") & (frame.groupby("country").cumcount() >= 6)
    frame[["v0", "v1"]] = frame[["v0", "v1"]].astype(object).mask(few, "")
    scores = "  csat: {kind: mean, column: sat, scale: 1-5}"
    survey = survey_of(tmp_path, frame, VIGNETTES, scores)
    made = study_of(survey, metric="csat", reference="A")
    assert made.numbers.pair("B").anchored is not None
    assert made.numbers.pair("C").anchored is None
    refused = study_of(survey, metric="csat", reference="C")
    assert all(p.anchored is None for p in refused.numbers.pairs)
    told = " ".join(part.text for part in refused.section("designs").parts if hasattr(part, "text"))
    assert "need 30 people each who rated them" in told


def test_a_group_that_hardly_anybody_of_answered_the_statements_is_not_shown_by_them(tmp_path: Path) -> None:
    frame = answers(300, ("A", "B", "C"), **{f"q{i}": likert for i in range(4)})
    few = (frame["country"] == "C") & (frame.groupby("country").cumcount() >= 6)
    columns = [f"q{i}" for i in range(4)]
    frame[columns] = frame[columns].astype(object).mask(few, "")
    made = study_of(survey_of(tmp_path, frame, items(4)), reference="C")
    tree = next(design for design in made.numbers.designs if design.key == "irtree")
    assert "of answers, C in" not in tree.text
    assert all("C" not in {v.label for v in values} for _, _, values in made.numbers.items.indices)


def test_errors_of_indices_do_not_change_with_the_level_of_the_report(tmp_path: Path) -> None:
    names = ("AT", "BE", "CL", "DK", "EE", "FR")
    frame = answers(150, names, **{f"q{i}": likert for i in range(4)})
    pd.DataFrame({"code": names, "idv": [55, 75, 23, 74, 60, 71]}).to_csv(
        tmp_path / "traits.csv", index=False
    )
    survey = survey_of(tmp_path, frame, items(4) + "\n" + FACTS)
    errors = [
        [error for *_, error in study_of(survey, level=level, replicates=20).numbers.culture.points]
        for level in (0.95, 0.8)
    ]
    assert errors[1] == pytest.approx(errors[0], rel=0.02)


def test_one_country_written_in_two_ways_is_pointed_out(tmp_path: Path) -> None:
    made = study_of(survey_of(tmp_path, answers(100, ("DE", "de", "Germany"))))
    told = " ".join(part.text for part in made.section("gaps").parts if hasattr(part, "text"))
    assert "“DE”, “Germany” and “de” are compared as different groups" in told


def test_codes_of_three_letters_and_short_names_are_known_too(tmp_path: Path) -> None:
    made = study_of(survey_of(tmp_path, answers(100, ("USA", "United States", "U.K.", "GBR", "North"))))
    told = " ".join(part.text for part in made.section("gaps").parts if hasattr(part, "text"))
    assert "“USA” and “United States” are compared" in told
    assert "“GBR” and “U.K.” are compared" in told
    assert "North" not in told


def test_a_small_country_takes_no_statement_from_the_others(tmp_path: Path) -> None:
    names = ("A", "B", "C")
    frame = answers(300, names, **{f"q{i}": likert for i in range(4)})
    # C has been asked only the first two statements
    gone = frame["country"] == "C"
    frame[["q2", "q3"]] = frame[["q2", "q3"]].astype(object).mask(gone, "")
    survey = survey_of(tmp_path, frame, items(4))
    made = study_of(survey, reference="A").numbers
    of_all = {row.label: row.items for row in made.spread.rows}
    assert of_all["C"] is not None
    alone = study_of(survey_of(tmp_path, frame[~gone], items(4)), reference="A").numbers
    # B is read off all four statements, as it is without C; the parts of the jackknife are drawn anew
    assert of_all["B"].value == pytest.approx(alone.spread.rows[0].items.value, rel=0.01)
    gone &= frame.groupby("country").cumcount() >= 20
    frame[["q0", "q1"]] = frame[["q0", "q1"]].astype(object).mask(gone, "")
    few = study_of(survey_of(tmp_path, frame, items(4)), reference="A").numbers
    ratios = {row.label: row.items for row in few.spread.rows}
    assert ratios["C"] is None
    assert ratios["B"] is not None


def test_a_group_whose_replicates_have_no_maximum_is_said_and_not_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = answers(200, ("A", "B", "C"))
    survey = survey_of(tmp_path, frame)
    fit = style.fit

    def failing(table: np.ndarray, replicates: np.ndarray):
        """No maximum in most replicates wherever C is among the groups."""
        model, models = fit(table, replicates)
        of_c = np.bincount(frame.loc[frame["country"] == "C", "nps"], minlength=11)
        if any(np.array_equal(row, of_c) for row in table):
            models.log_scale[: len(models.log_scale) // 2] = np.nan
        return model, models

    monkeypatch.setattr(style, "fit", failing)
    made = study_of(survey, reference="A")
    c = made.numbers.pair("C")
    assert c.verdict is Verdict.NOT_ANSWERABLE
    assert "hold too little to tell" in c.why
    assert made.numbers.pair("B").styled is not None
    page(made)


def test_no_region_reaches_beyond_what_the_scale_allows(tmp_path: Path) -> None:
    """Forty delighted answers: ± errors used to end beyond 100."""
    delighted = answers(40, ("C",)).assign(nps=np.repeat([10, 9, 8, 7, 5], [26, 8, 3, 1, 2]))
    made = study_of(survey_of(tmp_path, pd.concat([answers(400), delighted])), reference="A").numbers
    pair = made.pair("C")
    value = next(estimate for label, _, estimate in made.groups if label == "A")
    assert pair.styled.region_high <= 100 - value.low
    assert pair.styled.low <= pair.raw.value <= pair.styled.region_high
    for c in range(len(made.neutral)):
        assert (made.grid_low["C"][:, c] < made.grid["C"][:, c]).all()
        assert (made.grid["C"][:, c] < made.grid_high["C"][:, c]).all()


def test_stories_are_weighed_to_the_same_mix(tmp_path: Path) -> None:
    """Women are happier, and B has more of them among its answers: as satisfied once the mix is the same."""
    rng = np.random.default_rng(8)
    frame = answers(900)
    women = rng.random(len(frame)) < np.where(frame["country"] == "B", 0.75, 0.25)
    frame["sex"] = np.where(women, "f", "m")
    for k, level in enumerate((2.0, 4.0)):
        frame[f"v{k}"] = np.clip(np.rint(level + 0.7 * rng.normal(size=len(frame))), 1, 5).astype(int)
    frame["sat"] = np.clip(np.rint(2.7 + 1.2 * women + rng.normal(size=len(frame))), 1, 5).astype(int)
    scores = "  csat: {kind: mean, column: sat, scale: 1-5}"
    more = "  sex: {column: sex}\n" + VIGNETTES
    survey = survey_of(tmp_path, frame, more, scores)
    adjusted = study_of(survey, metric="csat", reference="A")
    plain = study_of(survey, metric="csat", reference="A", mix=[])
    assert plain.numbers.pair("B").anchored.value > 0.4
    gap = adjusted.numbers.pair("B").anchored
    assert gap.low < 0 < gap.high
    assert abs(gap.value) < 0.15
    assert "the same customer mix" in adjusted.findings[0].rule


def test_the_index_finds_chance_in_the_first_sentence_and_no_end_of_the_range_as_the_value() -> None:
    made = pair(-28.7, -9.2, (-35.3, -0.3), Verdict.INCONCLUSIVE, raw=-28.7)
    finding = sentences.findings(numbers_of(made))[0]
    assert finding.answer.startswith(
        "B could be anywhere from level to 35 points below A once scale use and chance"
    )
    assert finding.value is None
    assert (finding.assumption_low, finding.assumption_high) == (-28.7, -9.2)


def test_comparisons_are_counted_as_the_critical_value_counts_them(tmp_path: Path) -> None:
    frame = pd.concat([answers(200, ("A", "B", "C")), answers(20, ("D",))])
    made = study_of(survey_of(tmp_path, frame), reference="A")
    assert not made.numbers.pair("D").fitted
    assert made.numbers.critical == pytest.approx(
        gaps.critical_value(0.95, 3, made.numbers.settings.replicates - 1)
    )
    assert "3 comparisons together" in made.findings[0].rule


def test_the_reference_is_among_the_groups_whose_style_is_shown() -> None:
    indices = tuple(Index(f"G{k}", float(k), k - 1.0, k + 1.0) for k in range(12))
    assert [v.label for v in few_indices(indices, "G6")] == [
        "G11",
        "G10",
        "G9",
        "G8",
        "G6",
        "G3",
        "G2",
        "G1",
        "G0",
    ]
    assert len(few_indices(indices, "G0")) == 8


FIVE = cx.mean_score(cx.Scale(1, 5))


def _told_by_stories(rng: np.random.Generator, n: int) -> tuple[Gap, Chopit]:
    """B's gap by two stories in one survey of n people a country, and the model it comes from."""
    cuts, strict, level = np.array([-1.2, -0.5, 0.3, 1.1]), 0.6, 0.5
    group = np.repeat(["A", "B"], n)
    shift = np.where(group == "B", strict, 0.0)

    def rated(latent: np.ndarray) -> np.ndarray:
        return 1 + (latent[:, None] > cuts + shift[:, None]).sum(axis=1)

    rows = pd.DataFrame({"group": group, "own": rated(rng.normal(np.where(group == "B", level, 0.0), 1.0))})
    for k, mean in enumerate((-0.7, 0.8)):
        rows[f"story{k}"] = rated(rng.normal(mean, 0.8, len(rows)))
    model = chopit(rows, "own", ["story0", "story1"], location=["group"], scale=cx.Scale(1, 5))
    return designs._by_stories(model, FIVE, 0, (n, n), 1.959964), model


def test_the_references_thresholds_are_estimates_too() -> None:
    gap, model = _told_by_stories(np.random.default_rng(2), 150)
    rng = np.random.default_rng(1)
    estimates = np.concatenate(
        [
            model.thresholds["estimate"], model.vignettes["mean"], np.log(model.vignettes["deviation"]),
            model.location["estimate"],
        ]
    )  # fmt: skip
    drawn = rng.multivariate_normal(estimates, model.covariance, size=20_000)
    own = drawn[:, 0:8:2]  # the constants of four thresholds, each with a term of the group
    cuts = np.cumsum(np.hstack([own[:, :1], np.exp(own[:, 1:])]), axis=1)
    gaps_drawn = norm.sf(cuts - drawn[:, -1:]).sum(axis=1) - norm.sf(cuts).sum(axis=1)
    assert gap.value == pytest.approx(np.median(gaps_drawn), abs=0.01)
    assert (gap.low, gap.high) == pytest.approx(np.quantile(gaps_drawn, [0.025, 0.975]), abs=0.03)


@pytest.mark.simulation
def test_gaps_by_stories_hold_the_truth() -> None:
    cuts, level = np.array([-1.2, -0.5, 0.3, 1.1]), 0.5
    truth = norm.sf(cuts - level).sum() - norm.sf(cuts).sum()
    rng = np.random.default_rng(11)
    found = [_told_by_stories(rng, 150)[0] for _ in range(120)]
    assert np.mean([gap.low <= truth <= gap.high for gap in found]) >= 0.90  # .95 less 2.5 standard errors
    assert np.mean([gap.value for gap in found]) == pytest.approx(truth, abs=0.03)
