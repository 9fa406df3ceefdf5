"""Weighted estimates: a mean with weights, and an error honest to how the weights were made.

Weights are estimates themselves. Calibrated to margins that explain the score they make it *more* certain;
margins that have nothing to do with it cost certainty. Taking weights as given misses both. So weights here
know how they came about: what one more answer would change (linearisation), and how to make themselves anew for
other counts (replicates).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import pandas as pd

from cxstats.methods.calibration_margins import own_weight
from cxstats.methods.clusters import clusters_of, counts_of, require_columns
from cxstats.methods.replicates import Replicates
from cxstats.metrics import Metric
from cxstats.parameters import Level, checked
from cxstats.show import definition_html

_MOST_LEVERAGE = 0.9
"""An answer that decides its own prediction alone has no residual: its error is taken as if it decided nine tenths."""

__all__ = ["MeanParts", "WeightedEstimate", "Weights", "mean_parts", "weighted_estimate"]


class Weights(Protocol):
    """What :func:`weighted_estimate` asks of weights: that they know how they came about."""

    weights: np.ndarray

    def influence(self, z: np.ndarray, *, population: float | None = None) -> np.ndarray:
        """What one customer of each row of cells adds to the error of Σ w·z, shape (rows,).

        With ``population``, the number of customers invited, scores whose n-weighted sum of squares is the
        variance that comes from who answers alone: nothing is left where everybody answered.
        """

    def reweighted(self, counts: np.ndarray, expansion: float = 1.0, *, redraw: bool = False) -> np.ndarray:
        """The weights made anew for other counts of the same cells, shape (rows,)."""


@dataclass(frozen=True, slots=True, eq=False)
class MeanParts:
    """A weighted mean, and the error of it and of the unweighted mean, per row of cells.

    Attributes
    ----------
    value, raw : weighted mean; mean with the base weights alone.
    influence, raw_influence : what one customer of each row of cells adds to the error, shape (rows,).
    """

    value: float
    raw: float
    influence: np.ndarray
    raw_influence: np.ndarray


@dataclass(frozen=True, slots=True)
class WeightedEstimate:
    """A metric's weighted value, its interval, and what weighting changed and cost.

    Attributes
    ----------
    value : the weighted metric, in its own unit.
    standard_error : of the weighted value: from the residuals of the calibration ("linearised"), or from
        replicates in each of which the weights were made anew.
    low, high : the interval: a score interval for the effective number of answers, within the scale.
    n : answers to this question.
    effective_n : independent answers whose interval would be as wide.
    design_effect : how much larger the variance is than that of n unweighted answers with this distribution;
        below 1 where the margins explain the score. What weighting really cost.
    kish_design_effect : what it would cost if weights had nothing to do with the score: n·Σw²/(Σw)².
    raw : the metric without calibration.
    bias : raw − value: how far who happened to answer moved the score, as far as the margins know.
    bias_standard_error, bias_low, bias_high : of the bias; raw and value share their answers.
    counts : weighted counts per category scaled to n, shape (scale.size,).
    error_from : "linearised", "jackknife" or "bootstrap".
    level : how often intervals like these contain the truth, if the margins explain who answers.
    metric : the metric.
    """

    value: float
    standard_error: float
    low: float
    high: float
    n: int
    effective_n: float
    design_effect: float
    kish_design_effect: float
    raw: float
    bias: float
    bias_standard_error: float
    bias_low: float
    bias_high: float
    counts: np.ndarray
    error_from: str
    level: float
    metric: Metric = field(repr=False)

    def _repr_html_(self) -> str:
        unit = self.metric.unit
        return definition_html(
            f"{self.metric.label}, weighted",
            [
                ("value", f"{self.value:.2f} {unit}"),
                (f"{self.level:.0%} interval", f"{self.low:.2f} to {self.high:.2f}"),
                ("standard error", f"{self.standard_error:.3f} ({self.error_from})"),
                ("without weights", f"{self.raw:.2f} {unit}"),
                (
                    "moved by who answered",
                    f"{self.bias:+.2f} ({self.bias_low:+.2f} to {self.bias_high:+.2f})",
                ),
                ("answers", f"{self.n:,}"),
                ("worth", f"{self.effective_n:,.0f} independent answers"),
            ],
        )


def weighted_estimate(
    cells: pd.DataFrame,
    metric: Metric,
    weights: Weights | Sequence[float] | np.ndarray,
    *,
    score: str,
    level: float = 0.95,
    replicates: Replicates | None = None,
    matrix: Any = None,
    part: str | None = None,
    customers: int | None = None,
    population: float | None = None,
    redraw: bool = False,
) -> WeightedEstimate:
    """The metric with weights, and an interval honest to how the weights were made.

    Parameters
    ----------
    cells : the rows that the weights are for: ``n``, the ``score`` (whole numbers of the scale, missing where
        not answered).
    metric : what an answer is worth.
    weights : a Calibration, propensity weights, trimmed weights; or one number per row of cells, which are
        then taken as given (the interval does not know how they were made).
    score : column of the answers.
    level : confidence level.
    replicates : of the same cells; the weights are made anew in every one. The jackknife by part also covers
        customers who answered repeatedly. Default: linearisation.
    matrix : M of the survey's cluster matrix over these rows, for customers who answered repeatedly (with
        weighted cells, ``w``, the weighted M). part : the column with the 64 parts, in its place. Without
        either, and without replicates, every answer is taken to be another customer's.
    customers : number of customers, for the factor C/(C − 1) with ``matrix``.
    population : number of customers invited, if the interval shall speak about these customers only (what they
        would have answered, all of them): those who answered are no longer uncertain. By default it speaks
        about customers like them. Not with replicates.
    redraw : in replicates, the margins too are drawn anew (the customers are a sample of those one will have);
        by default the frame is what it is.

    Returns
    -------
    WeightedEstimate.

    Raises
    ------
    ValueError : nobody with a weight answered; weights, matrix or replicates of another length; answers off
        the scale.

    Notes
    -----
    Linearised as survey software does: Var = Σ(w·e)²·n/(n − 1), centred, e the residuals of (y − θ)/Σw on the
    calibration variables (Deville & Särndal 1992; Särndal, Swensson & Wretman 1992, 6.6). Answers are random
    given the margins' variables; the frame is fixed. The interval: a score interval for the effective number of
    answers (Korn & Graubard 1998), from residuals over √(1 − leverage) (MacKinnon & White 1985), which are not too
    small where few answers share a category.

    Examples
    --------
    >>> from cxstats.methods.calibration import calibrate
    >>> from cxstats.metrics import NPS
    >>> cells = pd.DataFrame({"use": ["low"] * 3 + ["high"] * 3, "nps": [2, 8, 10] * 2, "n": [30, 40, 30, 20, 60, 220]})
    >>> weights = calibrate(cells, {"use": {"low": 3000, "high": 2000}})
    >>> result = weighted_estimate(cells, NPS, weights, score="nps")
    >>> round(result.raw, 1), round(result.value, 1), round(result.standard_error, 2)
    (50.0, 26.7, 4.85)
    """
    level = checked("level", level, Level)
    n = counts_of(cells)
    if replicates is not None and population is not None:
        raise ValueError("replicates vary every answer, so they cannot speak about one population: linearise")
    if replicates is not None and (matrix is not None or part is not None):
        raise ValueError(
            "give a matrix, parts or replicates: each alone covers customers who answered repeatedly"
        )
    worth, category = _worths(cells, metric, score)
    used = _weight_array(weights, len(cells))
    answered = ~np.isnan(worth) & (used != 0) & (n > 0)
    size = float(n[answered].sum())
    if not size > 0:
        raise ValueError(f"{metric.short}: nobody with a weight answered {score!r}")
    values = np.where(answered, worth, np.nan)
    if population is not None and not population >= size:
        raise ValueError(f"the population is {population:g}, but there are {size:g} answers of it")
    parts = mean_parts(cells, values, weights, population=population)
    wider = 1.0
    if replicates is None:
        error, bias_error, freedom = _linearised(cells, parts, used, matrix, part, customers)
        source = "linearised"
        if error > 0 and hasattr(weights, "leverage"):
            left = np.sqrt(1 - np.minimum(weights.leverage(), _MOST_LEVERAGE))
            honest = replace(parts, influence=parts.influence / left)
            wider = _linearised(cells, honest, used, matrix, part, customers)[0] / error
    else:
        error, bias_error, freedom = _replicated(cells, values, weights, replicates, redraw)
        source = replicates.kind

    mass = used * n * answered
    counts = np.bincount(category[answered], weights=mass[answered], minlength=metric.scale.size)
    kish = size * float((_squares(cells, used, n) * answered).sum()) / mass.sum() ** 2
    effective, effect = _worth_of(counts, metric, error, size, kish)
    low, high = _interval(
        counts, metric, parts.value, error * wider, effective / wider**2, size, kish, freedom, level
    )
    half = t_quantile(min(freedom, max(size - 1, 1)), level) * bias_error
    bias = parts.raw - parts.value
    return WeightedEstimate(
        value=parts.value,
        standard_error=error,
        low=low,
        high=high,
        n=round(size),
        effective_n=effective,
        design_effect=effect,
        kish_design_effect=kish,
        raw=parts.raw,
        bias=bias,
        bias_standard_error=bias_error,
        bias_low=bias - half,
        bias_high=bias + half,
        counts=counts * (size / counts.sum()),
        error_from=source,
        level=level,
        metric=metric,
    )


def mean_parts(
    cells: pd.DataFrame,
    values: np.ndarray,
    weights: Weights | Sequence[float] | np.ndarray,
    *,
    population: float | None = None,
) -> MeanParts:
    """The weighted mean of any numbers, with its error per row of cells.

    Parameters
    ----------
    cells : rows with ``n``.
    values : one number per row, shape (rows,); NaN where there is none.
    weights, population : as for :func:`weighted_estimate`.

    Returns
    -------
    MeanParts. Σ n·influence² is the variance if every answer is another customer's.
    """
    n = counts_of(cells)
    used = _weight_array(weights, len(cells))
    there = ~np.isnan(values) & (used != 0)
    y = np.where(there, values, 0.0)
    mass = used * n * there
    total = mass.sum()
    value = float(mass @ y / total)
    z = np.where(there, (y - value) / total, 0.0)
    if hasattr(weights, "influence"):
        influence = weights.influence(z, population=population)
    else:
        influence = used * z * left_to_chance(used, n, population)
    base = _base_of(cells, weights, n)
    plain = base * n * there
    raw = float(plain @ y / plain.sum())
    raw_influence = np.where(there, base * (y - raw) / plain.sum(), 0.0)
    return MeanParts(value, raw, influence, raw_influence * left_to_chance(base * there, n, population))


def left_to_chance(weights: np.ndarray, n: np.ndarray, population: float | None) -> np.ndarray:
    """√(1 − 1/w) per row, w scaled to the population: what of an answer's error is left where it stands for itself too.

    Poisson sampling with the probabilities 1/w (Särndal, Swensson & Wretman 1992, 3.5); 1 without a population.
    """
    if population is None:
        return np.ones(len(weights))
    total = float(weights @ n)
    stands_for = np.where(weights > 0, weights * population / total, 1.0)
    return np.sqrt(np.clip(1 - 1 / stands_for, 0, None))


def _linearised(
    cells: pd.DataFrame,
    parts: MeanParts,
    used: np.ndarray,
    matrix: Any,
    part: str | None,
    customers: int | None,
) -> tuple[float, float, float]:
    """Standard errors of value and bias, and their degrees of freedom."""
    n = counts_of(cells)
    scores = np.column_stack([parts.influence, parts.raw_influence - parts.influence])
    if "w" in cells.columns:
        cells = cells.fillna({"w": 0.0, "w2": 0.0})
        own = own_weight(cells, n)[:, None]
        # per unit of weight: weights differ within a row, and w2 (or the weighted matrix) knows how
        scores = np.where(own > 0, scores / np.where(own > 0, own, 1), 0.0)
    clusters = clusters_of(cells, matrix=matrix, part=part)
    if clusters.independent:
        size = n[(used != 0) | (scores != 0).any(axis=1)].sum()
        total = clusters.mass @ scores
        variance = (clusters.square @ scores**2 - total**2 / size) * size / max(size - 1, 1)
        freedom = max(size - 1, 1)
    else:
        variance = np.diag(clusters.covariance(scores))
        freedom = clusters.degrees_of_freedom
        if matrix is not None and customers is not None:
            total = clusters.mass @ scores
            variance = (variance - total**2 / customers) * customers / max(customers - 1, 1)
            freedom = max(customers - 1, 1)
    error, bias_error = np.sqrt(np.maximum(variance, 0.0))
    return float(error), float(bias_error), float(freedom)


def _replicated(
    cells: pd.DataFrame,
    values: np.ndarray,
    weights: Weights | Sequence[float] | np.ndarray,
    replicates: Replicates,
    redraw: bool,
) -> tuple[float, float, float]:
    if replicates.counts.shape[1] != len(cells):
        raise ValueError(
            f"the replicates are of {replicates.counts.shape[1]:,} cells, but there are {len(cells):,}: make "
            "them from these cells"
        )
    there = ~np.isnan(values)
    y = np.where(there, values, 0.0)
    base = _base_of(cells, weights, counts_of(cells))

    if hasattr(weights, "reweighted_all"):
        again = weights.reweighted_all(replicates.counts, replicates.expansion, redraw=redraw)
    elif hasattr(weights, "reweighted"):
        again = replicates.apply(lambda n: weights.reweighted(n, replicates.expansion, redraw=redraw))
    else:
        again = _weight_array(weights, len(cells))[None]
    mass, plain = replicates.counts * again * there, replicates.counts * (base * there)
    with np.errstate(invalid="ignore", divide="ignore"):  # a replicate without answers is refused in words
        value, raw = mass @ y / mass.sum(axis=1), plain @ y / plain.sum(axis=1)
    both = np.column_stack([value, raw - value])
    error, bias_error = np.sqrt(replicates.variance(both))
    return float(error), float(bias_error), replicates.degrees_of_freedom


def _worth_of(
    counts: np.ndarray, metric: Metric, error: float, size: float, kish: float
) -> tuple[float, float]:
    """Effective n and design effect, from the variance where there is one."""
    spread = metric.variance(counts) if (counts >= 0).all() else math.nan
    if math.isnan(spread) or spread <= 1e-12 * (metric.high - metric.low) ** 2 or not error > 0:
        # where all answers agree the variance says nothing about the design: the weights do
        everybody = spread > 1e-12 * (metric.high - metric.low) ** 2
        return (math.inf, 0.0) if everybody else (size / kish, kish)
    effective = spread * size / max(size - 1, 1) / error**2
    return effective, size / effective


def _interval(
    counts: np.ndarray,
    metric: Metric,
    value: float,
    error: float,
    effective: float,
    size: float,
    kish: float,
    freedom: float,
    level: float,
) -> tuple[float, float]:
    """Score interval for the effective n, reduced for a variance that few answers carry."""
    from cxstats.methods.effective import korn_graubard_effective_n
    from cxstats.methods.intervals import estimate

    if math.isinf(effective):
        return value, value  # everybody answered, and the interval speaks about them only
    carriers = max(min(size / kish - 1, freedom), 1.0)
    if (counts < 0).any():
        half = t_quantile(carriers, level) * error
        return max(value - half, metric.low), min(value + half, metric.high)
    if size < 2:
        result = estimate(counts, metric, level=level, effective_n=effective)
        return result.low, result.high
    # calibration can make answers worth more than they are; a guess of the variance from few cannot
    worth = korn_graubard_effective_n(effective, max(round(size), 2), min(carriers, size - 1), level)
    result = estimate(counts, metric, level=level, effective_n=worth)
    return result.low, result.high


def t_quantile(freedom: float, level: float) -> float:
    """Two-sided quantile of Student's t; the normal one for infinite degrees of freedom."""
    from scipy.special import ndtri, stdtrit

    tail = (1 + level) / 2
    return float(ndtri(tail) if math.isinf(freedom) else stdtrit(max(freedom, 1.0), tail))


