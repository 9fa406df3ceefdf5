"""Bounds, tipping points and pattern mixtures: what those who did not answer would have to be like.

No frame is needed, nothing is modelled: these say how far the score could move (worst case), which way (monotone
bounds), and what it would take (tipping points, a latent shift). Biases are respondents minus everyone invited.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cxstats.methods.regions import Region, imbens_manski
from cxstats.metrics import Metric
from cxstats.parameters import Level, Margin, checked
from cxstats.show import definition_html

__all__ = [
    "Bounds",
    "PatternMixture",
    "Tipping",
    "monotone_bounds",
    "pattern_mixture",
    "tilt_ends",
    "tipping",
    "worst_case",
]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where the value of everyone invited must lie.

    Attributes
    ----------
    metric : the metric.
    value : among respondents.
    response_rate : share of those invited who answered.
    everyone : range of the value of everyone, and the region with sampling error.
    bias : the same for respondents minus everyone.
    assumption : what is assumed of those who did not answer, in words.
    """

    metric: Metric
    value: float
    response_rate: float
    everyone: Region
    bias: Region
    assumption: str

    def _repr_html_(self) -> str:
        return definition_html(
            f"{self.metric.short} of everyone invited",
            [
                ("assumed of the others", self.assumption),
                (
                    "bounds",
                    f"{self.everyone.assumption_low:.1f} to {self.everyone.assumption_high:.1f} {self.metric.unit}",
                ),
                (
                    f"with sampling error ({self.everyone.level:.0%})",
                    f"{self.everyone.low:.1f} to {self.everyone.high:.1f}",
                ),
                ("respondents", f"{self.value:.1f}, {self.response_rate:.1%} of those invited"),
            ],
        )


def worst_case(
    counts: Sequence[float] | np.ndarray,
    metric: Metric,
    n_invited: float,
    *,
    level: float = 0.95,
    design_effect: float = 1.0,
) -> Bounds:
    """Bounds that assume nothing: all others would give the lowest answer, or all the highest.

    Parameters
    ----------
    counts : answers by category of the scale or by distinct value.
    metric : what an answer is worth.
    n_invited : everyone invited, at least as many as answered.
    level : of the regions.
    design_effect : by how much weights or repeated customers inflate variances.

    Raises
    ------
    ValueError : no answers, or more answers than invitations.

    Notes
    -----
    [fθ + (1 − f)·lowest, fθ + (1 − f)·highest] (Manski 1989, *J. Human Resources* 24). Either end is a mean over
    everyone invited, so its standard error is that mean's; region by Imbens & Manski 2004.

    Examples
    --------
    An NPS of 50 at a response rate of 10 %:

    >>> from cxstats.metrics import NPS
    >>> result = worst_case([100, 300, 600], NPS, 10_000)
    >>> result.everyone.assumption
    (-85.0, 95.0)
    """
    return _bounds(counts, metric, n_invited, level, design_effect, "nothing", metric.low, metric.high)


def monotone_bounds(
    counts: Sequence[float] | np.ndarray,
    metric: Metric,
    n_invited: float,
    *,
    others: str = "lower",
    level: float = 0.95,
    design_effect: float = 1.0,
) -> Bounds:
    """Bounds that assume that those who did not answer would score no higher (or no lower) on average.

    Parameters
    ----------
    others : "lower": no higher than respondents; "higher": no lower. For effort scores of which high means effort,
        the unhappy are "higher".
    counts, metric, n_invited, level, design_effect : as in :func:`worst_case`.

    Raises
    ------
    ValueError : as in :func:`worst_case`, or another word for ``others``.

    Notes
    -----
    Monotone instrumental variable with response as instrument (Manski & Pepper 2000, *Econometrica* 68). Nothing in
    the data says whether it holds: with response at both ends it does not.

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> monotone_bounds([100, 300, 600], NPS, 10_000).everyone.assumption
    (-85.0, 50.0)
    """
    if others not in ("lower", "higher"):
        raise ValueError(f'others must be "lower" or "higher" (than respondents), but is {others!r}')
    words = f"no {'higher' if others == 'lower' else 'lower'} than respondents on average"
    if others == "lower":
        return _bounds(counts, metric, n_invited, level, design_effect, words, metric.low, None)
    return _bounds(counts, metric, n_invited, level, design_effect, words, None, metric.high)


