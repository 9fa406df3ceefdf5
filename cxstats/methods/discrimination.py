"""How well a score tells those who will from those who will not: the area under the ROC curve, from cells.

The AUC is the chance that of two customers, one with the event and one without, the one with it has the higher score;
ties count one half. DeLong's covariance of several scores on the same customers, and the paired test of two of them,
follow from the placements of each cell: exactly what they are from rows, at the cost of the number of cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from cxstats.methods.clusters import Clusters, clusters_of, require_columns, truth_of
from cxstats.parameters import Level, checked
from cxstats.show import definition_html
from cxstats.words import count, plural

__all__ = [
    "AucComparison",
    "Discrimination",
    "area_under_curve",
    "compare_independent",
    "discrimination",
    "power_for_auc",
]


@dataclass(frozen=True, slots=True)
class AucComparison:
    """Difference of two AUCs, first minus second.

    Attributes
    ----------
    first, second : names of the scores. difference : AUC of the first minus that of the second, −1 to 1.
    standard_error : of the difference. z : difference/standard error (t where ``degrees_of_freedom`` is finite).
    p_value : two-sided, of no difference. low, high : interval of the difference. level : its level.
    degrees_of_freedom : of z; infinite for the same customers.
    """

    first: str
    second: str
    difference: float
    standard_error: float
    z: float
    p_value: float
    low: float
    high: float
    level: float
    degrees_of_freedom: float

    def _repr_html_(self) -> str:
        return definition_html(
            f"AUC: {self.first} − {self.second}",
            [
                ("difference", f"{self.difference:+.4f}"),
                (f"{self.level:.0%} interval", f"{self.low:+.4f} to {self.high:+.4f}"),
                ("p-value", f"{self.p_value:.3g}"),
            ],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Discrimination:
    """AUC of one or several scores on the same customers.

    Attributes
    ----------
    auc : one row per score (the index): ``auc``, ``se``, ``low``, ``high``.
    covariance : of the AUCs, shape (K, K), in the order of ``auc``.
    n_events, n_others : customers with the event, and without.
    n_set_aside : customers without outcome or without one of the scores: all scores are compared on the same.
    reversed : scores of which low values predict the event; their AUC is of the score turned round.
    level : of the intervals. clustered : whether repeated customers were allowed for.
    """

    auc: pd.DataFrame
    covariance: np.ndarray
    n_events: int
    n_others: int
    n_set_aside: int
    reversed: tuple[str, ...]
    level: float
    clustered: bool = field(default=False)

    @property
    def gini(self) -> pd.Series:
        """Gini coefficient 2·AUC − 1 per score, −1 to 1."""
        return (2 * self.auc["auc"] - 1).rename("gini")

    def compare(self, first: str, second: str, *, level: float | None = None) -> AucComparison:
        """Paired test of two scores on the same customers (DeLong, DeLong & Clarke-Pearson 1988).

        Not for a model against a larger one fitted to the same data: there the difference is never negative, and its test
        is not valid (Demler, Pencina & D'Agostino 2012).

        Raises
        ------
        ValueError : a score that is not here.
        """
        level = self.level if level is None else checked("level", level, Level)
        a, b = (self._place(name) for name in (first, second))
        values = self.auc["auc"].to_numpy()
        variance = self.covariance[a, a] + self.covariance[b, b] - 2 * self.covariance[a, b]
        return _comparison(first, second, values[a] - values[b], variance, float("inf"), level)

    def _place(self, name: str) -> int:
        if name not in self.auc.index:
            raise ValueError(f"there is no score {name!r}; there are {', '.join(map(repr, self.auc.index))}")
        return int(self.auc.index.get_loc(name))

    def _repr_html_(self) -> str:
        rows = [
            (str(name), f"{row.auc:.4f} ({self.level:.0%} interval {row.low:.4f} to {row.high:.4f})")
            for name, row in self.auc.iterrows()
        ]
        return definition_html(
            f"AUC: {count(self.n_events)} with the event, {count(self.n_others)} without",
            [*rows, *([("set aside", count(self.n_set_aside))] if self.n_set_aside else [])],
        )


def discrimination(
    cells: pd.DataFrame,
    *,
    scores: str | Sequence[str],
    outcome: str,
    low_predicts: Sequence[str] = (),
    matrix: np.ndarray | None = None,
    part: str | None = None,
    interval: str = "wald",
    level: float = 0.95,
) -> Discrimination:
    """AUC of each score for an outcome, with DeLong's covariance.

    Parameters
    ----------
    cells : rows with the columns ``scores`` (numbers, or true and false), ``outcome`` and ``n``; in a weighted survey
        ``w`` = Σw and ``w2`` = Σw².
    scores : columns. Rows without one of them are set aside for all of them, and counted.
    outcome : column that says who had the event (true or false); missing where it is not known yet: set aside.
    low_predicts : those of the scores whose *low* values go with the event, as a recommendation does with leaving. They
        are turned round, so that all AUCs compare.
    matrix : M over the rows of ``cells``, for customers that stand in several rows.
    part : column with the 64 parts, in its place. With neither, every row's customers are taken to be different people:
        where customers answer repeatedly, give one or the other.
    interval : "wald" (AUC ± z·se, cut at 0 and 1; pROC's) or "logit" (the same for the AUC's log-odds, which holds better
        with fewer than some 50 events or an AUC near 1; an AUC of 0 or 1 has no width in either).
    level : of the intervals.

    Returns
    -------
    Discrimination.

    Raises
    ------
    ValueError : a column does not exist, a score is no number, fewer than two customers with or without the event.

    Notes
    -----
    DeLong, DeLong & Clarke-Pearson (1988). Placements V₁₀ = P(Y < x) + ½P(Y = x) for customers with the event and
    V₀₁ = P(X > y) + ½P(X = y) for those without are functions of the score alone, so counts suffice. Their sums per
    customer give the variance of repeated customers (Obuchowski 1997). Equal to pROC's ``var``, ``cov`` and ``roc.test``.

    Examples
    --------
    >>> cells = pd.DataFrame({"nps": [2, 8, 10] * 2, "churned": [True] * 3 + [False] * 3, "n": [30, 10, 10, 20, 30, 50]})
    >>> result = discrimination(cells, scores="nps", outcome="churned", low_predicts=["nps"])
    >>> result.auc.round(4).loc["nps"].tolist()
    [0.72, 0.0429, 0.6359, 0.8041]
    """
    level = checked("level", level, Level)
    names = [scores] if isinstance(scores, str) else list(scores)
    if not names or len(set(names)) < len(names):
        raise ValueError(f"scores must name at least one column, each once, but is {names}")
    low = [low_predicts] if isinstance(low_predicts, str) else list(low_predicts)
    require_columns(cells, [*names, outcome])
    if not set(low) <= set(names):
        raise ValueError(f"low_predicts names {sorted(set(low) - set(names))}, which are none of the scores")
    clusters = clusters_of(cells, matrix=matrix, part=part)
    n = cells["n"].to_numpy(dtype=float)
    known = cells[[*names, outcome]].notna().all(axis=1).to_numpy()
    used = known & (n > 0)
    kept = cells if used.all() else cells[used]
    event = truth_of(kept, outcome, "the outcome")
    here = clusters if used.all() else clusters.rows(used)
    values = np.column_stack([_scored(kept[name], name) * (-1.0 if name in low else 1.0) for name in names])
    size = n[used]
    n_events, n_others = (round(size[side].sum()) for side in (event, ~event))
    if min(n_events, n_others) < 2:
        raise ValueError(
            f"{outcome!r}: all the scores are known for {plural(n_events, 'customer')} with the event and "
            f"{count(n_others)} without; at least 2 of each are needed. Has the outcome's window ended?"
        )
    areas, influence = _areas(values, event, here, size)
    covariance = here.covariance(influence)
    errors = np.sqrt(np.diag(covariance))
    low_limit, high_limit = _limits(areas, errors, interval, level)
    table = pd.DataFrame(
        {"auc": areas, "se": errors, "low": low_limit, "high": high_limit},
        index=pd.Index(names, name="score"),
    )
    return Discrimination(
        auc=table,
        covariance=covariance,
        n_events=n_events,
        n_others=n_others,
        n_set_aside=round(n[~known].sum()),
        reversed=tuple(name for name in names if name in low),
        level=level,
        clustered=not clusters.independent,
    )


def compare_independent(
    first: Discrimination,
    second: Discrimination,
    score: str,
    other: str | None = None,
    *,
    level: float = 0.95,
) -> AucComparison:
    """Difference of the AUCs of two groups that share no customers, such as two countries; first minus second.

    Parameters
    ----------
    first, second : results of :func:`discrimination` in the two groups.
    score : the score in the first. other : the score in the second, by default the same.

    Raises
    ------
    ValueError : a score that is not there.

    Notes
    -----
    t with Satterthwaite's degrees of freedom, as pROC's unpaired ``roc.test``.

    Examples
    --------
    >>> cells = pd.DataFrame({"nps": [2, 8, 10] * 2, "churned": [True] * 3 + [False] * 3, "n": [30, 10, 10, 20, 30, 50]})
    >>> group = discrimination(cells, scores="nps", outcome="churned", low_predicts=["nps"])
    >>> compare_independent(group, group, "nps").p_value
    1.0
    """
    level = checked("level", level, Level)
    other = score if other is None else other
    a, b = first._place(score), second._place(other)
    spread = first.covariance[a, a], second.covariance[b, b]
    sizes = first.n_events + first.n_others, second.n_events + second.n_others
    total = spread[0] + spread[1]
    degrees = (
        total**2 / sum(v**2 / (n - 1) for v, n in zip(spread, sizes, strict=True)) if total > 0 else np.inf
    )
    difference = first.auc["auc"].iloc[a] - second.auc["auc"].iloc[b]
    return _comparison(score, other, float(difference), float(total), float(degrees), level)


def power_for_auc(n_events: int, n_others: int, auc: float, *, level: float = 0.95) -> float:
    """Chance that a score with this AUC is told from a guess (0.5), two-sided.

    Parameters
    ----------
    n_events, n_others : customers with the event and without, 2 or more each.
    auc : the true AUC, above 0.5 and below 1. level : 1 − the test's error.

    Raises
    ------
    ValueError : numbers out of range.

    Notes
    -----
    Obuchowski & McClish (1997) binormal variance; equal to pROC's ``power.roc.test``.

    Examples
    --------
    >>> round(power_for_auc(41, 72, 0.73), 7)
    0.9897453
    """
    from scipy.special import ndtr, ndtri

    level = checked("level", level, Level)
    if min(n_events, n_others) < 2:
        raise ValueError(f"n_events and n_others must be 2 or more, but are {n_events} and {n_others}")
    if not 0.5 < auc < 1:
        raise ValueError(f"auc must lie between 0.5 and 1, but is {auc}")
    ratio = n_others / n_events
    a = 1.414 * float(ndtri(auc))  # 1.414, not √2: as published
    spread = 0.0099 * np.exp(-(a**2) / 2) * ((5 * a**2 + 8) + (a**2 + 8) / ratio)
    null = 0.0792 * (1 + 1 / ratio)
    return float(ndtr((np.sqrt(n_events) * (auc - 0.5) - _z(level) * np.sqrt(null)) / np.sqrt(spread)))


def area_under_curve(values: np.ndarray, events: np.ndarray, others: np.ndarray) -> tuple[float, float]:
    """AUC of one score given as a table, and DeLong's standard error.

    Parameters
    ----------
    values : the score in each row, shape (R,). events, others : customers with the event and without, shape (R,); at
        least 2 of each in all.

    Examples
    --------
    >>> area, error = area_under_curve(np.array([-10, -8, -2]), np.array([10, 10, 30]), np.array([50, 30, 20]))
    >>> round(area, 4), round(error, 4)
    (0.72, 0.0429)
    """
    size = np.concatenate([events, others]).astype(float)
    event = np.repeat([True, False], len(values))
    clusters = Clusters(size, size)
    area, influence = _areas(np.tile(np.asarray(values, dtype=float), 2)[:, None], event, clusters, size)
    return float(area[0]), float(np.sqrt(clusters.covariance(influence)[0, 0]))


# ----------------------------------------------------------------------------------------------------


def _scored(column: pd.Series, name: str) -> np.ndarray:
    if not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)):
        raise ValueError(
            f"score {name!r} holds {column.unique()[:3].tolist()}: an AUC needs numbers, or true and false"
        )
    return column.to_numpy(dtype=float)


def _areas(
    values: np.ndarray, event: np.ndarray, clusters: Clusters, size: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """AUC per score, shape (K,), and each row's influence on them per unit of weight, shape (R, K).

    The influence carries DeLong's divisors: √(m/(m − 1)) for customers with the event, √(n/(n − 1)) for those without.
    """
    mass = clusters.mass
    with_event, without = mass[event].sum(), mass[~event].sum()
    m, n = size[event].sum(), size[~event].sum()
    areas, influence = np.empty(values.shape[1]), np.empty(values.shape)
    for k, value in enumerate(values.T):
        distinct, place = np.unique(value, return_inverse=True)
        case = np.bincount(place, weights=mass * event, minlength=len(distinct))
        other = np.bincount(place, weights=mass * ~event, minlength=len(distinct))
        below = (np.cumsum(other) - other / 2) / without
        above = 1 - (np.cumsum(case) - case / 2) / with_event
        area = case @ below / with_event
        areas[k] = area
        influence[:, k] = np.where(
            event,
            (below[place] - area) / with_event * np.sqrt(m / (m - 1)),
            (above[place] - area) / without * np.sqrt(n / (n - 1)),
        )
    return areas, influence


def _limits(
    areas: np.ndarray, errors: np.ndarray, interval: str, level: float
) -> tuple[np.ndarray, np.ndarray]:
    if interval == "wald":
        half = _z(level) * errors
        return np.maximum(areas - half, 0), np.minimum(areas + half, 1)
    if interval == "logit":
        from scipy.special import expit, logit

        inside = (areas > 0) & (areas < 1)
        a = np.where(inside, areas, 0.5)
        half = _z(level) * errors / (a * (1 - a))
        return tuple(np.where(inside, expit(logit(a) + sign * half), areas) for sign in (-1, 1))
    raise ValueError(f"interval is {interval!r}, but must be 'wald' or 'logit'")


def _comparison(
    first: str, second: str, difference: float, variance: float, degrees: float, level: float
) -> AucComparison:
    from scipy.special import ndtr, stdtr, stdtrit

    difference = float(difference)
    # two scores that order customers alike differ by rounding only
    error = float(np.sqrt(max(variance, 0.0))) if variance > 1e-24 else 0.0
    z = (
        difference / error
        if error > 0
        else (0.0 if abs(difference) < 1e-12 else np.copysign(np.inf, difference))
    )
    if np.isfinite(degrees):
        p_value, quantile = 2 * float(stdtr(degrees, -abs(z))), float(stdtrit(degrees, (1 + level) / 2))
    else:
        p_value, quantile = 2 * float(ndtr(-abs(z))), _z(level)
    return AucComparison(
        first=first,
        second=second,
        difference=difference,
        standard_error=error,
        z=float(z),
        p_value=p_value,
        low=difference - quantile * error,
        high=difference + quantile * error,
        level=level,
        degrees_of_freedom=degrees,
    )


def _z(level: float) -> float:
    from scipy.special import ndtri

    return float(ndtri((1 + level) / 2))
