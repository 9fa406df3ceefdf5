"""Is this survey big enough for the decision it is used for? The numbers behind the report.

The verdict, stated before any data
-----------------------------------
*With two waves or more* the question is "Did the metric change by the margin?". The effect is the value
of the wave reported minus that of the wave before (the nearest one with answers enough to be shown). The
interval of that difference (MOVER on score limits, with the correlation that customers in both waves
cause) is judged against ±margin.

*With one wave* the question is "Could chance alone have moved the published score by the margin?". The
effect is the true value minus the published one; its region is the score's interval minus the score.

Assumptions: answers are a random draw of the named population (whether they are is the response-rate
bias study's question), customers are independent of each other (repeated answers of one customer are
not, and are allowed for).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cxstats.findings import Verdict, judge
from cxstats.methods import planning, sequential
from cxstats.methods.comparisons import Comparison
from cxstats.methods.coverage import CARD_METHODS, CoverageCard, coverage_card
from cxstats.methods.groups import GroupMeans, group_means
from cxstats.methods.intervals import Estimate, estimate
from cxstats.methods.ranks import RankSets, rank_groups
from cxstats.methods.waves import change_since
from cxstats.metrics import Metric
from cxstats.parameters import Count, Level, Margin, Power, Seed, Share, checked
from cxstats.progress import step
from cxstats.studies.disclosure import hidden_groups
from cxstats.words import amount

if TYPE_CHECKING:
    import pandas as pd

    from cxstats.survey import Survey

__all__ = [
    "BANDS",
    "Alarms",
    "GroupTable",
    "Label",
    "Numbers",
    "Settings",
    "Wave",
    "measure",
    "settings",
]

# Customary labels, as vendors and trade articles give them: a convention, not evidence.
BANDS: dict[str, tuple[tuple[str, float], ...]] = {
    "nps": (("poor", -100.0), ("good", 0.0), ("great", 30.0), ("excellent", 70.0)),
    "csat": (("below good", 0.0), ("good", 75.0), ("very good", 85.0)),
}
SMALLEST_GROUP = 10
EXACT_BELOW = 30
MOST_BOOTSTRAPPED = 1_000_000
NO_WAVE = 0.01  # share of rows without a wave from which on the invitations of a wave are not known
# kinds of change beside the first ("every customer a little more satisfied") that the price of a metric is told for
OTHER_SHIFTS = ("one_up", "tilt")


@dataclass(frozen=True, slots=True)
class Settings:
    """The study's parameters, checked."""

    metric: str
    margin: float
    level: float
    power: float
    response_rate: float | None
    population: int | None
    wave: str | None
    group: str | None
    smallest_group: int
    days: int
    seed: int


@dataclass(frozen=True, slots=True)
class Wave:
    """One wave: its name, its answers, those invited (None where unknown) and the metric's value."""

    label: str
    n: int
    invited: int | None
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class GroupTable:
    """The metric in each category of one group variable, small groups hidden.

    Attributes
    ----------
    name, title : the variable, and its name for a reader.
    labels, n : shown categories (best value first) and their answers.
    estimates : one per shown category.
    hidden : number of categories hidden because they, or one that could be had from them, are too small.
    ranks : which places each category can hold; None with fewer than two.
    counts : (weighted) category counts scaled to n, shape (shown, scale.size).
    """

    name: str
    title: str
    labels: tuple[str, ...]
    n: tuple[int, ...]
    estimates: tuple[Estimate, ...]
    hidden: int
    ranks: RankSets | None
    counts: np.ndarray


@dataclass(frozen=True, slots=True)
class Alarms:
    """How often a dashboard that is looked at daily reports a change that is none.

    Shares of periods without any change, by day: with a fixed-n interval and with a confidence sequence.
    """

    days: np.ndarray
    per_day: int
    fixed: sequential.FalseAlarmRate
    sequence: sequential.FalseAlarmRate


