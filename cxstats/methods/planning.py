"""How many answers? Sample sizes for a margin, a change, and a firm "no difference that matters".

Every formula is n = V·k²/d² − 3 for the variance V of one answer's value: the three answers that the
adjusted-Wald interval adds (Rocks 2016; Sauro & Lewis) need not be collected. A variance that comes
from a pilot is itself uncertain, and so is the n: both are reported.

Unless said otherwise answers are a random draw of the population and customers are independent.
``design_effect`` is the factor by which weights, clusters or repeated customers inflate a variance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cxstats.methods.adjusted import EXTRA_ANSWERS, adjusted_counts
from cxstats.methods.effective import finite_population_factor
from cxstats.methods.efficiency import BiasFloor, RelativeEfficiency, bias_floor, relative_efficiency
from cxstats.methods.published import (
    Attainability,
    LabelProbabilities,
    attainable,
    label_probabilities,
    scale_check,
)
from cxstats.metrics import Metric
from cxstats.parameters import Count, Level, Margin, Power, Share, checked
from cxstats.show import definition_html

__all__ = [
    "Attainability",
    "BiasFloor",
    "DetectableDifference",
    "LabelProbabilities",
    "RelativeEfficiency",
    "SampleSize",
    "attainable",
    "bias_floor",
    "design_effect_of_repeats",
    "detectable_difference",
    "label_probabilities",
    "n_for_benchmark",
    "n_for_difference",
    "n_for_equivalence",
    "n_for_margin",
    "power_for_benchmark",
    "power_for_difference",
    "power_for_equivalence",
    "relative_efficiency",
    "scale_check",
]

Counts = Sequence[float] | Sequence[Sequence[float]] | np.ndarray


# --- what a plan rests on -----------------------------------------------------------------


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
class _Variance:
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
        z = _quantile((1 + level) / 2)
        below = math.hypot(z * self.error, z**2 * self.curvature)
        return max(0.0, self.value - below), max(self.value, min(most, self.value + z * self.error))


def _one_variance(metric: Metric, counts, distribution, variance) -> _Variance:
    if variance is not None:
        value = float(variance)
        most = _largest_variance(metric)
        if not 0 < value <= most * (1 + 1e-12):
            raise ValueError(
                f"the variance of {metric.short} lies above 0 and at most {most:g} (half of the answers at "
                f"each end), but is {value:g}. Is it in squared {metric.unit}?"
            )
        return _Variance(value, source=f"one answer's variance is {value:g}, as given")
    if distribution is not None:
        value = metric.variance(distribution)
        if not value > 0:
            raise ValueError(f"the distribution must spread over two values of {metric.short} or more")
        return _Variance(value, source="the distribution of answers is the one given")
    if counts is not None:
        return _estimated_variance(metric, counts)
    return _Variance(
        _largest_variance(metric), source="the worst case: half of the answers at each end of the scale"
    )


def _largest_variance(metric: Metric) -> float:
    return ((metric.high - metric.low) / 2) ** 2


def _estimated_variance(metric: Metric, counts) -> _Variance:
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
    return _Variance(value, error, value / total, source)


def _two_variances(metric, counts, distribution, variance) -> tuple[_Variance, _Variance, bool]:
    """Variances of two groups, and whether one pilot stands for both."""
    _at_most_one(counts=counts, distribution=distribution, variance=variance)
    if variance is not None and np.ndim(variance) == 1:
        pair = [(None, None, one) for one in variance]
    elif counts is not None and np.ndim(counts) == 2:
        pair = [(one, None, None) for one in counts]
    elif distribution is not None and np.ndim(distribution) == 2:
        pair = [(None, one, None) for one in distribution]
    else:
        both = _one_variance(metric, counts, distribution, variance)
        return both, both, True
    if len(pair) != 2:
        raise ValueError(f"two groups are compared, but {len(pair)} were given")
    return _one_variance(metric, *pair[0]), _one_variance(metric, *pair[1]), False


def _at_most_one(**given: object) -> None:
    names = [name for name, value in given.items() if value is not None]
    if len(names) > 1:
        raise ValueError(
            f"give one of {', '.join(given)}, not {' and '.join(names)}: they say the same thing"
        )


def _design_effect(value: float) -> float:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"design_effect must be a number above 0 (1: simple random draw), but is {value!r}")
    return float(value)


def _quantile(probability: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(probability))


def _normal_cdf(x: float) -> float:
    from scipy.special import ndtr

    return float(ndtr(x))


def _ceil(x: float) -> int:
    # a formula that gives a whole number exactly must not be lifted by the last bit
    return max(1, math.ceil(x - 1e-9 * max(1.0, abs(x))))


def _answers(
    variance: float, factor: float, distance: float, design_effect: float, ratio: float = 1.0
) -> float:
    """V·k²/d² − 3, times the design effect; not yet rounded. A second group ``ratio`` times as large gets its
    three added answers too, which are worth 3/ratio of the first group's."""
    return design_effect * (variance * (factor / distance) ** 2 - EXTRA_ANSWERS / max(1.0, ratio))


