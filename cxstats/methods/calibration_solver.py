"""The one solver behind every calibration: weights d·F(x′λ) whose totals are the wanted ones.

Raking, entropy balancing, GREG, logit and truncated calibration differ in F alone (Deville & Särndal 1992).
λ minimises the convex function Σ d·G(x′λ) − t′λ with G′ = F, so Newton's method with a line search finds it
whenever it exists; where it does not, a linear program says which totals cannot be met.

Works on *patterns*: the distinct combinations of the auxiliary variables, whatever the number of answers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

__all__ = ["FAMILIES", "Block", "Family", "NotMet", "Patterns", "Solution", "family", "solve", "solve_nearby"]

MOST_STEPS = 200
PRECISION = 1e-12
GOOD_ENOUGH = 1e-9
"""A misfit, relative to the total, that rounding may leave in a badly scaled table: still the solution."""


@dataclass(frozen=True, slots=True)
class Family:
    """A calibration function F with F′ and its integral G; ``inverse`` gives the u where F(u) = g.

    ``low`` and ``high`` are the limits of F, never reached where ``open`` is true.
    """

    value: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]
    integral: Callable[[np.ndarray], np.ndarray]
    inverse: Callable[[np.ndarray], np.ndarray]
    low: float
    high: float
    open: bool = True


def _linear(low: float, high: float) -> Family:
    return Family(lambda u: 1 + u, np.ones_like, lambda u: u + u * u / 2, lambda g: g - 1, -np.inf, np.inf)


def _raking(low: float, high: float) -> Family:
    return Family(np.exp, np.exp, np.exp, np.log, 0.0, np.inf)


def _propensity(low: float, high: float) -> Family:
    # F = 1 + e^u is one over a logistic propensity: Imai & Ratkovic's balancing weights
    return Family(
        lambda u: 1 + np.exp(u), np.exp, lambda u: u + np.exp(u), lambda g: np.log(g - 1), 1.0, np.inf
    )


def _logit(low: float, high: float) -> Family:
    a = (high - low) / ((1 - low) * (high - 1))
    start = np.log((1 - low) / (high - 1))  # puts F(0) at 1

    def upper(u: np.ndarray) -> np.ndarray:
        """How far F is on its way from low to high, 0 to 1; the logistic function, without overflow."""
        x = a * u + start
        e = np.exp(-np.abs(x))
        return np.where(x >= 0, 1, e) / (1 + e)

    def slope(u: np.ndarray) -> np.ndarray:
        p = upper(u)
        return (high - low) * a * p * (1 - p)

    return Family(
        value=lambda u: low + (high - low) * upper(u),
        slope=slope,
        integral=lambda u: low * u + (high - low) / a * np.logaddexp(0, a * u + start),
        inverse=lambda g: (np.log((g - low) / (high - g)) - start) / a,
        low=low,
        high=high,
    )


def _truncated(low: float, high: float) -> Family:
    def integral(u: np.ndarray) -> np.ndarray:
        inside = np.clip(u, low - 1, high - 1)
        return inside + inside**2 / 2 + (1 + inside) * (u - inside)

    return Family(
        value=lambda u: np.clip(1 + u, low, high),
        slope=lambda u: ((u > low - 1) & (u < high - 1)).astype(float),
        integral=integral,
        inverse=lambda g: g - 1,
        low=low,
        high=high,
        open=False,
    )


FAMILIES = {
    "linear": _linear,
    "raking": _raking,
    "logit": _logit,
    "truncated": _truncated,
    "propensity": _propensity,
}


def family(method: str, bounds: tuple[float, float] | None) -> Family:
    """The calibration function of ``method``; ``bounds`` for logit and truncated."""
    low, high = bounds if bounds is not None else (-np.inf, np.inf)
    return FAMILIES[method](low, high)


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """One margin over K patterns: the category of each (``code``, below ``size``), or its number (``number``)."""

    size: int
    code: np.ndarray | None = None
    number: np.ndarray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Patterns:
    """The table x of K patterns by p totals, kept as category codes: never written out.

    Each margin is a block of columns; a categorical one has a column per category, all of them, so that
    what cannot be met can be named. That the margins share their total makes the table rank-deficient,
    which the solver expects.
    """

    blocks: tuple[Block, ...]

    @property
    def size(self) -> int:
        """Number p of totals."""
        return sum(block.size for block in self.blocks)

    def _slices(self) -> list[slice]:
        ends = np.cumsum([0, *(block.size for block in self.blocks)])
        return [slice(a, b) for a, b in pairwise(ends)]

    def linear(self, coefficients: np.ndarray) -> np.ndarray:
        """x′λ per pattern, shape (K,)."""
        parts = [
            coefficients[place][block.code]
            if block.code is not None
            else coefficients[place][0] * block.number
            for block, place in zip(self.blocks, self._slices(), strict=True)
        ]
        return np.sum(parts, axis=0)

    def totals(self, mass: np.ndarray) -> np.ndarray:
        """Σ mass·x, shape (p,)."""
        return np.concatenate(
            [
                np.bincount(block.code, weights=mass, minlength=block.size)
                if block.code is not None
                else [mass @ block.number]
                for block in self.blocks
            ]
        )

    def magnitude(self, mass: np.ndarray) -> np.ndarray:
        """Σ mass·|x|, shape (p,): what a misfit is measured against."""
        return np.concatenate(
            [
                np.bincount(block.code, weights=mass, minlength=block.size)
                if block.code is not None
                else [mass @ np.abs(block.number)]
                for block in self.blocks
            ]
        )

    def gram(self, mass: np.ndarray) -> np.ndarray:
        """Σ mass·xx′, shape (p, p), block by block from the codes."""
        result = np.zeros((self.size, self.size))
        places = self._slices()
        for i, (first, rows) in enumerate(zip(self.blocks, places, strict=True)):
            for second, columns in zip(self.blocks[: i + 1], places[: i + 1], strict=True):
                block = _cross(first, second, mass)
                result[rows, columns] = block
                result[columns, rows] = block.T
        return result

    def grams(self, masses: np.ndarray) -> np.ndarray:
        """:meth:`gram` of R sets of masses (R, K), shape (R, p, p)."""
        places = self._slices()
        result = np.zeros((len(masses), self.size, self.size))
        for i, (first, rows) in enumerate(zip(self.blocks, places, strict=True)):
            for second, columns in zip(self.blocks[: i + 1], places[: i + 1], strict=True):
                block = _crosses(first, second, masses)
                result[:, rows, columns] = block
                result[:, columns, rows] = np.swapaxes(block, 1, 2)
        return result

    def quadratic(self, matrix: np.ndarray) -> np.ndarray:
        """x′·matrix·x per pattern, shape (K,)."""
        result: np.ndarray | float = 0.0
        places = self._slices()
        for first, rows in zip(self.blocks, places, strict=True):
            for second, columns in zip(self.blocks, places, strict=True):
                block = matrix[rows, columns]
                left = 0 if first.code is None else first.code
                right = 0 if second.code is None else second.code
                term = block[left, right]
                term = term * (1 if first.number is None else first.number)
                result = result + term * (1 if second.number is None else second.number)
        return np.asarray(result)

    def matrix(self):
        """x itself, sparse, shape (K, p): for the linear programs that explain a failure."""
        from scipy import sparse

        parts = []
        for block in self.blocks:
            if block.code is not None:
                every = np.arange(len(block.code))
                parts.append(
                    sparse.csr_array(
                        (np.ones(len(every)), (every, block.code)), shape=(len(every), block.size)
                    )
                )
            else:
                parts.append(sparse.csr_array(block.number[:, None]))
        return sparse.hstack(parts, format="csr")


def _cross(first: Block, second: Block, mass: np.ndarray) -> np.ndarray:
    if first is second:
        if first.code is not None:
            return np.diag(np.bincount(first.code, weights=mass, minlength=first.size))
        return np.array([[mass @ first.number**2]])
    if first.code is not None and second.code is not None:
        pair = first.code * second.size + second.code
        return np.bincount(pair, weights=mass, minlength=first.size * second.size).reshape(
            first.size, second.size
        )
    if first.code is not None:
        return np.bincount(first.code, weights=mass * second.number, minlength=first.size)[:, None]
    if second.code is not None:
        return np.bincount(second.code, weights=mass * first.number, minlength=second.size)[None, :]
    return np.array([[mass @ (first.number * second.number)]])


def _crosses(first: Block, second: Block, masses: np.ndarray) -> np.ndarray:
    """Σ mass·xx′ of two blocks for every row of ``masses``, shape (R, first.size, second.size)."""
    for block in (first, second):
        if block.number is not None:
            masses = masses * block.number
    left = 0 if first.code is None else first.code
    right = 0 if second.code is None else second.code
    size = first.size * second.size
    pair = np.broadcast_to(left * second.size + right, masses.shape[1:])
    place = pair + size * np.arange(len(masses))[:, None]
    sums = np.bincount(place.ravel(), weights=masses.ravel(), minlength=size * len(masses))
    return sums.reshape(len(masses), first.size, second.size)


def pseudo_solve(gram: np.ndarray, right: np.ndarray) -> np.ndarray:
    """A solution of gram·x = right for a symmetric, non-negative, usually rank-deficient gram matrix."""
    diagonal = np.diag(gram)
    scale = np.where(diagonal > 0, 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1)), 0)
    scaled = gram * scale[:, None] * scale[None, :]
    side = right * (scale if right.ndim == 1 else scale[:, None])
    if len(gram) > LARGEST_SPECTRUM:
        # a ridge far below rounding of the data: it only settles the directions that change no weight
        scaled = scaled + 1e-11 * np.eye(len(gram))
        solution = np.linalg.solve(scaled, side)
    else:
        values, vectors = np.linalg.eigh(scaled)
        kept = values > 1e-12 * values[-1]
        inverse = np.where(kept, 1 / np.where(kept, values, 1), 0)
        projected = vectors.T @ side
        solution = vectors @ (projected * (inverse if right.ndim == 1 else inverse[:, None]))
    return solution * (scale if right.ndim == 1 else scale[:, None])


LARGEST_SPECTRUM = 600
"""Up to so many totals the eigenvalues are computed (milliseconds); above, a ridge does (seconds less)."""


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """``factors`` g = F(x′λ) per pattern, shape (K,), λ itself, and the number of Newton steps."""

    factors: np.ndarray
    coefficients: np.ndarray
    steps: int


class NotMet(Exception):
    """No weights of this family have these totals.

    Attributes
    ----------
    lacking : shape (p,): how far each total stays away from the wanted one at best (wanted − possible);
        all 0 where weights on the edge of the family would do (some answers would weigh nothing).
    edge : patterns (indices) that would have to weigh nothing, or be on a bound, where ``lacking`` is 0.
    upper : for families with bounds: the smallest upper bound with which the totals can be met, or None.
    """

    def __init__(self, lacking: np.ndarray, edge: np.ndarray, upper: float | None) -> None:
        super().__init__("calibration totals cannot be met")
        self.lacking = lacking
        self.edge = edge
        self.upper = upper


def solve(
    patterns: Patterns,
    mass: np.ndarray,
    targets: np.ndarray,
    chosen: Family,
    *,
    start: np.ndarray | None = None,
) -> Solution:
    """Find λ with Σ mass·F(x′λ)·x = targets.

    Parameters
    ----------
    patterns : x, K patterns by p totals.
    mass : Σ of the base weights d of the answers of each pattern, shape (K,), 0 or more.
    targets : t, shape (p,).
    chosen : the family of weights.
    start : λ to start from, from a solution nearby; by default the first margin is met at once.

    Raises
    ------
    NotMet : no such weights.
    """
    coefficients = _first_guess(patterns, mass, targets, chosen) if start is None else start.copy()
    u = patterns.linear(coefficients)
    objective = _objective(chosen, mass, u, targets, coefficients)
    for step in range(MOST_STEPS):
        factors = chosen.value(u)
        now = mass * factors
        misfit = targets - patterns.totals(now)
        scale = np.maximum(np.abs(targets), patterns.magnitude(np.abs(now)))
        scale = np.maximum(scale, 1e-300)
        distance = np.max(np.abs(misfit) / scale)
        if distance <= PRECISION:
            return _unless_on_the_edge(patterns, mass, targets, chosen, Solution(factors, coefficients, step))
        slope = mass * chosen.slope(u)
        gram = patterns.gram(slope)
        direction = pseudo_solve(gram, misfit)
        if not _reaches(gram, direction, misfit, scale):
            # everybody of a category is at a bound: the plain linear step still goes downhill (F′ ≤ 1)
            direction = pseudo_solve(patterns.gram(mass), misfit)
        moved = _line_search(patterns, chosen, mass, targets, coefficients, u, objective, direction, misfit)
        if moved is None:
            if distance <= GOOD_ENOUGH:
                return Solution(factors, coefficients, step)
            break
        coefficients, u, objective = moved
        if np.max(np.abs(u), initial=0) > FARTHEST and chosen.open:
            break
    raise _explanation(patterns, mass, targets, chosen)


def solve_nearby(
    patterns: Patterns, masses: np.ndarray, targets: np.ndarray, chosen: Family, start: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Factors of R replicates at once, by full Newton steps from a solution nearby.

    Parameters
    ----------
    patterns, chosen : as in :func:`solve`.
    masses : shape (R, K). targets : shape (R, p). start : λ of the solution nearby, shape (p,).

    Returns
    -------
    Factors (R, K), and which replicates arrived, shape (R,): at the solution that :func:`solve` finds, to rounding. The
    others are not hopeless; they need its line search, or its explanation.
    """
    arrived = np.zeros(len(masses), dtype=bool)
    factors = np.full(masses.shape, np.nan)
    x = patterns.matrix()
    if x.shape[0] * x.shape[1] <= LARGEST_DENSE:
        x = x.toarray()
    transposed, size = x.T, abs(x).T
    coefficients = np.repeat(start[None], len(masses), axis=0)
    todo, last = np.arange(len(masses)), np.full(len(masses), np.inf)
    # replicates of one survey share most of their answers: one curve for all is nearly each one's own, and costs one
    # decomposition. Whoever it leads to slowly takes Newton's steps
    shared = _inverse(patterns.gram(masses.mean(axis=0) * chosen.slope(patterns.linear(start))))
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(MOST_STEPS_NEARBY):
            u = (x @ coefficients[todo].T).T
            value = chosen.value(u)
            now = masses[todo] * value
            misfit = targets[todo] - (transposed @ now.T).T
            scale = np.maximum(np.abs(targets[todo]), (size @ np.abs(now).T).T)
            distance = np.max(np.abs(misfit) / np.maximum(scale, 1e-300), axis=1)
            there = distance <= PRECISION
            factors[todo[there]], arrived[todo[there]] = value[there], True
            # what runs off is not followed
            going = ~there & np.isfinite(distance) & (np.abs(u).max(axis=1, initial=0) <= FARTHEST)
            if not going.any():
                break
            before = last[todo]
            slow = going & ((distance > before / 4) | (step >= MOST_STEPS_NEARBY // 2) | (shared is None))
            astray = slow & (distance > before) & (before > 0)
            last[todo] = np.where(slow, 0.0, distance)  # once slow, Newton's to the end
            coefficients[todo[astray]] = start
            if (fast := going & ~slow).any():
                coefficients[todo[fast]] += misfit[fast] @ shared
            if (newton := slow & ~astray).any():
                grams = patterns.grams(masses[todo[newton]] * chosen.slope(u[newton]))
                coefficients[todo[newton]] += _pseudo_solves(grams, misfit[newton])
            todo = todo[going]
    if chosen.low == 0 and chosen.open:
        used = np.where(masses > 0, factors, np.nan)
        smallest = np.min(np.where(masses > 0, factors, np.inf), axis=1)
        arrived &= smallest >= NOTHING * np.nansum(used, axis=1) / (masses > 0).sum(axis=1)
    return factors, arrived


MOST_STEPS_NEARBY = 24
LARGEST_DENSE = 100_000
"""Numbers in a table of patterns up to which it is written out: faster than sparse products."""


def _inverse(gram: np.ndarray) -> np.ndarray | None:
    """Pseudo-inverse as :func:`pseudo_solve` takes it; None where it would take too long."""
    return None if len(gram) > LARGEST_SPECTRUM else pseudo_solve(gram, np.eye(len(gram)))


def _pseudo_solves(grams: np.ndarray, rights: np.ndarray) -> np.ndarray:
    """:func:`pseudo_solve` of a stack (R, p, p) with one right side (R, p) each."""
    if grams.shape[1] > LARGEST_SPECTRUM:
        return np.stack([pseudo_solve(gram, right) for gram, right in zip(grams, rights, strict=True)])
    diagonal = np.diagonal(grams, axis1=1, axis2=2)
    scale = np.where(diagonal > 0, 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1)), 0)
    values, vectors = np.linalg.eigh(grams * scale[:, :, None] * scale[:, None, :])
    kept = values > 1e-12 * values[:, -1:]
    inverse = np.where(kept, 1 / np.where(kept, values, 1), 0)
    projected = np.einsum("rji,rj->ri", vectors, rights * scale) * inverse
    return np.einsum("rij,rj->ri", vectors, projected) * scale


