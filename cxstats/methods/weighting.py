"""Weights from propensities, trimmed weights, and the question to ask of any weights.

*Do they work?* :func:`held_out` weights outcomes that are known for everyone invited, and were not
used for the weights, and compares with the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from cxstats.methods import propensity as response_propensity
from cxstats.methods.calibration_margins import answered_rows, own_weight
from cxstats.methods.calibration_solver import pseudo_solve
from cxstats.methods.clusters import clusters_of, counts_of, require_columns
from cxstats.methods.weighted import (
    Weights,
    left_to_chance,
    mean_parts,
    weighted_estimate,
)
from cxstats.metrics import Metric
from cxstats.parameters import Level, checked
from cxstats.show import definition_html
from cxstats.words import count, share

__all__ = [
    "HeldOut",
    "PropensityWeights",
    "TrimmedWeights",
    "held_out",
    "potter_limit",
    "propensity_weights",
    "trim",
]

_ANSWERED = "_answered"


# --------------------------------------------------------------------------- inverse propensities


@dataclass(frozen=True, slots=True, eq=False)
class PropensityWeights:
    """One over the fitted propensity to answer.

    Attributes
    ----------
    weights : per row of cells, shape (rows,): base weight over propensity; 0 where not answered.
    propensity : per row of cells, shape (rows,).
    n : answers that were weighted.
    design_effect, effective_n : Kish's, as of a Calibration.
    model : the fitted propensity; its ``warnings`` belong to these weights too.
    """

    weights: np.ndarray
    propensity: np.ndarray
    n: int
    design_effect: float
    effective_n: float
    model: response_propensity.Propensity
    cells: pd.DataFrame = field(repr=False)
    interactions: tuple[tuple[str, str], ...] = field(repr=False)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was put together, separated or hardly covered."""
        return self.model.warnings

    def influence(self, z: np.ndarray, *, population: float | None = None) -> np.ndarray:
        """What one customer of each row adds to the error of Σ w·z, the propensities being estimated.

        The part of z/ρ that the propensity's own score explains is taken out (Robins, Rotnitzky & Zhao 1994):
        estimated propensities are more precise than known ones. Customers who did not answer count too.
        """
        answered = self.cells[_ANSWERED].to_numpy(dtype=bool)
        n, rho, place = counts_of(self.cells), self.propensity, self.model.frame_cell
        base = own_weight(self.cells, n)
        mass, size = base * n, len(self.model.design)
        x = self.model.design
        information = np.bincount(place, weights=mass * rho * (1 - rho), minlength=size)
        pull = np.bincount(place, weights=mass * answered * z * (1 - rho) / rho, minlength=size)
        slopes = pseudo_solve((x * information[:, None]).T @ x, x.T @ pull)
        explained = (x @ slopes)[place]
        if population is not None:
            # the frame is fixed: each customer answers or not, with probability ρ
            return base * answered * np.sqrt(1 - rho) * (z / rho - explained)
        return base * (answered * z / rho - (answered - rho) * explained)

    def reweighted(self, counts: np.ndarray, expansion: float = 1.0, *, redraw: bool = False) -> np.ndarray:
        """The weights from propensities fitted anew to other counts of the same cells, shape (rows,).

        ``expansion`` and ``redraw`` change nothing: who answers is fitted to the replicate's own customers.
        """
        again = _propensity_weights(self.cells.assign(n=counts), self.model.by, self.interactions)
        return again.weights

    def _repr_html_(self) -> str:
        used = self.weights[self.weights > 0]
        return definition_html(
            "Inverse propensity weights",
            [
                ("answers", count(self.n)),
                ("weights", f"{used.min():.3g} to {used.max():.3g}"),
                ("design effect (Kish)", f"{self.design_effect:.3f}"),
                *(("note", note) for note in self.notes),
            ],
        )