def _effective(n: float, design_effect: float) -> float:
    """Answers behind a standard error: the effective number, and the three that the adjusted table adds."""
    return n / design_effect + EXTRA_ANSWERS


def _common_assumptions(design_effect: float, response_rate: float | None) -> tuple[str, ...]:
    sentences = ["answers are a random draw and customers are independent"]
    if design_effect != 1:
        sentences.append(f"weights or repeated customers inflate the variance by {design_effect:.3g}")
    if response_rate is not None:
        sentences.append(
            f"{response_rate:.1%} of those invited answer, and they are like the others: more answers do "
            "not mend a difference between them"
        )
    return tuple(sentences)


# --- one group ----------------------------------------------------------------------------


def n_for_margin(
    metric: Metric,
    margin: float | None = None,
    *,
    counts: Counts | None = None,
    distribution: Counts | None = None,
    variance: float | None = None,
    level: float = 0.95,
    population: int | None = None,
    design_effect: float = 1.0,
    response_rate: float | None = None,
) -> SampleSize:
    """Answers for an interval of ± ``margin``: n = z²s²/d² − 3.

    Finite population: n/(1 + (n − 1)/N), where the answers are a random draw of N customers.

    Parameters
    ----------
    metric : the metric.
    margin : half-width wanted, in the metric's unit; by default the metric's margin that matters.
    counts, distribution, variance : one of: pilot counts, shape (K,) or (D,), from which the variance and its
        uncertainty are taken; the shares expected; or the variance of one answer's value in squared
        units. With none, the worst case is planned for.
    level : confidence level.
    population : customers in all, for a statement about just these customers; None for the process that
        makes them (next quarter's customers too).
    design_effect : inflation of the variance by weights or repeats.
    response_rate : share of those invited who answer, for the number of invitations.

    Returns
    -------
    SampleSize, ``achieved`` being the half-width at ``n``.

    Raises
    ------
    ValueError : a margin that is not above 0, more than one source of the variance, a variance that answers
        on this scale cannot have.

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> n_for_margin(NPS, 15, variance=7500).n        # published by MeasuringU: 126
    126
    >>> plan = n_for_margin(NPS, 5, counts=[200, 300, 500], response_rate=0.2, population=20_000)
    >>> plan.n, plan.invitations, (plan.n_low, plan.n_high)
    (893, 4465, (844, 942))

    References
    ----------
    Rocks, B. (2016). Interval estimation for the Net Promoter Score. The American Statistician 70, 365–372.
    Cochran, W. G. (1977). Sampling Techniques, 3rd ed., section 4.
    """
    margin = checked("margin", metric.margin if margin is None else margin, Margin)
    level = checked("level", level, Level)
    response_rate = None if response_rate is None else checked("response_rate", response_rate, Share)
    population = None if population is None else checked("population", population, Count)
    design_effect = _design_effect(design_effect)
    _at_most_one(counts=counts, distribution=distribution, variance=variance)
    planning = _one_variance(metric, counts, distribution, variance)
    z = _quantile((1 + level) / 2)

    def answers(one_variance: float) -> int:
        endless = max(1.0, _answers(one_variance, z, margin, design_effect))
        return _ceil(endless if population is None else endless / (1 + (endless - 1) / population))

    n = answers(planning.value)
    low, high = planning.interval(level, _largest_variance(metric))
    assumptions = (*_common_assumptions(design_effect, response_rate), planning.source)
    if population is not None:
        assumptions += (f"the statement is about these {population:,} customers only",)
    invitations = None if response_rate is None else _ceil(n / response_rate)
    return SampleSize(
        purpose=f"{metric.short} within ±{margin:g} {metric.unit}",
        n=n,
        n_second=None,
        invitations=invitations,
        n_low=None if low is None else answers(low),
        n_high=None if high is None else answers(high),
        variance=planning.value,
        variance_low=low,
        variance_high=high,
        achieved=_half_width(planning.value, n, z, design_effect, population),
        target=margin,
        level=level,
        power=None,
        unit=metric.unit,
        design_effect=design_effect,
        response_rate=response_rate,
        population=population,
        reachable=population is None or max(n, invitations or 0) <= population,
        assumptions=assumptions,
    )


