"""Stronger designs: instruments, early and late answers, a follow-up done or planned; and how robust weights are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from cxstats.methods import early_late, follow_up, selection
from cxstats.methods import robustness as robust
from cxstats.methods.intervals import Estimate, estimate
from cxstats.metrics import Metric
from cxstats.studies.response_rate_bias.frame import Frame, asked, wave_cells
from cxstats.studies.response_rate_bias.numbers import (
    EarlyLate,
    FollowUp,
    Instrument,
    Plan,
    Rate,
    Robustness,
    SelectionFound,
    Settings,
)
from cxstats.studies.response_rate_bias.tallies import (
    as_customers,
    counts_of,
    first_answers,
    instrument_title,
)

if TYPE_CHECKING:
    from cxstats.studies.response_rate_bias.evidence import Weighting
    from cxstats.survey import Survey

ANSWER_RATE = 0.6  # of those followed up, for a plan: what a persistent follow-up by telephone may reach


def stronger_designs(
    survey: Survey,
    frame: Frame,
    metric: Metric,
    chosen: Settings,
    missing: dict[str, str],
    *,
    repeated: bool,
    design_effect: float = 1.0,
) -> dict[str, Any]:
    """Instruments, early and late answers, a follow-up done or planned."""
    return {
        "instruments": _instruments(survey, frame, metric, chosen, design_effect),
        "early_late": _early_late(survey, frame, metric, chosen, repeated=repeated),
        "plan": _plan(frame, metric, chosen, missing, design_effect),
        "follow_up": _follow_up(survey, frame, metric, chosen, missing),
    }


def _instruments(
    survey: Survey, frame: Frame, metric: Metric, chosen: Settings, design_effect: float
) -> tuple[Instrument, ...]:
    made = []
    for name in survey.instruments:
        cells = first_answers(survey, frame, metric, [name])
        cells = cells[cells[name].notna()].reset_index(drop=True)
        answers = cells[cells[metric.key].notna()].groupby(name, observed=True)["n"].sum()
        arms = set(answers.index[(answers >= chosen.smallest_group).to_numpy()])
        cells = cells[cells[name].isin(arms).to_numpy(dtype=bool)].reset_index(drop=True)
        if len(arms) < 2 or not metric.variance(counts_of(frame, metric)) > 0:
            continue
        found = selection.instrument_contrast(cells, metric, name, score=metric.key, level=chosen.level)
        randomised = name in survey.randomised
        made.append(
            Instrument(
                title=instrument_title(survey, name),
                randomised=randomised,
                arms=tuple(
                    _arm(r, cells, name, metric, chosen, design_effect) for r in found.table.itertuples()
                ),
                difference=float(found.table["difference"].iloc[-1]),
                low=float(found.table["low"].iloc[-1]),
                high=float(found.table["high"].iloc[-1]),
                p_value=found.p_value,
                model=_selection(cells, metric, name, chosen) if randomised else None,
                notes=found.warnings,
            )
        )
    return tuple(made)


def _arm(
    row: Any, cells: pd.DataFrame, name: str, metric: Metric, chosen: Settings, design_effect: float
) -> tuple[str, Rate, Estimate]:
    held = cells[cells[name].eq(row.arm).to_numpy(dtype=bool) & cells[metric.key].notna().to_numpy()]
    place = held[metric.key].to_numpy(dtype=int) - metric.scale.low
    counts = np.bincount(place, weights=held["n"].to_numpy(dtype=float), minlength=metric.scale.size)
    low, high = proportion_confint(row.answered, row.invited, alpha=1 - chosen.level, method="wilson")
    rate = Rate(row.arm, row.answered, row.invited, 100 * row.response_rate, 100 * low, 100 * high)
    effective = counts.sum() / design_effect
    return row.arm, rate, estimate(counts, metric, level=chosen.level, effective_n=effective)


def _selection(cells: pd.DataFrame, metric: Metric, name: str, chosen: Settings) -> SelectionFound | None:
    """Score of everyone under a selection model that the randomised arms identify; None where they hardly do."""
    try:
        found = selection.selection_model(
            cells, metric, [], instrument=name, score=metric.key, level=chosen.level
        )
    except ValueError:
        return None  # arms that do not move response identify nothing: the contrast says so
    if not found.converged or found.instrument_chi2 < selection.WEAK * found.instrument_df:
        return None
    return SelectionFound(found.everyone, found.low, found.high, found.correlation)


def _early_late(
    survey: Survey, frame: Frame, metric: Metric, chosen: Settings, *, repeated: bool
) -> EarlyLate | None:
    if "days_to_answer" not in survey.columns or not metric.variance(counts_of(frame, metric)) > 0:
        return None
    facts = [name for name in frame.by if name in survey.groups]
    # by every fact and part there are nearly as many cells as answers: parts only where customers repeat
    cells = first_answers(survey, frame, metric, ["days_to_answer", *facts], parts=repeated)
    held = cells[cells[metric.key].notna() & cells["days_to_answer"].notna()]
    if held["n"].sum() < 5 * chosen.smallest_group or len(held["days_to_answer"].unique()) < 2:
        return None
    found = early_late.early_late(
        cells, metric, score=metric.key, order="days_to_answer", by=facts, steps=5, level=chosen.level
    )
    if (found.table["answered"] < chosen.smallest_group).any():
        return None
    return EarlyLate(
        groups=tuple(
            (
                _when(r.step),
                int(r.answered),
                r.value,
                r.low,
                r.high,
            )
            for r in found.table.itertuples()
        ),
        trend=found.trend,
        trend_low=found.trend_low,
        trend_high=found.trend_high,
    )


def _when(step: str) -> str:
    if step == "0":
        return "on the same day"
    return f"after {step} day{'' if step == '1' else 's'}"


def _plan(
    frame: Frame, metric: Metric, chosen: Settings, missing: dict[str, str], design_effect: float
) -> Plan | None:
    """A follow-up that would tell the score of everyone to within the margin."""
    wanted = {"margin_of_error": chosen.margin, "level": chosen.level, "design_effect": design_effect}
    counts, mass = as_customers(frame, metric)
    found = follow_up.plan(counts, metric, mass, answer_rate=1.0, **wanted)
    if found.selected is None:
        missing["follow_up"] = (
            f"No follow-up would tell the score of everyone to within {chosen.margin:g}: too few answered "
            "at first, and their own error is too large. Invite more."
        )
        return None
    part = follow_up.plan(counts, metric, mass, answer_rate=ANSWER_RATE, **wanted)
    curve = tuple(
        (int(r.selected), float(r.margin_of_error))
        for r in found.table.itertuples()
        if found.selected / 8 <= r.selected <= 8 * found.selected
    )
    if len(curve) < 2:
        missing["follow_up"] = (
            "So few stayed silent that no sample of them is needed: what they could say hardly moves the score, and "
            "all of them can be asked."
        )
        return None
    return Plan(
        n=found.selected,
        precision=found.expected,
        rate_assumed=ANSWER_RATE,
        drawn=part.selected,
        unbounded=part.unbounded,
        curve=curve,
    )


def _follow_up(
    survey: Survey, frame: Frame, metric: Metric, chosen: Settings, missing: dict[str, str]
) -> FollowUp | None:
    if not survey.has_follow_up:
        return None
    cells = asked(
        wave_cells(
            survey,
            [metric.key, "follow_up", *(["invited"] if "invited" in survey.columns else [])],
            frame.wave,
        )
    )
    try:
        found = follow_up.hansen_hurwitz(cells, metric, score=metric.key, level=chosen.level)
    except ValueError as error:
        missing["follow_up"] = str(error)
        return None
    return FollowUp(
        selected=round(found.selected),
        answered=round(found.answered),
        value=found.value,
        low=found.low,
        high=found.high,
        low_unbounded=max(found.everyone.low, metric.low),
        high_unbounded=min(found.everyone.high, metric.high),
        bias=found.bias,
        bias_low=found.bias_low,
        bias_high=found.bias_high,
        bias_low_unbounded=found.bias_region.low,
        bias_high_unbounded=found.bias_region.high,
    )


def robustness(made: Weighting, published_: Estimate, chosen: Settings) -> Robustness | None:
    """How far an unknown fact as telling as each known one would move the weighted score."""
    if len(made.frame.by) < 2:
        return None
    side = 1.0 if made.main.value <= published_.value else -1.0
    found = robust.benchmarks(
        made.cells,
        made.metric,
        made.frame.by,
        score=made.metric.key,
        target=published_.value - side * chosen.margin,
    )
    return Robustness(
        value=found.robustness_value,
        target=found.target,
        benchmarks=tuple(
            (made.frame.titles[r.variable], float(r.bias), float(r.correlation))
            for r in found.table.itertuples()
        ),
    )
