"""How many answers to see a change between two waves or groups, or to be sure that none matters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cxstats.methods.planning_basis import (
    Counts,
    SampleSize,
    Variance,
    answers_for,
    at_most_one,
    checked_design_effect,
    common_assumptions,
    effective_answers,
    largest_variance,
    normal_cdf,
    one_variance,
    quantile,
    whole,
)
from cxstats.metrics import Metric
from cxstats.parameters import Count, Level, Margin, Power, Share, checked
from cxstats.show import definition_html

__all__ = [
    "DetectableDifference",
    "detectable_difference",
    "n_for_difference",
    "n_for_equivalence",
    "power_for_difference",
    "power_for_equivalence",
]


def _two_variances(metric, counts, distribution, variance) -> tuple[Variance, Variance, bool]:
    """Variances of two groups, and whether one pilot stands for both."""
    at_most_one(counts=counts, distribution=distribution, variance=variance)
    if variance is not None and np.ndim(variance) == 1:
        pair = [(None, None, one) for one in variance]
    elif counts is not None and np.ndim(counts) == 2:
        pair = [(one, None, None) for one in counts]
    elif distribution is not None and np.ndim(distribution) == 2:
        pair = [(None, one, None) for one in distribution]
    else:
        both = one_variance(metric, counts, distribution, variance)
        return both, both, True
    if len(pair) != 2:
        raise ValueError(f"two groups are compared, but {len(pair)} were given")
    return one_variance(metric, *pair[0]), one_variance(metric, *pair[1]), False


def _difference_variance(
    first: Variance,
    second: Variance,
    *,
    ratio: float,
    overlap: float,
    correlation: float,
    same_pilot: bool,
) -> Variance:
    """n₁·var(difference) and its doubt: s₁² + s₂²/k − 2·(overlap·min(1, k)/k)·r·s₁s₂ for n₂ = k·n₁.

    m = overlap·min(n₁, n₂) customers are in both, so cov(mean₁, mean₂) = m·r·s₁s₂/(n₁n₂).
    """
    shared = overlap * min(1.0, ratio) / ratio * correlation
    s1, s2 = math.sqrt(first.value), math.sqrt(second.value)
    value = first.value + second.value / ratio - 2 * shared * s1 * s2
    gradient = (1 - shared * s2 / s1, 1 / ratio - shared * s1 / s2)
    errors = (gradient[0] * first.error, gradient[1] * second.error)
    # one pilot for both: its error moves both variances together
    error = abs(errors[0] + errors[1]) if same_pilot else math.hypot(*errors)
    curvature = abs(gradient[0]) * first.curvature + abs(gradient[1]) * second.curvature
    return Variance(value, error, curvature)


def _checked_pair(ratio: float, overlap: float, correlation: float) -> None:
    if not (math.isfinite(ratio) and ratio > 0):
        raise ValueError(f"ratio is answers in the second group per answer in the first, but is {ratio!r}")
    if not 0 <= overlap <= 1:
        raise ValueError(
            f"overlap is the share of customers who answer in both, from 0 to 1, but is {overlap!r}"
        )
    if not -1 <= correlation <= 1:
        raise ValueError(f"correlation must lie between −1 and 1, but is {correlation!r}")
    if overlap == 1 and correlation == 1 and ratio == 1:
        raise ValueError(
            "the same customers with perfectly correlated answers have no sampling error: nothing to plan"
        )


def n_for_difference(
    metric: Metric,
    difference: float | None = None,
    *,
    counts: Counts | None = None,
    distribution: Counts | None = None,
    variance: float | Sequence[float] | None = None,
    level: float = 0.95,
    power: float = 0.8,
    beyond: float = 0.0,
    ratio: float = 1.0,
    overlap: float = 0.0,
    correlation: float = 0.0,
    design_effect: float = 1.0,
    response_rate: float | None = None,
) -> SampleSize:
    """Answers per wave (or group) to detect a difference: n = (s₁² + s₂²)(z_{1−α/2} + z_{1−β})²/δ² − 3.

    Parameters
    ----------
    metric : the metric.
    difference : true difference that should be found, in the metric's unit; by default its margin.
    counts, distribution, variance : as for :func:`n_for_margin`; one for both groups, or a pair.
    level : two-sided confidence level.
    power : probability of finding it.
    beyond : the interval must clear this much, not only 0: for a firm "a difference that matters" give the
        margin here and a ``difference`` above it.
    ratio : answers in the second group per answer in the first.
    overlap : share of the smaller wave's customers who answer in the other too (a panel: 1).
    correlation : of their two answers' values; with ``overlap`` 0 it plays no part.
    design_effect, response_rate : as for :func:`n_for_margin`.

    Returns
    -------
    SampleSize with ``n`` in the first and ``n_second`` in the second group.

    Raises
    ------
    ValueError : a difference not above ``beyond``, or what :func:`n_for_margin` refuses.

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> [n_for_difference(NPS, d, variance=6700).n for d in (2, 5, 10, 15, 20)]
    [26291, 4204, 1049, 465, 260]

    The same customers in both waves, answers correlated .6:

    >>> n_for_difference(NPS, 5, variance=6700, overlap=1, correlation=0.6).n
    1680
    """
    difference = checked("difference", metric.margin if difference is None else difference, Margin)
    if not 0 <= beyond < difference:
        raise ValueError(
            f"the true difference ({difference:g}) must be larger than what the interval is to clear "
            f"({beyond:g}), or no number of answers will do"
        )
    level, power = checked("level", level, Level), checked("power", power, Power)
    factor = quantile((1 + level) / 2) + quantile(power)
    purpose = f"a difference of {difference:g} {metric.unit} in {metric.short} found with {power:.0%} power"
    if beyond:
        purpose += f", clear of ±{beyond:g}"

    def achieved(error: float) -> float:
        return normal_cdf((difference - beyond) / error - quantile((1 + level) / 2))

    return _plan_for_two(
        metric,
        factor / (difference - beyond),
        achieved,
        purpose=purpose,
        counts=counts,
        distribution=distribution,
        variance=variance,
        level=level,
        power=power,
        ratio=ratio,
        overlap=overlap,
        correlation=correlation,
        design_effect=design_effect,
        response_rate=response_rate,
        extra=(),
    )


def power_for_difference(
    metric: Metric,
    difference: float,
    n: int,
    n_second: int | None = None,
    *,
    counts: Counts | None = None,
    distribution: Counts | None = None,
    variance: float | Sequence[float] | None = None,
    level: float = 0.95,
    beyond: float = 0.0,
    overlap: float = 0.0,
    correlation: float = 0.0,
    design_effect: float = 1.0,
) -> float:
    """Probability that waves of ``n`` and ``n_second`` answers show a true difference in the right direction.

    Parameters as for :func:`n_for_difference`; ``n_second`` is ``n`` where it is not given.

    >>> from cxstats.metrics import NPS
    >>> round(power_for_difference(NPS, 5, 4204, variance=6700), 3)
    0.8
    """
    error = _planned_error(
        metric, n, n_second, counts, distribution, variance, overlap, correlation, design_effect
    )
    z = quantile((1 + checked("level", level, Level)) / 2)
    return normal_cdf((abs(difference) - beyond) / error - z)


def n_for_equivalence(
    metric: Metric,
    margin: float | None = None,
    *,
    true_difference: float = 0.0,
    counts: Counts | None = None,
    distribution: Counts | None = None,
    variance: float | Sequence[float] | None = None,
    level: float = 0.95,
    power: float = 0.8,
    ratio: float = 1.0,
    overlap: float = 0.0,
    correlation: float = 0.0,
    design_effect: float = 1.0,
    response_rate: float | None = None,
) -> SampleSize:
    """Answers per wave for a firm "no difference that matters": the interval inside ± ``margin``.

    The verdict needs the whole two-sided ``level`` interval within the margin: two one-sided tests
    (Schuirmann 1987) at (1 − level)/2 each. (The usual test at 5 % a side is ``level=0.9``.) Without a true
    difference n = V(z_{1−α/2} + z_{1−β/2})²/margin² − 3.

    Parameters
    ----------
    metric : the metric.
    margin : smallest difference that matters, in the metric's unit; by default the metric's.
    true_difference : difference there really is, smaller than the margin.
    power : probability of the firm verdict.
    counts, distribution, variance, level, ratio, overlap, correlation, design_effect, response_rate : as for
        :func:`n_for_difference`.

    Raises
    ------
    ValueError : a true difference that is not inside the margin, or what :func:`n_for_margin` refuses.

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> n_for_equivalence(NPS, 5, variance=6700).n
    5629
    >>> n_for_equivalence(NPS, 5, variance=6700, level=0.9).n
    4588
    """
    margin = checked("margin", metric.margin if margin is None else margin, Margin)
    level, power = checked("level", level, Level), checked("power", power, Power)
    if not abs(true_difference) < margin:
        raise ValueError(
            f'a true difference of {true_difference:g} is not inside ±{margin:g}: "no difference that '
            'matters" would be wrong, so no number of answers is planned for it'
        )

    def achieved(error: float) -> float:
        return _equivalence_power(error, margin, true_difference, level)

    return _plan_for_two(
        metric,
        1 / _largest_error_for_equivalence(margin, true_difference, level, power),
        achieved,
        purpose=f'a firm "no difference that matters" (±{margin:g} {metric.unit}) in {metric.short} with '
        f"{power:.0%} power",
        counts=counts,
        distribution=distribution,
        variance=variance,
        level=level,
        power=power,
        ratio=ratio,
        overlap=overlap,
        correlation=correlation,
        design_effect=design_effect,
        response_rate=response_rate,
        extra=(f"the true difference is {true_difference:g} {metric.unit}",),
    )


def power_for_equivalence(
    metric: Metric,
    margin: float,
    n: int,
    n_second: int | None = None,
    *,
    true_difference: float = 0.0,
    counts: Counts | None = None,
    distribution: Counts | None = None,
    variance: float | Sequence[float] | None = None,
    level: float = 0.95,
    overlap: float = 0.0,
    correlation: float = 0.0,
    design_effect: float = 1.0,
) -> float:
    """Probability of a firm "no difference that matters" from waves of ``n`` and ``n_second`` answers.

    Parameters as for :func:`n_for_equivalence`.

    >>> from cxstats.metrics import NPS
    >>> round(power_for_equivalence(NPS, 5, 5629, variance=6700), 3)
    0.8
    """
    error = _planned_error(
        metric, n, n_second, counts, distribution, variance, overlap, correlation, design_effect
    )
    return _equivalence_power(error, margin, true_difference, checked("level", level, Level))


def _equivalence_power(error: float, margin: float, true_difference: float, level: float) -> float:
    z = quantile((1 + level) / 2)
    inside_above = (margin - true_difference) / error - z
    inside_below = (margin + true_difference) / error - z
    return max(0.0, normal_cdf(inside_above) + normal_cdf(inside_below) - 1)


def _largest_error_for_equivalence(
    margin: float, true_difference: float, level: float, power: float
) -> float:
    """Standard error at which the firm verdict has just the power asked for."""
    from scipy.optimize import brentq

    def shortfall(log_error: float) -> float:
        return power - _equivalence_power(math.exp(log_error), margin, true_difference, level)

    room = margin - abs(true_difference)
    # below: both tests pass with near certainty; above: the interval no longer fits into the margin
    smallest = room / (quantile((1 + level) / 2) + quantile((1 + power) / 2)) / 2
    largest = margin / quantile((1 + level) / 2)
    return math.exp(brentq(shortfall, math.log(smallest), math.log(largest), xtol=1e-13))


def _plan_for_two(
    metric: Metric,
    one_over_error: float,
    achieved,
    *,
    purpose: str,
    counts,
    distribution,
    variance,
    level: float,
    power: float,
    ratio: float,
    overlap: float,
    correlation: float,
    design_effect: float,
    response_rate: float | None,
    extra: tuple[str, ...],
) -> SampleSize:
    """Answers per group for a difference whose standard error must be at most 1/``one_over_error``."""
    _checked_pair(ratio, overlap, correlation)
    design_effect = checked_design_effect(design_effect)
    response_rate = None if response_rate is None else checked("response_rate", response_rate, Share)
    first, second, same = _two_variances(metric, counts, distribution, variance)
    total = _difference_variance(
        first, second, ratio=ratio, overlap=overlap, correlation=correlation, same_pilot=same
    )

    def answers(one_variance: float) -> int:
        return whole(answers_for(one_variance, one_over_error, 1.0, design_effect, ratio))

    n = answers(total.value)
    n_second = n if ratio == 1 else whole(n * ratio)
    # independent waves at the two worst cases: no pair of waves can vary more
    most = largest_variance(metric) * (1 + 1 / ratio) if overlap == 0 else math.inf
    low, high = total.interval(level, most)
    assumptions = [*common_assumptions(design_effect, response_rate), first.source, *extra]
    if overlap:
        assumptions.append(
            f"{overlap:.0%} of the customers answer in both, and their answers correlate {correlation:g}"
        )
    return SampleSize(
        purpose=purpose,
        n=n,
        n_second=n_second,
        invitations=None
        if response_rate is None
        else whole(n / response_rate) + whole(n_second / response_rate),
        n_low=None if low is None else answers(low),
        n_high=None if high is None else answers(high),
        variance=total.value,
        variance_low=low,
        variance_high=high,
        achieved=achieved(
            _error_of_difference(first.value, second.value, n, n_second, overlap, correlation, design_effect)
        ),
        target=power,
        level=level,
        power=power,
        unit=metric.unit,
        design_effect=design_effect,
        response_rate=response_rate,
        population=None,
        reachable=True,
        assumptions=tuple(assumptions),
    )


def _planned_error(
    metric, n, n_second, counts, distribution, variance, overlap, correlation, design_effect
) -> float:
    """Standard error of the difference of two waves of n and n_second answers."""
    n = checked("n", n, Count)
    n_second = n if n_second is None else checked("n_second", n_second, Count)
    _checked_pair(n_second / n, overlap, correlation)
    first, second, _ = _two_variances(metric, counts, distribution, variance)
    return _error_of_difference(
        first.value, second.value, n, n_second, overlap, correlation, checked_design_effect(design_effect)
    )


def _error_of_difference(
    first: float,
    second: float,
    n: int,
    n_second: int,
    overlap: float,
    correlation: float,
    design_effect: float,
) -> float:
    """√(s₁²/n₁ + s₂²/n₂ − 2·overlap·r·s₁s₂/max(n₁, n₂)), n counted as :func:`effective_answers` does."""
    effective = effective_answers(n, design_effect), effective_answers(n_second, design_effect)
    saved = 2 * overlap * correlation * math.sqrt(first * second) / max(effective)
    return math.sqrt(first / effective[0] + second / effective[1] - saved)


@dataclass(frozen=True, slots=True)
class DetectableDifference:
    """The smallest change that two waves of these sizes can see.

    Attributes
    ----------
    with_power : true difference that is found with probability ``power``: (z_{1−α/2} + z_{1−β})·error.
    beyond_noise : observed difference above which two waves really differ: z_{1−α/2}·error. A true
        difference of this size is found only half of the time.
    standard_error : of the difference.
    level, power, n, n_second, unit : what it was computed for.
    """

    with_power: float
    beyond_noise: float
    standard_error: float
    level: float
    power: float
    n: int
    n_second: int
    unit: str

    def _repr_html_(self) -> str:
        return definition_html(
            f"Smallest change that waves of {self.n:,} and {self.n_second:,} answers can see",
            [
                (f"found with {self.power:.0%} power", f"{self.with_power:.1f} {self.unit}"),
                ("observed change that is more than chance", f"{self.beyond_noise:.1f} {self.unit}"),
            ],
        )


def detectable_difference(
    metric: Metric,
    n: int,
    n_second: int | None = None,
    *,
    counts: Counts | None = None,
    distribution: Counts | None = None,
    variance: float | Sequence[float] | None = None,
    level: float = 0.95,
    power: float = 0.8,
    overlap: float = 0.0,
    correlation: float = 0.0,
    design_effect: float = 1.0,
) -> DetectableDifference:
    """Smallest difference between two waves of ``n`` and ``n_second`` answers that they can see.

    Parameters
    ----------
    metric : the metric.
    n, n_second : answers in the two waves; the second is as large as the first where it is not given.
    counts, distribution, variance : one for both waves or a pair, as for :func:`n_for_difference`.
    level : two-sided confidence level.
    power : probability with which the difference is found.
    overlap, correlation : shared customers, as for :func:`n_for_difference`.
    design_effect : inflation of the variance by weights or repeats.

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> found = detectable_difference(NPS, 400, variance=6700)
    >>> round(found.with_power, 1), round(found.beyond_noise, 1)
    (16.2, 11.3)
    """
    level, power = checked("level", level, Level), checked("power", power, Power)
    error = _planned_error(
        metric, n, n_second, counts, distribution, variance, overlap, correlation, design_effect
    )
    z = quantile((1 + level) / 2)
    return DetectableDifference(
        with_power=(z + quantile(power)) * error,
        beyond_noise=z * error,
        standard_error=error,
        level=level,
        power=power,
        n=n,
        n_second=n if n_second is None else n_second,
        unit=metric.unit,
    )
