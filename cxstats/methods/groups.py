"""Means of a bounded score in groups that may share customers: values, covariance, effective n.

One reduction serves all of them: cells (score × group) with their counts or sums of weights, and the
matrix M of how often customers fall in pairs of cells. Waves of one tracker, countries, or both at
once come out with the covariance that repeated customers cause.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cxstats.cells import cluster_variance
from cxstats.metrics import Metric
from cxstats.parameters import Level, checked
from cxstats.show import definition_html

__all__ = ["GroupMeans", "group_means"]


@dataclass(frozen=True, slots=True)
class GroupMeans:
    """A metric's value in each group.

    Attributes
    ----------
    labels : the groups, in the order given.
    counts : weighted category counts scaled to the number of answers, shape (G, scale.size).
    n : number of answers per group, shape (G,).
    values : the metric per group, in its own unit, shape (G,).
    covariance : design-based covariance of the values (customers as clusters, weights linearised), (G, G).
    effective_n : answers of a simple random sample whose interval would be as wide, shape (G,): see
        :func:`group_means`. Equal to ``n`` for answers that are neither weighted nor repeated, never above it.
    design_effect : how much weights and repeated customers inflate the variance (Kish 1965), 1 or more, shape
        (G,); without the small-sample part of ``effective_n``, which a larger survey would not have.
    """

    labels: tuple[str, ...]
    counts: np.ndarray
    n: np.ndarray
    values: np.ndarray
    covariance: np.ndarray
    effective_n: np.ndarray
    design_effect: np.ndarray

    @property
    def standard_errors(self) -> np.ndarray:
        """Standard error per group, in the metric's unit."""
        return np.sqrt(np.diag(self.covariance))

    def correlation(self, first: int, second: int) -> float:
        """Correlation of two groups' values, from the customers they share; 0 where they share none."""
        scale = np.sqrt(self.covariance[first, first] * self.covariance[second, second])
        return float(np.clip(self.covariance[first, second] / scale, -1, 1)) if scale > 0 else 0.0

    def _repr_html_(self) -> str:
        rows = zip(self.labels, self.values, self.standard_errors, self.n, strict=True)
        return definition_html(
            "Value per group",
            [(name, f"{value:.2f} (standard error {error:.2f}, n {n:,})") for name, value, error, n in rows],
        )


