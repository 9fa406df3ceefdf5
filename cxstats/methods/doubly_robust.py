"""The doubly robust estimate: right if either the propensities or the predictions are.

Every invited customer gets the answer that customers like them give; where they did answer, the surprise is added,
as often as they stand for others. Both models are fitted to other customers than the ones they are used for, so that
neither is taken in by its own noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from cxstats.methods import propensity as response_propensity
from cxstats.methods.calibration_solver import pseudo_solve
from cxstats.methods.clusters import clusters_of, counts_of, require_columns
from cxstats.methods.effective import korn_graubard_effective_n
from cxstats.methods.intervals import estimate
from cxstats.methods.weighted import t_quantile
from cxstats.metrics import Metric
from cxstats.parameters import Level, checked
from cxstats.show import definition_html
from cxstats.words import count

__all__ = ["DoublyRobust", "doubly_robust"]

_ANSWERED = "_answered"
LARGEST = 20.0
"""An answer stands for at most so many times the customers it would stand for on average."""


@dataclass(frozen=True, slots=True, eq=False)
class DoublyRobust:
    """A metric of everyone invited, from answers, propensities and predictions.

    Attributes
    ----------
    value : the metric in its own unit.
    standard_error : from the influence function, answers and invitations of one customer taken together.
    low, high : score interval for the effective number of answers, within the scale; value ± t·standard error
        where a category's share comes out below 0.
    n, n_invited : answers; customers invited.
    effective_n : independent answers whose interval would be as wide.
    raw : the mean of the answers as they are.
    bias : raw − value, with ``bias_standard_error``, ``bias_low``, ``bias_high``.
    shares : estimated share of each category among everyone invited, shape (scale.size,); sums to 1.
    explained : correlation of predictions with answers they were not fitted to; 0 if the variables say nothing.
    largest : the largest 1/propensity used, times its average.
    notes : what was put together, cut off or hardly covered.
    level : how often intervals like these contain the truth if the variables explain who answers.
    metric : the metric.
    propensity, prediction : per row of cells, shape (rows,).
    """

    value: float
    standard_error: float
    low: float
    high: float
    n: int
    n_invited: int
    effective_n: float
    raw: float
    bias: float
    bias_standard_error: float
    bias_low: float
    bias_high: float
    shares: np.ndarray
    explained: float
    largest: float
    notes: tuple[str, ...]
    level: float
    metric: Metric = field(repr=False)
    propensity: np.ndarray = field(repr=False)
    prediction: np.ndarray = field(repr=False)

    def _repr_html_(self) -> str:
        unit = self.metric.unit
        return definition_html(
            f"{self.metric.label}, doubly robust",
            [
                ("value", f"{self.value:.2f} {unit}"),
                (f"{self.level:.0%} interval", f"{self.low:.2f} to {self.high:.2f}"),
                ("answers as they are", f"{self.raw:.2f} {unit}"),
                (
                    "moved by who answered",
                    f"{self.bias:+.2f} ({self.bias_low:+.2f} to {self.bias_high:+.2f})",
                ),
                ("answers", f"{count(self.n)} of {count(self.n_invited)}"),
                *(("note", note) for note in self.notes),
            ],
        )


def doubly_robust(
    cells: pd.DataFrame,
    metric: Metric,
    by: Sequence[str],
    *,
    score: str,
    part: str = "part",
    folds: int = 5,
    level: float = 0.95,
    interactions: Sequence[tuple[str, str]] = (),
    matrix: Any = None,
    largest: float = LARGEST,
) -> DoublyRobust:
    """Augmented inverse-propensity estimate, cross-fitted by part.

    Parameters
    ----------
    cells : rows of everyone invited: ``n``, the columns ``by``, ``part``, and the ``score``, missing where not
        answered.
    metric : what an answer is worth.
    by : frame variables, known for everyone invited, from before the invitation.
    score : column of the answers.
    part : column with the part (0 to 63) of the customers of a row; all invitations of a customer are in one.
    folds : a part belongs to fold ``part`` modulo ``folds``; both models see the other folds only.
    level : confidence level.
    interactions : pairs of variables whose combinations have effects of their own, in both models.
    matrix : M over the rows of cells, for customers who repeat. Without it the parts are the clusters, which covers
        them too, at the price of 63 degrees of freedom.
    largest : cap on 1/propensity, times the average 1/response rate; cut-offs are counted in ``notes``.

    Returns
    -------
    DoublyRobust.

    Raises
    ------
    ValueError : as :func:`cxstats.methods.propensity.fit`; a fold without answers.

    Notes
    -----
    θ = (1/N)·Σ{m(x) + R·(y − m(x))/ρ(x)}, variance Σ_c(Σ_{i in c} φ_i − θ)²/N², customers c as clusters. Robins, Rotnitzky &
    Zhao (1994), JASA 89, 846–866; Chernozhukov et al. (2018), Econometrics Journal 21, C1–C68, for cross-fitting. ρ is a
    logistic regression, m a linear one with the same variables, fitted to the answers. With a good m this is
    prediction-powered inference (Angelopoulos et al. 2023).

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> one = pd.DataFrame({"use": ["low"] * 4 + ["high"] * 4, "nps": pd.array([2, 8, 10, None] * 2, dtype="Int64"),
    ...                     "n": [30, 40, 30, 900, 40, 60, 200, 700]})
    >>> cells = pd.concat([one.assign(part=k) for k in range(10)], ignore_index=True)
    >>> result = doubly_robust(cells, NPS, ["use"], score="nps")
    >>> round(result.raw, 1), round(result.value, 1), round(result.bias, 1)
    (40.0, 26.7, 13.3)
    """
    level = checked("level", level, Level)
    require_columns(cells, [score, part])
    n = counts_of(cells)
    metric.counts(cells[score].dropna().unique())  # refuses what is off the scale, in words
    answered = cells[score].notna().to_numpy()
    frame = cells.reset_index(drop=True).assign(**{_ANSWERED: answered})
    whole = response_propensity.fit(frame, by, responded=_ANSWERED, interactions=interactions)
    rho = response_propensity.cross_fit(
        frame, by, responded=_ANSWERED, part=part, folds=folds, interactions=interactions
    )
    notes = list(whole.warnings)
    floor = whole.response_rate / largest
    rare = rho < floor
    if rare.any() and n[rare].sum() > 0:
        notes.append(
            f"{count(n[rare].sum())} of {count(n.sum())} customers were less than one {largest:g}th as likely to answer as "
            "the average: their propensity was raised to that"
        )
        rho = np.maximum(rho, floor)

    category = np.where(
        answered, cells[score].to_numpy(dtype=float, na_value=metric.scale.low), metric.scale.low
    )
    member = np.zeros((len(cells), metric.scale.size))
    member[np.arange(len(cells)), category.astype(int) - metric.scale.low] = answered
    clusters = clusters_of(frame.fillna({"w": 0.0, "w2": 0.0}) if "w" in frame else frame)
    mass = clusters.mass
    fold = frame[part].to_numpy(dtype=int) % folds
    model = _predicted(whole, member, mass * answered, fold, folds)
    phi = model + answered[:, None] * (member - model) / rho[:, None]
    shares = mass @ phi / mass.sum()

    values = np.asarray(metric.values, dtype=float)
    value = float(shares @ values)
    got = mass * answered
    worth = member @ values
    raw = float(got @ worth / got.sum())
    influence = (phi @ values - value) / mass.sum()
    plain = np.where(answered, (worth - raw) / got.sum(), 0.0)
    grouped = clusters_of(
        frame.fillna({"w": 0.0, "w2": 0.0}) if "w" in frame else frame,
        matrix=matrix,
        part=part if matrix is None else None,
    )
    variance = np.diag(grouped.covariance(np.column_stack([influence, plain - influence])))
    error, bias_error = (float(x) for x in np.sqrt(np.maximum(variance, 0.0)))
    freedom = min(grouped.degrees_of_freedom, max(n[answered].sum() - 1, 1))
    size = float(n[answered].sum())
    # what unequal propensities leave of the answers, for when all of them agree
    kish = float(got.sum() * (got @ (1 / rho**2)) / (got @ (1 / rho)) ** 2)
    low, high, effective = _interval(shares, metric, value, error, size, size / kish, freedom, level)
    half = t_quantile(freedom, level) * bias_error
    return DoublyRobust(
        value=value,
        standard_error=error,
        low=low,
        high=high,
        n=round(n[answered].sum()),
        n_invited=round(n.sum()),
        effective_n=effective,
        raw=raw,
        bias=raw - value,
        bias_standard_error=bias_error,
        bias_low=raw - value - half,
        bias_high=raw - value + half,
        shares=shares,
        explained=_correlation(model @ values, worth, got),
        largest=float((1 / rho[answered]).max() * whole.response_rate),
        notes=tuple(notes),
        level=level,
        metric=metric,
        propensity=rho,
        prediction=model @ values,
    )


def _predicted(
    whole: response_propensity.Propensity, member: np.ndarray, mass: np.ndarray, fold: np.ndarray, folds: int
) -> np.ndarray:
    """Share of each category that a linear regression on the other folds' answers predicts, shape (rows, categories)."""
    place, x = whole.frame_cell, whole.design
    size = len(x)
    result = np.zeros_like(member)
    for k in range(folds):
        out = fold == k
        learn = np.where(out, 0.0, mass)
        if not learn.sum() > 0:
            raise ValueError(f"outside fold {k} of {folds} nobody answered: take fewer folds")
        weight = np.bincount(place, weights=learn, minlength=size)
        sums = np.column_stack(
            [np.bincount(place, weights=learn * column, minlength=size) for column in member.T]
        )
        # a category of the frame that nobody outside the fold answered in falls back on the others
        slopes = pseudo_solve((x * weight[:, None]).T @ x, x.T @ sums)
        result[out] = (x @ slopes)[place[out]]
    return result


