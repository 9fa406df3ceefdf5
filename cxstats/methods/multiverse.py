"""What another reasonable choice of weights would have given: which variables, which method, trimmed or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from cxstats.cells import regroup
from cxstats.methods.calibration import calibrate
from cxstats.methods.calibration_margins import answered_rows, margins_of, own_weight
from cxstats.methods.clusters import counts_of
from cxstats.methods.frame_variables import frame_variables
from cxstats.methods.weighted import WeightedEstimate, weighted_estimate
from cxstats.methods.weighting import propensity_weights, trim
from cxstats.metrics import Metric
from cxstats.show import definition_html
from cxstats.words import count

__all__ = ["Multiverse", "merge_small", "multiverse"]

MULTIVERSE_METHODS = ("raking", "linear", "logit", "post-stratification", "inverse propensity")


@dataclass(frozen=True, slots=True, eq=False)
class Multiverse:
    """Where every reasonable weighting choice lands.

    Attributes
    ----------
    table : one row per choice: ``variables`` (names joined by ", "), ``n_variables``, ``method``, ``trimming`` (times
        the average weight; missing: none), ``value``, ``standard_error``, ``low``, ``high``, ``raw``, ``bias`` (raw −
        value) with ``bias_standard_error``, ``kish_design_effect``, ``largest`` (weight, times the average), and
        ``reason`` where the choice cannot be made (empty where it can), ordered by value.
    raw : the metric without weights. lowest, highest : of the values.
    low, high : of all intervals together.
    notes : categories put together, choices that could not be made.
    metric : the metric. level : of each interval.
    """

    table: pd.DataFrame
    raw: float
    lowest: float
    highest: float
    low: float
    high: float
    notes: tuple[str, ...]
    metric: Metric
    level: float

    @property
    def made(self) -> pd.DataFrame:
        """The choices that could be made."""
        return self.table[self.table["reason"] == ""].reset_index(drop=True)

    def _repr_html_(self) -> str:
        made = len(self.made)
        return definition_html(
            f"{self.metric.short}: {made} ways to weight",
            [
                ("without weights", f"{self.raw:.2f} {self.metric.unit}"),
                ("values", f"{self.lowest:.2f} to {self.highest:.2f}"),
                (f"all {self.level:.0%} intervals", f"{self.low:.2f} to {self.high:.2f}"),
                ("could not be made", len(self.table) - made),
            ],
        )


def multiverse(
    cells: pd.DataFrame,
    metric: Metric,
    variables: Sequence[str],
    *,
    score: str,
    methods: Sequence[str] = MULTIVERSE_METHODS,
    trims: Sequence[float | None] = (None, 3.0),
    bounds: tuple[float, float] = (0.3, 3.0),
    most: int = 64,
    level: float = 0.95,
    matrix: Any = None,
) -> Multiverse:
    """Weight in every reasonable way, and see where the estimate lands.

    Parameters
    ----------
    cells : rows of everyone invited: ``n``, the variables, the ``score`` (missing where not answered).
    metric : what an answer is worth.
    variables : frame variables. All their subsets are tried while there are at most ``most``; else all together, each
        left out, each alone and the pairs that fit.
    score : column of the answers; whoever answered it is weighted.
    methods : of "raking", "linear", "logit", "truncated", "propensity", "post-stratification" (the subset's
        combinations), "inverse propensity" (logistic regression).
    trims : upper limits of the weights as multiples of their average; None for untrimmed. For bounded methods, and
        where no weight is beyond the limit, the row would repeat another and is left out.
    bounds : for "logit" and "truncated", around the average weight.
    most : most subsets of variables.
    level : confidence level.
    matrix : M over the rows of cells, for customers who answered repeatedly.

    Returns
    -------
    Multiverse. Small categories are put together first, by the number invited (``merge_small``).

    Raises
    ------
    ValueError : no usable variable; nobody answered; an unknown method.

    Notes
    -----
    Steegen, Tuerlinckx, Gelman & Vanpaemel (2016), Perspectives on Psychological Science 11, 702–712. The choices are
    no random sample of anything: their spread shows what depends on the analyst, not how certain the value is, and
    not what all of them have in common (answering that depends on the score itself).

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> one = pd.DataFrame({"use": ["low"] * 4 + ["high"] * 4, "nps": pd.array([2, 8, 10, None] * 2, dtype="Int64"),
    ...                     "n": [30, 40, 30, 900, 40, 60, 200, 700]})
    >>> result = multiverse(one, NPS, ["use"], score="nps")
    >>> round(result.raw, 1), round(result.lowest, 1), round(result.highest, 1)
    (40.0, 26.7, 26.7)
    """
    unknown = [name for name in methods if name not in {*MULTIVERSE_METHODS, "truncated", "propensity"}]
    if unknown:
        raise ValueError(f"method {unknown[0]!r} is not one of {', '.join(map(repr, MULTIVERSE_METHODS))}")
    variables = [variables] if isinstance(variables, str) else list(variables)
    frame, kept, notes = merge_small(cells, variables, responded=score)
    if not kept:
        raise ValueError("no variable can be used for weights: " + " ".join(notes))
    rows, raw = [], np.nan
    for subset in _subsets(kept, most):
        few, small = _only(frame, [*subset, score], matrix)
        without, results = _choices(few, small, metric, subset, score, methods, trims, bounds, level)
        raw = raw if np.isnan(without) else without
        rows += results
    table = pd.DataFrame(rows, columns=_COLUMNS)
    table = table.astype(
        {"variables": "string", "method": "string", "trimming": "Float64", "reason": "string"}
    )
    table = table.sort_values(
        ["value", "n_variables", "variables"], na_position="last", ignore_index=True, kind="stable"
    )
    made = table[table["reason"] == ""]
    if made.empty:
        raise ValueError(
            f"none of the {len(table)} choices can be made. The first: {table['reason'].iloc[0]}"
        )
    failed = len(table) - len(made)
    if failed:
        notes = (
            *notes,
            f"{count(failed)} of {count(len(table))} choices cannot be made, most often because nobody answered in some "
            "combination of their variables.",
        )
    return Multiverse(
        table,
        raw,
        float(made["value"].min()),
        float(made["value"].max()),
        float(made["low"].min()),
        float(made["high"].max()),
        notes,
        metric,
        level,
    )


_COLUMNS = [
    "variables",
    "n_variables",
    "method",
    "trimming",
    "value",
    "standard_error",
    "low",
    "high",
    "raw",
    "bias",
    "bias_standard_error",
    "kish_design_effect",
    "largest",
    "reason",
]


def merge_small(
    cells: pd.DataFrame, by: Sequence[str], *, responded: str | None = None
) -> tuple[pd.DataFrame, list[str], tuple[str, ...]]:
    """Cells whose small categories are put together, so that margins of them can be met.

    Parameters
    ----------
    cells : rows of everyone invited. by : frame variables. responded : as for ``calibrate``.

    Returns
    -------
    The cells with recoded columns, in the same rows; the variables that can be used; notes of what was done, and
    of variables that cannot.

    Raises
    ------
    ValueError : a column does not exist or gives the answer away; nobody or everybody answered.

    Examples
    --------
    >>> cells = pd.DataFrame({"plan": ["A", "A", "B", "B", "C", "C", "D", "D"], "responded": [True, False] * 4,
    ...                       "n": [100, 300, 80, 320, 2, 10, 3, 15]})
    >>> merged, kept, notes = merge_small(cells, ["plan"])
    >>> merged["plan"].unique().tolist()
    ['A', 'B', 'others (2 categories)']
    """
    n = counts_of(cells)
    answered = answered_rows(cells, responded)
    yes, no = n[answered].sum(), n[~answered].sum()
    if not (yes > 0 and no > 0):
        who = "nobody" if not yes > 0 else "everybody"
        raise ValueError(f"{who} answered: there is nothing to weight for")
    variables, codes, notes = frame_variables(cells, by, n, answered)
    result = cells.copy()
    for variable, code in zip(variables, codes, strict=True):
        labels = np.array(variable.categories, dtype=object)[code]
        result[variable.name] = pd.array(labels, dtype="string")
    return result, [variable.name for variable in variables], tuple(notes)


def _choices(
    cells: pd.DataFrame,
    matrix: Any,
    metric: Metric,
    subset: tuple[str, ...],
    score: str,
    methods: Sequence[str],
    trims: Sequence[float | None],
    bounds: tuple[float, float],
    level: float,
) -> tuple[float, list[list]]:
    named, rows, raw = ", ".join(subset), [], np.nan
    for method in methods:
        if method == "post-stratification" and len(subset) == 1:
            continue  # every method meets one margin in the same way
        if len(subset) == 1 and method not in ("raking", "post-stratification"):
            continue
        try:
            weights = _made(cells, subset, score, method, bounds)
        except ValueError as error:
            rows.append([named, len(subset), method, None, *[np.nan] * 9, str(error)])
            continue
        average = _average(weights, cells)
        for times in trims:
            done = weights
            if times is not None:
                if method in ("logit", "truncated") or weights.weights.max() <= times * average:
                    continue
                done = trim(weights, cells, times_average=times)
            result = weighted_estimate(cells, metric, done, score=score, level=level, matrix=matrix)
            raw = result.raw
            rows.append(
                [named, len(subset), method, times, *_numbers(result), done.weights.max() / average, ""]
            )
    return raw, rows


def _numbers(result: WeightedEstimate) -> list[float]:
    return [
        result.value,
        result.standard_error,
        result.low,
        result.high,
        result.raw,
        result.bias,
        result.bias_standard_error,
        result.kish_design_effect,
    ]


def _made(
    cells: pd.DataFrame, subset: tuple[str, ...], score: str, method: str, bounds: tuple[float, float]
) -> Any:
    if method == "inverse propensity":
        return propensity_weights(cells, subset, responded=score)
    whole = method == "post-stratification"
    margins = margins_of(cells, [subset] if whole else subset)
    if method not in ("logit", "truncated"):
        return calibrate(cells, margins, method=method, responded=score)
    n = counts_of(cells)
    answered = cells[score].notna().to_numpy()
    base = own_weight(cells, n)
    # bounds around the average weight: base weights that already add up to everyone invited
    scale = n.sum() / (base * n)[answered].sum()
    return calibrate(
        cells,
        margins,
        method=method,
        bounds=bounds,
        weights=np.where(base > 0, base, 1) * scale,
        responded=score,
    )


def _subsets(variables: Sequence[str], most: int) -> list[tuple[str, ...]]:
    """All subsets, largest first, while there are few enough; else those that matter most."""
    size = len(variables)
    if 2**size - 1 <= most:
        return [subset for k in range(size, 0, -1) for subset in combinations(variables, k)]
    chosen = [tuple(variables), *combinations(variables, size - 1), *combinations(variables, 1)]
    chosen += list(combinations(variables, 2))[: max(most - len(chosen), 0)]
    return chosen[: max(most, size + 1)]


def _only(cells: pd.DataFrame, columns: list[str], matrix: Any) -> tuple[pd.DataFrame, Any]:
    """Cells by these columns alone: fewer rows, the same answers."""
    if "w" in cells.columns:
        cells = cells.fillna({"w": 0.0, "w2": 0.0})
    few, small = regroup(cells, by=columns), None
    if matrix is not None:
        few, small = regroup(cells, by=columns, matrix=matrix)
    # labels are looked up once here instead of in every choice
    return few.astype(dict.fromkeys(columns[:-1], "category")), small


def _average(weights: Any, cells: pd.DataFrame) -> float:
    n = counts_of(cells)
    there = weights.weights != 0
    return float(weights.weights @ n / n[there].sum())
