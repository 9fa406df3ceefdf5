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

import numpy as np

from cxstats.methods.effective import finite_population_factor
from cxstats.methods.efficiency import BiasFloor, RelativeEfficiency, bias_floor, relative_efficiency
from cxstats.methods.planning_basis import (
    Counts,
    SampleSize,
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
from cxstats.methods.planning_waves import (
    DetectableDifference,
    detectable_difference,
    n_for_difference,
    n_for_equivalence,
    power_for_difference,
    power_for_equivalence,
)
from cxstats.methods.published import (
    Attainability,
    LabelProbabilities,
    attainable,
    label_probabilities,
    scale_check,
)
from cxstats.metrics import Metric
from cxstats.parameters import Count, Level, Margin, Power, Share, checked

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
    design_effect = checked_design_effect(design_effect)
    at_most_one(counts=counts, distribution=distribution, variance=variance)
    planning = one_variance(metric, counts, distribution, variance)
    z = quantile((1 + level) / 2)

    def answers(one_variance: float) -> int:
        endless = max(1.0, answers_for(one_variance, z, margin, design_effect))
        return whole(endless if population is None else endless / (1 + (endless - 1) / population))

    n = answers(planning.value)
    low, high = planning.interval(level, largest_variance(metric))
    assumptions = (*common_assumptions(design_effect, response_rate), planning.source)
    if population is not None:
        assumptions += (f"the statement is about these {population:,} customers only",)
    invitations = None if response_rate is None else whole(n / response_rate)
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
    return z * math.sqrt(variance / effective_answers(n, design_effect * left_over))


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
    design_effect = checked_design_effect(design_effect)
    at_most_one(counts=counts, distribution=distribution, variance=variance)
    planning = one_variance(metric, counts, distribution, variance)
    factor = quantile(level if one_sided else (1 + level) / 2) + quantile(power)

    def answers(one_variance: float) -> int:
        return whole(answers_for(one_variance, factor, difference, design_effect))

    n = answers(planning.value)
    low, high = planning.interval(level, largest_variance(metric))
    return SampleSize(
        purpose=f"{metric.short} shown to be beyond a benchmark when it is {difference:g} {metric.unit} away",
        n=n,
        n_second=None,
        invitations=None if response_rate is None else whole(n / response_rate),
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
            *common_assumptions(design_effect, response_rate),
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
    at_most_one(counts=counts, distribution=distribution, variance=variance)
    planning = one_variance(metric, counts, distribution, variance)
    error = math.sqrt(
        planning.value / effective_answers(checked("n", n, Count), checked_design_effect(design_effect))
    )
    z = quantile(level if one_sided else (1 + level) / 2)
    return normal_cdf(abs(difference) / error - z)


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
