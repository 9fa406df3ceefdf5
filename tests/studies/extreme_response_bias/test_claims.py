"""Sentences that would say more than their number, and the verdict's error rates on a small grid."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import norm

import cxstats as cx
from cxstats.findings import Verdict
from cxstats.metrics import NPS, ces, csat
from cxstats.studies.extreme_response_bias import gaps, phrases, sentences
from cxstats.studies.extreme_response_bias.gap_figures import _gaps_headline, _place
from cxstats.studies.extreme_response_bias.numbers import Gap, Numbers, Pair, Settings, Styled

CHOSEN = Settings(
    metric="nps", group="country", reference="A", neutral=(5.0, 6.0, 7.0), style_share=(0.0, 1.0), margin=5.0,
    level=0.95, wave=None, mix=None, smallest_group=10, replicates=100, seed=1,
)  # fmt: skip


def styled(low: float, high: float, region: tuple[float, float]) -> Styled:
    return Styled(low, high, *region, (high, low, low), 0.0, high - low)


def numbers_of(pair: Pair, **given) -> Numbers:
    usual = {
        "settings": CHOSEN, "metric": NPS, "group_title": "Country", "n": 900, "invited": None, "waves": (),
        "weighted": False, "repeated": False, "reference": "A", "pairs": (pair,), "headline": pair.label,
        "neutral": CHOSEN.neutral, "verdict": pair.verdict,
    }  # fmt: skip
    return Numbers(**usual | given)


def pair(low: float, high: float, region: tuple[float, float], verdict: Verdict, raw: float = -20.0) -> Pair:
    return Pair("B", 300, Gap(raw, raw - 4, raw + 4), None, None, styled(low, high, region), verdict)


def test_ranges_are_said_in_words_that_hold() -> None:
    n = SimpleNamespace(metric=NPS)
    assert phrases.range_words(n, -28.7, -9.2, "A") == "9 to 29 points below A"
    assert phrases.range_words(n, -9.4, -0.2, "A") == "up to 9 points below A"
    assert phrases.range_words(n, -0.3, 0.2, "A") == "level with A"
    assert phrases.range_words(n, 0.6, 1.4, "A") == "1 point above A"
    assert phrases.range_words(SimpleNamespace(metric=ces(7, high_is="easy")), -0.21, 0.04, "A") == (
        "between 0.21 points below and 0.04 points above A"
    )
    assert (
        phrases.range_words(SimpleNamespace(metric=csat(5)), 2.4, 6.1, "A")
        == "2 to 6 percentage points above A"
    )


def test_ends_on_one_side_name_the_side_once() -> None:
    n = SimpleNamespace(metric=NPS)
    assert phrases.from_to(n, -17.0, -2.3) == "2 to 17 points below"
    assert phrases.from_to(n, 1.2, 8.0) == "1 to 8 points above"
    assert phrases.from_to(n, -35.3, -0.3) == "level to 35 points below"
    assert phrases.from_to(n, -35.3, 2.4) == "2 points above to 35 points below"


def test_an_answer_that_depends_on_the_assumption_is_not_blamed_on_few_answers() -> None:
    finding = sentences.findings(numbers_of(pair(-20, -1, (-24, 3), Verdict.NOT_ANSWERABLE)))[0]
    assert "these answers alone cannot tell" in finding.answer
    assert "more answers" not in finding.needed.lower()
    assert "vignettes" in finding.needed


def test_too_few_answers_names_how_many() -> None:
    few = replace(pair(-20, -9, (-26, -2), Verdict.INCONCLUSIVE), needed=12_345)
    finding = sentences.findings(numbers_of(few))[0]
    assert "about 13,000 answers in all groups together" in finding.needed
    near = sentences.findings(numbers_of(pair(-20, -5.1, (-26, -2), Verdict.INCONCLUSIVE)))[0]
    assert "next to the margin" in near.needed


def test_a_firm_verdict_says_that_it_holds_for_every_assumption() -> None:
    firm = sentences.findings(numbers_of(pair(-20, -9, (-24, -6), Verdict.MATERIAL)))[0]
    assert "in every case" in firm.answer
    assert firm.needed is None
    same = sentences.findings(numbers_of(pair(-1, 1, (-4, 4), Verdict.NEGLIGIBLE, raw=1.0)))[0]
    assert "less than 5 points apart" in same.answer


def test_headlines_claim_no_more_than_the_verdicts() -> None:
    assert _gaps_headline(numbers_of(pair(-20, -9, (-24, -6), Verdict.MATERIAL))).startswith(
        "B’s gap to A matters"
    )
    told = _gaps_headline(numbers_of(pair(-20, -1, (-24, 3), Verdict.NOT_ANSWERABLE)))
    assert told == "Once scale use is allowed for, no gap to A is sure to exceed 5 points"


def test_a_place_that_stays_is_printed_once() -> None:
    assert _place([5, 5, 5, 5, 5]) == "5"
    assert _place([1, 1, 2, 1, 4]) == "1 → 1–4"


def test_the_critical_value_is_sidaks() -> None:
    assert gaps.critical_value(0.95, 1, np.inf) == pytest.approx(1.959964, abs=1e-6)
    assert gaps.critical_value(0.95, 4, np.inf) == pytest.approx(norm.ppf((1 + 0.95**0.25) / 2))
    # never narrower than the largest of equicorrelated t (Dunnett 1955: four groups with a control, 60 df, 2.51)
    assert gaps.critical_value(0.95, 4, 60) >= 2.51


def benchmark():
    path = Path(__file__).resolve().parents[3] / "benchmarks" / "verdicts_extreme_response_bias.py"
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location("verdicts_extreme_response_bias", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_benchmarks_companies_have_the_effects_they_say() -> None:
    made = benchmark()
    groups = made.company(NPS, "both", 3, 1.1)
    assert [round(group.effect, 6) for group in groups] == [0, -5.5, 5.5]
    # with style the measured gap is another one than the true
    measured = (groups[1].shares - groups[0].shares) @ np.asarray(NPS.values)
    assert abs(measured - groups[1].effect) > 1
    plain = made.company(NPS, "substance", 2, 2.0)
    assert (plain[1].shares - plain[0].shares) @ np.asarray(NPS.values) == pytest.approx(-10)


def row_of(metric: str, differ: str, groups: int, n: int, effect: float, companies: int) -> dict[str, float]:
    task = {"metric": metric, "differ": differ, "groups": groups, "n": n, "effect": effect}
    return benchmark().run({**task, "companies": companies, "seed": 1, "replicates": 80})


@pytest.mark.simulation
@pytest.mark.parametrize(("scenario", "effect"), [("both", 0.9), ("both", 1.1), ("true spread", 0.9)])
def test_verdicts_are_seldom_wrong_and_regions_hold(scenario: str, effect: float) -> None:
    row = row_of("nps", scenario, 3, 800, effect, 60)
    assert row["wrong"] <= 3  # 5 % of 60, and chance
    assert row["covered"] >= 52


@pytest.mark.simulation
@pytest.mark.parametrize("metric", ["nps", "csat", "ces"])
def test_regions_of_small_groups_hold(metric: str) -> None:
    # 45 answers each: where ± errors reached beyond the scale
    row = row_of(metric, "style", 3, 45, 0.0, 120)
    assert row["covered"] >= 108  # .95 of 120 less 2.5 standard errors


@pytest.mark.simulation
def test_firm_verdicts_come_where_answers_are_many() -> None:
    assert row_of("nps", "neither", 2, 30_000, 0.0, 20)["right"] >= 16
    assert row_of("nps", "substance", 2, 30_000, 2.0, 20)["right"] >= 16


def test_the_grid_has_every_row_once_and_spans_what_is_promised() -> None:
    module = benchmark()
    tasks = [tuple(task.values()) for task in module.grid()]
    assert len(set(tasks)) == len(tasks)
    nps = [task for task in tasks if task[0] == "nps"]
    assert tasks[: len(nps)] == nps
    for groups in (2, 30):
        held = {task[1] for task in nps if task[2] == groups and task[3] in (100, 5_000)}
        assert held == set(module.INSIDE)
    assert {task[4] for task in nps if task[1] == "people differ"} == set(module.EFFECTS)
    assert {task[0] for task in tasks} == {"nps", "csat", "ces"}


def test_study_is_public() -> None:
    assert cx.extreme_response_bias.__name__ == "extreme_response_bias"


@pytest.mark.parametrize("key", ["nps", "csat"])
def test_people_who_differ_within_their_group_make_no_verdict_firm_and_wrong(key: str) -> None:
    """Log-stretch of persons varies by 0.2 in every group; no sampling error: the limit of ever more answers."""
    from scipy.optimize import brentq
    from scipy.special import ndtr, ndtri

    from cxstats.simulation import METRICS
    from cxstats.simulation.model import ANSWERS
    from cxstats.studies.extreme_response_bias.study import verdicts_of_counts

    metric = METRICS[key]
    worth = np.asarray(metric.values, dtype=float)
    cuts = ndtri(np.cumsum(ANSWERS[key])[:-1])
    middle = (metric.scale.size - 1) // 2
    neutral = (cuts[middle - 1] + cuts[middle]) / 2
    nodes, weights = np.polynomial.hermite_e.hermegauss(9)

    def shares(substance: float, stretch: float) -> np.ndarray:
        s = np.exp(stretch + 0.2 * nodes)[:, None]
        below = ndtr((cuts - neutral - s * (substance - neutral)) / s)
        ends = np.zeros((9, 1)), np.ones((9, 1))
        return weights / weights.sum() @ np.diff(np.hstack([ends[0], below, ends[1]]), axis=1)

    base, effects, groups = shares(0.0, 0.0), [], []
    # where the step beyond λ = 1 decides: the true gap is just inside the margin, or just outside it
    cases = {"nps": [(-0.9, -0.15), (0.9, 0.24), (-0.9, -0.28)], "csat": [(-0.9, -0.28), (1.1, -0.28)]}[key]
    for size, stretch in cases:
        effects.append(size * metric.margin)
        level = brentq(lambda x, want=effects[-1]: (shares(x, 0.0) - base) @ worth - want, -4, 4)
        groups.append(shares(level, stretch))
    counts = np.rint(3e6 * np.stack([base, *groups])).astype(int)
    for effect, (verdict, _) in zip(effects, verdicts_of_counts(counts, metric, replicates=8), strict=True):
        large = abs(effect) > metric.margin
        assert verdict is not (Verdict.NEGLIGIBLE if large else Verdict.MATERIAL)
