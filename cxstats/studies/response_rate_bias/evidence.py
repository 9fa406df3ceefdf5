"""The evidence behind the verdict, section by section: each function measures one, from cells."""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from cxstats.methods import bounds as bounding
from cxstats.methods import follow_up, nonignorable, selection
from cxstats.methods import robustness as robust
from cxstats.methods.accounting import coverage_rates, response_rates
from cxstats.methods.balance import balance, data_defect
from cxstats.methods.calibration import Calibration, calibrate, margins_of, weighted_estimate
from cxstats.methods.doubly_robust import doubly_robust
from cxstats.methods.intervals import Estimate, estimate
from cxstats.methods.replicates import merged_part_jackknife, part_jackknife
from cxstats.methods.representativity import representativity
from cxstats.methods.weighting import held_out
from cxstats.metrics import Metric
from cxstats.studies.disclosure import hidden_groups
from cxstats.studies.response_rate_bias.frame import ANSWERED, Frame, asked, before_follow_up, wave_cells
from cxstats.studies.response_rate_bias.numbers import (
    BalanceRow,
    Category,
    Check,
    Choice,
    Coverage,
    Defect,
    EarlyLate,
    FollowUp,
    Instrument,
    Partial,
    Plan,
    Rate,
    RateTable,
    Reach,
    Region,
    Robustness,
    SelectionFound,
    Settings,
    Stage,
    Tipping,
    Trust,
    Unseen,
)
from cxstats.words import number, share

if TYPE_CHECKING:
    from cxstats.survey import Survey

STAGE_WORDS = {
    "delivered": "Delivered",
    "opened": "Opened",
    "clicked": "Clicked",
    "started": "Started",
    "completed": "Completed",
}
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
BOUNDS = (0.3, 3.0)  # of a weight, in average weights, for calibration within bounds
PHI = np.linspace(0, 1, 11)


# ---------------------------------------------------------------------------------- how many answered


def accounting(
    survey: Survey, frame: Frame, metric: Metric, chosen: Settings, *, repeated: bool = False
) -> dict[str, Any]:
    """Stages, response rates by group, wave and moment, and who was never invited.

    Answers to a follow-up are not counted: they are not among those published. Where customers were invited more than
    once (``repeated``), intervals come from the jackknife's parts.
    """
    return {
        "stages": _stages(survey, frame, metric, chosen, repeated),
        "rates": (
            *_rates(survey, frame, metric, chosen, repeated),
            *_wave_rates(survey, metric, chosen, repeated),
        ),
        "coverage": _coverage(survey, frame, chosen),
    }


def _stages(
    survey: Survey, frame: Frame, metric: Metric, chosen: Settings, repeated: bool
) -> tuple[Stage, ...]:
    named = [stage for stage in survey.stages if stage in survey.columns]
    cells = _first_answers(survey, frame, metric, named, parts=repeated)
    cells = cells.assign(**{ANSWERED: cells[metric.key].notna().to_numpy(dtype=bool)})
    found = response_rates(
        cells, stages=[*named, ANSWERED], level=chosen.level, part=_part_of(cells, repeated)
    ).table
    everyone = Stage("Invited", frame.n_invited, frame.n_invited, 100.0, 100.0, 100.0)
    rest = [
        Stage(
            STAGE_WORDS.get(row.stage, "Gave a usable answer"),
            int(row.n_reached),
            int(row.n_invited),
            100 * row.rate,
            100 * row.low,
            100 * row.high,
        )
        for row in found.itertuples()
    ]
    return (everyone, *rest)


ANSWER_RATE = 0.6  # of those followed up, for a plan: what a persistent follow-up by telephone may reach


def _held(survey: Survey) -> list[str]:
    return ["invited"] if "invited" in survey.columns else []


def _part_of(cells: pd.DataFrame, repeated: bool) -> str | None:
    """The jackknife's column where intervals need it."""
    return "part" if repeated and "part" in cells.columns else None


