"""Every score, outcome and amount of a survey as one kind of thing: a value per wave with its interval, and its "
"change."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from cxstats.findings import Verdict, judge
from cxstats.methods.groups import GroupMeans, group_means
from cxstats.methods.intervals import Estimate, estimate
from cxstats.methods.skewed import SkewedEstimate, skewed_difference, skewed_mean
from cxstats.methods.waves import change_since, wave_sequence
from cxstats.metrics import Metric

if TYPE_CHECKING:
    from cxstats.survey import Survey

__all__ = [
    "VALUE",
    "Change",
    "Frame",
    "Measure",
    "Reading",
    "estimate_of",
    "measured",
    "value_rows",
]

Kind = Literal["score", "outcome", "value"]
VALUE = "value"
EXACT_BELOW = 30
NO_WAVE = 0.01  # share of rows without a wave from which on the invitations of a wave are not known
MOST_ROWS = 5_000_000  # rows that are brought here one by one, for amounts: they cannot be counted


@dataclass(frozen=True, slots=True)
class Reading:
    """A measure in one wave.

    Attributes
    ----------
    label : the wave; "" where there are none.
    n : answers, or customers of whom the outcome or amount is known.
    asked : those invited (of outcomes and amounts: customers on the list); None where that is not known.
    value, low, high : in the measure's unit; the interval is right for one look at one wave.
    outer : limits that hold for all waves together; None for amounts, and where there is one wave.
    start, end : first and last day on which customers were asked.
    """

    label: str
    n: int
    asked: int | None
    value: float
    low: float
    high: float
    outer: tuple[float, float] | None = None
    start: dt.date | None = None
    end: dt.date | None = None

    @property
    def rate(self) -> float | None:
        """Share of those asked who answered; None where that is not known."""
        return self.n / self.asked if self.asked else None


@dataclass(frozen=True, slots=True)
class Change:
    """Change since the wave before, in the measure's unit; whether the limits hold for all measures see `measured`."""

    before: str
    value: float
    low: float
    high: float
    correlation: float

    def verdict(self, margin: float) -> Verdict:
        """Against the smallest change that matters."""
        return judge(self.low, self.high, margin)


@dataclass(frozen=True, slots=True)
class Measure:
    """One row of the page.

    Attributes
    ----------
    key : its name in survey.yml; "value" for what a customer is worth.
    kind : "score", "outcome" or "value".
    metric : None for amounts, which lie on no scale.
    label, short : names for readers.
    unit : the metric's unit; of an amount its currency, "" where survey.yml does not say it.
    channel : where the answers come from, if survey.yml says so.
    unasked : nobody was invited to give this score.
    margin : smallest change that matters, in its unit.
    readings : the waves with answers enough, oldest first; () where none has.
    change : since the wave before; None with fewer than two waves.
    counts : (weighted) category counts of the last reading scaled to n; None for amounts.
    effective_n : independent answers these are worth.
    repeated : whether a customer is in that reading more than once.
    family : the last reading's interval as the verdict judges it; (nan, nan) without readings.
    largest_share : of amounts: part of the total that the largest hundredth makes.
    """

    key: str
    kind: Kind
    metric: Metric | None
    label: str
    short: str
    unit: str
    channel: str
    unasked: bool
    margin: float
    readings: tuple[Reading, ...]
    change: Change | None
    counts: np.ndarray | None
    effective_n: float
    repeated: bool
    family: tuple[float, float]
    largest_share: float = float("nan")

    @property
    def now(self) -> Reading:
        """The wave reported on."""
        return self.readings[-1]

    @property
    def verdict(self) -> Verdict:
        """Whether it changed; with one wave, whether it is known to within its margin."""
        if self.change is not None:
            return self.change.verdict(self.margin)
        low, high = self.family
        return judge(low - self.now.value, high - self.now.value, self.margin)