def _unless_on_the_edge(
    patterns: Patterns, mass: np.ndarray, targets: np.ndarray, chosen: Family, found: Solution
) -> Solution:
    """Weights that rounding cannot tell from 0 meet the totals only as 0 would: that is refused."""
    if chosen.low == 0 and chosen.open:
        used = found.factors[mass > 0]
        if used.min(initial=np.inf) < NOTHING * used.mean():
            error = _explanation(patterns, mass, targets, chosen)
            if len(error.edge):
                raise error
    return found


NOTHING = 1e-9
"""A weight that small beside the average is suspected to be on its way to 0."""

FARTHEST = 300.0
"""A weight e³⁰⁰ times another is no solution: the totals can only be met on the edge, or not at all."""


def _objective(
    chosen: Family, mass: np.ndarray, u: np.ndarray, targets: np.ndarray, coefficients: np.ndarray
) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        return float(mass @ chosen.integral(u) - targets @ coefficients)


def _line_search(
    patterns: Patterns,
    chosen: Family,
    mass: np.ndarray,
    targets: np.ndarray,
    coefficients: np.ndarray,
    u: np.ndarray,
    objective: float,
    direction: np.ndarray,
    misfit: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, float] | None:
    """The farthest of the halved Newton steps that goes downhill enough (Armijo); None if none does."""
    promised = float(misfit @ direction)
    along = patterns.linear(direction)
    length = 1.0
    slack = 1e-14 * (abs(objective) + float(np.abs(targets) @ np.abs(coefficients)))
    for _ in range(60):
        trial = u + length * along
        after = coefficients + length * direction
        value = _objective(chosen, mass, trial, targets, after)
        if np.isfinite(value) and value <= objective - 1e-4 * length * promised + slack:
            # at the very end the objective is flat to rounding: then the misfit decides
            if length == 1.0 or promised > slack:
                return after, trial, value
            return None
        length /= 2
    return None