def _rates(
    survey: Survey, frame: Frame, metric: Metric, chosen: Settings, repeated: bool
) -> tuple[RateTable, ...]:
    """Response rate by every group, instrument and weekday of invitation; categories with few answers hidden."""
    names = [name for name in (*survey.groups, *survey.instruments) if name != survey.wave]
    names += [name for name in (WEEKDAY,) if name in survey.columns]
    tables = {}
    for name in names:
        cells = _weekdays_named(_first_answers(survey, frame, metric, [name], parts=repeated))
        if cells[name].nunique() > MOST_SHOWN:
            continue
        tables[name] = cells.assign(**{ANSWERED: cells[metric.key].notna().to_numpy(dtype=bool)})
    sizes = {
        name: cells[cells[ANSWERED]]
        .dropna(subset=[name])
        .groupby(name, observed=True, as_index=False)["n"]
        .sum()
        for name, cells in tables.items()
    }
    sizes = {name: frame_ for name, frame_ in sizes.items() if len(frame_) > 1}

    def together(one: str, other: str) -> pd.DataFrame:
        cells = _weekdays_named(_first_answers(survey, frame, metric, [one, other], parts=False))
        held = cells[cells[metric.key].notna()]
        return held.groupby([one, other], observed=True, dropna=False, as_index=False)["n"].sum()

    hidden = hidden_groups(sizes, together, threshold=chosen.smallest_group)
    titles = survey.group_labels | {WEEKDAY: "Weekday of the invitation"}
    return tuple(
        _rate_table(
            tables[name],
            name,
            titles.get(name) or _instrument_title(survey, name),
            set(sizes[name][name][hidden[name]]),
            chosen,
            repeated=repeated,
        )
        for name in sizes
    )


def _weekdays_named(cells: pd.DataFrame) -> pd.DataFrame:
    """Cells with the weekday of the invitation in words, where it is one of their columns."""
    if WEEKDAY not in cells.columns:
        return cells
    cells = cells.dropna(subset=[WEEKDAY]).reset_index(drop=True)
    days = [WEEKDAYS[int(day) - 1] for day in cells[WEEKDAY]]
    return cells.assign(**{WEEKDAY: pd.array(days, dtype="string")})


WEEKDAY = "invited_weekday"
MOST_SHOWN = 60  # categories of a variable beyond which its response rates are no table to read


def _instrument_title(survey: Survey, name: str) -> str:
    entry = survey.description.instruments.get(name)
    return (entry.label if entry is not None else None) or name.replace("_", " ").capitalize()


def _rate_table(
    cells: pd.DataFrame,
    name: str,
    title: str,
    hidden: set[str],
    chosen: Settings,
    order: tuple[str, ...] = (),
    *,
    repeated: bool = False,
) -> RateTable:
    found = response_rates(
        cells, name, stages=[ANSWERED], level=chosen.level, part=_part_of(cells, repeated)
    ).table
    rows = [
        Rate(
            str(row[name]),
            int(row["n_reached"]),
            int(row["n_invited"]),
            100 * row["rate"],
            100 * row["low"],
            100 * row["high"],
        )
        for _, row in found.iterrows()
        if row[name] not in hidden and row["n_reached"] >= chosen.smallest_group
    ]
    if name == WEEKDAY:
        order = WEEKDAYS
    if order:
        rows.sort(key=lambda r: order.index(r.label))
    return RateTable(name, title, tuple(rows), hidden=len(found) - len(rows))


def _wave_rates(survey: Survey, metric: Metric, chosen: Settings, repeated: bool) -> tuple[RateTable, ...]:
    if survey.wave is None:
        return ()
    marks = [name for name in ("invited", "follow_up") if name in survey.columns]
    marks += ["part"] if repeated and "part" in survey.columns else []
    cells = asked(survey.cells([survey.wave, metric.key, *marks]).dropna(subset=[survey.wave]))
    cells = before_follow_up(cells.reset_index(drop=True), metric.key)
    cells = cells.assign(**{ANSWERED: cells[metric.key].notna().to_numpy(dtype=bool)})
    if cells.empty:
        return ()
    answers = cells[cells[ANSWERED]].groupby(survey.wave, observed=True, as_index=False)["n"].sum()
    hidden = hidden_groups({survey.wave: answers}, _no_other, threshold=chosen.smallest_group)[survey.wave]
    order = tuple(survey.wave_order)
    held = set(answers[survey.wave][hidden])
    return (_rate_table(cells, survey.wave, "Wave", held, chosen, order, repeated=repeated),)