def _half_width(variance: float, n: int, z: float, design_effect: float, population: int | None) -> float:
    """Half-width of the adjusted-Wald interval from n answers, as :func:`estimate` makes it."""
    left_over = finite_population_factor(n, population)
    if left_over == 0:
        return 0.0
    return z * math.sqrt(variance / _effective(n, design_effect * left_over))


def n_for_benchmark(
    metric: Metric,
    difference: float,
    *,
    counts: Counts | None = None,
    distribution: Counts | None = None,
    variance: float | None = None,
    level: float = 0.95,
    power: float = 0.8,
    one_sided: bool = True,
    design_effect: float = 1.0,
    response_rate: float | None = None,
) -> SampleSize:
    """Answers to show that the metric is beyond a fixed benchmark: n = s²(z_{1−α} + z_{1−β})²/δ² − 3.

    Parameters
    ----------
    metric : the metric.
    difference : true distance from the benchmark that should be found, in the metric's unit.
    counts, distribution, variance, level, design_effect, response_rate : as for :func:`n_for_margin`.
    power : probability of finding it.
    one_sided : True: only "better than the benchmark" is asked (or only "worse").

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> [n_for_benchmark(NPS, d, variance=6700).n for d in (5, 10)]
    [1654, 412]
    """
    difference = checked("difference", difference, Margin)
    level, power = checked("level", level, Level), checked("power", power, Power)
    response_rate = None if response_rate is None else checked("response_rate", response_rate, Share)
    design_effect = _design_effect(design_effect)
    _at_most_one(counts=counts, distribution=distribution, variance=variance)
    planning = _one_variance(metric, counts, distribution, variance)
    factor = _quantile(level if one_sided else (1 + level) / 2) + _quantile(power)

    def answers(one_variance: float) -> int:
        return _ceil(_answers(one_variance, factor, difference, design_effect))

    n = answers(planning.value)
    low, high = planning.interval(level, _largest_variance(metric))
    return SampleSize(
        purpose=f"{metric.short} shown to be beyond a benchmark when it is {difference:g} {metric.unit} away",
        n=n,
        n_second=None,
        invitations=None if response_rate is None else _ceil(n / response_rate),
        n_low=None if low is None else answers(low),
        n_high=None if high is None else answers(high),
        variance=planning.value,
        variance_low=low,
        variance_high=high,
        achieved=power_for_benchmark(
            metric,
            difference,
            n,
            variance=planning.value,
            level=level,
            one_sided=one_sided,
            design_effect=design_effect,
        ),
        target=power,
        level=level,
        power=power,
        unit=metric.unit,
        design_effect=design_effect,
        response_rate=response_rate,
        population=None,
        reachable=True,
        assumptions=(
            *_common_assumptions(design_effect, response_rate),
            planning.source,
            "the benchmark is known exactly",
        ),
    )


def power_for_benchmark(
    metric: Metric,
    difference: float,
    n: int,
    *,
    counts: Counts | None = None,
    distribution: Counts | None = None,
    variance: float | None = None,
    level: float = 0.95,
    one_sided: bool = True,
    design_effect: float = 1.0,
) -> float:
    """Probability that n answers show the metric to be beyond a benchmark that is ``difference`` away.

    Parameters as for :func:`n_for_benchmark`.

    >>> from cxstats.metrics import NPS
    >>> round(power_for_benchmark(NPS, 5, 1654, variance=6700), 3)
    0.8
    """
    _at_most_one(counts=counts, distribution=distribution, variance=variance)
    planning = _one_variance(metric, counts, distribution, variance)
    error = math.sqrt(planning.value / _effective(checked("n", n, Count), _design_effect(design_effect)))
    z = _quantile(level if one_sided else (1 + level) / 2)
    return _normal_cdf(abs(difference) / error - z)