def _reaches(gram: np.ndarray, direction: np.ndarray, misfit: np.ndarray, scale: np.ndarray) -> bool:
    left = np.abs(gram @ direction - misfit) / scale
    return bool(np.max(left) <= max(1e-6 * np.max(np.abs(misfit) / scale), 1e-13))


def _first_guess(patterns: Patterns, mass: np.ndarray, targets: np.ndarray, chosen: Family) -> np.ndarray:
    """λ that meets the first categorical margin, as far as the family's limits let it."""
    result = np.zeros(patterns.size)
    at = 0
    for block in patterns.blocks:
        if block.code is not None:
            have = np.bincount(block.code, weights=mass, minlength=block.size)
            ratio = targets[at : at + block.size] / np.where(have > 0, have, 1)
            low = chosen.low if np.isfinite(chosen.low) else -np.inf
            if chosen.open:
                # inside the limits by a little: the inverse of F is infinite on them
                high = chosen.high if np.isfinite(chosen.high) else np.inf
                width = min(high - low, 1.0)
                ratio = np.clip(ratio, low + 1e-3 * width, high - 1e-3 * width)
            else:
                ratio = np.clip(ratio, chosen.low, chosen.high)
            result[at : at + block.size] = np.where(have > 0, chosen.inverse(ratio), 0.0)
            return result
        at += block.size
    return result


