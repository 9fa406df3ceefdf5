"""The evidence on who answers and what weighting does: each function measures one section, from cells."""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cxstats.methods.balance import balance, data_defect
from cxstats.methods.calibration import Calibration, calibrate, margins_of, weighted_estimate
from cxstats.methods.doubly_robust import doubly_robust
from cxstats.methods.intervals import Estimate, estimate
from cxstats.methods.limits import critical_value
from cxstats.methods.replicates import merged_part_jackknife, part_jackknife
from cxstats.methods.representativity import representativity
from cxstats.methods.weighting import held_out
from cxstats.metrics import Metric
from cxstats.progress import step
from cxstats.studies.response_rate_bias.frame import ANSWERED, Frame, asked, before_follow_up
from cxstats.studies.response_rate_bias.numbers import (
    BalanceRow,
    Category,
    Check,
    Choice,
    Defect,
    Partial,
    Reach,
    Settings,
)
from cxstats.studies.response_rate_bias.tallies import counts_of, part_of

if TYPE_CHECKING:
    from cxstats.survey import Survey

_KNOWN_ALIKE = (
    0.9  # an outcome is known of as large a part of the silent, at least times this, as of those who answered
)
BOUNDS = (0.3, 3.0)  # of a weight, in average weights, for calibration within bounds


# ---------------------------------------------------------------------------------- the published score


def published(
    survey: Survey, frame: Frame, metric: Metric, chosen: Settings, *, repeated: bool
) -> tuple[Estimate, float]:
    """The score as published, and its design effect: 1 unless answers are weighted or customers repeat."""
    counts, n = counts_of(frame, metric), frame.n_answered
    if not survey.weighted and not repeated:
        return estimate(counts, metric, level=chosen.level), 1.0
    cells = frame.parts
    base = _base(cells)
    replicates = part_jackknife(cells) if repeated else None
    found = weighted_estimate(
        cells, metric, base, score=metric.key, level=chosen.level, replicates=replicates
    )
    effect = max(found.design_effect, 1.0)
    return estimate(counts, metric, level=chosen.level, effective_n=min(found.effective_n, n)), effect


def _base(cells: pd.DataFrame) -> np.ndarray:
    if "w" not in cells.columns:
        return np.where(cells[ANSWERED], 1.0, 0.0)
    return np.where(cells[ANSWERED], cells["w"] / cells["n"], 0.0)


# ---------------------------------------------------------------------------------- who answers


def who_answers(
    frame: Frame, metric: Metric, chosen: Settings, missing: dict[str, str], *, repeated: bool = False
) -> dict[str, Any]:
    """Representativity of the answers, given what is known of everyone invited."""
    step("who answers")
    cells, part = (frame.parts, "part") if repeated else (frame.cells, None)
    try:
        found = representativity(cells, frame.by, responded=ANSWERED, level=chosen.level, part=part)
    except ValueError as error:
        missing["who"] = f"{error}"
        return {}
    largest = found.largest_bias(counts_of(frame, metric), metric)
    table, partials = found.partial, []
    for name in dict.fromkeys(table["variable"]):
        rows = table[table["variable"] == name]
        whole = rows[rows["category"].isna()].iloc[0]
        categories = tuple(
            Category(str(r.category), float(r.unconditional), float(r.conditional))
            for r in rows[rows["category"].notna()].itertuples()
        )
        kinds = ("unconditional", "conditional")
        adjusted = tuple(float(whole[f"{kind}_adjusted"]) for kind in kinds)
        half = tuple(critical_value(chosen.level) * float(whole[f"{kind}_se"]) for kind in kinds)
        limits = tuple((max(0.0, v - h), v + h) for v, h in zip(adjusted, half, strict=True))
        partials.append(Partial(frame.titles[name], *adjusted, *limits, categories))
    propensity = found.propensity
    return {
        "reach": Reach(
            auc=propensity.auc,
            r=found.r_indicator_adjusted,
            r_low=found.r_low,
            r_high=found.r_high,
            cv=found.cv_adjusted,
            cv_low=found.cv_low,
            cv_high=found.cv_high,
            largest=largest.value,
            lowest_propensity=float(propensity.cells["propensity"].min()),
            highest_propensity=float(propensity.cells["propensity"].max()),
            partials=tuple(partials),
            warnings=tuple(_titled(text, frame) for text in found.warnings),
        )
    }


def _titled(text: str, frame: Frame) -> str:
    """A method's sentence with the readers' names of the variables."""
    for name, title in frame.titles.items():
        text = text.replace(f"{name}:", f"{title}:")
    return text


# ---------------------------------------------------------------------------------- weighting