def group_means(
    cells: pd.DataFrame,
    metric: Metric,
    *,
    score: str,
    group: str | None = None,
    labels: Sequence[str] | None = None,
    matrix: np.ndarray | None = None,
    level: float = 0.95,
) -> GroupMeans:
    """The metric's value per group, with the covariance between groups.

    Parameters
    ----------
    cells : rows with columns ``score`` (whole numbers of the scale, or missing where nothing was answered),
        ``group`` if named, ``n`` (answers) and, when weighted, ``w`` (sum of weights) and ``w2`` (sum of
        squared weights).
    metric : what an answer is worth.
    group : column of the groups; None for one group, "all".
    labels : the groups wanted, in this order; default all that occur, sorted.
    matrix : M over the rows of ``cells``, shape (R, R): Σ over customers of t_ca·t_cb, t_ca being how often
        (weighted: the weight with which) customer c falls in row a. None: every answer is another customer.
    level : confidence level of the intervals that ``effective_n`` is for.

    Returns
    -------
    GroupMeans. The covariance is the sandwich G′MG times n/(n−1) per group, as for independent answers.

    Raises
    ------
    ValueError : a group without answers, or a matrix of another shape than the cells.

    Notes
    -----
    Linearisation of a ratio of weighted totals (Woodruff 1971; Särndal, Swensson & Wretman 1992, 5.6).

    In a small group that variance is itself a guess: where the one critic has a small weight it is far too small,
    and intervals made from it hold the truth in as few as 72 % of groups of ten. So the effective n is at most n,
    and is reduced by (t_{n−1}/t_{C−1})² for the number C = (Σw)²/Σ_c w_c² of customers who carry the weight
    (Korn & Graubard 1998; C after Kish 1965): 94 % or more from ten answers on, nothing lost in large groups
    (simulated; tests/methods/test_groups.py repeats a part of it).

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> cells = pd.DataFrame({"nps": [0, 8, 10], "n": [20, 30, 50]})
    >>> group_means(cells, NPS, score="nps").values.tolist()
    [30.0]
    """
    if matrix is not None and matrix.shape != (len(cells), len(cells)):
        raise ValueError(f"the matrix is {matrix.shape}, but there are {len(cells)} rows of cells")
    weighted = "w" in cells.columns
    answered = cells[score].notna().to_numpy()
    used = cells[answered]
    category = used[score].to_numpy(dtype=float).astype(int) - metric.scale.low
    names = (
        used[group].astype("string").to_numpy(dtype=object)
        if group
        else np.full(len(used), "all", dtype=object)
    )
    wanted = (
        [str(label) for label in labels] if labels is not None else sorted({x for x in names if pd.notna(x)})
    )
    place = {label: i for i, label in enumerate(wanted)}
    position = np.array([-1 if pd.isna(x) else place.get(x, -1) for x in names], dtype=int)
    inside = position >= 0
    n_rows = used["n"].to_numpy(dtype=float)
    mass = used["w"].to_numpy(dtype=float) if weighted else n_rows
    worth = np.asarray(metric.values, dtype=float)[category]

    count = np.zeros((len(wanted), metric.scale.size))
    np.add.at(count, (position[inside], category[inside]), mass[inside])
    n = np.bincount(position[inside], weights=n_rows[inside], minlength=len(wanted))
    if np.any(n == 0):
        empty = [label for label, size in zip(wanted, n, strict=True) if size == 0]
        raise ValueError(f"no answers to {metric.short} in: {', '.join(empty)}")
    total = count.sum(axis=1)
    values = count @ np.asarray(metric.values, dtype=float) / total

    influence = np.zeros((len(used), len(wanted)))
    rows = np.flatnonzero(inside)
    influence[rows, position[rows]] = (worth[rows] - values[position[rows]]) / total[position[rows]]
    if matrix is not None:
        chosen = np.flatnonzero(answered)
        covariance = cluster_variance(influence, matrix[np.ix_(chosen, chosen)])
    else:
        square = used["w2"].to_numpy(dtype=float) if weighted else n_rows
        covariance = influence.T @ (influence * square[:, None])
    small = np.sqrt(n / np.maximum(n - 1, 1))
    covariance = covariance * np.outer(small, small)

    spread = (count / total[:, None]) @ np.asarray(metric.values, dtype=float) ** 2 - values**2
    customers = total**2 / _squared_shares(position, inside, used, answered, matrix, weighted, len(wanted))
    with np.errstate(divide="ignore", invalid="ignore"):
        worth = np.minimum(n, spread * (n / np.maximum(n - 1, 1)) / np.diag(covariance))
    # where all answers agree the variance says nothing about the design: the number of customers does
    agree = spread <= 1e-12 * (metric.high - metric.low) ** 2
    worth = np.where(agree, np.minimum(n, customers), worth)
    # plain answers are worth exactly n, whatever the last bit of the variance says
    worth = np.where(np.isclose(worth, n, rtol=1e-9), n, worth)
    effective = np.where(agree, worth, worth * _few_customers(n, customers, level))
    return GroupMeans(
        labels=tuple(wanted),
        counts=count * (n / total)[:, None],
        n=n.astype(int),
        values=values,
        covariance=covariance,
        effective_n=effective,
        design_effect=n / worth,
    )


def _squared_shares(
    position: np.ndarray,
    inside: np.ndarray,
    used: pd.DataFrame,
    answered: np.ndarray,
    matrix: np.ndarray | None,
    weighted: bool,
    n_groups: int,
) -> np.ndarray:
    """Σ_c w_c² per group, w_c being all the weight that customer c has in it, shape (G,)."""
    if matrix is None:
        square = used["w2" if weighted else "n"].to_numpy(dtype=float)
        return np.bincount(position[inside], weights=square[inside], minlength=n_groups)
    chosen = np.flatnonzero(answered)
    member = (position[:, None] == np.arange(n_groups)).astype(float)
    return np.diag(cluster_variance(member, matrix[np.ix_(chosen, chosen)])).copy()


def _few_customers(n: np.ndarray, customers: np.ndarray, level: float) -> np.ndarray:
    """(t_{n−1}/t_{C−1})², at most 1: what not knowing the variance costs beyond what it costs with n answers."""
    from scipy.special import stdtrit

    tail = (1 - checked("level", level, Level)) / 2
    own = np.maximum(n - 1, 1)
    # with hardly more than one customer next to nothing is known; below half a degree t leaves the scale
    left = np.clip(customers - 1, 0.5, own)
    # the same number of customers as answers, but for rounding: independent answers are worth exactly n
    left = np.where(np.isclose(left, own, rtol=1e-9), own, left)
    return (stdtrit(own, tail) / stdtrit(left, tail)) ** 2