# ------------------------------------------------------------------------------ why it cannot be


def _explanation(patterns: Patterns, mass: np.ndarray, targets: np.ndarray, chosen: Family) -> NotMet:
    """Linear programs: the least that must be lacking; who would have to weigh nothing; which bound would do."""
    present = np.flatnonzero(mass > 0)
    x = patterns.matrix()[present]
    d = mass[present]
    lacking = _least_lacking(x, d, targets, chosen.low, chosen.high)
    size = max(float(np.abs(targets).max()), 1.0)
    if np.abs(lacking).max() > 1e-7 * size:
        bounded = np.isfinite(chosen.high)
        return NotMet(
            lacking, np.array([], int), _smallest_upper(x, d, targets, chosen.low) if bounded else None
        )
    edge = _forced_to_edge(x, d, targets, chosen.low, chosen.high)
    return NotMet(np.zeros(len(targets)), present[edge], None)


def _least_lacking(x, d: np.ndarray, targets: np.ndarray, low: float, high: float) -> np.ndarray:
    """The misfit with the smallest sum of absolute values, over all weights within the limits."""
    from scipy import sparse
    from scipy.optimize import linprog

    k, p = x.shape
    unit = sparse.eye_array(p)
    # in units of the base weight, so that the program is well scaled
    table = sparse.hstack([(x * d[:, None]).T, unit, -unit], format="csr")
    cost = np.concatenate([np.zeros(k), np.ones(2 * p)])
    bounds = [(low if np.isfinite(low) else None, high if np.isfinite(high) else None)] * k
    result = linprog(cost, A_eq=table, b_eq=targets, bounds=[*bounds, *[(0, None)] * (2 * p)])
    return result.x[k : k + p] - result.x[k + p :]