# --- two groups or waves ------------------------------------------------------------------


def _difference_variance(
    first: _Variance,
    second: _Variance,
    *,
    ratio: float,
    overlap: float,
    correlation: float,
    same_pilot: bool,
) -> _Variance:
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
    return _Variance(value, error, curvature)


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
    factor = _quantile((1 + level) / 2) + _quantile(power)
    purpose = f"a difference of {difference:g} {metric.unit} in {metric.short} found with {power:.0%} power"
    if beyond:
        purpose += f", clear of ±{beyond:g}"

    def achieved(error: float) -> float:
        return _normal_cdf((difference - beyond) / error - _quantile((1 + level) / 2))

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
    z = _quantile((1 + checked("level", level, Level)) / 2)
    return _normal_cdf((abs(difference) - beyond) / error - z)


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
    z = _quantile((1 + level) / 2)
    inside_above = (margin - true_difference) / error - z
    inside_below = (margin + true_difference) / error - z
    return max(0.0, _normal_cdf(inside_above) + _normal_cdf(inside_below) - 1)


def _largest_error_for_equivalence(
    margin: float, true_difference: float, level: float, power: float
) -> float:
    """Standard error at which the firm verdict has just the power asked for."""
    from scipy.optimize import brentq

    def shortfall(log_error: float) -> float:
        return power - _equivalence_power(math.exp(log_error), margin, true_difference, level)

    room = margin - abs(true_difference)
    # below: both tests pass with near certainty; above: the interval no longer fits into the margin
    smallest = room / (_quantile((1 + level) / 2) + _quantile((1 + power) / 2)) / 2
    largest = margin / _quantile((1 + level) / 2)
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
    design_effect = _design_effect(design_effect)
    response_rate = None if response_rate is None else checked("response_rate", response_rate, Share)
    first, second, same = _two_variances(metric, counts, distribution, variance)
    total = _difference_variance(
        first, second, ratio=ratio, overlap=overlap, correlation=correlation, same_pilot=same
    )

    def answers(one_variance: float) -> int:
        return _ceil(_answers(one_variance, one_over_error, 1.0, design_effect, ratio))

    n = answers(total.value)
    n_second = n if ratio == 1 else _ceil(n * ratio)
    # independent waves at the two worst cases: no pair of waves can vary more
    most = _largest_variance(metric) * (1 + 1 / ratio) if overlap == 0 else math.inf
    low, high = total.interval(level, most)
    assumptions = [*_common_assumptions(design_effect, response_rate), first.source, *extra]
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
        else _ceil(n / response_rate) + _ceil(n_second / response_rate),
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
        first.value, second.value, n, n_second, overlap, correlation, _design_effect(design_effect)
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
    """√(s₁²/n₁ + s₂²/n₂ − 2·overlap·r·s₁s₂/max(n₁, n₂)), n counted as :func:`_effective` does."""
    effective = _effective(n, design_effect), _effective(n_second, design_effect)
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
    z = _quantile((1 + level) / 2)
    return DetectableDifference(
        with_power=(z + _quantile(power)) * error,
        beyond_noise=z * error,
        standard_error=error,
        level=level,
        power=power,
        n=n,
        n_second=n if n_second is None else n_second,
        unit=metric.unit,
    )


def design_effect_of_repeats(answers_per_customer: Sequence[int] | np.ndarray, correlation: float) -> float:
    """Inflation of a variance by customers who answer several times: 1 + (Σm²/Σm − 1)·r.

    Parameters
    ----------
    answers_per_customer : number of answers m of every customer, each 1 or more, shape (customers,).
    correlation : between two answers of the same customer, 0 to 1.

    References
    ----------
    Kish, L. (1965). Survey Sampling, section 5.4, with unequal cluster sizes.

    >>> round(design_effect_of_repeats([1, 1, 2, 4], 0.5), 3)
    1.875
    """
    m = np.asarray(answers_per_customer, dtype=float)
    if m.ndim != 1 or not len(m) or np.any(m < 1):
        raise ValueError("every customer counted has 1 answer or more")
    if not 0 <= correlation <= 1:
        raise ValueError(f"correlation must lie between 0 and 1, but is {correlation!r}")
    return float(1 + (m @ m / m.sum() - 1) * correlation)