def _bounds(
    counts: Sequence[float] | np.ndarray,
    metric: Metric,
    n_invited: float,
    level: float,
    design_effect: float,
    assumption: str,
    lowest: float | None,
    highest: float | None,
) -> Bounds:
    """None: the others are like respondents at that end."""
    level = checked("level", level, Level)
    shares, n, rate = _answered(counts, metric, n_invited)
    value = float(shares @ metric.distinct_values)
    spread = design_effect * metric.variance(counts) / n
    chance = design_effect * rate * (1 - rate) / n_invited

    def end(others: float | None) -> tuple[float, float]:
        if others is None:
            return value, spread**0.5
        # f and the mean of those who answer vary independently
        mean = rate * value + (1 - rate) * others
        return mean, (rate**2 * spread + (value - others) ** 2 * chance) ** 0.5

    def end_of_bias(others: float | None) -> tuple[float, float]:
        if others is None:
            return 0.0, 0.0
        return (1 - rate) * (value - others), (
            (1 - rate) ** 2 * spread + (value - others) ** 2 * chance
        ) ** 0.5

    def region(low: tuple[float, float], high: tuple[float, float], most: tuple[float, float]) -> Region:
        ends = imbens_manski(low[0], high[0], low[1], high[1], level)
        return Region(max(ends[0], most[0]), min(ends[1], most[1]), low[0], high[0], level)

    width = metric.high - metric.low
    return Bounds(
        metric=metric,
        value=value,
        response_rate=rate,
        everyone=region(end(lowest), end(highest), (metric.low, metric.high)),
        bias=region(end_of_bias(highest), end_of_bias(lowest), (-width, width)),
        assumption=assumption,
    )


def _answered(
    counts: Sequence[float] | np.ndarray, metric: Metric, n_invited: float
) -> tuple[np.ndarray, float, float]:
    """Shares by distinct value, number of answers, response rate."""
    table = metric.reduce(counts)
    n = float(table.sum())
    if not n > 0:
        raise ValueError(f"{metric.short}: nobody answered")
    if not (np.isfinite(n_invited) and n_invited >= n):
        raise ValueError(
            f"{metric.short}: {n:,.0f} answers cannot come from {n_invited:,.0f} invitations; n_invited counts "
            "everyone invited, with those who answered"
        )
    return table / n, n, n / n_invited


# --------------------------------------------------------------------------------------- tipping points