def _no_other(one: str, other: str) -> pd.DataFrame:
    raise AssertionError(f"{one} stands alone, so nothing is asked of it together with {other}")


def _coverage(survey: Survey, frame: Frame, chosen: Settings) -> Coverage | None:
    """Who was invited at all, where the list holds customers who were not."""
    if not _held(survey):
        return None
    total = survey.cells(["invited"])
    if not (~total["invited"].fillna(False)).any():
        return None
    tables = []
    for name in frame.by:
        if name in survey.groups:
            found = coverage_rates(survey.cells([name, "invited"]), name, level=chosen.level)
            rows = tuple(
                Rate(
                    str(r[name]),
                    int(r["n_invited"]),
                    int(r["n_customers"]),
                    100 * r["rate"],
                    100 * r["low"],
                    100 * r["high"],
                )
                for _, r in found.iterrows()
                if r["n_customers"] >= chosen.smallest_group
            )
            tables.append(RateTable(name, frame.titles[name], rows, len(found) - len(rows)))
    n = total["n"].to_numpy()
    asked = total["invited"].fillna(False).to_numpy(dtype=bool)
    return Coverage(int(n.sum()), int(n[asked].sum()), tuple(tables))


# ---------------------------------------------------------------------------------- the published score


def counts_of(frame: Frame, metric: Metric) -> np.ndarray:
    """Answers per category of the scale (weighted in a weighted survey), shape (size,)."""
    cells = frame.cells[frame.cells[ANSWERED]]
    tally = cells["w"] if "w" in cells.columns else cells["n"]
    place = cells[metric.key].to_numpy(dtype=int) - metric.scale.low
    return np.bincount(place, weights=tally.to_numpy(dtype=float), minlength=metric.scale.size)


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
        adjusted = (float(whole["unconditional_adjusted"]), float(whole["conditional_adjusted"]))
        partials.append(Partial(frame.titles[name], *adjusted, categories))
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
    names = [name for name in survey.outcomes if _known_for_some(cells, name)]
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