@dataclass(frozen=True, slots=True)
class Frame:
    """What all measures share: the survey, the waves looked at, thresholds and levels.

    ``side`` is the group variable that says whom an action reached; None where there is none. ``joint`` are group
    variables whose combinations are few, which are counted together. ``amounts`` are the rows with what each customer is
    worth, brought here once; None where that is not described, or there are too many rows.
    """

    survey: Survey
    waves: tuple[str, ...]
    level: float
    smallest: int
    value_margin: float
    amounts: pd.DataFrame | None
    joint: tuple[str, ...] = ()
    side: str | None = None
    _counted: dict[tuple[str, ...], Any] = field(default_factory=dict, repr=False)

    def cells(self, measure: str, *more: str) -> pd.DataFrame:
        """Counts of a score or outcome by group variables and the wave; each asked for once.

        Variables of ``joint`` have so few combinations that one pass counts by all of them.
        """
        if more and set(more) <= set(self.joint):
            whole = self._asked_once(measure, *self.joint)
            by = [measure, *more, *self.by_wave]
            tallies = [name for name in ("n", "w", "w2") if name in whole.columns]
            return whole.groupby(by, observed=True, dropna=False, as_index=False)[tallies].sum()
        return self._asked_once(measure, *more)

    def clustered(self, measure: str) -> tuple[pd.DataFrame, np.ndarray | None]:
        """Counts by wave (and ``side``), and how often customers fall in two of them; None where nobody does."""
        by = [measure, *([self.side] if self.side else [])]
        cells = self._asked_once(*by)
        key = ("matrix", *by)
        if self.survey.repeats and key not in self._counted:
            found = self.survey.cluster_matrix([*by, *self.by_wave], weighted=self.survey.weighted)
            self._counted[key] = found if isinstance(found, np.ndarray) else found.toarray()
        return cells, self._counted.get(key)

    def _asked_once(self, measure: str, *more: str) -> pd.DataFrame:
        key = (measure, *more)
        if key not in self._counted:
            by, survey = [*more, *self.by_wave], self.survey
            scored = measure in survey.metrics
            self._counted[key] = survey.cells([measure, *by]) if scored else survey.outcome_cells(measure, by)
        return self._counted[key]

    @property
    def by_wave(self) -> list[str]:
        """The wave's column, as a list of columns."""
        return [self.survey.wave] if self.survey.wave else []

    def amounts_of(self, wave: str, *more: str) -> pd.DataFrame:
        """The rows of one wave whose worth, and whatever else is named, is known."""
        assert self.amounts is not None
        rows = self.amounts.dropna(subset=[VALUE, *more])
        return rows[in_wave(rows, self.survey.wave, wave)]


@dataclass(frozen=True, slots=True)
class _Raw:
    """A measure before the family of all measures is known."""

    measure: Measure
    means: GroupMeans | None = None
    amounts: tuple[pd.DataFrame, ...] = ()


def measured(frame: Frame) -> tuple[tuple[Measure, ...], bool]:
    """Every measure of the survey, and whether the intervals of their changes are made to hold together.

    That nothing moved needs no wider intervals: it is wrong only if the interval of one that did move is, whichever that
    is (an intersection-union test: Berger 1982). So where each measure's own interval lies within its margin, these are
    the ones. Otherwise any of them could be the one that chance picked, and they hold together (Bonferroni: whatever
    answers and customers the measures share).
    """
    survey = frame.survey
    raw = [_score(frame, name) for name in survey.metrics]
    raw += [_outcome(frame, name) for name in survey.outcomes]
    if frame.amounts is not None:
        raw.append(_value(frame))
    own = tuple(_judged(one, frame, frame.level, frame.level) for one in raw)
    known = [m for m in own if m.readings]
    changing = [m for m in known if m.change is not None]
    if len(changing or known) < 2 or all(m.verdict is Verdict.NEGLIGIBLE for m in changing or known):
        return own, False
    each = 1 - (1 - frame.level) / max(len(changing), 1)
    alone = 1 - (1 - frame.level) / len(known)
    return tuple(_judged(one, frame, each, alone) for one in raw), True


def _judged(one: _Raw, frame: Frame, each: float, alone: float) -> Measure:
    measure = one.measure
    if not measure.readings:
        return measure
    family = _widened(one, alone)
    if len(measure.readings) < 2:
        return replace(measure, family=family)
    before = measure.readings[-2].label
    if one.means is not None:
        assert measure.metric is not None
        found = change_since(one.means, measure.metric, each)
        change = Change(before, found.difference, found.low, found.high, found.correlation)
    else:
        a, b = one.amounts[-2:]
        who, weigh = (tuple(column(t, name) for t in (a, b)) for name in ("customer", "weight"))
        moved = skewed_difference(
            a[VALUE],
            b[VALUE],
            customers=None if who[0] is None else who,
            weights=None if weigh[0] is None else weigh,
            level=each,
        )
        change = Change(before, moved.value, moved.low, moved.high, float("nan"))
    return replace(measure, family=family, change=change)