@dataclass(frozen=True, slots=True, eq=False)
class Tipping:
    """What the odds of low and high answers among the others would have to be.

    Odds multipliers are against ``start``: with 2 for the low end, the odds of the lowest value (detractors) against the
    middle are twice those at the start. 1 and 1 is the start itself. NaN: no odds can do it.

    Attributes
    ----------
    metric, margin : the metric, and the bias that matters, in its unit.
    shares : among respondents by distinct value, ascending, shape (D,).
    start : shares among the others to start from, shape (D,).
    response_rate, n_answered : as measured.
    start_bias : bias at the start.
    low_end : multiplier of the odds of the lowest value alone at which the bias is +margin and −margin.
    high_end : the same for the highest value alone.
    both_ends : the same multiplier on both ends at which the bias is +margin and −margin; below 1 respondents are
        the extremes, above 1 they are the middle.
    curve : ``odds_low``, and the ``odds_high`` at which the bias is +margin (``odds_high_plus``) and −margin
        (``odds_high_minus``).
    """

    metric: Metric
    margin: float
    shares: np.ndarray
    start: np.ndarray
    response_rate: float
    n_answered: float
    start_bias: float
    low_end: tuple[float, float]
    high_end: tuple[float, float]
    both_ends: tuple[float, float]
    curve: pd.DataFrame

    def bias(
        self, odds_low: float | np.ndarray = 1.0, odds_high: float | np.ndarray = 1.0
    ) -> tuple[float, float] | tuple[np.ndarray, np.ndarray]:
        """Bias and its standard error where the others' odds are so many times those at the start; arrays give arrays.

        The error is that of independent answers; the multipliers, and how the start differs from respondents, count
        as given.
        """
        values = self.metric.distinct_values
        tilt = tilt_ends(self.start / np.maximum(self.shares, 1e-300), odds_low, odds_high)
        mass = self.shares * tilt
        # a value that no respondent has, but the start does
        mass = np.where(self.shares > 0, mass, tilt_ends(self.start, odds_low, odds_high))
        total = mass.sum(axis=-1)
        others = mass @ values / total
        value = float(self.shares @ values)
        silent = 1 - self.response_rate
        away = values - np.asarray(others)[..., None]
        pull = np.where(self.shares > 0, tilt, 0.0) * away / np.asarray(total)[..., None]
        influence = silent * (values - value - pull)
        spread = influence**2 @ self.shares - (influence @ self.shares) ** 2
        chance = self.response_rate * silent * self.response_rate / self.n_answered
        variance = spread / self.n_answered + (value - others) ** 2 * chance
        found = silent * (value - others), np.sqrt(np.maximum(variance, 0.0))
        return found if np.ndim(total) else (float(found[0]), float(found[1]))

    def holds(self, odds: float = 2.0) -> bool:
        """Whether the bias stays within ±margin if both ends answer up to ``odds`` times as readily, or as rarely.

        This is the direction that φ in [0, 1] leaves out.

        >>> from cxstats.metrics import NPS
        >>> tipping([150, 330, 520], NPS, 5_000).holds(1.2)
        True
        """
        if not odds >= 1:
            raise ValueError(f"odds must be 1 or more, but is {odds}")
        # along the diagonal the bias moves one way only: its ends decide
        return all(abs(self.bias(k, k)[0]) <= self.margin for k in (1.0, odds, 1 / odds))

    def _repr_html_(self) -> str:
        names = self.metric.groups or ("lowest", "highest")
        rows = [
            (f"{names[0]} alone", self.low_end),
            (f"{names[-1]} alone", self.high_end),
            ("both ends", self.both_ends),
        ]
        return definition_html(
            f"Odds among those who did not answer that move {self.metric.short} by {self.margin:g} {self.metric.unit}",
            [
                (name, f"× {_times(plus)} (too high), × {_times(minus)} (too low)")
                for name, (plus, minus) in rows
            ],
        )


def tipping(
    counts: Sequence[float] | np.ndarray,
    metric: Metric,
    n_invited: float,
    *,
    margin: float | None = None,
    shares: Sequence[float] | np.ndarray | None = None,
    odds: Sequence[float] | np.ndarray | None = None,
) -> Tipping:
    """By how much the odds of low and high answers among those who did not answer move the score by the margin.

    Parameters
    ----------
    counts, metric, n_invited : as in :func:`worst_case`.
    margin : the bias that matters, in the metric's unit; default the metric's own.
    shares : shares among the others to start from, shape (D,), by distinct value ascending: those of weighting, or of a
        φ (``share_0`` … of ``net_score_bias``); default respondents'.
    odds : multipliers of the low end for the curve; default 33 of them from ⅛ to 8.

    Raises
    ------
    ValueError : nobody answered or everyone did, a margin of 0, shares that are not shares.

    Notes
    -----
    Among the others the shares are those at the start times (κ_low, 1, …, 1, κ_high), normalised: κ_low alone
    multiplies the odds of the lowest value by κ_low (delta adjustment for shares; Yan, Lee & Li 2009, *J. Biopharm.
    Stat.* 19). Each tipping point solves one linear equation. Along κ_low = κ_high both ends answer more readily
    (below 1) or less (above 1) than the middle.

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> result = tipping([150, 330, 520], NPS, 5_000)
    >>> round(result.low_end[0], 2), round(result.high_end[0], 2)
    (1.32, 0.83)
    """
    share, n, rate = _answered(counts, metric, n_invited)
    values = metric.distinct_values
    margin = metric.margin if margin is None else checked("margin", margin, Margin)
    if rate >= 1:
        raise ValueError(
            f"{metric.short}: everyone invited answered, so nobody is left whose odds could differ"
        )
    start = share if shares is None else _checked_shares(shares, len(values))
    grid = np.geomspace(1 / 8, 8, 33) if odds is None else np.asarray(odds, dtype=float)
    value = float(share @ values)
    targets = [value - bias / (1 - rate) for bias in (margin, -margin)]
    curve = pd.DataFrame(
        {
            "odds_low": grid,
            "odds_high_plus": _high_odds(start, values, targets[0], grid),
            "odds_high_minus": _high_odds(start, values, targets[1], grid),
        }
    )
    result = {
        "metric": metric,
        "margin": margin,
        "shares": share,
        "start": start,
        "response_rate": rate,
        "n_answered": n,
        "start_bias": (1 - rate) * (value - float(start @ values)),
    }
    return Tipping(
        **result,
        low_end=tuple(float(_low_odds(start, values, target, 1.0)) for target in targets),
        high_end=tuple(float(_high_odds(start, values, target, 1.0)) for target in targets),
        both_ends=tuple(float(_both_odds(start, values, target)) for target in targets),
        curve=curve,
    )