def _known_for_some(cells: pd.DataFrame, name: str) -> bool:
    """Whether an outcome differs between customers and is known for some who answered."""
    held = cells[cells[name].notna()]
    return len(held[name].unique()) > 1 and bool(held[ANSWERED].any())


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
        cells = cells.dropna(subset=[name, *waves])
        cells = cells.assign(
            **{ANSWERED: cells[metric.key].notna().to_numpy(dtype=bool)}, fact=cells[name].astype(bool)
        )
        for wave in survey.wave_order or ("",):
            held = cells[cells[survey.wave].eq(wave).to_numpy(dtype=bool)] if wave else cells
            answers = held.loc[held[ANSWERED], "n"].sum()
            if held["fact"].nunique() < 2 or answers < chosen.smallest_group or held[ANSWERED].all():
                continue
            held = held.groupby(["fact", ANSWERED, *part], as_index=False)["n"].sum()
            d = data_defect(
                held, "fact", responded=ANSWERED, level=chosen.level, part=_part_of(held, repeated)
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


# ---------------------------------------------------------------------------------- what weighting cannot fix


def bounds(frame: Frame, metric: Metric, chosen: Settings, *, design_effect: float = 1.0) -> dict[str, Any]:
    """The worst case of the score of everyone, and of the bias with its sampling error."""
    counts, mass = _as_customers(frame, metric)
    found = bounding.worst_case(counts, metric, mass, level=chosen.level, design_effect=design_effect)
    return {"worst": found.everyone.assumption, "worst_bias": (found.bias.low, found.bias.high)}


def _mass(frame: Frame) -> float:
    cells = frame.cells
    return float((cells["w"] if "w" in cells.columns else cells["n"]).sum())


def _as_customers(frame: Frame, metric: Metric) -> tuple[np.ndarray, float]:
    """Weighted answers and everyone invited, scaled to as many answers as there are.

    Weights may sum to anything (to the population, say); only their proportions say something of the score, and the number
    of customers says how far to trust it.
    """
    counts = counts_of(frame, metric)
    scale = frame.n_answered / counts.sum()
    return counts * scale, max(_mass(frame) * scale, float(frame.n_answered))


def unseen(
    frame: Frame,
    metric: Metric,
    chosen: Settings,
    weighted: Choice,
    missing: dict[str, str],
) -> dict[str, Any]:
    """The range over φ, whether it can be trusted, and the tipping curves."""
    if not metric.variance(counts_of(frame, metric)) > 0:
        missing["beyond"] = "all answers are alike, so that nothing can be learned about who answers what"
        missing["weighting"] = "All answers are alike: no weighting can move the score."
        return {}
    try:
        model = nonignorable.net_score_bias(
            frame.parts,
            metric,
            frame.by,
            score=metric.key,
            phi=PHI,
            level=chosen.level,
            seed=chosen.seed,
            responded=ANSWERED,
        )
    except ValueError as error:
        missing["beyond"] = str(error)
        return {}
    region = _region(model, weighted)
    seen = Unseen(
        correlation=model.proxy_correlation,
        variance_ratio=model.variance_ratio,
        deciles=tuple(
            Rate(
                _tenth(r.decile, len(model.deciles)),
                int(r.answered),
                int(r.invited),
                100 * r.response_rate,
                100 * r.low,
                100 * r.high,
            )
            for r in model.deciles.itertuples()
        ),
        phi=model.table["phi"].to_numpy(),
        bias=model.table["bias"].to_numpy(),
        bias_low=model.table["low"].to_numpy(),
        bias_high=model.table["high"].to_numpy(),
        conditions=_conditions(model),
    )
    return {
        "region": region,
        "unseen": seen,
        "tipping": _tipping(frame, metric, chosen, model),
    }


def _region(model: nonignorable.NetScoreBias, weighted: Choice) -> Region:
    """Union of the weighted estimate's interval and those of every φ: neither may be what saves a verdict."""
    bias, low, high = (model.table[name].to_numpy() for name in ("bias", "low", "high"))
    ends = [weighted.bias, *bias]
    return Region(
        first=weighted.bias if abs(weighted.bias - bias[-1]) > 1e-12 else bias[0],
        last=float(bias[-1]),
        lowest=float(min(ends)),
        highest=float(max(ends)),
        low=float(min(weighted.bias_low, low.min())),
        high=float(max(weighted.bias_high, high.max())),
    )


def _tenth(decile: int, of: int) -> str:
    if decile == 1:
        return "1 (lowest)"
    return f"{decile} (highest)" if decile == of else str(decile)


_WORDS = {
    "proxy correlation": (
        "correlation",
        "what is known of customers goes with the score (correlation 0.4 or more)",
    ),
    "variance ratio of the proxy": (
        "variance",
        "those who answered vary in it as much as the others (variance ratio 0.9 to 1.1)",
    ),
    "response by proxy decile": ("monotone", "response rises or falls with it throughout"),
}


def _conditions(model: nonignorable.NetScoreBias) -> tuple[Trust, ...]:
    made = []
    for row in model.checks.itertuples():
        key, condition = _WORDS[row.check]
        found = {
            "correlation": number(row.found, 2),
            "variance": number(row.found, 2),
            "monotone": f"largest step back {share(row.found)} of the response rate",
        }[key]
        fails = {
            "correlation": "what is known of customers goes too little with the score (correlation "
            f"{number(row.found, 2)}, 0.4 needed)",
            "variance": "those who answered vary "
            + ("more" if row.found > 1 else "less")
            + f" in what is known of them than the others (variance ratio {number(row.found, 2)}): both ends, or "
            "the middle, seem to answer more",
            "monotone": "response neither rises nor falls throughout with what is known of customers",
        }[key]
        holds, blunt = bool(row.holds), not row.sharp
        if holds and blunt:
            holds = False
            fails = {
                "correlation": "there are too few answers to see how far what is known of customers goes with the score",
                "variance": "there are too few answers to see whether both ends of the scale answer more than the middle",
                "monotone": "there are too few answers to see whether response rises or falls with satisfaction throughout",
            }[key]
            found += ", too few answers to be sure"
        made.append(Trust(key, condition, found, holds, fails))
    return tuple(made)


def _tipping(frame: Frame, metric: Metric, chosen: Settings, model: nonignorable.NetScoreBias) -> Tipping:
    """Tipping curves from where weighting leaves the silent, and how far the facts let both ends differ."""
    shares = _start_shares(model, 0)
    found = bounding.tipping(
        counts_of(frame, metric), metric, _mass(frame), margin=chosen.margin, shares=shares
    )
    odds = np.geomspace(0.5, 4, 37)
    published_ = metric.value(counts_of(frame, metric))
    value = [published_ - found.bias(odds_low=float(k))[0] for k in odds]
    middle = len(metric.distinct_values) > 2
    ends = np.geomspace(0.5, 4, 37) if middle else np.empty(0)
    ends_value = [published_ - found.bias(float(k), float(k))[0] for k in ends]
    supported = _supported(model) if middle else None
    return Tipping(
        odds=odds,
        value=np.asarray(value),
        at_margin=_known(found.low_end[0]),
        ends_odds=ends,
        ends_value=np.asarray(ends_value),
        ends_at_margin=(_known(found.both_ends[0]), _known(found.both_ends[1])),
        supported=supported,
        agrees=_agrees(found, supported, chosen.margin),
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _start_shares(model: nonignorable.NetScoreBias, row: int) -> np.ndarray:
    names = [c for c in model.table.columns if c.startswith("share_")]
    shares = model.table.loc[row, names].to_numpy(dtype=float)
    return shares / shares.sum()


def _supported(model: nonignorable.NetScoreBias) -> tuple[float, float]:
    """Odds of both ends against the middle among the silent, as far as the proxy's variance lets them differ from 1.

    Response at both ends shows as a proxy that varies more among those who answered. Were response a matter of satisfaction
    alone (φ = 1), a ratio V of the silent's proxy variance to the others' makes theirs of satisfaction
    1 + (V − 1)/ρ²; the ends of the interval of V give the ends of the multiplier.
    """
    from scipy.special import ndtr, ndtri

    shares = _start_shares(model, 0)
    cuts = ndtri(np.clip(np.cumsum(shares)[:-1], 1e-9, 1 - 1e-9))
    rho = max(model.proxy_correlation, 0.02)
    made = []
    for ratio in (model.variance_ratio_high, model.variance_ratio_low):  # respondents over the others
        variance = max(1 + (1 / ratio - 1) / rho**2, 0.02)
        edge = ndtr(cuts / math.sqrt(variance))
        middle, before = edge[-1] - edge[0], ndtr(cuts[-1]) - ndtr(cuts[0])
        made.append(float(((1 - middle) / middle) / ((1 - before) / before)))
    return min(*made, 1.0), max(*made, 1.0)


def _agrees(found: bounding.Tipping, supported: tuple[float, float] | None, margin: float) -> bool:
    if supported is None:
        # with two values there is no middle: response at both ends shows in the range over φ itself
        return True
    return all(abs(found.bias(k, k)[0]) <= margin for k in (1.0, *supported))


# ---------------------------------------------------------------------------------- stronger designs


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


def _first_answers(
    survey: Survey, frame: Frame, metric: Metric, by: list[str], *, parts: bool = True
) -> pd.DataFrame:
    """Cells of the wave's first answers: those of a follow-up are not among them."""
    marks = [name for name in ("invited", "follow_up") if name in survey.columns]
    part = ["part"] if parts and "part" in survey.columns else []
    cells = asked(wave_cells(survey, [metric.key, *by, *part, *marks], frame.wave))
    return before_follow_up(cells, metric.key)


def _instruments(
    survey: Survey, frame: Frame, metric: Metric, chosen: Settings, design_effect: float
) -> tuple[Instrument, ...]:
    made = []
    for name in survey.instruments:
        cells = _first_answers(survey, frame, metric, [name])
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
                title=_instrument_title(survey, name),
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
    cells = _first_answers(survey, frame, metric, ["days_to_answer", *facts], parts=repeated)
    held = cells[cells[metric.key].notna() & cells["days_to_answer"].notna()]
    if held["n"].sum() < 5 * chosen.smallest_group or len(held["days_to_answer"].unique()) < 2:
        return None
    found = selection.early_late(
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
    counts, mass = _as_customers(frame, metric)
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
