"""A metric's value when answers come from a latent line, and what scale use does to it. Pure formulas, any shape.

An answer is the number of thresholds below a latent value with location μ and log-spread ζ. **Extreme style stretches
answers around the scale's neutral point** c, not around a group's own mean: a group that doubles every distance
from "neither" shows μ = c + 2(η − c). To undo it both spread and location must move.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from cxstats.methods.ordinal_likelihood import LINKS
from cxstats.metrics import Metric, Scale

__all__ = ["default_neutral", "net_score", "neutral_point", "shapley", "standardise"]

Array = np.ndarray | Sequence[float] | float


def net_score(
    thresholds: Array, location: Array, log_scale: Array, metric: Metric, *, link: str = "probit"
) -> float | np.ndarray:
    """The metric's value in a group with this location and spread, in the metric's own unit.

    Parameters
    ----------
    thresholds : latent cut-points, last axis one per pair of neighbouring categories (scale.size − 1); or one per pair
        of neighbouring distinct values (two for NPS: below 7, below 9) where the metric never falls along the scale.
        Infinite ones are categories that nobody can choose. Leading axes go with those of ``location``.
    location, log_scale : of the groups, in the latent unit; any shape, broadcast against each other.
    metric : what an answer is worth.
    link : "probit" or "logit": the shape of the latent distribution.

    Returns
    -------
    The value, shape of ``location``; a float for numbers.

    Raises
    ------
    ValueError : a number of thresholds that fits neither.

    Notes
    -----
    Σ over thresholds of (value above − value below)·P(answer above), plus the lowest category's value. For NPS:
    100·[1 − F((t₉ − μ)/σ) − F((t₇ − μ)/σ)].

    Examples
    --------
    A quarter of the reference group are detractors and 40 % promoters. Another group lies 0.3 higher and spreads 1.2
    times as wide:

    >>> from scipy.stats import norm
    >>> from cxstats.metrics import NPS
    >>> cuts = norm.ppf([0.25, 0.60])
    >>> round(net_score(cuts, 0.0, 0.0, NPS), 3), round(net_score(cuts, 0.3, np.log(1.2), NPS), 3)
    (15.0, 30.713)
    """
    thresholds = np.asarray(thresholds, dtype=float)
    location, log_scale = np.broadcast_arrays(np.asarray(location, float), np.asarray(log_scale, float))
    start, step = _steps(metric, thresholds.shape[-1])
    moves = step != 0
    z = thresholds[..., None, moves] if thresholds.ndim > 1 else thresholds[moves]
    z = (z - location[..., None]) / np.exp(log_scale)[..., None]
    value = start + LINKS[link].cumulative(-z) @ step[moves]
    return float(value) if np.ndim(value) == 0 else value


def _steps(metric: Metric, n_thresholds: int) -> tuple[float, np.ndarray]:
    """Worth of the lowest category, and what each threshold adds."""
    values = np.asarray(metric.values, dtype=float)
    if n_thresholds == len(values) - 1:
        return float(values[0]), np.diff(values)
    distinct = metric.distinct_values
    if n_thresholds == len(distinct) - 1 and np.all(np.diff(values) >= 0):
        return float(distinct[0]), np.diff(distinct)
    raise ValueError(
        f"{metric.short} needs {len(values) - 1} thresholds, one between each pair of neighbouring categories "
        f"of {metric.scale}, but got {n_thresholds}"
    )


def default_neutral(scale: Scale | Metric) -> tuple[float, ...]:
    """Neutral points assumed where none are given: the middle of the scale, and a tenth and a fifth of it higher.

    A whole number is the centre of that answer, a half the threshold between two; what falls between them counts as the
    lower. So the highest is a 7 on 0–10, which NPS itself calls passive, and on 1–5 not the 4 that says "satisfied".

    >>> from cxstats.metrics import NPS, csat
    >>> default_neutral(NPS), default_neutral(csat(5)), default_neutral(csat(10)), default_neutral(Scale(1, 7))
    ((5.0, 6.0, 7.0), (3.0, 3.5), (5.5, 6.0, 7.0), (4.0, 4.5, 5.0))
    """
    scale = getattr(scale, "scale", scale)
    middle, width = (scale.low + scale.high) / 2, scale.high - scale.low
    return tuple(dict.fromkeys(math.floor(2 * (middle + part * width) + 1e-9) / 2 for part in (0, 0.1, 0.2)))


def neutral_point(thresholds: Array, metric: Metric, category: float) -> float | np.ndarray:
    """Where a category's middle lies on the latent line.

    Parameters
    ----------
    thresholds : all of them, last axis scale.size − 1.
    category : a whole number (the middle between its two thresholds), or a half (the threshold itself: 5.5 is
        the boundary between 5 and 6).

    Raises
    ------
    ValueError : a number that is neither, or off the inner part of the scale; thresholds that are infinite because
        nobody chose that end of the scale.

    Examples
    --------
    >>> from cxstats.metrics import csat
    >>> neutral_point([-2.0, -1.0, 0.0, 1.0], csat(5), 3), neutral_point([-2.0, -1.0, 0.0, 1.0], csat(5), 3.5)
    (-0.5, 0.0)
    """
    thresholds = np.asarray(thresholds, dtype=float)
    scale = metric.scale
    if thresholds.shape[-1] != scale.size - 1:
        raise ValueError(
            f"a neutral point needs all {scale.size - 1} thresholds of {scale}, not {thresholds.shape[-1]}"
        )
    double = 2 * category
    if not np.isfinite(double) or abs(double - round(double)) > 1e-9:
        raise ValueError(f"a neutral point is a category or half-way between two, but is {category}")
    double = round(double)
    last = double // 2 - scale.low
    first = last if double % 2 else last - 1
    if first < 0 or last > scale.size - 2:
        raise ValueError(
            f"the neutral point {category:g} is not inside the scale {scale}: answers stretch around a point that has "
            "answers on both sides"
        )
    point = (thresholds[..., first] + thresholds[..., last]) / 2
    if thresholds.ndim == 1 and not np.isfinite(point):
        raise ValueError(
            f"the neutral point {category:g} lies where nobody answered, so its place on the latent line is unknown; "
            "choose one higher on the scale"
        )
    return float(point) if np.ndim(point) == 0 else point


def standardise(
    location: Array,
    log_scale: Array,
    *,
    neutral: Array,
    style_share: float = 1.0,
    reference_log_scale: Array = 0.0,
) -> tuple[Array, Array]:
    """Location and log-spread as they would be with the reference's scale use.

    Style is e^δ with δ = style_share·(log_scale − reference_log_scale); it multiplied every distance from the neutral
    point, so location and spread are divided by it: η = c + (μ − c)·e^−δ.

    Parameters
    ----------
    location, log_scale : μ and ζ as estimated, any shape.
    neutral : latent neutral point c, broadcast against them.
    style_share : λ, the share of the (logarithmic) difference in spread that is style, 0 to 1; the rest is taken for
        truly more varied customers. 1 assumes that customers are equally varied everywhere.
    reference_log_scale : ζ of the group whose scale use is the yardstick.

    Returns
    -------
    (location, log_scale).

    Raises
    ------
    ValueError : a share outside 0 to 1.

    Examples
    --------
    >>> location, log_scale = standardise(0.3, np.log(1.2), neutral=-1.2)
    >>> round(float(location), 10), float(log_scale)
    (0.05, 0.0)
    """
    if not 0 <= style_share <= 1:
        raise ValueError(
            f"style_share is the share of the spread difference that is style, 0 to 1, but is {style_share}"
        )
    location, log_scale = np.asarray(location, float), np.asarray(log_scale, float)
    style = style_share * (log_scale - np.asarray(reference_log_scale, float))
    return neutral + (location - neutral) * np.exp(-style), log_scale - style


def shapley(
    own: np.ndarray, other_style: np.ndarray, other_substance: np.ndarray, other: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A gap split into substance and style, each the average over the two orders of changing one after the other.

    Parameters
    ----------
    own : value of group A, its substance with its style.
    other_style : A's substance with B's style.
    other_substance : B's substance with A's style.
    other : value of B.

    Returns
    -------
    (substance, style) of own − other; they add up to it exactly (Shapley 1953; Shorrocks 2013).

    >>> substance, style = shapley(40.0, 30.0, 15.0, 10.0)
    >>> substance, style, substance + style
    (22.5, 7.5, 30.0)
    """
    style = ((own - other_style) + (other_substance - other)) / 2
    return (own - other) - style, style
