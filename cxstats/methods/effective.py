"""How many independent answers a weighted, clustered or nearly complete survey is worth.

Intervals from counts are made for independent answers. A survey with weights or with customers who answer
repeatedly is scaled to the number of independent answers that would be as precise (Korn & Graubard 1998), so
that the small-sample behaviour of the interval is kept.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cxstats.metrics import Metric

__all__ = [
    "effective_n_from_variance",
    "finite_population_factor",
    "kish_effective_n",
    "korn_graubard_effective_n",
    "population_note",
]


def kish_effective_n(weight_sum: float, squared_weight_sum: float) -> float:
    """Kish's effective number of answers, (Σw)²/Σw²: what unequal weights leave of n.

    Parameters
    ----------
    weight_sum, squared_weight_sum : Σw and Σw² over the answers, above 0.

    Raises
    ------
    ValueError : a sum that is not above 0.

    Notes
    -----
    Kish (1965), *Survey Sampling*. Right where weights are unrelated to the score; otherwise take the
    linearised variance and :func:`effective_n_from_variance`.

    >>> kish_effective_n(100, 100), kish_effective_n(100, 200)
    (100.0, 50.0)
    """
    if not (weight_sum > 0 and squared_weight_sum > 0):
        raise ValueError(
            f"the sums of weights and of squared weights must be above 0, "
            f"but are {weight_sum} and {squared_weight_sum}"
        )
    return float(weight_sum**2 / squared_weight_sum)


def effective_n_from_variance(counts: Sequence[float] | np.ndarray, metric: Metric, variance: float) -> float:
    """Number of independent answers whose mean has this variance.

    Parameters
    ----------
    counts : (weighted) counts ordered by the scale.
    variance : variance of the metric's value under the real design (a cluster sandwich, a jackknife), in the
        metric's squared unit, above 0.

    Raises
    ------
    ValueError : variance not above 0, or every answer the same, so that a variance says nothing about n.

    >>> from cxstats.metrics import NPS
    >>> round(effective_n_from_variance([20, 30, 50], NPS, 61.0), 6)   # twice what independence gives
    100.0
    """
    one = metric.variance(counts)
    if not one > 0:
        raise ValueError(
            f"{metric.short}: every answer has the same value, so its variance cannot say how many "
            "independent answers there are; give effective_n yourself, for example the number of customers"
        )
    if not variance > 0:
        raise ValueError(f"{metric.short}: the variance must be above 0, but is {variance}")
    return float(one / variance)


def korn_graubard_effective_n(
    effective_n: float, n: int, degrees_of_freedom: int, level: float = 0.95
) -> float:
    """Effective n reduced for a variance known from few clusters: n*·(t_{n−1}/t_{df})².

    Korn & Graubard (1998), *Survey Methodology* 24, 193–201.

    Parameters
    ----------
    effective_n : from the estimated variance. n : answers, 2 or more.
    degrees_of_freedom : clusters minus strata, 1 or more.

    >>> round(korn_graubard_effective_n(60, 100, 9), 2)
    46.16
    """
    from scipy.special import stdtrit

    if n < 2 or degrees_of_freedom < 1:
        raise ValueError(
            f"n must be 2 or more and degrees_of_freedom 1 or more, but are {n} and {degrees_of_freedom}"
        )
    tail = (1 - level) / 2
    return float(effective_n * (stdtrit(n - 1, tail) / stdtrit(degrees_of_freedom, tail)) ** 2)


def finite_population_factor(n: float, population: float | None) -> float:
    """(N − n)/(N − 1), by which drawing without replacement shrinks the variance: 0 when all were asked.

    Raises
    ------
    ValueError : a population smaller than the number of answers.

    >>> finite_population_factor(60, 80), finite_population_factor(80, 80), finite_population_factor(60, None)
    (0.25316455696202533, 0.0, 1.0)
    """
    if population is None:
        return 1.0
    if not population >= n:
        raise ValueError(
            f"the population is {population:g}, but there are {n:g} answers: a population counts all "
            "customers the answers stand for, those who answered included"
        )
    return 0.0 if population == n else float((population - n) / (population - 1))


def population_note(n: float, population: float | None, *, everyone_answered: bool = False) -> str:
    """What an interval with this ``population`` speaks about, in a sentence for the page.

    A finite population narrows an interval only where customers were drawn at random and all who were drawn
    answered (``everyone_answered``). Otherwise those who answered are the only population that is known.

    >>> population_note(60, 80)
    'Narrowed as if the 60 were drawn at random from 80 customers and all answered. Not everyone drawn did, so this interval describes customers like those who answered, not all 80.'
    """  # noqa: E501  the sentence is the output
    if population is None:
        return (
            "Describes the process that customers like these go through, not one closed list of customers: "
            "it stays open however many answer."
        )
    if everyone_answered:
        return (
            f"Describes the {population:,.0f} customers on the list in this period, "
            f"of whom {n:,.0f} were drawn at random and answered; "
            "for what the same process does next, leave the population out."
        )
    return (
        f"Narrowed as if the {n:,.0f} were drawn at random from {population:,.0f} customers and all answered."
        " Not everyone drawn did, so this interval describes customers like those who answered, "
        f"not all {population:,.0f}."
    )