def _widened(one: _Raw, level: float) -> tuple[float, float]:
    if one.means is None:
        wide: Estimate | SkewedEstimate = mean_worth(one.amounts[-1], level)
    else:
        assert one.measure.metric is not None
        wide = estimate_of(one.means, len(one.means.n) - 1, one.measure.metric, level)
    return wide.low, wide.high


# --- scores and outcomes: counts ------------------------------------------------------------------


def _score(frame: Frame, name: str) -> _Raw:
    survey, metric = frame.survey, frame.survey.metric(name)
    score = survey.description.scores[name]
    cells = frame.cells(name)
    asked = survey.n_invited is not None and survey.was_asked(name)
    found, means, repeated = _readings(frame, cells, name, metric, asked=asked)
    return _Raw(
        _measure(
            name,
            "score",
            metric,
            found,
            means,
            repeated=repeated,
            channel=score.channel or "",
            unasked=not score.asked,
        ),
        means,
    )


def _outcome(frame: Frame, name: str) -> _Raw:
    metric = frame.survey.outcome_metric(name)
    cells = frame.cells(name)
    found, means, repeated = _readings(frame, cells, name, metric, asked=True)
    if without_window(frame.survey, name):
        found = found[-1:]  # earlier waves were watched for longer: they differ for that alone
    return _Raw(_measure(name, "outcome", metric, found, means, repeated=repeated), means)


def without_window(survey: Survey, name: str) -> bool:
    """Whether an outcome counts as long as the data reaches, which is longer for who was asked earlier."""
    described = survey.description.outcomes[name]
    return described.on is not None and described.window_days is None


def _measure(
    name: str,
    kind: Kind,
    metric: Metric,
    readings: tuple[Reading, ...],
    means: GroupMeans | None,
    *,
    repeated: bool,
    channel: str = "",
    unasked: bool = False,
) -> Measure:
    return Measure(
        key=name,
        kind=kind,
        metric=metric,
        label=metric.label,
        short=metric.short,
        unit=metric.unit,
        channel=channel,
        unasked=unasked,
        margin=metric.margin,
        readings=readings,
        change=None,
        counts=None if means is None else means.counts[-1],
        effective_n=float("nan") if means is None else float(means.effective_n[-1]),
        repeated=repeated,
        family=(float("nan"), float("nan")),
    )


def _readings(
    frame: Frame, cells: pd.DataFrame, name: str, metric: Metric, *, asked: bool
) -> tuple[tuple[Reading, ...], GroupMeans | None, bool]:
    survey = frame.survey
    answered = cells.dropna(subset=[name])
    if survey.wave:
        sizes = answered.groupby(survey.wave, observed=True)["n"].sum()
        labels = [w for w in frame.waves if sizes.get(w, 0) >= frame.smallest]
    else:
        labels = ["all"] if answered["n"].sum() >= frame.smallest else []
    if not labels:
        return (), None, False
    fine, matrix = frame.clustered(name)
    means = group_means(
        fine,
        metric,
        score=name,
        group=survey.wave,
        labels=labels if survey.wave else None,
        matrix=matrix,
        level=frame.level,
    )
    outer = None
    if len(labels) > 1:
        outer = wave_sequence(means.counts, metric, effective_n=means.effective_n, level=frame.level)
    windows = survey.wave_windows
    readings = []
    for i, label in enumerate(labels):
        found = estimate_of(means, i, metric, frame.level)
        start, end = windows.get(label, (None, None))
        readings.append(
            Reading(
                label=label if survey.wave else "",
                n=int(means.n[i]),
                asked=_asked(survey, cells, label if survey.wave else None) if asked else None,
                value=found.value,
                low=found.low,
                high=found.high,
                outer=None if outer is None else (float(outer[0][i]), float(outer[1][i])),
                start=start,
                end=end,
            )
        )
    here = in_wave(fine, survey.wave, readings[-1].label) & fine[name].notna().to_numpy()
    return tuple(readings), means, matrix is not None and _repeats(fine[here], matrix, survey.weighted)