def weighting(survey: Survey, made: Weighting, chosen: Settings) -> dict[str, Any]:
    """Every reasonable choice of weights, the balance that the main one brings, and what it was not shown."""
    alike = not made.metric.variance(counts_of(made.frame, made.metric)) > 0
    return {
        "choices": () if alike else (made.main, *made.others()),
        "main": made.main.key,
        "balance": _balance_rows(made.cells, made.frame, made.calibration, chosen),
        "checks": checks(survey, made.frame, chosen, made.calibration),
        "defects": defects(survey, made.metric, chosen, repeated=made.repeated),
    }


def average_weights(cells: pd.DataFrame) -> np.ndarray:
    """Weight of each row if all answers stood for equally many customers: what bounds are multiples of."""
    base = np.ones(len(cells))
    if "w" in cells.columns:
        base = (cells["w"] / cells["n"]).to_numpy(dtype=float)
    answered = cells[ANSWERED].to_numpy(dtype=bool)
    mass = base * cells["n"].to_numpy(dtype=float)
    return base * mass.sum() / mass[answered].sum()


class Weighting:
    """The weighting choices of one frame.

    Attributes
    ----------
    cells : what weights are made on. calibration : the weights that balance and outcomes are shown with.
    main : the choice the report stands on.

    Raises
    ------
    ValueError : no weights of that kind can be made; the message says why.
    """

    def __init__(self, frame: Frame, metric: Metric, chosen: Settings, *, repeated: bool = False) -> None:
        self.frame, self.metric, self.chosen, self.repeated = frame, metric, chosen, repeated
        by = [*frame.by, metric.key, ANSWERED]
        self.cells, self.jackknife = merged_part_jackknife(frame.parts, by)
        self.margins = margins_of(self.cells, frame.by)
        wanted = chosen.weighting
        # a doubly robust estimate has no weights to show: balance and outcomes are shown with raking's
        self.calibration = self.calibrated("raking" if wanted == "doubly_robust" else wanted)
        self.main = (
            self.robust()
            if wanted == "doubly_robust"
            else self.choice(wanted, LABELS[wanted], self.calibration, ALL_FACTS, replicated=True)
        )

    def calibrated(self, method: str, by: list[str] | None = None) -> Calibration:
        """Weights of one kind."""
        margins = self.margins if by is None else margins_of(self.cells, by)
        extra: dict[str, Any] = {}
        if method == "logit":
            extra = {"bounds": BOUNDS, "weights": average_weights(self.cells)}
        return calibrate(self.cells, margins, method=method, responded=ANSWERED, **extra)

    def choice(self, key: str, label: str, weights: Any, family: str, *, replicated: bool = False) -> Choice:
        """What one kind of weights gives; errors re-make the weights in every replicate where ``replicated``."""
        found = weighted_estimate(
            self.cells,
            self.metric,
            weights,
            score=self.metric.key,
            level=self.chosen.level,
            replicates=self.jackknife if (replicated or self.repeated) else None,
        )
        return Choice(
            key=key,
            label=label,
            value=found.value,
            standard_error=found.standard_error,
            low=found.low,
            high=found.high,
            design_effect=found.kish_design_effect,
            family=family,
            bias=found.bias,
            bias_low=found.bias_low,
            bias_high=found.bias_high,
        )

    def robust(self) -> Choice:
        """The cross-fitted doubly robust estimate."""
        found = doubly_robust(
            self.frame.parts, self.metric, self.frame.by, score=self.metric.key, level=self.chosen.level
        )
        return Choice(
            key="doubly_robust",
            label=LABELS["doubly_robust"],
            value=found.value,
            standard_error=found.standard_error,
            low=found.low,
            high=found.high,
            design_effect=math.nan,  # it has no weights
            family=ALL_FACTS,
            bias=found.bias,
            bias_low=found.bias_low,
            bias_high=found.bias_high,
        )

    def others(self) -> list[Choice]:
        """Other reasonable choices; one that cannot be made is left out."""
        made = []
        for method in ("raking", "linear", "logit", "propensity"):
            if method != self.chosen.weighting:
                made += self._attempt(method, LABELS[method], ALL_FACTS, method)
        if self.chosen.weighting != "doubly_robust":
            with contextlib.suppress(ValueError):  # a fold without answers: the strip shows what there is
                made.append(self.robust())
        if len(self.frame.by) > 1:
            for name in self.frame.by:
                rest = [other for other in self.frame.by if other != name]
                made += self._attempt(
                    f"without_{name}", f"without {self.frame.titles[name]}", FEWER_FACTS, "raking", rest
                )
        return made

    def _attempt(
        self, key: str, label: str, family: str, method: str, by: list[str] | None = None
    ) -> list[Choice]:
        try:
            return [self.choice(key, label, self.calibrated(method, by), family)]
        except ValueError:
            return []  # margins that this method cannot meet: the strip shows those it can


