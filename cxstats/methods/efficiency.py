"""What answers are worth: the price of a coarse metric, and the n beyond which more answers stop helping."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cxstats.metrics import Metric
from cxstats.parameters import Level, checked
from cxstats.show import definition_html

__all__ = [
    "BiasFloor",
    "RelativeEfficiency",
    "bias_floor",
    "correlation_from_gap",
    "relative_efficiency",
]

Shift = Literal["latent", "one_up", "tilt"]


@dataclass(frozen=True, slots=True)
class RelativeEfficiency:
    """How many answers a metric needs for each answer that another metric of the same answers needs.

    Attributes
    ----------
    value : (δ_other/σ_other)²/(δ_metric/σ_metric)²: 2 means that ``metric`` needs twice the answers of
        ``other`` to see the same change with the same certainty; infinite where the metric does not move.
    low, high : interval at ``level``; both NaN where the given change does not move the metric at all.
    change : the change it is stated for, in words.
    metric, other : short names.
    level : confidence level.
    n : answers it was estimated from.
    """

    value: float
    low: float
    high: float
    change: str
    metric: str
    other: str
    level: float
    n: float

    def _repr_html_(self) -> str:
        return definition_html(
            f"What {self.metric} costs against the {self.other}",
            [
                ("answers needed, times", f"{self.value:.2f}"),
                (f"{self.level:.0%} interval", f"{self.low:.2f} to {self.high:.2f}"),
                ("for", self.change),
            ],
        )


def relative_efficiency(
    counts: Sequence[float] | np.ndarray,
    metric: Metric,
    other: Metric | None = None,
    *,
    shift: Shift | Sequence[float] | np.ndarray = "latent",
    level: float = 0.95,
) -> RelativeEfficiency:
    """What a metric costs against another summary of the same answers, for a stated small change.

    For a small change the answers needed are proportional to (σ/δ)², δ being how far the change moves the
    metric: the ratio says how many times more answers ``metric`` needs than ``other``. It depends on the
    kind of change, so that is always named.

    Parameters
    ----------
    counts : answers per category, shape (K,): the full scale, not only the metric's groups.
    metric : the metric whose price is asked.
    other : what it is compared with; by default the mean of the same answers on their own scale.
    shift : the change.
        "latent": every customer becomes a little more satisfied, satisfaction being normal and the answer a
        category of it (an ordinal probit shift).
        "tilt": every share grows in proportion to its category (an exponential tilt), the change that the
        mean answer sees best of all summaries: the ratio is then 1/correlation² of the two, never below 1.
        "one_up": the same small share of customers in every category but the highest moves one category up;
        kind to metrics with their thresholds where most answers lie.
        Or K changes of the shares themselves, summing to 0 (for example the difference between two
        waves); these are taken as known.
    level : confidence level of the interval (delta method on the log, with ½ answer added per category).

    Raises
    ------
    ValueError : counts of another length than the scale, no spread in the answers, a change that is no change
        or does not sum to 0.

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> answers = [30, 10, 15, 20, 25, 60, 70, 150, 220, 180, 220]
    >>> cost = relative_efficiency(answers, NPS)
    >>> round(cost.value, 2), round(cost.low, 2), round(cost.high, 2)
    (1.07, 1.05, 1.09)
    """
    level = checked("level", level, Level)
    other = metric.mean_answer() if other is None else other
    if other.scale != metric.scale:
        raise ValueError(
            f"{metric.short} and {other.short} must be made of the same answers, but their scales are "
            f"{metric.scale} and {other.scale}"
        )
    answers = np.asarray(counts, dtype=float)
    if answers.shape != (metric.scale.size,):
        raise ValueError(
            f"the change is defined on the {metric.scale.size} categories of the scale {metric.scale}, but "
            f"the counts have shape {answers.shape}"
        )
    metric.reduce(answers)  # refuses negative and missing counts in the user's terms
    n = float(answers.sum())
    if not n > 0:
        raise ValueError(f"{metric.short}: there are no answers to judge by")
    share = answers / n
    scores = [np.asarray(m.values, dtype=float) for m in (metric, other)]
    for score, who in zip(scores, (metric, other), strict=True):
        if not share @ (score - share @ score) ** 2 > 0:
            raise ValueError(f"{who.short}: all answers are worth the same, so no change can be judged")
    category = np.asarray(metric.scale.categories, dtype=float)
    change, words = _change(shift, metric.scale.size)
    value = math.exp(_log_ratio(share, scores, category, change)[0])
    # the interval is that of the table with ½ answer added to every category: it keeps near its level from
    # thirty answers on, where without them it falls to 65 %
    padded = answers + 0.5
    log_ratio, influence = _log_ratio(padded / padded.sum(), scores, category, change)
    half = _quantile((1 + level) / 2) * math.sqrt(padded @ influence**2) / padded.sum()
    if math.isfinite(log_ratio):
        low, high = min(value, math.exp(log_ratio - half)), max(value, math.exp(log_ratio + half))
    else:
        low = high = math.nan
    return RelativeEfficiency(value, low, high, words, metric.short, other.short, level, n)


def _log_ratio(share, scores, category, change) -> tuple[float, np.ndarray]:
    """Log of the relative efficiency and its influence function; infinite where the metric does not move."""
    (metric_signal, metric_influence), (other_signal, other_influence) = (
        _log_signal(share, score, category, change) for score in scores
    )
    if not math.isfinite(metric_signal):
        return math.inf, metric_influence
    return other_signal - metric_signal, other_influence - metric_influence


def _quantile(probability: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(probability))


def _change(shift, size: int) -> tuple[str | np.ndarray, str]:
    if isinstance(shift, str):
        words = {
            "latent": "every customer becoming a little more satisfied",
            "one_up": "the same small share of customers in every category moving one category up",
            "tilt": "every share growing in proportion to its category",
        }
        if shift not in words:
            raise ValueError(f'shift must be "latent", "one_up", "tilt" or {size} changes, but is {shift!r}')
        return shift, words[shift]
    change = np.asarray(shift, dtype=float)
    if change.shape != (size,) or not np.all(np.isfinite(change)):
        raise ValueError(
            f"a change needs a number for each of {size} categories, but has shape {change.shape}"
        )
    if not np.any(change) or abs(change.sum()) > 1e-9 * np.abs(change).sum():
        raise ValueError("the changes of the shares must not all be 0, and must sum to 0")
    return change, "the change of shares given"


def _log_signal(share, score, category, change) -> tuple[float, np.ndarray]:
    """log(δ²/σ²) of one score and its influence function, shape (K,): the delta method in one pass."""
    centred = score - share @ score
    variance = share @ centred**2
    variance_influence = centred**2 - variance
    if isinstance(change, str) and change == "tilt":
        distance = category - share @ category
        delta = share @ (centred * distance)
        delta_influence = centred * distance - delta
    elif isinstance(change, str) and change == "latent":
        delta, delta_influence = _latent_shift(share, score)
    elif isinstance(change, str):
        step = np.append(np.diff(score), 0.0)
        delta = share @ step
        delta_influence = step - delta
    else:
        delta, delta_influence = score @ change, np.zeros_like(score)
        if abs(delta) < 1e-12 * np.abs(score) @ np.abs(change):  # 0 but for rounding
            delta = 0.0
    if delta == 0:
        return -math.inf, np.zeros_like(score)
    return (
        float(np.log(delta**2 / variance)),
        2 * delta_influence / delta - variance_influence / variance,
    )


def _latent_shift(share: np.ndarray, score: np.ndarray) -> tuple[float, np.ndarray]:
    """d mean/d shift of a latent normal, Σ_k (f_{k+1} − f_k)·φ(τ_k), and its influence function, shape (K,).

    τ_k = Φ⁻¹(F_k) is the threshold above category k; d φ(Φ⁻¹(F))/dF = −τ.
    """
    from scipy.special import ndtri

    below = np.cumsum(share)[:-1]
    inside = (below > 1e-12) & (below < 1 - 1e-12)  # an empty end of the scale has no threshold to cross
    threshold = np.where(inside, ndtri(np.where(inside, below, 0.5)), 0.0)
    step = np.where(inside, np.diff(score), 0.0)
    density = np.exp(-(threshold**2) / 2) / math.sqrt(2 * math.pi)
    at_or_below = np.arange(len(share))[:, None] <= np.arange(len(below))[None, :]
    influence = -(at_or_below - below[None, :]) @ (step * threshold)
    return float(step @ density), influence


# --- bias ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BiasFloor:
    """The n at which chance and bias err equally; beyond it more answers hardly help.

    Attributes
    ----------
    n : answers at which variance/n = bias²; infinite without bias. However many answers arrive, they are
        worth less than a random sample of this size.
    bias : expected error that no number of answers removes, in the metric's unit.
    variance : of one answer's value, squared units.
    response_rate : share of those invited who answer, where it was used; else None.
    """

    n: float
    bias: float
    variance: float
    response_rate: float | None = None

    def root_mean_squared_error(self, n: float | np.ndarray) -> np.ndarray:
        """Typical error with n answers, √(variance/n + bias²), in the metric's unit."""
        return np.sqrt(self.variance / np.asarray(n, dtype=float) + self.bias**2)

    def equivalent_random_sample(self, n: float | np.ndarray) -> np.ndarray:
        """Size of the random sample with full response that errs as much: n·n*/(n + n*) for n* = ``self.n``.

        >>> floor = bias_floor(6700, 2.0)
        >>> floor.equivalent_random_sample([1675, 1e9]).round(1).tolist()
        [837.5, 1675.0]
        """
        return self.variance / (self.variance / np.asarray(n, dtype=float) + self.bias**2)

    def _repr_html_(self) -> str:
        n = "no limit" if math.isinf(self.n) else f"{self.n:,.0f}"
        return definition_html(
            "Where more answers stop helping",
            [("answers", n), ("error that stays", f"{self.bias:.2f}")],
        )