def _interval(
    shares: np.ndarray,
    metric: Metric,
    value: float,
    error: float,
    size: float,
    carriers: float,
    freedom: float,
    level: float,
) -> tuple[float, float, float]:
    spread = float(shares @ np.asarray(metric.values) ** 2 - value**2)
    if spread <= 1e-12 * (metric.high - metric.low) ** 2 or not error > 0:
        # all answers agree: how many carry the weight is all there is to go by
        result = estimate(np.clip(shares, 0, None) * size, metric, level=level, effective_n=carriers)
        return result.low, result.high, carriers
    effective = spread * size / max(size - 1, 1) / error**2
    if (shares < -1e-12).any() or size < 3:
        half = t_quantile(freedom, level) * error
        return max(value - half, metric.low), min(value + half, metric.high), effective
    worth = korn_graubard_effective_n(effective, round(size), max(min(freedom, size - 1), 1), level)
    result = estimate(np.clip(shares, 0, None) * size, metric, level=level, effective_n=worth)
    return result.low, result.high, effective


def _correlation(prediction: np.ndarray, worth: np.ndarray, mass: np.ndarray) -> float:
    total = mass.sum()
    a, b = prediction - mass @ prediction / total, worth - mass @ worth / total
    scale = (mass @ a**2) * (mass @ b**2)
    return float(mass @ (a * b) / np.sqrt(scale)) if scale > 0 else 0.0
