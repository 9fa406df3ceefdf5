"""How an outcome goes with a score: the rate at each answer, the trend, its shape, and what it amounts to.

Everything is computed from counts of (score, outcome). The counts are of customers: one answer each (a customer who
answered in two waves is one customer with one outcome, not two). Rates come with the base rate beside them, and a
ratio never without the difference: twice as many of very few is very few.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cxstats.methods.clusters import require_columns
from cxstats.methods.limits import critical_value
from cxstats.metrics import Metric
from cxstats.parameters import Level, checked
from cxstats.show import definition_html
from cxstats.words import count

__all__ = [
    "Association",
    "Asymmetry",
    "Effects",
    "ScoreOutcome",
    "answer_groups",
    "association",
    "has_usual_groups",
    "score_outcome",
]


@dataclass(frozen=True, slots=True, eq=False)
class ScoreOutcome:
    """Customers with and without the event at each answer of the scale, low to high, shape (K,) each."""

    scale: np.ndarray
    events: np.ndarray
    others: np.ndarray

    @property
    def n(self) -> np.ndarray:
        """Customers at each answer."""
        return self.events + self.others

    @property
    def base_rate(self) -> float:
        """Share of all customers with the event."""
        return float(self.events.sum() / self.n.sum())

    def merged(self, groups: np.ndarray) -> ScoreOutcome:
        """Answers put together; ``groups`` numbers the group of each answer from 0."""
        size = int(groups.max()) + 1
        return ScoreOutcome(
            np.arange(size),
            np.bincount(groups, weights=self.events, minlength=size),
            np.bincount(groups, weights=self.others, minlength=size),
        )

    @property
    def log_likelihood(self) -> float:
        """Of the model in which every answer has a rate of its own."""
        from scipy.special import xlogy

        n = np.maximum(self.n, 1)
        return float(np.sum(xlogy(self.events, self.events / n) + xlogy(self.others, self.others / n)))


def score_outcome(cells: pd.DataFrame, metric: Metric, *, score: str, outcome: str) -> ScoreOutcome:
    """Counts of score and outcome from cells; rows in which either is missing do not count.

    Raises
    ------
    ValueError : a column does not exist, an answer is off the scale, or nothing is left.
    """
    require_columns(cells, [score, outcome, "n"])
    known = cells.dropna(subset=[score, outcome])
    answer = known[score].to_numpy(dtype=int) - metric.scale.low
    if np.any(answer < 0) or np.any(answer >= metric.scale.size):
        raise ValueError(f"{score!r} holds answers outside {metric.scale.low} to {metric.scale.high}")
    had = known[outcome].to_numpy(dtype=bool)
    n = known["n"].to_numpy(dtype=float)
    if not n.sum() > 0:
        raise ValueError(f"no customer has both an answer to {score!r} and a known {outcome!r}")
    size = metric.scale.size
    return ScoreOutcome(
        metric.scale.low + np.arange(size),
        np.bincount(answer[had], weights=n[had], minlength=size),
        np.bincount(answer[~had], weights=n[~had], minlength=size),
    )


@dataclass(frozen=True, slots=True)
class Effects:
    """Low group against high group, and the slope; every ratio beside its difference and the base rate.

    Attributes
    ----------
    low_name, high_name : which answers the groups hold: of the lowest and of the highest group that anybody is in. The
        same where all answers are of one group, which then has nothing to stand against.
    low_rate, high_rate, base_rate : shares with the event.
    risk_difference : low less high, in percentage points, with Newcombe's (1998) interval.
    risk_ratio : low over high, with Koopman's (1984) score interval; infinite upper limits are possible.
    odds_ratio : of one step on the scale, from the logistic line, with its Wald interval.
    marginal_effect : change of the rate per step on the scale, averaged over customers, in percentage points,
        with its delta-method interval.
    """

    low_name: str
    high_name: str
    low_rate: float
    high_rate: float
    base_rate: float
    risk_difference: tuple[float, float, float]
    risk_ratio: tuple[float, float, float]
    odds_ratio: tuple[float, float, float] | None
    marginal_effect: tuple[float, float, float] | None


@dataclass(frozen=True, slots=True)
class Asymmetry:
    """Do only low scores matter? Log-odds of the lowest and highest group against those between.

    Attributes
    ----------
    low, high : difference in log-odds from the middle group, and standard error. With an empty cell half a customer is
        added to each (which is Firth's correction here), and ``corrected`` is true.
    symmetric_p : of the hypothesis that the high group is as far above the middle as the low one is below.
    high_p : of the hypothesis that the high group does not differ from the middle.
    """

    low: tuple[float, float]
    high: tuple[float, float]
    symmetric_p: float
    high_p: float
    corrected: bool


@dataclass(frozen=True, slots=True, eq=False)
class Association:
    """How an outcome goes with a score.

    Attributes
    ----------
    n, events : customers with an answer and a known outcome; those with the event.
    table : one row per answer of the scale: ``answer``, ``n``, ``events``, ``rate`` and its Wilson limits ``low`` and
        ``high`` (shares), ``isotonic`` (the closest rates that only rise, or only fall).
    direction : +1 where the event grows more frequent with the score, −1 where less.
    out_of_order : customers whose answer's rate the isotonic fit had to move by pooling.
    trend_z, trend_p : Cochran–Armitage test of a linear trend in the rates.
    forms : one row per form of the logistic model (line, groups, spline, one rate per answer): ``parameters``,
        ``log_likelihood``, ``aic`` and ``lack_of_fit_p``, likelihood ratio against one rate per answer.
    effects : sizes.
    asymmetry : the test of it; None for a metric without a middle group.
    separated : why no coefficient is given, or an empty text: the answers tell the outcome exactly.
    level : confidence level.
    """

    n: int
    events: int
    table: pd.DataFrame
    direction: int
    out_of_order: int
    trend_z: float
    trend_p: float
    forms: pd.DataFrame
    effects: Effects
    asymmetry: Asymmetry | None
    separated: str
    level: float

    def _repr_html_(self) -> str:
        effects = self.effects
        rows = [
            ("customers", f"{self.n:,}, of whom {self.events:,} had the event ({effects.base_rate:.1%})"),
            (effects.low_name, f"{effects.low_rate:.1%}"),
            (effects.high_name, f"{effects.high_rate:.1%}"),
            (
                "difference, percentage points",
                "{:+.1f} ({:+.1f} to {:+.1f})".format(*effects.risk_difference),
            ),
            ("trend", f"z = {self.trend_z:.2f}"),
        ]
        return definition_html("Outcome by score", rows)


def association(
    cells: pd.DataFrame, metric: Metric, *, score: str, outcome: str, level: float = 0.95
) -> Association:
    """Describe and test how an outcome goes with a score.

    Parameters
    ----------
    cells : counts of customers, one answer each, with columns ``score``, ``outcome`` (true and false) and ``n``.
    metric : gives the scale, and which answers form the low and the high group: those of the lowest and of the
        highest value (detractors and promoters); for a mean, the two lowest and the two highest answers.
    level : confidence level.

    Returns
    -------
    Association.

    Raises
    ------
    ValueError : a column does not exist; no customer with answer and outcome; nobody, or everybody, had the event.

    Notes
    -----
    Cochran (1954) and Armitage (1955) for the trend, Wilson (1927), Newcombe (1998), Koopman (1984); spline with
    knots at the 5th, 50th and 95th percentile of the answers. See ``docs/methods/prediction.md``.

    Examples
    --------
    >>> from cxstats.metrics import csat
    >>> cells = pd.DataFrame({"csat": [1, 1, 3, 3, 5, 5], "left": [True, False] * 3, "n": [30, 70, 20, 80, 10, 190]})
    >>> found = association(cells, csat(5), score="csat", outcome="left")
    >>> [round(x, 1) for x in found.effects.risk_difference]      # 50 of 200 against 10 of 200
    [20.0, 13.2, 26.8]
    """
    from scipy import stats

    level = checked("level", level, Level)
    counts = score_outcome(cells, metric, score=score, outcome=outcome)
    events, n = int(counts.events.sum()), int(counts.n.sum())
    if events in (0, n):
        who = "nobody" if events == 0 else "everybody"
        raise ValueError(
            f"{who} among {count(n)} customers with an answer had {outcome!r}: there is nothing to predict"
        )
    z = trend_statistic(counts)
    direction = 1 if z >= 0 else -1
    table = _table(counts, direction, level)
    separated = _separated(counts)
    line = None if separated else _line(counts)
    groups, names = answer_groups(metric)
    return Association(
        n=n,
        events=events,
        table=table,
        direction=direction,
        out_of_order=int(table.loc[~np.isclose(table["rate"], table["isotonic"]), "n"].sum()),
        trend_z=z,
        trend_p=float(2 * stats.norm.sf(abs(z))),
        forms=_forms(counts, groups, line),
        effects=_effects(counts, groups, names, line, level),
        asymmetry=_asymmetry(counts.merged(groups)) if groups.max() == 2 else None,
        separated=separated,
        level=level,
    )


def trend_statistic(counts: ScoreOutcome) -> float:
    """Cochran–Armitage z: the events' mean score against chance, variance as drawn from all customers.

    >>> counts = ScoreOutcome(np.array([0, 1, 2]), np.array([5, 10, 20.]), np.array([45, 40, 30.]))
    >>> round(trend_statistic(counts), 3)
    3.546
    """
    n, total = counts.n, counts.n.sum()
    rate = counts.base_rate
    centred = counts.scale - (n @ counts.scale) / total
    spread = rate * (1 - rate) * (n @ centred**2)
    return float(counts.events @ centred / np.sqrt(spread)) if spread > 0 else 0.0


def _table(counts: ScoreOutcome, direction: int, level: float) -> pd.DataFrame:
    from scipy.optimize import isotonic_regression
    from statsmodels.stats.proportion import proportion_confint

    n = counts.n
    seen = n > 0
    rate = np.where(seen, counts.events / np.maximum(n, 1), np.nan)
    low, high = proportion_confint(counts.events, np.maximum(n, 1), alpha=1 - level, method="wilson")
    # the ends of the scale of rates, which rounding misses by a hair
    low, high = np.where(counts.events == 0, 0.0, low), np.where(counts.events == n, 1.0, high)
    fitted = np.full(len(n), np.nan)
    fitted[seen] = isotonic_regression(rate[seen], weights=n[seen], increasing=direction > 0).x
    return pd.DataFrame(
        {
            "answer": counts.scale,
            "n": n.astype(int),
            "events": counts.events.astype(int),
            "rate": rate,
            "low": np.where(seen, low, np.nan),
            "high": np.where(seen, high, np.nan),
            "isotonic": fitted,
        }
    )


def _separated(counts: ScoreOutcome) -> str:
    """Whether answers tell the outcome exactly, or a cut of the scale does (then no logistic line is finite)."""
    with_event, without = np.flatnonzero(counts.events), np.flatnonzero(counts.others)
    if with_event.max() <= without.min() or with_event.min() >= without.max():
        return "a cut of the scale divides those with the event from those without"
    if not np.any((counts.events > 0) & (counts.others > 0)):
        return "no answer is shared by customers with the event and without"
    return ""


def _line(counts: ScoreOutcome):
    """Logistic line by statsmodels, on the answers that occur."""
    seen = counts.n > 0
    if seen.sum() < 2:
        return None
    # not statsmodels.api, whose import takes longer than the fit of a thousand such lines
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_linear_model import GLM

    # customers, not answers, are the observations: with two answers a line through their rates leaves no residual
    happened, answer, n = _customers(counts)
    design = np.column_stack([np.ones(len(answer)), answer])
    return GLM(happened, design, family=Binomial(), freq_weights=n).fit()


def _customers(counts: ScoreOutcome) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcome (0 or 1), answer and number of customers, one row for each outcome and answer that occur."""
    happened = np.repeat([1.0, 0.0], len(counts.scale))
    n = np.concatenate([counts.events, counts.others]).astype(float)
    there = n > 0
    return happened[there], np.tile(counts.scale.astype(float), 2)[there], n[there]


def has_usual_groups(metric: Metric) -> bool:
    """Whether a metric puts answers into groups: detractors, passives, promoters; satisfied or not. A mean does not."""
    return len(metric.distinct_values) <= 3


def answer_groups(metric: Metric) -> tuple[np.ndarray, tuple[str, ...]]:
    """Group of each answer, low to high, shape (scale.size,), and the groups' names.

    The metric's own groups; for a mean, which has none, the two lowest answers, the two highest, and those between.

    >>> from cxstats.metrics import NPS, ces
    >>> answer_groups(NPS)[1], answer_groups(ces(7, high_is="easy"))[1]
    (('0 to 6', '7 to 8', '9 to 10'), ('1 to 2', '3 to 5', '6 to 7'))
    """
    size, low = metric.scale.size, metric.scale.low
    told = np.asarray(metric.values, dtype=float)
    if not has_usual_groups(metric):
        told = np.where(np.arange(size) < 2, 0, np.where(np.arange(size) >= size - 2, 2, 1))
    groups = np.unique(told, return_inverse=True)[1]
    spans = [np.flatnonzero(groups == g) + low for g in range(groups.max() + 1)]
    return groups, tuple(f"{s[0]} to {s[-1]}" if len(s) > 1 else str(s[0]) for s in spans)


def _forms(counts: ScoreOutcome, groups: np.ndarray, line) -> pd.DataFrame:
    from scipy import stats

    seen = int((counts.n > 0).sum())
    full = counts.log_likelihood
    merged = counts.merged(groups)
    fits = [("groups", int((merged.n > 0).sum()), merged.log_likelihood)]
    if line is not None:
        fits.insert(0, ("line", 2, float(line.llf)))
        spline = _spline(counts)
        if spline is not None:
            fits.append(("spline", *spline))
    fits.append(("one rate per answer", seen, full))
    lines = [
        (name, k, llf, 2 * k - 2 * llf, stats.chi2.sf(2 * (full - llf), seen - k) if seen > k else np.nan)
        for name, k, llf in fits
    ]
    return pd.DataFrame(lines, columns=["form", "parameters", "log_likelihood", "aic", "lack_of_fit_p"])


def _spline(counts: ScoreOutcome) -> tuple[int, float] | None:
    from scipy.special import log_expit

    from cxstats.methods.part_fits import logistic_fit
    from cxstats.methods.predictors import restricted_cubic_spline

    seen = counts.n > 0
    cumulated = np.cumsum(counts.n) / counts.n.sum()
    knots = np.unique(counts.scale[np.searchsorted(cumulated, [0.05, 0.5, 0.95])])
    if len(knots) < 3 or seen.sum() < 4:
        return None
    happened, answer, n = _customers(counts)
    spline = restricted_cubic_spline(answer, knots)
    design = np.column_stack([np.ones(len(answer)), (spline - spline.mean(axis=0)) / spline.std(axis=0)])
    # a curve may part the customers and be steep without end: a trace of a penalty ends it where its likelihood has settled
    eta = design @ logistic_fit(design, happened, n, penalty=1e-8)
    return design.shape[1], float(n @ log_expit(np.where(happened > 0.5, eta, -eta)))


def _effects(counts: ScoreOutcome, groups: np.ndarray, names, line, level: float) -> Effects:
    from statsmodels.stats.proportion import confint_proportions_2indep

    merged = counts.merged(groups)
    there = np.flatnonzero(merged.n > 0)
    first, last = there[0], there[-1]
    (a, b), (c, d) = ((merged.events[g], merged.n[g]) for g in (first, last))
    nothing = (float("nan"),) * 3
    difference = ratio = nothing
    if first < last:
        alpha = 1 - level
        low, high = confint_proportions_2indep(a, b, c, d, compare="diff", method="newcomb", alpha=alpha)
        difference = (100 * (a / b - c / d), 100 * low, 100 * high)
        ratio = (
            a / b / (c / d) if c else (float("inf") if a else float("nan")),
            *_koopman(a, b, c, d, level),
        )
    odds = marginal = None
    if line is not None:
        z, slope, error = critical_value(level), line.params[1], line.bse[1]
        odds = tuple(float(np.exp(x)) for x in (slope, slope - z * error, slope + z * error))
        marginal = _marginal_effect(counts, line, z)
    return Effects(
        low_name=names[first],
        high_name=names[last],
        low_rate=float(a / b),
        high_rate=float(c / d),
        base_rate=counts.base_rate,
        risk_difference=tuple(float(x) for x in difference),
        risk_ratio=tuple(float(x) for x in ratio),
        odds_ratio=odds,
        marginal_effect=marginal,
    )


def _koopman(a: float, b: float, c: float, d: float, level: float) -> tuple[float, float]:
    """Score interval of (a/b)/(c/d): every ratio that the score test does not reject (Koopman 1984).

    Not statsmodels', whose closed solution is complex where everybody of a group had the event.
    """
    from scipy.optimize import brentq

    if a == 0 and c == 0:
        return 0.0, float("inf")
    least = critical_value(level) ** 2

    def beyond(log_ratio: float) -> float:
        """Score statistic of a ratio, above the one that is just not rejected."""
        ratio = np.exp(log_ratio)
        # likeliest rates with this ratio, p = ratio·q: the lesser root of a quadratic, whose discriminant is a sum
        apart = np.sqrt((ratio * (b + c) - a - d) ** 2 + 4 * ratio * (b - a) * (d - c))
        q = min(2 * (a + c) / (ratio * (b + c) + a + d + apart), 1.0)
        p = min(ratio * q, 1.0)
        off = a / b - ratio * c / d
        variance = p * (1 - p) / b + ratio**2 * q * (1 - q) / d
        if abs(off) < 1e-12:
            return -least
        return off**2 / variance - least if variance > 0 else float("1e300")

    seen = float(np.log((max(a, 0.5) / b) / (max(c, 0.5) / d)))
    low = 0.0 if a == 0 else float(np.exp(brentq(beyond, seen - 50, seen)))
    high = float("inf") if c == 0 else float(np.exp(brentq(beyond, seen, seen + 50)))
    return low, high


def _marginal_effect(counts: ScoreOutcome, line, z: float) -> tuple[float, float, float]:
    """Mean over customers of the line's slope in the rate, in percentage points, by the delta method."""
    from scipy.special import expit

    seen = counts.n > 0
    share = counts.n[seen] / counts.n.sum()
    x, slope = counts.scale[seen], line.params[1]
    p = expit(line.params[0] + slope * x)
    flat = p * (1 - p)
    effect = slope * (share @ flat)
    bend = slope * flat * (1 - 2 * p)
    gradient = np.array([share @ bend, share @ (flat + bend * x)])
    error = float(np.sqrt(gradient @ line.cov_params() @ gradient))
    return tuple(float(100 * v) for v in (effect, effect - z * error, effect + z * error))


def _asymmetry(groups: ScoreOutcome) -> Asymmetry | None:
    from scipy import stats

    if np.any(groups.n == 0):
        return None
    corrected = bool(np.any(groups.events == 0) or np.any(groups.others == 0))
    events, others = groups.events + 0.5 * corrected, groups.others + 0.5 * corrected
    odds, variance = np.log(events / others), 1 / events + 1 / others
    low, high = odds[0] - odds[1], odds[2] - odds[1]
    # low + high = odds₀ + odds₂ − 2·odds₁
    both = (low + high) / np.sqrt(variance[0] + variance[2] + 4 * variance[1])
    errors = np.sqrt(variance[[0, 2]] + variance[1])
    return Asymmetry(
        low=(float(low), float(errors[0])),
        high=(float(high), float(errors[1])),
        symmetric_p=float(2 * stats.norm.sf(abs(both))),
        high_p=float(2 * stats.norm.sf(abs(high / errors[1]))),
        corrected=corrected,
    )