@dataclass(frozen=True, slots=True)
class Label:
    """Customary bands and the probability of each."""

    names: tuple[str, ...]
    lower: tuple[float, ...]
    probabilities: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """How many answers one decision needs, how many there are, and what the plan rests on."""

    key: str
    decision: str
    size: planning.SampleSize
    have: int
    assumptions: tuple[str, ...]

    @property
    def enough(self) -> bool:
        """Whether there are answers enough."""
        return self.size.n <= self.have

    @property
    def invitations(self) -> int | None:
        """People to invite in one wave; None where the response rate is not known."""
        rate = self.size.response_rate
        return None if rate is None else math.ceil(self.size.n / rate - 1e-9)


@dataclass(frozen=True, slots=True)
class Floor:
    """The answers beyond which more stop helping, for a bias of ``bias`` in the metric's unit."""

    bias: float
    n: float


@dataclass(frozen=True, slots=True)
class Numbers:
    """Everything the report shows, computed. Sections that the data cannot fill are None or empty."""

    settings: Settings
    metric: Metric
    n: int
    invited: int | None
    response_rate: float | None
    total: Estimate | None
    design_effect: float
    repeated: bool
    repeated_here: bool
    weighted: bool
    waves: tuple[Wave, ...]
    change: Comparison | None
    change_correlation: float
    verdict: Verdict
    groups: tuple[GroupTable, ...]
    card: CoverageCard | None
    card_for: str
    card_example: Estimate | None
    plans: tuple[Plan, ...]
    settling: int | None
    detectable: float | None
    detectable_curve: tuple[tuple[int, float], ...]
    finite: Estimate | None
    efficiency: planning.RelativeEfficiency | None
    efficiency_of_others: tuple[planning.RelativeEfficiency, ...]
    alarms: Alarms | None
    label: Label | None
    floors: tuple[Floor, ...]
    scale_problems: tuple[str, ...]
    counts: np.ndarray


def settings(survey: Survey, **given: Any) -> Settings:
    """Parameters checked in the user's terms; the metric's own margin where none is given.

    Raises
    ------
    ValueError : a value of the wrong kind or out of range; a wave that the survey does not have.
    """
    metric = survey.metric(given["metric"])
    margin = given["margin"] if given["margin"] is not None else metric.margin
    rate, population, wave = given["response_rate"], given["population"], given["wave"]
    group = given["group"]
    if group is not None and group not in survey.groups:
        raise ValueError(
            f"group is {group!r}, but the survey's groups are {', '.join(survey.groups) or 'none'}"
        )
    return Settings(
        metric=metric.key,
        margin=checked("margin", margin, Margin),
        level=checked("level", given["level"], Level),
        power=checked("power", given["power"], Power),
        response_rate=None if rate is None else checked("response_rate", rate, Share),
        population=None if population is None else checked("population", population, Count),
        wave=wave,
        group=group,
        smallest_group=checked("smallest_group", given["smallest_group"], Count),
        days=checked("days", given["days"], Count),
        seed=checked("seed", given["seed"], Seed),
    )