def propensity_weights(
    cells: pd.DataFrame,
    by: Sequence[str],
    *,
    responded: str | None = None,
    interactions: Sequence[tuple[str, str]] = (),
) -> PropensityWeights:
    """Weight every answer by one over how likely such a customer was to answer.

    Parameters
    ----------
    cells : rows of everyone invited: ``n``, the columns ``by``, and who answered.
    by : frame variables, known for everyone invited.
    responded : column of True/False, or a score, where whoever answered it counts; default ``responded``.
    interactions : pairs of variables whose combinations have effects of their own.

    Returns
    -------
    PropensityWeights.

    Raises
    ------
    ValueError : as :func:`cxstats.methods.propensity.fit`.

    Notes
    -----
    Rosenbaum & Rubin (1983) on propensities; Little (1986) on weighting answers by them. Propensities are fitted
    by maximum likelihood and so do not meet the margins exactly: ``calibrate(…, method="propensity")`` does.

    Examples
    --------
    >>> cells = pd.DataFrame({"channel": ["app", "app", "mail", "mail"], "responded": [True, False] * 2,
    ...                       "n": [300, 700, 200, 800]})
    >>> propensity_weights(cells, ["channel"]).weights.round(3).tolist()
    [3.333, 0.0, 5.0, 0.0]
    """
    if responded is None:
        require_columns(cells, ["responded"])
    frame = cells.reset_index(drop=True).assign(**{_ANSWERED: answered_rows(cells, responded)})
    return _propensity_weights(frame, [by] if isinstance(by, str) else list(by), tuple(interactions))


def _propensity_weights(
    cells: pd.DataFrame, by: Sequence[str], interactions: tuple[tuple[str, str], ...]
) -> PropensityWeights:
    model = response_propensity.fit(cells, by, responded=_ANSWERED, interactions=interactions)
    rho = model.predict(cells)
    n = counts_of(cells)
    answered = cells[_ANSWERED].to_numpy(dtype=bool)
    weights = np.where(answered, own_weight(cells, n) / rho, 0.0)
    effect = _kish(weights[answered], n[answered])
    size = float(n[answered].sum())
    return PropensityWeights(weights, rho, round(size), effect, size / effect, model, cells, interactions)


# --------------------------------------------------------------------------------------- trimming


@dataclass(frozen=True, slots=True, eq=False)
class TrimmedWeights:
    """Weights brought within limits, their sum kept.

    Attributes
    ----------
    weights : per row of cells, shape (rows,).
    lower, upper : the limits.
    n_trimmed : answers that were outside.
    moved_share : share of all weight that was taken away from them, or given to them.
    design_effect, design_effect_before : Kish's, after and before.
    notes : what was done, in a sentence; trimmed weights no longer meet their margins.
    """

    weights: np.ndarray
    lower: float
    upper: float
    n_trimmed: int
    moved_share: float
    design_effect: float
    design_effect_before: float
    notes: tuple[str, ...]
    untrimmed: Weights | np.ndarray = field(repr=False)
    n: np.ndarray = field(repr=False)
    strict: bool = field(repr=False)

    @property
    def problem(self) -> Any:
        """That of the weights before trimming, for their base weights."""
        return getattr(self.untrimmed, "problem", None)

    def influence(self, z: np.ndarray, *, population: float | None = None) -> np.ndarray:
        """That of the untrimmed weights, each answer's share of its weight that was kept taken as given."""
        before = _array(self.untrimmed)
        kept = np.divide(self.weights, before, out=np.zeros(len(before)), where=before != 0)
        if hasattr(self.untrimmed, "influence"):
            return self.untrimmed.influence(kept * z, population=population)
        return self.weights * z * left_to_chance(self.weights, self.n, population)

    def leverage(self) -> np.ndarray:
        """That of the untrimmed weights."""
        if hasattr(self.untrimmed, "leverage"):
            return self.untrimmed.leverage()
        return np.zeros(len(self.weights))

    def reweighted(self, counts: np.ndarray, expansion: float = 1.0, *, redraw: bool = False) -> np.ndarray:
        """The untrimmed weights made anew, and trimmed at the same limits."""
        if hasattr(self.untrimmed, "reweighted"):
            again = self.untrimmed.reweighted(counts, expansion, redraw=redraw)
            # a replicate's weights are larger by the customers it leaves out
            scale = expansion if self.problem is not None else 1.0
        else:
            again, scale = _array(self.untrimmed), 1.0
        return _trimmed(
            again, np.asarray(counts, dtype=float), self.lower * scale, self.upper * scale, self.strict
        )

    def _repr_html_(self) -> str:
        return definition_html(
            "Trimmed weights",
            [
                ("limits", f"{self.lower:.4g} to {self.upper:.4g}"),
                ("answers trimmed", count(self.n_trimmed)),
                ("weight moved", share(self.moved_share, 1)),
                ("design effect (Kish)", f"{self.design_effect_before:.3f} → {self.design_effect:.3f}"),
            ],
        )