def _repeats(cells: pd.DataFrame, matrix: np.ndarray, weighted: bool) -> bool:
    """Whether a customer is in these cells more than once."""
    at = cells.index.to_numpy()
    return not np.allclose(
        matrix[np.ix_(at, at)], np.diag(cells["w2" if weighted else "n"].to_numpy(dtype=float))
    )


def estimate_of(means: GroupMeans, i: int, metric: Metric, level: float) -> Estimate:
    """Group ``i`` with its interval: exact where answers are few and can be enumerated, else the score interval."""
    n = int(means.n[i])
    plain = bool(np.isclose(means.effective_n[i], n, rtol=1e-9))
    method = "exact" if plain and n < EXACT_BELOW and len(metric.distinct_values) <= 3 else "score"
    effective = None if plain else float(means.effective_n[i])
    return estimate(means.counts[i], metric, method=method, level=level, effective_n=effective)


def _asked(survey: Survey, cells: pd.DataFrame, wave: str | None) -> int | None:
    if wave is None:
        return int(cells["n"].sum())
    # where the wave is recorded with the answer only, those who did not answer are in no wave
    if cells.loc[cells[survey.wave].isna(), "n"].sum() > NO_WAVE * cells["n"].sum():
        return None
    return int(cells.loc[cells[survey.wave].eq(wave).fillna(False), "n"].sum())


# --- amounts: rows --------------------------------------------------------------------------------


def value_rows(survey: Survey) -> pd.DataFrame | None:
    """Every row with what its customer is worth, the customer, wave, scores and groups."""
    if survey.description.value is None or survey.n_rows > MOST_ROWS:
        return None
    own = ["customer"] if survey.description.customer is not None else []
    own += ["weight"] if survey.weighted else []
    wave = [survey.wave] if survey.wave else []
    return survey.rows([VALUE, *own, *wave, *survey.metrics, *survey.groups])


def in_wave(table: pd.DataFrame, column: str | None, wave: str) -> np.ndarray:
    """Which rows are of the wave: all of them where there are no waves."""
    if not column:
        return np.ones(len(table), dtype=bool)
    return table[column].astype("string").eq(wave).fillna(False).to_numpy(dtype=bool)


def column(table: pd.DataFrame, name: str) -> np.ndarray | None:
    """The column as an array; None where there is none."""
    return table[name].to_numpy() if name in table.columns else None


def mean_worth(table: pd.DataFrame, level: float) -> SkewedEstimate:
    """What the customers of these rows are worth on average."""
    return skewed_mean(
        table[VALUE], customers=column(table, "customer"), weights=column(table, "weight"), level=level
    )


def _value(frame: Frame) -> _Raw:
    survey, role = frame.survey, frame.survey.description.value
    assert role is not None
    label = role.label or "Worth of a customer"
    parts = [(w, frame.amounts_of(w)) for w in (frame.waves if survey.wave else ("",))]
    parts = [(name, table) for name, table in parts if len(table) >= frame.smallest]
    windows = survey.wave_windows
    asked = survey.cells(frame.by_wave) if frame.by_wave else None
    readings, last = [], None
    for name, table in parts:
        last = mean_worth(table, frame.level)
        start, end = windows.get(name, (None, None))
        size = survey.n_rows if asked is None else _asked(survey, asked, name)
        readings.append(Reading(name, last.n, size, last.value, last.low, last.high, start=start, end=end))
    reference = readings[-2].value if len(readings) > 1 else readings[-1].value if readings else float("nan")
    margin = frame.value_margin * abs(reference)
    measure = Measure(
        key=VALUE,
        kind="value",
        metric=None,
        label=label,
        short=label,
        unit=role.unit or "",
        channel="",
        unasked=False,
        margin=margin if margin > 0 else 1.0,
        readings=tuple(readings),
        change=None,
        counts=None,
        effective_n=float("nan"),
        repeated=last is not None and last.customers < last.n,
        family=(float("nan"), float("nan")),
        largest_share=float("nan") if last is None else last.largest_share,
    )
    return _Raw(measure, amounts=tuple(table for _, table in parts))