def _worths(cells: pd.DataFrame, metric: Metric, score: str) -> tuple[np.ndarray, np.ndarray]:
    """What the answer in each row is worth (NaN where missing), and its category."""
    require_columns(cells, [score])
    column = cells[score]
    metric.counts(column.dropna().unique())  # refuses what is off the scale, in words
    numbers = column.to_numpy(dtype=float, na_value=np.nan)
    category = np.where(np.isnan(numbers), metric.scale.low, numbers).astype(int) - metric.scale.low
    return np.where(np.isnan(numbers), np.nan, np.asarray(metric.values, dtype=float)[category]), category


def _weight_array(weights: Any, rows: int) -> np.ndarray:
    array = np.asarray(getattr(weights, "weights", weights), dtype=float)
    if array.shape != (rows,):
        raise ValueError(
            f"weights are needed for each of the {rows:,} rows of cells, but have shape {array.shape}: "
            "weight and estimate with the same cells"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{int((~np.isfinite(array)).sum())} weights are missing or infinite")
    return array


def _base_of(cells: pd.DataFrame, weights: Any, n: np.ndarray) -> np.ndarray:
    """The base weights, which the raw value is made with."""
    problem = getattr(weights, "problem", None)
    return problem.base if problem is not None else own_weight(cells, n)


def _squares(cells: pd.DataFrame, used: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Σ of squared weights per row: in weighted cells the base weights vary within the row."""
    if "w2" not in cells.columns:
        return used**2 * n
    own = own_weight(cells, n)
    w2 = cells["w2"].to_numpy(dtype=float, na_value=0.0)
    return np.where(own > 0, (used / np.where(own > 0, own, 1)) ** 2 * w2, used**2 * n)