def trim(
    weights: Weights | Sequence[float] | np.ndarray,
    cells: pd.DataFrame,
    *,
    upper: float | None = None,
    lower: float = 0.0,
    times_average: float | None = None,
    strict: bool = True,
) -> TrimmedWeights:
    """Bring weights within limits; what is cut off is spread evenly over the other answers.

    Parameters
    ----------
    weights : a Calibration, propensity weights, or one number per row of cells (0: did not answer).
    cells : the rows the weights are for, with ``n``.
    upper, lower : limits of a weight.
    times_average : the upper limit as a multiple of the average weight, in place of ``upper``. Without either
        the limit is the median plus six interquartile ranges of the weights, at least 1.5 times the average.
    strict : repeat until no answer is beyond the limits, which spreading may have caused again.

    Returns
    -------
    TrimmedWeights. Trimming trades bias for variance: the margins are no longer met exactly. To keep both,
    calibrate within bounds.

    Raises
    ------
    ValueError : limits that leave no room for the sum of the weights, or that are not lower < upper.

    Notes
    -----
    The same as ``trimWeights`` of R's survey package (Lumley 2010). Potter (1990) surveys the rules for limits:
    :func:`potter_limit` chooses one by mean squared error.

    Examples
    --------
    >>> cells = pd.DataFrame({"n": [80, 15, 5]})
    >>> result = trim([1.0, 2.0, 20.0], cells, upper=5)
    >>> result.weights.round(4).tolist(), result.n_trimmed
    ([1.7895, 2.7895, 5.0], 5)
    """
    n = counts_of(cells)
    before = _array(weights)
    if before.shape != n.shape:
        raise ValueError(
            f"weights are needed for each of the {len(n):,} rows of cells, but are {before.shape}"
        )
    there = (before != 0) & (n > 0)
    if upper is not None and times_average is not None:
        raise ValueError("give upper or times_average, not both")
    average = float(before @ n / n[there].sum())
    if times_average is not None:
        upper = times_average * average
    elif upper is None:
        low, middle, high = _quantiles(before[there], n[there], (0.25, 0.5, 0.75))
        upper = max(middle + 6 * (high - low), 1.5 * average)
    if not (lower < upper and lower <= average <= upper):
        raise ValueError(
            f"limits of {lower:g} to {upper:g} leave no room for weights whose average is {average:.4g}"
        )
    after = _trimmed(before, n, lower, upper, strict)
    outside = there & ((before > upper) | (before < lower))
    trimmed = float(n[outside].sum())
    moved = float(np.abs(after - before)[outside] @ n[outside] / (before @ n))
    size = n[there].sum()
    note = (
        f"{count(trimmed)} of {count(size)} weights were trimmed to {lower:.3g} to {upper:.3g}; {share(moved, 1)} of the "
        "weight was moved, so that the margins are no longer met exactly"
    )
    return TrimmedWeights(
        weights=after,
        lower=float(lower),
        upper=float(upper),
        n_trimmed=round(trimmed),
        moved_share=moved,
        design_effect=_kish(after[there], n[there]),
        design_effect_before=_kish(before[there], n[there]),
        notes=(note,) if trimmed else (),
        untrimmed=weights if hasattr(weights, "weights") else before,
        n=n,
        strict=strict,
    )


