"""Calibration: weights with which the answers add up to the frame, and estimates that know they were weighted.

Everyone invited is known by country, segment, tenure, …; those who answered are a part of them, and not an even
one. Calibration finds the weights closest to the base weights with which the answers have the frame's totals.
Raking, entropy balancing, GREG, logit and truncated calibration differ only in what "closest" means, so one
solver finds them all (Deville & Särndal 1992). ``docs/methods/weighting.md`` gives each formula and its source.

What weighting cannot repair is said where it is used: it makes the answers representative *given the margins*.
Whether customers with the same country, segment, … who did not answer think alike, no weight can know.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from cxstats.methods.calibration_margins import (
    Margins,
    Problem,
    answered_rows,
    answers_text,
    called,
    margins_of,
    n_patterns,
    problem_of,
    require_somebody,
    why_not,
)
from cxstats.methods.calibration_solver import NotMet, Patterns, family, pseudo_solve, solve, solve_nearby
from cxstats.methods.frame_variables import NOT_KNOWN
from cxstats.methods.weighted import WeightedEstimate, left_to_chance, weighted_estimate
from cxstats.show import definition_html

__all__ = [
    "NOT_KNOWN",
    "Calibration",
    "WeightedEstimate",
    "answered_rows",
    "calibrate",
    "margins_of",
    "weighted_estimate",
]

METHODS = {
    "raking": "raking (multiplicative, always above 0)",
    "linear": "linear calibration (GREG)",
    "logit": "logit calibration within bounds",
    "truncated": "linear calibration cut off at bounds",
    "propensity": "balancing propensity weights (1 + e^u, never below the base weight)",
    "post-stratification": "post-stratification (weighting cells)",
}

_LARGEST_BATCH = 4_000_000
_HEAVY = 10.0
_COSTLY = 2.0
_FEW = 10


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Weights with which the answers add up to the margins.

    Attributes
    ----------
    weights : weight of one answer in each row of the cells, shape (rows,); 0 for rows of customers who did
        not answer. Σ n·weights is the total of the margins.
    factors : weight over base weight, shape (rows,); NaN for rows of customers who did not answer.
    method, bounds : how.
    n : answers that were weighted.
    total : the margins' total, NaN where no margin counts customers.
    design_effect : Kish's n·Σw²/(Σw)² ≥ 1: how much larger the variance of a mean is than without unequal
        weights, where the weights have nothing to do with the score. The price of weighting.
    effective_n : n/design_effect.
    iterations : Newton steps; 0 where one step of arithmetic is enough.
    converged : always True: weights that do not meet their margins are an error, not a result.
    table : one row per total: ``margin``, ``category``, ``target``, ``answers`` (their number; for a numeric
        margin the unweighted sum), ``weighted`` (what the weights make of them; equal to the target).
    notes : what a reader should know: heavy, negative or costly weights, categories carried by few answers.
    """

    weights: np.ndarray
    factors: np.ndarray
    method: str
    bounds: tuple[float, float] | None
    n: int
    total: float
    design_effect: float
    effective_n: float
    iterations: int
    converged: bool
    table: pd.DataFrame
    notes: tuple[str, ...]
    coefficients: np.ndarray = field(repr=False)
    problem: Problem = field(repr=False)

    def influence(self, z: np.ndarray, *, population: float | None = None) -> np.ndarray:
        """What one customer of each row adds to the error of the calibrated total Σ w·z: w·(z − x′β).

        Parameters
        ----------
        z : value per row of cells, shape (rows,); 0 for answers outside the group or item of interest.
        population : number invited, to leave out what is certain of those who answered; see ``weighted_estimate``.

        Returns
        -------
        Shape (rows,), 0 for those who did not answer. β is the regression of z on the calibration variables
        with the base weights: every calibration estimator has the error of the regression estimator
        (Deville & Särndal 1992, result 5).
        """
        p = self.problem
        d = p.base[p.rows] * p.n[p.rows]
        size = n_patterns(p.patterns)
        mass = np.bincount(p.pattern, weights=d, minlength=size)
        sums = np.bincount(p.pattern, weights=d * z[p.rows], minlength=size)
        slopes = pseudo_solve(p.patterns.gram(mass), p.patterns.totals(sums))
        result = np.zeros(len(self.weights))
        result[p.rows] = self.weights[p.rows] * (z[p.rows] - p.patterns.linear(slopes)[p.pattern])
        return result * left_to_chance(self.weights, p.n, population)

    def leverage(self) -> np.ndarray:
        """How much of its own prediction an answer decides, 0 to 1 per row of cells, shape (rows,).

        Residuals are too small by √(1 − leverage), which matters where a category holds few answers.
        """
        p = self.problem
        inverse = pseudo_solve(p.patterns.gram(p.mass(p.n)), np.eye(p.patterns.size))
        result = np.zeros(len(self.weights))
        result[p.rows] = p.base[p.rows] * p.patterns.quadratic(inverse)[p.pattern]
        return np.clip(result, 0, 1)

    def reweighted(self, counts: np.ndarray, expansion: float = 1.0, *, redraw: bool = False) -> np.ndarray:
        """The weights for other counts of the same cells: a replicate.

        Parameters
        ----------
        counts : column ``n`` of the replicate, shape (rows,).
        expansion : :attr:`Replicates.expansion`.
        redraw : margins as well are those of the replicate: customers come and go, not only answers. Needs
            cells of everyone invited, and margins that are theirs.

        Raises
        ------
        ValueError : the replicate cannot meet the margins; the message names the category.
        """
        p = self.problem
        targets = self._redrawn(counts) * expansion if redraw else p.targets
        mass = p.mass(counts) * expansion
        require_somebody(p.patterns, mass, targets, p.names, " in a replicate")
        try:
            solution = solve(p.patterns, mass, targets, p.family, start=self.coefficients)
        except NotMet as error:
            raise ValueError("in a replicate: " + why_not(error, p, self.method, self.bounds, mass)) from None
        result = np.zeros(len(self.weights))
        # as large as the survey's own, so that sums over the replicate's counts are comparable
        result[p.rows] = p.base[p.rows] * solution.factors[p.pattern] * expansion
        return result

    def reweighted_all(
        self, counts: np.ndarray, expansion: float = 1.0, *, redraw: bool = False
    ) -> np.ndarray:
        """:meth:`reweighted` of R replicates, ``counts`` of shape (R, rows), in one go; shape (R, rows)."""
        p = self.problem
        result = np.zeros(counts.shape)
        batch = max(1, _LARGEST_BATCH // max(p.patterns.size**2, n_patterns(p.patterns)))
        for at in range(0, len(counts), batch):
            some = counts[at : at + batch]
            masses = np.stack([p.mass(row) for row in some]) * expansion
            if redraw:
                targets = np.stack([self._redrawn(row) for row in some]) * expansion
            else:
                targets = np.broadcast_to(p.targets, (len(some), len(p.targets)))
            factors, arrived = solve_nearby(p.patterns, masses, targets, p.family, self.coefficients)
            result[at : at + batch, p.rows] = p.base[p.rows] * factors[:, p.pattern] * expansion
            for left in np.flatnonzero(~arrived):
                result[at + left] = self.reweighted(some[left], expansion, redraw=redraw)
        return result

    def _redrawn(self, counts: np.ndarray) -> np.ndarray:
        p = self.problem
        if any(block.code is not None and (block.code < 0).any() for block in p.everyone) or not np.allclose(
            Patterns(p.everyone).totals(p.n * p.stands_for), p.targets, rtol=1e-9
        ):
            raise ValueError(
                "margins can be drawn anew only from cells of everyone invited: these margins are not the totals "
                "of these cells. Make them with margins_of(cells, …), or leave redraw=False"
            )
        return Patterns(p.everyone).totals(np.asarray(counts, dtype=float) * p.stands_for)

    def _repr_html_(self) -> str:
        used = self.weights[self.problem.rows]
        return definition_html(
            "Calibration",
            [
                ("method", METHODS[self.method]),
                ("answers", f"{self.n:,}"),
                ("weights", f"{used.min():.3g} to {used.max():.3g}"),
                ("design effect (Kish)", f"{self.design_effect:.3f}"),
                ("answers after weighting are worth", f"{self.effective_n:,.0f}"),
                *(("note", note) for note in self.notes),
            ],
        )


def calibrate(
    cells: pd.DataFrame,
    margins: Margins,
    *,
    method: str = "raking",
    bounds: tuple[float, float] | None = None,
    weights: str | Sequence[float] | np.ndarray | None = None,
    responded: str | None = None,
) -> Calibration:
    """Weights, closest to the base weights, with which the answers add up to the margins.

    Parameters
    ----------
    cells : rows with ``n`` and the columns that the margins name. Customers who did not answer may be among
        them (column ``responded``): they get the weight 0. Rows of single answers are cells too (``n`` = 1).
    margins : {column: {category: total}}, as :func:`margins_of` makes them from the frame. A tuple of columns,
        {("country", "segment"): {("AT", "Plus"): 120, …}}, fixes their combinations: with one such margin the
        result is post-stratification. {column: number} fixes the sum of a numeric column, {(): number} the
        number of customers. All totals in one unit, customers or shares. A missing category is "not known".
    method :
        "raking" (default): g = e^u, the same as iterative proportional fitting and as entropy balancing.
        "linear": g = 1 + u, the generalised regression estimator (GREG); weights may be negative.
        "logit": between ``bounds``, smoothly. "truncated": "linear" cut off at ``bounds``.
        "propensity": g = 1 + e^u, one over a logistic propensity that balances the margins exactly.
        "post-stratification": exactly one margin, which every method meets in the same way.
    bounds : smallest and largest g = weight/base weight, around 1; for "logit" and "truncated". With base
        weights of 1 a weight is the number of customers that an answer stands for: see ``weights``.
    weights : base weight d of one answer: a column or one number per row. By default w/n where the cells have
        sums of weights ``w``, else 1. Give invited/answered if bounds should be around the average weight.
    responded : column that says who is weighted: True/False, or a score, where who answered it is weighted. By
        default the column ``responded`` where there is one, else every row.

    Returns
    -------
    Calibration.

    Raises
    ------
    ValueError : margins with different totals; a category nobody answered in; an answer in a category the
        margins lack; margins that contradict each other or cannot be met within the method or the bounds: the
        message names the category and what would help.

    Notes
    -----
    Minimises Σ d·G*(w/d) subject to Σ w·x = t. Deville & Särndal (1992), JASA 87, 376–382; Deville, Särndal &
    Sautory (1993), JASA 88, 1013–1020; Deming & Stephan (1940) for raking; Hainmueller (2012), Political
    Analysis 20, 25–46, for entropy balancing; Imai & Ratkovic (2014), JRSS-B 76, 243–263, for "propensity".

    Examples
    --------
    >>> cells = pd.DataFrame({"country": ["AT", "AT", "DE", "DE"], "use": ["low", "high"] * 2, "n": [10, 30, 20, 40]})
    >>> margins = {"country": {"AT": 300, "DE": 700}, "use": {"low": 400, "high": 600}}
    >>> result = calibrate(cells, margins)
    >>> result.weights.round(3).tolist(), round(result.design_effect, 3)
    ([10.0, 6.667, 15.0, 10.0], 1.083)
    """
    bounds = _checked_bounds(method, bounds)
    if method == "post-stratification" and len(margins) != 1:
        keys = sorted({name for key in margins for name in ((key,) if isinstance(key, str) else key)})
        raise ValueError(
            "post-stratification has one margin, the combinations of all columns: "
            f"margins_of(cells, [{tuple(keys)!r}]). For several margins take 'raking'"
        )
    chosen = family("linear" if method == "post-stratification" else method, bounds)
    problem = problem_of(cells, margins, chosen, weights, responded)
    patterns, targets, rows = problem.patterns, problem.targets, problem.rows
    mass = problem.mass(problem.n)
    require_somebody(patterns, mass, targets, problem.names, "")
    try:
        solution = solve(patterns, mass, targets, chosen)
    except NotMet as error:
        raise ValueError(why_not(error, problem, method, bounds, mass)) from None

    factors = np.full(len(cells), np.nan)
    factors[rows] = solution.factors[problem.pattern]
    result = np.zeros(len(cells))
    result[rows] = problem.base[rows] * factors[rows]
    return _calibration(problem, result, factors, solution.coefficients, solution.steps, method, bounds)


def _calibration(
    problem: Problem,
    weights: np.ndarray,
    factors: np.ndarray,
    coefficients: np.ndarray,
    steps: int,
    method: str,
    bounds: tuple[float, float] | None,
) -> Calibration:
    rows, n = problem.rows, problem.n
    total = float(weights[rows] @ n[rows])
    size = float(n[rows].sum())
    squares = float(factors[rows] ** 2 @ problem.squared[rows])
    effect = size * squares / total**2 if total else math.nan
    patterns = problem.patterns
    answers = np.bincount(problem.pattern, weights=n[rows], minlength=n_patterns(patterns))
    weighted = np.bincount(problem.pattern, weights=n[rows] * weights[rows], minlength=n_patterns(patterns))
    table = pd.DataFrame(
        {
            "margin": pd.array([margin for margin, _ in problem.names], dtype="string"),
            "category": pd.array([category for _, category in problem.names], dtype="string"),
            "target": problem.targets,
            "answers": patterns.totals(answers),
            "weighted": patterns.totals(weighted),
        }
    )
    counts_people = any(block.code is not None for block in patterns.blocks)
    return Calibration(
        weights=weights,
        factors=factors,
        method=method,
        bounds=bounds,
        n=round(size),
        total=total if counts_people else math.nan,
        design_effect=effect,
        effective_n=size / effect,
        iterations=steps,
        converged=True,
        table=table,
        notes=_notes(weights[rows], n[rows], effect, table, patterns),
        coefficients=coefficients,
        problem=problem,
    )


def _notes(
    weights: np.ndarray, n: np.ndarray, effect: float, table: pd.DataFrame, patterns: Patterns
) -> tuple[str, ...]:
    """What a reader of these weights should know."""
    notes = []
    there = n > 0
    weights, n = weights[there], n[there]
    average = float(weights @ n / n.sum())
    negative = float(n[weights < 0].sum())
    if negative:
        notes.append(
            f"{negative:,.0f} answers have a weight below 0, which no answer can stand for: raking, logit and "
            "truncated calibration have none"
        )
    heavy = weights > _HEAVY * average
    if heavy.any():
        share = float(weights[heavy] @ n[heavy] / (weights @ n))
        notes.append(
            f"the weights explode: the largest is {weights.max() / average:,.0f} times the average, and "
            f"{n[heavy].sum():,.0f} of {n.sum():,.0f} answers with more than {_HEAVY:.0f} times the average carry "
            f"{share:.0%} of the weight. Bounds, merged categories or fewer margins help"
        )
    if effect > _COSTLY:
        notes.append(
            f"weighting is costly: the design effect is {effect:.2f}, so that {n.sum():,.0f} answers are worth "
            f"{n.sum() / effect:,.0f}"
        )
    categorical = np.concatenate([np.full(block.size, block.code is not None) for block in patterns.blocks])
    few = table[categorical & (table["answers"] < _FEW) & (table["target"] > 0)]
    if len(few):
        first = few.iloc[0]
        more = f", and {len(few) - 1} more" if len(few) > 1 else ""
        notes.append(
            f"{called(first['margin'], first['category'])} rests on {answers_text(first['answers'])}{more}: merge small "
            "categories"
        )
    return tuple(notes)


def _checked_bounds(method: str, bounds: Any) -> tuple[float, float] | None:
    if method not in METHODS:
        near = difflib.get_close_matches(str(method), METHODS, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"method {method!r} is not one of {', '.join(map(repr, METHODS))}.{hint}")
    if method not in ("logit", "truncated"):
        if bounds is not None:
            raise ValueError(f"bounds belong to 'logit' and 'truncated', not to {method!r}")
        return None
    try:
        low, high = (float(bound) for bound in bounds)
    except (TypeError, ValueError):
        raise ValueError(
            f"method {method!r} needs bounds, the smallest and largest weight relative to the base weight, for "
            f"example bounds=(0.3, 3), but they are {bounds!r}"
        ) from None
    if (
        not (low < 1 < high)
        or (method == "logit" and not math.isfinite(high - low))
        or math.isnan(high - low)
    ):
        raise ValueError(
            f"bounds are relative to the base weight and must lie around 1, for example (0.3, 3), but are ({low:g}, "
            f"{high:g})"
        )
    return low, high