def measure(survey: Survey, chosen: Settings) -> Numbers:
    """Everything the report shows, from counts.

    Parameters
    ----------
    survey : an open survey.
    chosen : checked parameters (:func:`settings`).

    Returns
    -------
    Numbers. With fewer than ``chosen.smallest_group`` answers nothing is estimated: the page then says that
    there is too little.
    """
    step("waves")
    metric = survey.metric(chosen.metric)
    by = [chosen.metric] + ([survey.wave] if survey.wave else [])
    cells = survey.cells(by=by)
    matrix = survey.cluster_matrix(by=by, weighted=survey.weighted) if survey.repeats else None
    waves, means = _waves(survey, cells, matrix, metric, chosen)
    here = waves[-1] if waves else None
    repeats_here = here is not None and _repeats_within(survey, cells, matrix, metric, here)
    n = here.n if here else 0
    invited = here.invited if here else _invited(survey, cells, _wanted(survey, cells, metric, chosen))
    rate = chosen.response_rate or (n / invited if invited else None)
    shared = {
        "settings": chosen,
        "metric": metric,
        "invited": invited,
        "response_rate": rate,
        "repeated": survey.repeats,
        "repeated_here": repeats_here,
        "weighted": survey.weighted,
    }
    if here is None or n < chosen.smallest_group:
        return _too_few(n, **shared)

    last = len(waves) - 1
    counts = means.counts[last]
    deff = float(means.design_effect[last])
    change = change_since(means, metric, chosen.level) if last > 0 else None
    correlation = change.correlation if change is not None else 0.0
    step("groups")
    groups = _group_tables(survey, metric, chosen, here, repeats=repeats_here)
    step("intervals")
    card, card_for, card_example = _card(counts, here.estimate, metric, groups, chosen)
    worth = float(means.effective_n[last])
    margin = chosen.margin
    step("plans")
    return Numbers(
        n=n,
        total=here.estimate,
        design_effect=deff,
        waves=waves,
        change=change,
        change_correlation=correlation,
        verdict=_verdict(change, here.estimate, margin),
        groups=groups,
        card=card,
        card_for=card_for,
        card_example=card_example,
        **_planning(counts, metric, chosen, n=n, deff=deff, rate=rate, change=change),
        finite=_finite(counts, n, metric, chosen, worth),
        alarms=_alarms(counts, n, metric, chosen),
        label=_label(counts * (worth / n), metric),
        scale_problems=planning.scale_check(counts, metric).problems,
        counts=counts,
        **shared,
    )


def _waves(
    survey: Survey, cells: pd.DataFrame, matrix: Any, metric: Metric, chosen: Settings
) -> tuple[tuple[Wave, ...], GroupMeans | None]:
    # every wave up to the one reported that has answers enough to be shown; none where the one reported has no
    # answer: another wave must not stand in for it
    answered = cells.dropna(subset=[metric.key])
    if survey.wave:
        wanted, order = _wanted(survey, cells, metric, chosen), list(survey.wave_order)
        size = answered.groupby(survey.wave, observed=True)["n"].sum()
        if wanted is None or not size.get(wanted, 0):
            return (), None
        order = order[: order.index(wanted) + 1]
        group = survey.wave
        labels = [w for w in order if w == wanted or size.get(w, 0) >= chosen.smallest_group]
    else:
        group, labels = None, ["all"] if len(answered) else []
    if not labels:
        return (), None
    means = group_means(
        cells, metric, score=metric.key, group=group, labels=labels, matrix=matrix, level=chosen.level
    )
    waves = tuple(
        Wave(
            label=label,
            n=int(means.n[i]),
            invited=_invited(survey, cells, label if survey.wave else None),
            estimate=_estimate(means, i, metric, chosen),
        )
        for i, label in enumerate(labels)
    )
    return waves, means


def _wanted(survey: Survey, cells: pd.DataFrame, metric: Metric, chosen: Settings) -> str | None:
    """The wave to report on: the one asked for, else the latest with answers; None where there is none."""
    order = survey.wave_order
    if chosen.wave is not None and chosen.wave not in order:
        raise ValueError(f"there is no wave {chosen.wave!r}; the survey has {', '.join(order) or 'none'}")
    if chosen.wave is not None:
        return chosen.wave
    held = set(cells.dropna(subset=[metric.key])[survey.wave].dropna()) if survey.wave else ()
    return next((wave for wave in reversed(order) if wave in held), None)


def _invited(survey: Survey, cells: pd.DataFrame, wave: str | None) -> int | None:
    """Those invited (in one wave); None where that is not known."""
    if survey.n_invited is None:
        return None
    if wave is None:
        return int(cells["n"].sum())
    # where the wave is recorded with the answer only, those who did not answer are in no wave
    nowhere = cells.loc[cells[survey.wave].isna(), "n"].sum()
    if nowhere > NO_WAVE * cells["n"].sum():
        return None
    return int(cells.loc[cells[survey.wave].eq(wave).fillna(False), "n"].sum())


def _plain(means: GroupMeans, i: int) -> bool:
    # answers that are neither weighted nor repeated: counts are whole and nothing is scaled
    return bool(np.isclose(means.effective_n[i], means.n[i], rtol=1e-9))