def potter_limit(
    cells: pd.DataFrame,
    metric: Metric,
    weights: Weights | Sequence[float] | np.ndarray,
    *,
    score: str,
    candidates: Sequence[float] = (1.5, 2, 2.5, 3, 4, 5, 7, 10),
) -> tuple[float, pd.DataFrame]:
    """The upper limit with the smallest estimated mean squared error (Potter 1990).

    Parameters
    ----------
    cells, metric, weights, score : as for :func:`cxstats.methods.weighted.weighted_estimate`.
    candidates : limits to try, as multiples of the average weight.

    Returns
    -------
    The best limit in units of the weights (infinite: do not trim), and a table with a row per candidate:
    ``times_average``, ``value``, ``standard_error``, ``squared_bias`` (the squared change, less what chance
    explains of it; not below 0), ``mean_squared_error``.

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> cells = pd.DataFrame({"nps": [0, 8, 10, 10], "n": [40, 30, 40, 2]})
    >>> limit, table = potter_limit(cells, NPS, [1.0, 1, 1, 12], score="nps")
    >>> len(table), limit < 12
    (9, True)
    """
    plain = weighted_estimate(cells, metric, weights, score=score)
    n = counts_of(cells)
    array = _array(weights)
    there = (array != 0) & (n > 0)
    average = float(array @ n / n[there].sum())
    rows = [(np.inf, plain.value, plain.standard_error, 0.0)]
    for times in candidates:
        if times * average >= array[there].max() or times <= 1:
            rows.append((times, plain.value, plain.standard_error, 0.0))
            continue
        done = trim(weights, cells, times_average=times)
        result = weighted_estimate(cells, metric, done, score=score)
        # the variance of the change: that of the two influences' difference
        y = np.where(cells[score].notna(), _worths(cells, metric, score), np.nan)
        change = mean_parts(cells, y, done).influence - mean_parts(cells, y, weights).influence
        chance = float(n @ change**2)
        rows.append(
            (times, result.value, result.standard_error, max((result.value - plain.value) ** 2 - chance, 0.0))
        )
    table = pd.DataFrame(rows, columns=["times_average", "value", "standard_error", "squared_bias"])
    table["mean_squared_error"] = table["squared_bias"] + table["standard_error"] ** 2
    best = float(table["times_average"].iloc[int(table["mean_squared_error"].argmin())])
    return best * average, table.sort_values("times_average", ignore_index=True)


def _trimmed(weights: np.ndarray, n: np.ndarray, lower: float, upper: float, strict: bool) -> np.ndarray:
    there = (weights != 0) & (n > 0)
    result = weights.copy()
    for _ in range(1_000):
        outside = there & ((result < lower) | (result > upper))
        if not outside.any():
            break
        inside = there & ~outside
        new = np.clip(result, lower, upper)
        cut = float((result - new)[outside] @ n[outside])
        result = np.where(outside, new, result)
        if inside.any():
            result = np.where(inside, result + cut / n[inside].sum(), result)
        if not strict:
            break
    return result