def tilt_ends(mass: np.ndarray, odds_low: float | np.ndarray, odds_high: float | np.ndarray) -> np.ndarray:
    """Mass of each value, ascending, the lowest and the highest so many times as much: shape (…, D), not normalised."""
    shape = np.broadcast_shapes(np.shape(odds_low), np.shape(odds_high))
    tilted = np.broadcast_to(mass, (*shape, len(mass))).astype(float)
    tilted[..., 0] *= odds_low
    tilted[..., -1] *= odds_high
    return tilted


def _high_odds(
    start: np.ndarray, values: np.ndarray, target: float, odds_low: float | np.ndarray
) -> np.ndarray:
    # Σ tilt·start·(v − target) = 0, solved for the last tilt
    rest = odds_low * start[0] * (values[0] - target) + start[1:-1] @ (values[1:-1] - target)
    return _positive(-rest, start[-1] * (values[-1] - target))


def _low_odds(start: np.ndarray, values: np.ndarray, target: float, odds_high: float) -> np.ndarray:
    rest = odds_high * start[-1] * (values[-1] - target) + start[1:-1] @ (values[1:-1] - target)
    return _positive(-rest, start[0] * (values[0] - target))


def _both_odds(start: np.ndarray, values: np.ndarray, target: float) -> np.ndarray:
    ends = start[0] * (values[0] - target) + start[-1] * (values[-1] - target)
    return _positive(-(start[1:-1] @ (values[1:-1] - target)), ends)


def _positive(numerator: float | np.ndarray, denominator: float) -> np.ndarray:
    if abs(denominator) < 1e-12:
        return np.full(np.shape(numerator), np.nan)
    ratio = np.asarray(numerator / denominator)
    return np.where(ratio > 0, ratio, np.nan)


def _times(odds: float) -> str:
    return "never" if np.isnan(odds) else f"{odds:.2f}"


def _checked_shares(shares: Sequence[float] | np.ndarray, size: int) -> np.ndarray:
    array = np.asarray(shares, dtype=float)
    if array.shape != (size,) or np.any(array < 0) or not np.isclose(array.sum(), 1, atol=1e-6):
        raise ValueError(
            f"shares must be {size} numbers of 0 or more that sum to 1, but are {array.tolist()}"
        )
    return array


# ------------------------------------------------------------------------------------- pattern mixture


@dataclass(frozen=True, slots=True, eq=False)
class PatternMixture:
    """Value of everyone as a function of how much less satisfied those who did not answer are.

    Attributes
    ----------
    metric, margin : the metric, and the bias that matters, in its unit.
    curve : one row per shift: ``shift`` (latent standard deviations by which the others score lower), ``others`` (their
        value), ``everyone``, ``bias``, ``standard_error``, ``low``, ``high`` (of the bias).
    tipping_shift : shift at which the bias is +margin and −margin; NaN where none within ±6 does it.
    level : of the intervals.
    """

    metric: Metric
    margin: float
    curve: pd.DataFrame
    tipping_shift: tuple[float, float]
    level: float

    def _repr_html_(self) -> str:
        plus, minus = self.tipping_shift
        return definition_html(
            f"{self.metric.short} if those who did not answer were less satisfied",
            [
                (f"shift for +{self.margin:g} {self.metric.unit}", f"{plus:+.2f} standard deviations"),
                (f"shift for −{self.margin:g} {self.metric.unit}", f"{minus:+.2f} standard deviations"),
            ],
        )


