"""How strong a variable left out of the weights would have to be, against those one has.

Weights are made from what is known of customers. A variable that is not known could still matter; these say how much of
the ideal weights' variance, and how high a correlation with the score, it would need to move the estimate to a
given value, and which of the known variables come near that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cxstats.methods.calibration import calibrate, margins_of
from cxstats.metrics import Metric
from cxstats.show import definition_html

__all__ = ["Benchmarks", "benchmarks", "omitted_bias", "robustness_value"]


def robustness_value(
    estimate: float,
    target: float,
    weights: Sequence[float] | np.ndarray,
    outcome_variance: float,
    *,
    n: Sequence[float] | np.ndarray | None = None,
) -> float:
    """Strength that moves a weighted estimate to ``target``: as a share of the ideal weights' and of the score's variance.

    Parameters
    ----------
    estimate : weighted estimate, in the metric's unit.
    target : value that would change the conclusion (published value ± margin, 0, last wave).
    weights : of the answers, any scale, shape (rows,).
    outcome_variance : of one answer's value, in squared units.
    n : answers per row; default 1.

    Returns
    -------
    RV in [0, 1): an omitted variable that explains RV of the variance of the ideal weights, and correlates with the
    score by √RV, moves the estimate to the target. Near 0: next to nothing is needed. 0 where estimate and target
    agree; 1 where the weights do not vary, because then only an infinitely strong one would do.

    Raises
    ------
    ValueError : weights that are negative on average, or no answers; a variance of 0.

    Notes
    -----
    ½(√(a² + 4a) − a), a = (estimate − target)²/(var(y)·var(w)), weights scaled to mean 1: Hartman & Huang 2024,
    *Political Analysis* 32, section 4; as R package senseweight computes it.

    Examples
    --------
    >>> weights = [0.5, 1.0, 1.5, 0.4, 1.6]
    >>> round(robustness_value(30.0, 35.0, weights, 73.0**2), 3)
    0.117
    """
    variance = _variance_of_weights(weights, n)
    if not outcome_variance > 0:
        raise ValueError("all answers are worth the same: no variable could go with the score")
    if estimate == target:
        return 0.0
    if variance == 0:
        return 1.0
    a = (estimate - target) ** 2 / (outcome_variance * variance)
    # the same as ½(√(a² + 4a) − a), without losing digits for large a
    return float(2 * a / (np.sqrt(a**2 + 4 * a) + a))


def omitted_bias(correlation: float, share: float, weights_variance: float, outcome_variance: float) -> float:
    """Bias from an omitted variable: ρ·√(var(w)·R²/(1 − R²)·var(y)), in the metric's unit.

    Parameters
    ----------
    correlation : ρ of the error of the weights with the score, in [−1, 1].
    share : R² of the ideal weights' variance that the error makes up, in [0, 1).
    weights_variance : of the weights at hand, mean 1.
    outcome_variance : of one answer's value.

    Raises
    ------
    ValueError : a correlation or a share out of range.

    Examples
    --------
    >>> round(omitted_bias(0.06009261, 0.3193473, 1.5374, 0.24865), 4)      # printed: 0.02545
    0.0254
    """
    if not (-1 <= correlation <= 1 and 0 <= share < 1):
        raise ValueError(
            f"a correlation lies in [−1, 1] and a share of variance in [0, 1), but got {correlation} and {share}"
        )
    return float(correlation * np.sqrt(weights_variance * share / (1 - share) * outcome_variance))


@dataclass(frozen=True, slots=True, eq=False)
class Benchmarks:
    """Robustness of a weighted estimate, and what leaving out each known variable would have done.

    Attributes
    ----------
    metric : the metric.
    unweighted, estimate : value without and with the weights, in the metric's unit.
    target : value that would change the conclusion.
    robustness_value : see :func:`robustness_value`.
    weights_variance, outcome_variance : of the weights (mean 1) and of one answer's value.
    table : one row per variable, as if a variable just as strong were left out: ``variable``, ``share`` (R² of the ideal
        weights' variance), ``correlation`` (with the score), ``bias`` (in the metric's unit), ``times`` (how many
        times as much bias it takes to reach the target), ``share_needed`` and ``correlation_needed`` (robustness value
        over the variable's, in each of the two), ``left_out`` (the estimate without it).
    """

    metric: Metric
    unweighted: float
    estimate: float
    target: float
    robustness_value: float
    weights_variance: float
    outcome_variance: float
    table: pd.DataFrame

    def _repr_html_(self) -> str:
        return definition_html(
            f"How robust weighted {self.metric.short} is",
            [
                ("weighted", f"{self.estimate:.2f} {self.metric.unit}"),
                ("target", f"{self.target:.2f} {self.metric.unit}"),
                ("robustness value", f"{self.robustness_value:.3f}"),
                *(
                    (f"as strong as {r.variable}", f"{r.bias:+.2f} {self.metric.unit}")
                    for r in self.table.itertuples()
                ),
            ],
        )


def benchmarks(
    cells: pd.DataFrame,
    metric: Metric,
    columns: Sequence[str],
    *,
    score: str,
    target: float,
    method: str = "raking",
) -> Benchmarks:
    """The robustness value of a weighted estimate, benchmarked on the variables that made the weights.

    Parameters
    ----------
    cells : everyone invited, rows with ``n``, ``columns`` and ``score`` (missing where not answered).
    metric : what an answer is worth.
    columns : variables that are weighted to; each is left out in turn.
    score : column of the answers.
    target : value that would change the conclusion.
    method : of weighting, as in ``cxstats.methods.calibration.calibrate``.

    Raises
    ------
    ValueError : fewer than two variables, or margins that cannot be met.

    Notes
    -----
    With ε = (weights without the variable) − (weights), R² = var(ε)/var(w)/(1 + var(ε)/var(w)) and ρ = corr(y, ε):
    Hartman & Huang 2024, section 5; senseweight's ``benchmark_survey``.

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> cells = pd.DataFrame({
    ...     "country": ["AT", "AT", "DE", "DE", "AT", "DE"], "use": ["low", "high"] * 2 + ["low", "high"],
    ...     "nps": pd.array([10, 8, 3, 10, None, None], dtype="Int64"), "n": [40, 30, 20, 50, 300, 200]})
    >>> result = benchmarks(cells, NPS, ["country", "use"], score="nps", target=0)
    >>> result.table["variable"].tolist()
    ['country', 'use']
    """
    columns = [columns] if isinstance(columns, str) else list(columns)
    if len(columns) < 2:
        raise ValueError(
            "benchmarks leave one variable out at a time and need at least two, but got "
            + ", ".join(map(repr, columns))
        )
    answered = cells[score].notna().to_numpy()
    n = cells["n"].to_numpy(dtype=float)[answered]
    category = cells.loc[answered, score].to_numpy(dtype=int) - metric.scale.low
    worth = np.asarray(metric.values, dtype=float)[category]

    def weigh(chosen: Sequence[str]) -> np.ndarray:
        made = calibrate(cells, margins_of(cells, list(chosen)), method=method, responded=score)
        return _scaled(made.weights[answered], n)

    weights = weigh(columns)
    total = n.sum()
    mean = n @ worth / total
    outcome_variance = float(n @ (worth - mean) ** 2 / (total - 1))
    weights_variance = _variance_of_weights(weights, n)
    estimate = float((n * weights) @ worth / (n * weights).sum())
    value = robustness_value(estimate, target, weights, outcome_variance, n=n)
    rows = []
    for column in columns:
        without = weigh([other for other in columns if other != column])
        error = without - weights
        spread = float(n @ (error - n @ error / total) ** 2 / (total - 1))
        ratio = spread / weights_variance if weights_variance > 0 else 0.0
        share = ratio / (1 + ratio)
        both = n @ ((worth - mean) * (error - n @ error / total)) / (total - 1)
        rho = float(both / np.sqrt(spread * outcome_variance)) if spread > 0 else 0.0
        bias = omitted_bias(rho, share, weights_variance, outcome_variance)
        rows.append(
            {
                "variable": column,
                "share": share,
                "correlation": rho,
                "bias": bias,
                "times": (estimate - target) / bias if bias else np.inf,
                "share_needed": value / share if share else np.inf,
                "correlation_needed": np.sqrt(value) / rho if rho else np.inf,
                "left_out": float((n * without) @ worth / (n * without).sum()),
            }
        )
    return Benchmarks(
        metric=metric,
        unweighted=float(mean),
        estimate=estimate,
        target=float(target),
        robustness_value=value,
        weights_variance=weights_variance,
        outcome_variance=outcome_variance,
        table=pd.DataFrame(rows),
    )


def _scaled(weights: np.ndarray, n: np.ndarray) -> np.ndarray:
    mean = n @ weights / n.sum()
    if not mean > 0:
        raise ValueError("the weights are 0 or negative on average")
    return weights / mean


def _variance_of_weights(
    weights: Sequence[float] | np.ndarray, n: Sequence[float] | np.ndarray | None
) -> float:
    array = np.asarray(weights, dtype=float)
    count = np.ones(len(array)) if n is None else np.asarray(n, dtype=float)
    if count.shape != array.shape or not count.sum() > 1:
        raise ValueError(
            f"weights and answers per row must be as many, with 2 answers or more: got {array.shape} and {count.shape}"
        )
    scaled = _scaled(array, count)
    return float(count @ (scaled - 1) ** 2 / (count.sum() - 1))