ALL_FACTS, FEWER_FACTS = "All facts, by method", "Raking, one fact left out"
LABELS = {
    "raking": "raking",
    "linear": "linear calibration (GREG)",
    "logit": "calibration within bounds",
    "propensity": "propensity that balances",
    "doubly_robust": "doubly robust",
}


def _balance_rows(
    cells: pd.DataFrame, frame: Frame, calibration: Calibration, chosen: Settings
) -> tuple[BalanceRow, ...]:
    found = balance(
        cells, frame.by, responded=ANSWERED, weights=calibration.weights, level=chosen.level
    ).table
    return tuple(
        BalanceRow(
            variable=frame.titles[r.variable],
            category=str(r.category),
            population=float(r.population_share),
            answers=float(r.respondent_share),
            weighted=float(r.weighted_share),
            difference=float(r.smd_before),
            difference_weighted=float(r.smd_after),
        )
        for r in found.itertuples()
    )


def checks(survey: Survey, frame: Frame, chosen: Settings, calibration: Calibration) -> tuple[Check, ...]:
    """What customers did, known for all: as the answers have it, weighted, and in truth."""
    cells = frame.outcomes
    names = [name for name in survey.outcomes if _known_for_all_alike(cells, name)]
    if not names:
        return ()
    extra = {"bounds": BOUNDS, "weights": average_weights(cells)} if calibration.method == "logit" else {}
    again = calibrate(
        cells, margins_of(cells, frame.by), method=calibration.method, responded=ANSWERED, **extra
    )
    part = "part" if "part" in cells.columns else None
    found = held_out(cells, names, again, responded=ANSWERED, level=chosen.level, part=part).table
    return tuple(
        Check(
            name=str(r.outcome),
            label=survey.group_labels[str(r.outcome)],
            everyone=100 * r.truth_share,
            answers=100 * r.before_share,
            weighted=100 * r.after_share,
            gap=100 * r.error_before,
            gap_low=100 * r.error_before_low,
            gap_high=100 * r.error_before_high,
            gap_weighted=100 * r.error_after,
            gap_weighted_low=100 * r.error_after_low,
            gap_weighted_high=100 * r.error_after_high,
            repaired=None if math.isnan(r.repaired_share) else float(r.repaired_share),
        )
        for r in found.itertuples()
    )


def _known_for_all_alike(cells: pd.DataFrame, name: str) -> bool:
    """Whether an outcome differs between customers, and is known of the silent as it is of those who answered.

    Where days are counted from the answer, as no day of invitation is known, an outcome is known of those who answered
    alone. Held against them, those who answered would be like "everyone" whatever decides who answers.
    """
    known = cells[name].notna().to_numpy()
    answered = cells[ANSWERED].to_numpy(dtype=bool)
    n = cells["n"].to_numpy(dtype=float)
    if cells.loc[known, name].nunique() < 2 or not n[known & answered].sum():
        return False
    of_answers = n[known & answered].sum() / n[answered].sum()
    silent = n[~answered].sum()
    return bool(not silent or n[known & ~answered].sum() / silent >= _KNOWN_ALIKE * of_answers)


def defects(
    survey: Survey, metric: Metric, chosen: Settings, *, repeated: bool = False
) -> tuple[Defect, ...]:
    """How well the first answers of those invited know each outcome, per wave: as a random sample of how many?"""
    made = []
    part = ["part"] if repeated and "part" in survey.columns else []
    marks = [name for name in ("invited", "follow_up") if name in survey.columns]
    for name in survey.outcomes:
        waves = [survey.wave] if survey.wave else []
        cells = before_follow_up(asked(survey.cells([name, metric.key, *waves, *part, *marks])), metric.key)
        cells = cells.assign(**{ANSWERED: cells[metric.key].notna().to_numpy(dtype=bool)})
        if not _known_for_all_alike(cells, name):
            continue
        cells = cells.dropna(subset=[name, *waves])
        cells = cells.assign(fact=cells[name].astype(bool))
        for wave in survey.wave_order or ("",):
            held = cells[cells[survey.wave].eq(wave).to_numpy(dtype=bool)] if wave else cells
            answers = held.loc[held[ANSWERED], "n"].sum()
            if held["fact"].nunique() < 2 or answers < chosen.smallest_group or held[ANSWERED].all():
                continue
            held = held.groupby(["fact", ANSWERED, *part], as_index=False)["n"].sum()
            d = data_defect(
                held, "fact", responded=ANSWERED, level=chosen.level, part=part_of(held, repeated)
            )
            made.append(
                Defect(
                    label=survey.group_labels[name],
                    wave=wave,
                    error=100 * d.error,
                    limit=100 * d.limit,
                    correlation=d.correlation,
                    n=d.n_answered,
                    effective=d.effective_n,
                    effective_low=d.effective_low,
                    effective_high=d.effective_high,
                )
            )
    return tuple(made)