def pattern_mixture(
    counts: Sequence[float] | np.ndarray,
    metric: Metric,
    n_invited: float,
    *,
    margin: float | None = None,
    shares: Sequence[float] | np.ndarray | None = None,
    shift: Sequence[float] | np.ndarray | None = None,
    level: float = 0.95,
) -> PatternMixture:
    """Bias over a shift of the others' latent satisfaction, in its standard deviations.

    Parameters
    ----------
    counts, metric, n_invited : as in :func:`worst_case`.
    margin : the bias that matters, in the metric's unit; default the metric's own.
    shares : shares among the others at shift 0, shape (D,): those of weighting (missing at random); default
        respondents'.
    shift : by how many standard deviations the others score lower; default −1 to 1 in steps of 0.1.
    level : of the intervals.

    Raises
    ------
    ValueError : as in :func:`tipping`.

    Notes
    -----
    Delta adjustment (Little 1994, *Biometrika* 81; Rubin 1977) on a latent normal scale, where shares stay
    shares: P(at most k) among the others is Φ(cut-point_k + shift). In standard deviations it can be held
    against what was seen between early and late answers, or between groups.

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> result = pattern_mixture([150, 330, 520], NPS, 5_000)
    >>> round(result.tipping_shift[0], 3)
    0.097
    """
    from scipy.optimize import brentq
    from scipy.special import ndtr, ndtri

    level = checked("level", level, Level)
    share, n, rate = _answered(counts, metric, n_invited)
    if rate >= 1:
        raise ValueError(f"{metric.short}: everyone invited answered, so there are no others to shift")
    values = metric.distinct_values
    margin = metric.margin if margin is None else checked("margin", margin, Margin)
    start = share if shares is None else _checked_shares(shares, len(values))
    shifts = np.round(np.linspace(-1, 1, 21), 10) if shift is None else np.asarray(shift, dtype=float)
    # the others' cut-points keep their distance from respondents'; where respondents have none (an empty end), they stay
    own, given = (ndtri(np.clip(np.cumsum(part)[:-1], 0, 1)) for part in (share, start))
    movable = np.isfinite(own)
    offset = np.where(movable, given - np.where(movable, own, 0.0), 0.0)

    def others(p: np.ndarray, by: float) -> float:
        cuts = np.where(movable, ndtri(np.clip(np.cumsum(p)[:-1] / p.sum(), 0, 1)) + offset, given)
        return float(np.diff(ndtr(cuts + by), prepend=0.0, append=1.0) @ values)

    value = float(share @ values)

    def bias(by: float) -> float:
        return (1 - rate) * (value - others(share, by))

    def error(by: float) -> float:
        step = 1e-5
        slope = np.zeros(len(share))
        for k in np.flatnonzero(share > 2 * step):
            up, down = share.copy(), share.copy()
            up[k] += step
            down[k] -= step
            move = up @ values / up.sum() - down @ values / down.sum()
            slope[k] = (1 - rate) * (move - others(up, by) + others(down, by)) / (2 * step)
        spread = share @ slope**2 - (share @ slope) ** 2
        chance = rate * (1 - rate) / n_invited
        return float((spread / n + (value - others(share, by)) ** 2 * chance) ** 0.5)

    def tips(at: float) -> float:
        if (bias(-6) - at) * (bias(6) - at) >= 0:
            return float("nan")
        return float(brentq(lambda by: bias(by) - at, -6, 6, xtol=1e-10))

    errors = np.array([error(by) for by in shifts])
    biases = np.array([bias(by) for by in shifts])
    z = float(ndtri((1 + level) / 2))
    curve = pd.DataFrame(
        {
            "shift": shifts,
            "others": [others(share, by) for by in shifts],
            "everyone": value - biases,
            "bias": biases,
            "standard_error": errors,
            "low": biases - z * errors,
            "high": biases + z * errors,
        }
    )
    return PatternMixture(metric, margin, curve, (tips(margin), tips(-margin)), level)