def bias_floor(
    variance: float,
    bias: float | None = None,
    *,
    correlation: float | None = None,
    gap: float | None = None,
    response_rate: float | None = None,
) -> BiasFloor:
    """The number of answers n* = variance/bias² beyond which bias, not chance, is the larger error.

    The bias is given as it is, or follows from how answering is related to the score:

    * ``correlation`` ρ between answering (1 or 0) and the score, over everyone invited: bias =
      ρ·√((1 − f)/f)·σ, so n* = f/((1 − f)ρ²), f being the response rate (Meng 2018);
    * ``gap`` between the mean of those who answer and of those who do not: bias = (1 − f)·gap.

    Parameters
    ----------
    variance : of one customer's value over everyone invited, squared units of the metric.
    bias : error that stays, in the metric's unit.
    correlation : −1 to 1.
    gap : in the metric's unit.
    response_rate : f, above 0 and at most 1; needed with ``correlation`` and ``gap``.

    Raises
    ------
    ValueError : not exactly one of bias, correlation and gap; a response rate that is missing.

    Examples
    --------
    >>> round(bias_floor(6700, 2.0).n)
    1675
    >>> round(bias_floor(6700, correlation=0.05, response_rate=0.2).n)       # .2/(.8 × .0025)
    100

    References
    ----------
    Meng, X.-L. (2018). Statistical paradises and paradoxes in big data (I). Annals of Applied Statistics 12,
    685–726.
    """
    if not (math.isfinite(variance) and variance > 0):
        raise ValueError(f"variance must be a number above 0, but is {variance!r}")
    given = [
        name for name, x in (("bias", bias), ("correlation", correlation), ("gap", gap)) if x is not None
    ]
    if len(given) != 1:
        raise ValueError(
            f"give exactly one of bias, correlation and gap, not {' and '.join(given) or 'none'}"
        )
    if bias is not None:
        rate = None if response_rate is None else _response_rate(response_rate)
    else:
        rate = _response_rate(response_rate)
        if gap is not None:
            bias = (1 - rate) * gap
        else:
            if not -1 <= correlation <= 1:
                raise ValueError(f"correlation must lie between −1 and 1, but is {correlation!r}")
            bias = correlation * math.sqrt((1 - rate) / rate * variance)
    if not math.isfinite(bias):
        raise ValueError(f"the bias must be a number, but is {bias!r}")
    return BiasFloor(variance / bias**2 if bias else math.inf, float(bias), float(variance), rate)


def correlation_from_gap(gap: float, variance: float, response_rate: float) -> float:
    """Correlation between answering and the score, from the gap between those who do and do not answer.

    ρ = gap·√(f(1 − f))/σ, with σ² the variance over everyone invited. What Meng (2018) calls the
    data defect correlation.

    A vendor's published example: 60/30/10 promoters, passives and detractors among the 10 % who answer,
    10/40/50 among the others.

    >>> from cxstats.metrics import NPS
    >>> everyone = [0.1 * 10 + 0.9 * 50, 0.1 * 30 + 0.9 * 40, 0.1 * 60 + 0.9 * 10]
    >>> round(NPS.value(everyone), 6), round(correlation_from_gap(50 - -40, NPS.variance(everyone), 0.1), 3)
    (-31.0, 0.377)
    """
    rate = _response_rate(response_rate)
    return gap * math.sqrt(rate * (1 - rate) / variance)


def _response_rate(value: float | None) -> float:
    if value is None or not 0 < value <= 1:
        raise ValueError(f"response_rate must be a share above 0 and at most 1, but is {value!r}")
    return float(value)