def _estimate(means: GroupMeans, i: int, metric: Metric, chosen: Settings) -> Estimate:
    # the exact interval where answers are few and can be enumerated, else the score interval
    plain, n = _plain(means, i), int(means.n[i])
    method = "exact" if plain and n < EXACT_BELOW and len(metric.distinct_values) <= 3 else "score"
    effective = None if plain else float(means.effective_n[i])
    return estimate(means.counts[i], metric, method=method, level=chosen.level, effective_n=effective)


def _verdict(change: Comparison | None, total: Estimate, margin: float) -> Verdict:
    if change is not None:
        return judge(change.low, change.high, margin)
    # a score's own sampling error cannot be "a difference": the interval holds the published value
    return judge(total.low - total.value, total.high - total.value, margin)


def _repeats_within(survey: Survey, cells: pd.DataFrame, matrix: Any, metric: Metric, here: Wave) -> bool:
    """Whether a customer answers more than once in the wave itself (then its groups share customers too)."""
    if matrix is None:
        return False
    rows = cells[metric.key].notna().to_numpy()
    if survey.wave:
        rows = rows & (cells[survey.wave].astype("string") == here.label).to_numpy(dtype=bool, na_value=False)
    at = np.flatnonzero(rows)
    alone = cells["w2" if survey.weighted else "n"].to_numpy(dtype=float)[at]
    block = matrix[np.ix_(at, at)]
    return not np.allclose(block if isinstance(block, np.ndarray) else block.toarray(), np.diag(alone))


def _answered_by(survey: Survey, names: list[str], metric: Metric, here: Wave) -> pd.DataFrame:
    """Cells of the wave's answers to the metric, by these group variables; missing labels are rows too."""
    cells = survey.cells(by=[metric.key, *names] + ([survey.wave] if survey.wave else []))
    return cells[_of_wave(survey, cells, metric, here)]


def _of_wave(survey: Survey, cells: pd.DataFrame, metric: Metric, here: Wave) -> np.ndarray:
    answered = cells[metric.key].notna().to_numpy()
    if not survey.wave:
        return answered
    return answered & (cells[survey.wave].astype("string") == here.label).to_numpy(dtype=bool, na_value=False)


def _group_tables(
    survey: Survey, metric: Metric, chosen: Settings, here: Wave, *, repeats: bool
) -> tuple[GroupTable, ...]:
    sizes = {}
    for name in survey.groups:
        if name != survey.wave:
            # answers whose group is not known are no group: nobody can be recognised by what was not recorded
            used = _answered_by(survey, [name], metric, here).dropna(subset=[name])
            sizes[name] = used.groupby(name, observed=True, as_index=False)["n"].sum()
    sizes = {name: frame for name, frame in sizes.items() if len(frame) > 1}

    def together(one: str, other: str) -> pd.DataFrame:
        cells = _answered_by(survey, [one, other], metric, here)
        return cells.groupby([one, other], observed=True, dropna=False, as_index=False)["n"].sum()

    hidden = hidden_groups(sizes, together, threshold=chosen.smallest_group)
    return tuple(
        _group_table(
            survey,
            name,
            [str(label) for label in frame[name][~hidden[name]]],
            int(hidden[name].sum()),
            metric,
            chosen,
            here,
            repeats=repeats,
        )
        for name, frame in sizes.items()
    )