# ------------------------------------------------------------------------------- held-out outcomes


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Outcomes known for everyone invited: how far the answers are off, before and after weighting.

    Attributes
    ----------
    table : one row per outcome: ``outcome``, ``n_invited`` and ``n_answered`` (those whose outcome is known),
        ``truth_share`` (of everyone invited), ``before_share``, ``after_share``, and their errors
        ``error_before``, ``error_before_low``, ``error_before_high``, ``error_after``, … (shares, −1 to 1);
        ``repaired_share``: 1 − |error after|/|error before|, missing where the error before is within chance.
    level : how often intervals like these contain 0 if answering is at random given the weights' variables.
    """

    table: pd.DataFrame
    level: float

    def _repr_html_(self) -> str:
        rows = [
            (
                row.outcome,
                f"truth {share(row.truth_share, 1)}, answers {share(row.before_share, 1)}, "
                f"weighted {share(row.after_share, 1)}",
            )
            for row in self.table.itertuples()
        ]
        return definition_html("Known for everyone: before and after weighting", rows)


def held_out(
    cells: pd.DataFrame,
    outcomes: Sequence[str],
    weights: Weights | Sequence[float] | np.ndarray,
    *,
    responded: str | None = None,
    level: float = 0.95,
    matrix: Any = None,
    part: str | None = None,
) -> HeldOut:
    """Do the weights bring the answers closer to what is known of everyone?

    Parameters
    ----------
    cells : everyone invited: ``n``, who answered, and columns of outcomes that are true or false, missing where not
        known (yet): those customers are left out of that outcome, of the truth too.
    outcomes : columns not used for the weights.
    weights : for the rows of ``cells``; 0 where not answered.
    responded : as for :func:`cxstats.methods.calibration.calibrate`.
    level : confidence level.
    matrix, part : as for :func:`cxstats.methods.weighted.weighted_estimate`.

    Returns
    -------
    HeldOut. An error whose interval excludes 0 shows selection that these weights do not repair; one that
    includes 0 shows nothing about the score itself.

    Raises
    ------
    ValueError : a column that is not true or false; an outcome known for nobody who answered.

    Notes
    -----
    The answers are part of the frame whose truth is known: variances are those of who answers, Σ(w² − w)e²
    (Poisson sampling; Särndal, Swensson & Wretman 1992, 3.5), with w scaled to the number invited.

    Examples
    --------
    >>> from cxstats.methods.calibration import calibrate, margins_of
    >>> cells = pd.DataFrame({
    ...     "use": ["low"] * 4 + ["high"] * 4, "responded": [True, True, False, False] * 2,
    ...     "left": [True, False] * 4, "n": [20, 80, 180, 720, 20, 380, 30, 570]})
    >>> weights = calibrate(cells, margins_of(cells, ["use"]))
    >>> row = held_out(cells, ["left"], weights).table.iloc[0]
    >>> [round(float(row[name]), 3) for name in ("truth_share", "before_share", "after_share")]
    [0.125, 0.08, 0.125]
    """
    level = checked("level", level, Level)
    n = counts_of(cells)
    answered = answered_rows(cells, responded) & (_array(weights) != 0)
    from scipy.special import ndtri

    z = float(ndtri((1 + level) / 2))
    rows = []
    for name in [outcomes] if isinstance(outcomes, str) else list(outcomes):
        value = _truth(cells, name)
        known = np.isfinite(value) & (n > 0)
        there = known & answered
        if not n[there].sum() > 0:
            raise ValueError(f"{name!r} is known for nobody who answered, so there is nothing to compare")
        invited, got = float(n[known].sum()), float(n[there].sum())
        truth = float(n[known] @ value[known] / invited)
        parts = mean_parts(cells, np.where(there, value, np.nan), weights, population=invited)
        row = [name, round(invited), round(got), truth, parts.raw, parts.value]
        errors = []
        for estimate, influence in ((parts.raw, parts.raw_influence), (parts.value, parts.influence)):
            error = estimate - truth
            half = z * _error(cells, influence, n, matrix, part)
            errors.append((error, error - half, error + half))
        before, after = errors
        repaired = 1 - abs(after[0]) / abs(before[0]) if before[1] > 0 or before[2] < 0 else np.nan
        rows.append([*row, *before, *after, repaired])
    names = ["outcome", "n_invited", "n_answered", "truth_share", "before_share", "after_share"]
    errors = [f"error_{when}{end}" for when in ("before", "after") for end in ("", "_low", "_high")]
    table = pd.DataFrame(rows, columns=[*names, *errors, "repaired_share"])
    return HeldOut(table.astype({"outcome": "string"}), level)


def _error(cells: pd.DataFrame, influence: np.ndarray, n: np.ndarray, matrix: Any, part: str | None) -> float:
    """Standard error from what one customer of each row adds."""
    if "w" in cells.columns:
        cells = cells.fillna({"w": 0.0, "w2": 0.0})
        base = own_weight(cells, n)
        influence = np.where(base > 0, influence / np.where(base > 0, base, 1), 0.0)
    return float(np.sqrt(clusters_of(cells, matrix=matrix, part=part).variance(influence)))


def _truth(cells: pd.DataFrame, name: str) -> np.ndarray:
    require_columns(cells, [name])
    column = cells[name]
    value = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    if (
        not set(np.unique(value[np.isfinite(value)])) <= {0.0, 1.0}
        or np.isnan(value).sum() > column.isna().sum()
    ):
        raise ValueError(f"{name!r} must be true or false, but holds {column.dropna().unique()[:3].tolist()}")
    return value


def _array(weights: Any) -> np.ndarray:
    return np.asarray(getattr(weights, "weights", weights), dtype=float)


def _worths(cells: pd.DataFrame, metric: Metric, score: str) -> np.ndarray:
    numbers = cells[score].to_numpy(dtype=float, na_value=np.nan)
    category = np.where(np.isnan(numbers), metric.scale.low, numbers).astype(int) - metric.scale.low
    return np.asarray(metric.values, dtype=float)[category]


def _kish(weights: np.ndarray, n: np.ndarray) -> float:
    total = weights @ n
    return float(n.sum() * (n @ weights**2) / total**2)


def _quantiles(values: np.ndarray, n: np.ndarray, shares: Sequence[float]) -> list[float]:
    order = np.argsort(values)
    cumulated = np.cumsum(n[order])
    return [float(values[order][np.searchsorted(cumulated, s * cumulated[-1])]) for s in shares]