def _forced_to_edge(x, d: np.ndarray, targets: np.ndarray, low: float, high: float) -> np.ndarray:
    """Patterns whose factor is on a limit in every solution, from one program with a slack per pattern."""
    from scipy import sparse
    from scipy.optimize import linprog

    k, _ = x.shape
    table = sparse.hstack([(x * d[:, None]).T, (x * d[:, None]).T], format="csr")
    # factor = rest + slack with slack in [0, ε]: the program makes as many slacks full as it can
    floor = low if np.isfinite(low) else 0.0
    small = 1e-6
    room = (high - floor - small) if np.isfinite(high) else None
    result = linprog(
        np.concatenate([np.zeros(k), -np.ones(k)]),
        A_eq=table,
        b_eq=targets - (x * d[:, None]).T @ np.full(k, floor),
        bounds=[*[(0, room)] * k, *[(0, small)] * k],
    )
    if result.x is None:
        return np.array([], dtype=int)
    return np.flatnonzero(result.x[k:] < small / 2)


def _smallest_upper(x, d: np.ndarray, targets: np.ndarray, low: float) -> float | None:
    """Smallest U for which factors in [low, U] meet the totals; None where no bound does."""
    from scipy import sparse
    from scipy.optimize import linprog

    k, _ = x.shape
    table = sparse.hstack([(x * d[:, None]).T, np.zeros((x.shape[1], 1))], format="csr")
    above = sparse.hstack([sparse.eye_array(k), -np.ones((k, 1))], format="csr")
    result = linprog(
        np.append(np.zeros(k), 1.0),
        A_eq=table,
        b_eq=targets,
        A_ub=above,
        b_ub=np.zeros(k),
        bounds=[*[(low, None)] * k, (0, None)],
    )
    return float(result.x[-1]) if result.success else None