def _group_table(
    survey: Survey,
    name: str,
    labels: list[str],
    hidden: int,
    metric: Metric,
    chosen: Settings,
    here: Wave,
    *,
    repeats: bool,
) -> GroupTable:
    by = [metric.key, name] + ([survey.wave] if survey.wave else [])
    cells = survey.cells(by=by)
    keep = _of_wave(survey, cells, metric, here)
    used = cells[keep]
    title = survey.group_labels[name]
    if not labels:
        return GroupTable(name, title, (), (), (), hidden, None, np.empty((0, metric.scale.size)))
    matrix = survey.cluster_matrix(by=by, weighted=survey.weighted) if repeats else None
    means = group_means(
        used,
        metric,
        score=metric.key,
        group=name,
        labels=labels,
        matrix=None if matrix is None else matrix[np.ix_(keep, keep)],
        level=chosen.level,
    )
    best_first = np.argsort(-means.values, kind="stable")
    ranks = None
    if len(labels) > 1:
        # counts as if from a simple random sample of the effective size: weights and repeats count
        scaled = means.counts * (means.effective_n / means.n)[:, None]
        ranks = rank_groups(
            scaled[best_first],
            metric,
            names=[labels[i] for i in best_first],
            level=chosen.level,
            seed=chosen.seed,
        )
    return GroupTable(
        name=name,
        title=title,
        labels=tuple(labels[i] for i in best_first),
        n=tuple(int(means.n[i]) for i in best_first),
        estimates=tuple(_estimate(means, i, metric, chosen) for i in best_first),
        hidden=hidden,
        ranks=ranks,
        counts=means.counts[best_first],
    )


def _card(
    counts: np.ndarray, total: Estimate, metric: Metric, groups: tuple[GroupTable, ...], chosen: Settings
) -> tuple[CoverageCard, str, Estimate]:
    # the card is for the smallest group shown, where the choice of interval matters most; the total where no
    # smaller group is shown. Weighted or repeated answers count as the independent ones they are worth.
    found, table, who = total, counts, "all answers"
    for group in groups:
        for label, one, mine in zip(group.labels, group.estimates, group.counts, strict=True):
            if one.n < found.n:
                found, table, who = one, mine, f"{group.title}: {label}"
    worth = None if found.effective_n == found.n else found.effective_n
    # of very many answers the bootstrap's limits are Wald's, and take minutes to find
    methods = [name for name in CARD_METHODS if name != "bootstrap" or found.n <= MOST_BOOTSTRAPPED]
    card = coverage_card(
        table, metric, level=chosen.level, methods=methods, effective_n=worth, seed=chosen.seed
    )
    return card, who, found


def _planning(
    counts: np.ndarray,
    metric: Metric,
    chosen: Settings,
    *,
    n: int,
    deff: float,
    rate: float | None,
    change: Comparison | None,
) -> dict[str, Any]:
    # needs as they would be for the next wave: this spread of answers, this design, this response rate
    correlation = change.correlation if change is not None else 0.0
    margin, level, power = chosen.margin, chosen.level, chosen.power
    known = {"counts": counts, "level": level, "design_effect": deff}
    # the correlation is that of the two waves' values, which holds how many customers they share
    pair = {
        **known,
        "power": power,
        "overlap": 1.0 if correlation > 0 else 0.0,
        "correlation": max(correlation, 0.0),
    }
    asked = {"response_rate": rate}
    words = amount(margin, "percentage points" if metric.unit == "%" else "points")
    one = planning.n_for_margin(metric, margin, **known, **asked)
    detect = planning.n_for_difference(metric, margin, **pair, **asked)
    steady = planning.n_for_equivalence(metric, margin, **pair, **asked)
    plans = [
        Plan("state", f"state {metric.short} to within ±{words}", one, n, one.assumptions),
        Plan("detect", f"find a change of {words}", detect, n, _of_two_waves(detect, correlation)),
        Plan("steady", f"rule out a change of {words}", steady, n, _of_two_waves(steady, correlation)),
    ]
    if chosen.population is not None:
        these = planning.n_for_margin(metric, margin, **known, **asked, population=chosen.population)
        words = f"state {metric.short} of just these {chosen.population:,} customers to within ±{words}"
        plans.insert(1, Plan("these", words, these, n, these.assumptions))
    most = max(10_000, 4 * n)
    grid = np.unique(np.geomspace(min(50, n), most, 48).astype(int))
    curve = tuple(
        (int(size), planning.detectable_difference(metric, int(size), **pair).with_power) for size in grid
    )
    variance = metric.variance(counts)
    efficiency, others = None, ()
    if metric.unit != "scale points" and variance > 0:
        found = planning.relative_efficiency(counts / deff, metric, level=level)
        efficiency = found if np.isfinite(found.value) else None
        others = (
            planning.relative_efficiency(counts / deff, metric, shift=s, level=level) for s in OTHER_SHIFTS
        )
    biases = (margin / 5, margin * 2 / 5, margin) if variance > 0 else ()
    return {
        "plans": tuple(plans),
        "settling": None if change is None else _settling(change, metric, margin, pair),
        "detectable": planning.detectable_difference(metric, n, **pair).with_power,
        "detectable_curve": curve,
        "efficiency": efficiency,
        "efficiency_of_others": tuple(other for other in others if np.isfinite(other.value)),
        "floors": tuple(Floor(bias, planning.bias_floor(variance * deff, bias).n) for bias in biases),
    }


