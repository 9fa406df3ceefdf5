"""What every plan rests on: the variance of one answer, how sure it is, and the rules of counting answers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cxstats.methods.adjusted import EXTRA_ANSWERS, adjusted_counts
from cxstats.metrics import Metric
from cxstats.show import definition_html

__all__ = [
    "Counts",
    "SampleSize",
    "Variance",
    "answers_for",
    "at_most_one",
    "checked_design_effect",
    "common_assumptions",
    "effective_answers",
    "largest_variance",
    "normal_cdf",
    "one_variance",
    "quantile",
    "whole",
]

Counts = Sequence[float] | Sequence[Sequence[float]] | np.ndarray


@dataclass(frozen=True, slots=True)
class SampleSize:
    """Number of answers for a stated purpose, with what it rests on.

    Attributes
    ----------
    purpose : what n answers achieve, in words.
    n : answers needed; in each group where groups are compared (in the first, if sizes differ).
    n_second : answers needed in the second group; None for one group.
    invitations : people to invite for ``n`` answers (both groups together); None without a response rate.
    n_low, n_high : interval of ``n`` for the uncertainty of the planning variance, at ``level``; None where
        the variance is given and not estimated.
    variance : planning variance of the estimate times n, in squared units: of one answer's value; for two
        groups the sum of both less what shared customers save.
    variance_low, variance_high : its interval at ``level``, or None.
    achieved : what ``n`` achieves: the half-width of the interval, or the power.
    target : half-width asked for, or power asked for.
    level, power : confidence level; power or None.
    unit : unit of the metric.
    design_effect, response_rate, population : as given.
    reachable : False where the plan needs more people than the population has.
    assumptions : sentences, for the page.
    """

    purpose: str
    n: int
    n_second: int | None
    invitations: int | None
    n_low: int | None
    n_high: int | None
    variance: float
    variance_low: float | None
    variance_high: float | None
    achieved: float
    target: float
    level: float
    power: float | None
    unit: str
    design_effect: float
    response_rate: float | None
    population: int | None
    reachable: bool
    assumptions: tuple[str, ...]

    @property
    def n_total(self) -> int:
        """Answers in all groups together."""
        return self.n + (self.n_second or 0)

    def _repr_html_(self) -> str:
        rows: list[tuple[str, object]] = [("answers", f"{self.n:,}")]
        if self.n_second is not None:
            rows[0] = ("answers in each group", f"{self.n:,}")
            if self.n_second != self.n:
                rows[0] = ("answers in the two groups", f"{self.n:,} and {self.n_second:,}")
        if self.n_low is not None:
            rows.append(
                (f"{self.level:.0%} interval, for the variance", f"{self.n_low:,} to {self.n_high:,}")
            )
        if self.invitations is not None:
            rows.append((f"invitations at {self.response_rate:.1%} answering", f"{self.invitations:,}"))
        if not self.reachable:
            rows.append(("reachable", f"no: there are only {self.population:,} customers"))
        rows.extend(("assumes", sentence) for sentence in self.assumptions)
        return definition_html(self.purpose, rows)


@dataclass(frozen=True, slots=True)
class Variance:
    """Planning variance, how uncertain it is, and where it comes from.

    ``error`` is its standard error, ``curvature`` its variance over the pilot's size: the doubt that is left where
    the error is 0, as for a share of 50 %, which no small change of the answers can make less varied.
    """

    value: float
    error: float = 0.0
    curvature: float = 0.0
    source: str = ""

    def interval(self, level: float, most: float) -> tuple[float, float] | tuple[None, None]:
        """Interval of the variance, at most ``most``; (None, None) where it is known."""
        if self.error == 0 and self.curvature == 0:
            return None, None
        z = quantile((1 + level) / 2)
        below = math.hypot(z * self.error, z**2 * self.curvature)
        return max(0.0, self.value - below), max(self.value, min(most, self.value + z * self.error))


def one_variance(metric: Metric, counts, distribution, variance) -> Variance:
    if variance is not None:
        value = float(variance)
        most = largest_variance(metric)
        if not 0 < value <= most * (1 + 1e-12):
            raise ValueError(
                f"the variance of {metric.short} lies above 0 and at most {most:g} (half of the answers at "
                f"each end), but is {value:g}. Is it in squared {metric.unit}?"
            )
        return Variance(value, source=f"one answer's variance is {value:g}, as given")
    if distribution is not None:
        value = metric.variance(distribution)
        if not value > 0:
            raise ValueError(f"the distribution must spread over two values of {metric.short} or more")
        return Variance(value, source="the distribution of answers is the one given")
    if counts is not None:
        return _estimated_variance(metric, counts)
    return Variance(
        largest_variance(metric), source="the worst case: half of the answers at each end of the scale"
    )


def largest_variance(metric: Metric) -> float:
    return ((metric.high - metric.low) / 2) ** 2


def _estimated_variance(metric: Metric, counts) -> Variance:
    """Variance of the adjusted-Wald table and its delta-method error √((μ₄ − σ⁴)/n), the added three counted.

    With the three added answers the error keeps its coverage near 95 % from ten answers on; without them it
    falls to 20–90 % for skewed answers (docs/methods/planning.md).
    """
    table = adjusted_counts(counts, metric)
    total = table.sum()
    if total <= EXTRA_ANSWERS:
        raise ValueError(f"{metric.short}: a pilot without answers gives no variance; give variance instead")
    share = table / total
    squared = (metric.distinct_values - share @ metric.distinct_values) ** 2
    value = float(share @ squared)
    error = math.sqrt(max(0.0, float(share @ squared**2) - value**2) / total)
    source = f"answers vary as they did in {total - EXTRA_ANSWERS:,.0f} earlier ones"
    return Variance(value, error, value / total, source)


def at_most_one(**given: object) -> None:
    names = [name for name, value in given.items() if value is not None]
    if len(names) > 1:
        raise ValueError(
            f"give one of {', '.join(given)}, not {' and '.join(names)}: they say the same thing"
        )


def checked_design_effect(value: float) -> float:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"design_effect must be a number above 0 (1: simple random draw), but is {value!r}")
    return float(value)


def quantile(probability: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(probability))


def normal_cdf(x: float) -> float:
    from scipy.special import ndtr

    return float(ndtr(x))


def whole(x: float) -> int:
    # a formula that gives a whole number exactly must not be lifted by the last bit
    return max(1, math.ceil(x - 1e-9 * max(1.0, abs(x))))


def answers_for(
    variance: float, factor: float, distance: float, design_effect: float, ratio: float = 1.0
) -> float:
    """V·k²/d² − 3, times the design effect; not yet rounded. A second group ``ratio`` times as large gets its
    three added answers too, which are worth 3/ratio of the first group's."""
    return design_effect * (variance * (factor / distance) ** 2 - EXTRA_ANSWERS / max(1.0, ratio))


def effective_answers(n: float, design_effect: float) -> float:
    """Answers behind a standard error: the effective number, and the three that the adjusted table adds."""
    return n / design_effect + EXTRA_ANSWERS


def common_assumptions(design_effect: float, response_rate: float | None) -> tuple[str, ...]:
    sentences = ["answers are a random draw and customers are independent"]
    if design_effect != 1:
        sentences.append(f"weights or repeated customers inflate the variance by {design_effect:.3g}")
    if response_rate is not None:
        sentences.append(
            f"{response_rate:.1%} of those invited answer, and they are like the others: more answers do "
            "not mend a difference between them"
        )
    return tuple(sentences)