def _of_two_waves(size: planning.SampleSize, correlation: float) -> tuple[str, ...]:
    # the plan's own sentence speaks of customers' answers, but it was given the correlation of the values
    if correlation <= 0:
        return size.assumptions
    shared = f"as large a share of customers as now answers in both waves, whose values then correlate {correlation:.2f}"
    return (*size.assumptions[:-1], shared)


def _settling(change: Comparison, metric: Metric, margin: float, pair: dict[str, Any]) -> int | None:
    """Answers a wave that would give a firm verdict if the change is what it seems.

    None where it seems to lie so near the margin (within a fiftieth) that the number means nothing.
    """
    size = abs(change.difference)
    if abs(size - margin) < margin / 50:
        return None
    if size < margin:
        return planning.n_for_equivalence(metric, margin, true_difference=size, **pair).n
    return planning.n_for_difference(metric, size, beyond=margin, **pair).n


def _finite(counts: np.ndarray, n: int, metric: Metric, chosen: Settings, worth: float) -> Estimate | None:
    # only where the user names a population that the answers were drawn from at random
    if chosen.population is None:
        return None
    if chosen.population < n:
        raise ValueError(
            f"population is {chosen.population:,}, but there are {n:,} answers: it cannot be smaller"
        )
    effective = None if np.isclose(worth, n, rtol=1e-9) else worth
    return estimate(counts, metric, level=chosen.level, population=chosen.population, effective_n=effective)


def _alarms(counts: np.ndarray, n: int, metric: Metric, chosen: Settings) -> Alarms | None:
    # one look is no dashboard, and without any spread the usual interval has no width to alarm by
    if chosen.days < 2 or not metric.variance(counts) > 0:
        return None
    per_day = max(1, round(n / chosen.days))
    watched = {"answers_per_day": per_day, "days": chosen.days, "level": chosen.level, "seed": chosen.seed}
    fixed = sequential.false_alarm_rate(counts, metric, method="fixed", **watched)
    guarded = sequential.false_alarm_rate(counts, metric, method="asymptotic", **watched)
    if guarded.low > 1 - chosen.level:
        # hardly any answer differs from the rest: the observed spread says too little, the scale's range is sure
        guarded = sequential.false_alarm_rate(counts, metric, method="bounded", **watched)
    return Alarms(np.arange(1, chosen.days + 1), per_day, fixed, guarded)


def _label(counts: np.ndarray, metric: Metric) -> Label | None:
    if metric.key not in BANDS:
        return None
    found = planning.label_probabilities(counts, metric, dict(BANDS[metric.key]))
    return Label(found.labels, tuple(found.lower_edges.tolist()), tuple(found.probabilities.tolist()))


def _too_few(n: int, **shared: Any) -> Numbers:
    return Numbers(
        n=n,
        total=None,
        design_effect=1.0,
        waves=(),
        change=None,
        change_correlation=0.0,
        verdict=Verdict.INCONCLUSIVE,
        groups=(),
        card=None,
        card_for="",
        card_example=None,
        plans=(),
        settling=None,
        detectable=None,
        detectable_curve=(),
        finite=None,
        efficiency=None,
        efficiency_of_others=(),
        alarms=None,
        label=None,
        floors=(),
        scale_problems=(),
        counts=np.zeros(shared["metric"].scale.size),
        **shared,
    )
