"""The likelihood of ordered answers with a location and a scale, on cells: values, scores, Hessian, maximum.

P(answer ≤ k) = F((τ_k − x'β)/exp(w'ζ)). Numbers in, numbers out: columns, labels and refusals are in
``ordinal.py``. Every function takes cells (one row per combination of answer and covariates), so the cost is
that of the number of cells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

__all__ = [
    "LINKS",
    "Maximum",
    "OrderedCells",
    "hessian",
    "implied_shares",
    "log_likelihood",
    "maximise",
    "ordered_cells",
    "refit",
    "scores",
    "widened",
]

_SMALLEST = 1e-300  # a probability below is no longer told apart from 0
_CHUNK = 3_000_000  # numbers in one array of a batch of replicates
_SINGULAR = 1e-10  # smallest eigenvalue of an information matrix of unit diagonal that Newton's method trusts


# ------------------------------------------------------------------------------------------- links


def _normal(z: np.ndarray) -> np.ndarray:
    from scipy.special import ndtr

    return ndtr(z)


def _normal_density(z: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)


def _normal_slope(z: np.ndarray, density: np.ndarray) -> np.ndarray:
    return -z * density


def _normal_quantile(p: np.ndarray) -> np.ndarray:
    from scipy.special import ndtri

    return ndtri(p)


def _logistic(z: np.ndarray) -> np.ndarray:
    from scipy.special import expit

    return expit(z)


def _logistic_density(z: np.ndarray) -> np.ndarray:
    from scipy.special import expit

    return expit(z) * expit(-z)


def _logistic_slope(z: np.ndarray, density: np.ndarray) -> np.ndarray:
    return -density * np.tanh(z / 2)


def _logistic_quantile(p: np.ndarray) -> np.ndarray:
    from scipy.special import logit

    return logit(p)


@dataclass(frozen=True, slots=True)
class Link:
    """A symmetric distribution of the latent answer: F, its density, the density's slope, the quantile."""

    cumulative: Callable[[np.ndarray], np.ndarray]
    density: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray, np.ndarray], np.ndarray]
    quantile: Callable[[np.ndarray], np.ndarray]

    def between(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """F(high) − F(low), taken in the tail where it loses no digits."""
        flip = low > 0
        first = np.where(flip, -high, low)
        last = np.where(flip, -low, high)
        return self.cumulative(last) - self.cumulative(first)


LINKS = {
    "probit": Link(_normal, _normal_density, _normal_slope, _normal_quantile),
    "logit": Link(_logistic, _logistic_density, _logistic_slope, _logistic_quantile),
}


# ------------------------------------------------------------------------------------------- cells


@dataclass(frozen=True, slots=True, eq=False)
class OrderedCells:
    """Cells of an ordered answer.

    Attributes
    ----------
    above, below : number of the threshold above and below each cell's answer, shape (N,); −1 at the ends of the scale.
    location : covariates x of the location, shape (N, q).
    scale : covariates w of the log-scale, shape (N, r).
    mass : answers (or their weights) in each cell, shape (N,).
    blocks : number of thresholds in each set of them; one set where thresholds are common to all.

    Parameters are ordered τ (by block), β (q), ζ (r).
    """

    above: np.ndarray
    below: np.ndarray
    location: np.ndarray
    scale: np.ndarray
    mass: np.ndarray
    blocks: tuple[int, ...]

    @property
    def n_thresholds(self) -> int:
        """Number of thresholds in all blocks."""
        return sum(self.blocks)

    @property
    def n_parameters(self) -> int:
        """Number of parameters."""
        return self.n_thresholds + self.location.shape[1] + self.scale.shape[1]

    def take(self, rows: np.ndarray) -> OrderedCells:
        """Some of the cells."""
        return replace(
            self,
            above=self.above[rows],
            below=self.below[rows],
            location=self.location[rows],
            scale=self.scale[rows],
            mass=self.mass[rows],
        )

    def designs(self) -> tuple[np.ndarray, np.ndarray]:
        """∂(τ − x'β)/∂(τ, β) above and below each cell's answer, shape (N, thresholds + q) each; 0 at the ends."""
        n, m = len(self.mass), self.n_thresholds
        rows = np.arange(n)
        result = []
        for place in (self.above, self.below):
            inside = place >= 0
            matrix = np.zeros((n, m + self.location.shape[1]))
            matrix[rows[inside], place[inside]] = 1.0
            matrix[inside, m:] = -self.location[inside]
            result.append(matrix)
        return result[0], result[1]


def ordered_cells(
    category: np.ndarray, location: np.ndarray, scale: np.ndarray, mass: np.ndarray, n_categories: int
) -> OrderedCells:
    """Cells with common thresholds, from answers 0 … n_categories − 1, shape (N,)."""
    above = np.where(category < n_categories - 1, category, -1)
    return OrderedCells(above, category - 1, location, scale, mass, (n_categories - 1,))


@dataclass(frozen=True, slots=True, eq=False)
class _Terms:
    """What log-likelihood and derivatives are made of; any leading shape, last axis the cells."""

    probability: np.ndarray
    spread: np.ndarray
    upper: np.ndarray  # standardised thresholds, 0 where there is none
    lower: np.ndarray
    density_upper: np.ndarray  # 0 where there is no threshold
    density_lower: np.ndarray


def _terms(parameters: np.ndarray, cells: OrderedCells, link: Link) -> _Terms:
    """For parameters of shape (p,) or (R, p)."""
    m, q = cells.n_thresholds, cells.location.shape[1]
    threshold, beta, zeta = parameters[..., :m], parameters[..., m : m + q], parameters[..., m + q :]
    spread = np.exp(np.clip(zeta @ cells.scale.T, -50, 50))
    centre = beta @ cells.location.T
    above, below = cells.above, cells.below
    # −1 takes the last threshold, replaced at once by the end of the line
    upper = np.where(above >= 0, (threshold[..., above] - centre) / spread, np.inf)
    lower = np.where(below >= 0, (threshold[..., below] - centre) / spread, -np.inf)
    return _Terms(
        probability=link.between(lower, upper),
        spread=spread,
        upper=np.where(above >= 0, upper, 0.0),
        lower=np.where(below >= 0, lower, 0.0),
        density_upper=np.where(above >= 0, link.density(np.where(above >= 0, upper, 0.0)), 0.0),
        density_lower=np.where(below >= 0, link.density(np.where(below >= 0, lower, 0.0)), 0.0),
    )


def log_likelihood(parameters: np.ndarray, cells: OrderedCells, link: str) -> float:
    """Σ mass·log P(answer); −inf where an answer that was given has no probability.

    >>> one = ordered_cells(np.array([0, 1]), np.zeros((2, 0)), np.zeros((2, 0)), np.array([1.0, 3.0]), 2)
    >>> round(log_likelihood(LINKS["logit"].quantile(np.array([0.25])), one, "logit"), 6)     # log ¼ + 3 log ¾
    -2.249341
    """
    probability = _terms(parameters, cells, LINKS[link]).probability
    used = cells.mass > 0
    if np.any(~(probability[used] > 0)):
        return float("-inf")
    return float(cells.mass[used] @ np.log(probability[used]))


def scores(parameters: np.ndarray, cells: OrderedCells, link: str) -> np.ndarray:
    """∂ log P/∂ parameters of one answer in each cell, shape (N, p)."""
    t = _terms(parameters, cells, LINKS[link])
    above, below = cells.designs()
    p = np.maximum(t.probability, _SMALLEST)
    by_place = (
        above * (t.density_upper / (p * t.spread))[:, None]
        - below * (t.density_lower / (p * t.spread))[:, None]
    )
    stretch = (t.density_upper * t.upper - t.density_lower * t.lower) / p
    return np.hstack([by_place, -stretch[:, None] * cells.scale])


def hessian(
    parameters: np.ndarray, cells: OrderedCells, link: str, mass: np.ndarray | None = None
) -> np.ndarray:
    """∂² log-likelihood/∂ parameters², shape (p, p), analytic; (R, p, p) for parameters and masses of R replicates."""
    shape = LINKS[link]
    t = _terms(parameters, cells, shape)
    above, below = cells.designs()
    p = np.maximum(t.probability, _SMALLEST)
    fu, fl = t.density_upper, t.density_lower
    su = np.where(fu > 0, shape.slope(t.upper, fu), 0.0)
    sl = np.where(fl > 0, shape.slope(t.lower, fl), 0.0)
    n = cells.mass if mass is None else mass
    h = (fu * t.upper - fl * t.lower) / p

    def weigh(left: np.ndarray, weight: np.ndarray, right: np.ndarray) -> np.ndarray:
        return (left.T * weight[..., None, :]) @ right

    s2 = t.spread**2
    cross = weigh(above, n * fu * fl / (p * p * s2), below)
    place = (
        weigh(above, n * (su / p - (fu / p) ** 2) / s2, above)
        - weigh(below, n * (sl / p + (fl / p) ** 2) / s2, below)
        + cross
        + cross.swapaxes(-1, -2)
    )
    mixed = weigh(above, n * (-t.upper * su - fu + fu * h) / (t.spread * p), cells.scale) - weigh(
        below, n * (-t.lower * sl - fl + fl * h) / (t.spread * p), cells.scale
    )
    curve = (t.upper * (su * t.upper + fu) - t.lower * (sl * t.lower + fl)) / p - h * h
    stretch = weigh(cells.scale, n * curve, cells.scale)
    return np.block([[place, mixed], [mixed.swapaxes(-1, -2), stretch]])


def implied_shares(
    parameters: np.ndarray, cells: OrderedCells, group: np.ndarray, n_groups: int, link: str
) -> np.ndarray:
    """P(answer = k) per group under common thresholds, averaged over the group's cells by mass, shape (groups, K).

    ``group`` is the group of each cell, shape (N,). Where only the group matters, its cells are all alike.
    """
    shape = LINKS[link]
    m, q = cells.n_thresholds, cells.location.shape[1]
    threshold, beta, zeta = parameters[:m], parameters[m : m + q], parameters[m + q :]
    spread = np.exp(cells.scale @ zeta)
    standard = (threshold[None, :] - (cells.location @ beta)[:, None]) / spread[:, None]
    ends = np.full((len(standard), 1), np.inf)
    edges = np.hstack([-ends, standard, ends])
    each = shape.between(edges[:, :-1], edges[:, 1:])
    total = np.zeros((n_groups, m + 1))
    np.add.at(total, group, each * cells.mass[:, None])
    return total / np.bincount(group, weights=cells.mass, minlength=n_groups)[:, None]


# ----------------------------------------------------------------------------------------- maximum


@dataclass(frozen=True, slots=True, eq=False)
class Maximum:
    """Where the log-likelihood is largest.

    Attributes
    ----------
    parameters : shape (p,).
    log_likelihood : there.
    information : minus the Hessian there, shape (p, p).
    iterations : Newton steps taken.
    converged : whether the last step was below 1e-8 standard errors.
    largest_step : the last Newton step, in the parameters' own unit, shape (p,): stays large where a
        parameter runs away to infinity.
    """

    parameters: np.ndarray
    log_likelihood: float
    information: np.ndarray
    iterations: int
    converged: bool
    largest_step: np.ndarray


def _in_order(parameters: np.ndarray, cells: OrderedCells) -> bool:
    edges = np.cumsum((0, *cells.blocks))
    return all(np.all(np.diff(parameters[i:j]) > 0) for i, j in pairwise(edges))


def maximise(start: np.ndarray, cells: OrderedCells, link: str, *, iterations: int = 100) -> Maximum:
    """Newton's method with the analytic Hessian, made positive definite and shortened where it must be.

    Parameters
    ----------
    start : shape (p,), thresholds increasing in each stratum.
    cells, link : the data and the model.
    iterations : largest number of steps.
    """
    here = np.asarray(start, dtype=float)
    value = log_likelihood(here, cells, link)
    step = np.full(len(here), np.inf)
    converged = False
    taken = 0
    information = -hessian(here, cells, link)
    for _ in range(iterations):
        taken += 1
        gradient = cells.mass @ scores(here, cells, link)
        step, newton = _step(information, gradient)
        decrement = float(gradient @ step)
        # a decrement of d moves the estimates by √d standard errors
        if newton and decrement < 1e-16:
            converged = True
            here = here + step
            break
        moved = False
        length = 1.0
        for _ in range(40):
            there = here + length * step
            if _in_order(there, cells):
                found = log_likelihood(there, cells, link)
                # near the maximum the gain drowns in rounding, and Newton's step is right all the same
                if found >= value + 1e-4 * length * decrement or (
                    newton and decrement < 1e-6 and found >= value - 1e-9 * max(1.0, abs(value))
                ):
                    here, value, moved = there, found, True
                    break
            length /= 2
        if not moved:
            break
        information = -hessian(here, cells, link)
    return Maximum(
        here,
        log_likelihood(here, cells, link),
        -hessian(here, cells, link),
        taken,
        converged,
        step,
    )


def _step(information: np.ndarray, gradient: np.ndarray) -> tuple[np.ndarray, bool]:
    """The Newton step, and whether it is one: where the information is not positive definite a ridge is added."""
    from scipy.linalg import LinAlgError, cho_factor, cho_solve

    # parameters of a rare category and of a large group differ by orders of magnitude
    size = np.sqrt(np.maximum(np.abs(np.diag(information)), 1e-12))
    scaled = information / np.outer(size, size)
    ridge = 0.0
    while ridge < 1e6:
        try:
            factor = cho_factor(scaled + ridge * np.eye(len(gradient)))
        except LinAlgError:
            ridge = max(10 * ridge, 1e-6)
            continue
        return cho_solve(factor, gradient / size) / size, ridge == 0.0
    return gradient / size**2, False


# -------------------------------------------------------------------------------------- replicates


def refit(parameters: np.ndarray, cells: OrderedCells, masses: np.ndarray, link: str) -> np.ndarray:
    """The maximum in every replicate, all replicates at once, started from the survey's own.

    Parameters
    ----------
    parameters : the survey's own maximum, shape (p,).
    cells : the survey's cells, with common thresholds.
    masses : mass per cell in each replicate, shape (R, N). Cells that an effect rests on alone (a group that
        has no maximum of its own in a replicate) have mass 0 there.

    Returns
    -------
    Shape (R, p). A category that nobody chose in a replicate has no width there: the thresholds on its two sides
    are equal, or infinite at an end of the scale. NaN rows where no maximum was found.

    Notes
    -----
    The survey's own information serves all replicates (a chord method): every step then costs one pass over
    R·N numbers and one product of matrices. Replicates that it does not settle get Newton steps of their own.
    """
    category = cells.below + 1
    k = cells.n_thresholds + 1
    chosen = np.zeros((len(masses), k), dtype=bool)
    for one in range(k):
        chosen[:, one] = (masses[:, category == one] > 0).any(axis=1)
    result = np.full((len(masses), len(parameters)), np.nan)
    patterns, which = np.unique(chosen, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        rows = np.flatnonzero(which.ravel() == number)
        if pattern.sum() < 2:
            continue
        kept = np.flatnonzero(pattern)
        used = pattern[category]
        own = cells.take(used)
        own = ordered_cells(
            np.searchsorted(kept, category[used]), own.location, own.scale, own.mass, len(kept)
        )
        # a category nobody chose gives its width to both neighbours
        inner = (parameters[kept[:-1]] + parameters[kept[1:] - 1]) / 2
        start = np.concatenate([inner, parameters[k - 1 :]])
        found = _refit(start, own, masses[np.ix_(rows, used)], link)
        result[np.ix_(rows, range(k - 1, len(parameters)))] = found[:, len(kept) - 1 :]
        result[np.ix_(rows, range(k - 1))] = widened(found[:, : len(kept) - 1], kept, k)
    return result


def widened(thresholds: np.ndarray, kept: np.ndarray, n_categories: int) -> np.ndarray:
    """Thresholds of all categories from those between the categories that were chosen, shape (…, K − 1).

    >>> widened(np.array([0.5]), np.array([1, 3]), 5).tolist()     # chosen: 1 and 3 of 0 … 4
    [-inf, 0.5, 0.5, inf]
    """
    after = np.searchsorted(kept, np.arange(n_categories - 1), side="right")
    ends = np.full((*thresholds.shape[:-1], 1), np.inf)
    return np.concatenate([-ends, thresholds, ends], axis=-1)[..., after]


def _refit(parameters: np.ndarray, cells: OrderedCells, masses: np.ndarray, link: str) -> np.ndarray:
    # where the start is no maximum (a category merged away), one that is makes a better chord
    centre = maximise(parameters, cells, link)
    if not centre.converged:
        return np.full((len(masses), len(parameters)), np.nan)
    chord = np.linalg.inv(centre.information)
    error = np.sqrt(np.diag(chord))
    result = np.empty((len(masses), len(parameters)))
    rows = max(1, _CHUNK // max(1, len(cells.mass)))
    for start in range(0, len(masses), rows):
        result[start : start + rows] = _refit_chunk(
            centre.parameters, cells, masses[start : start + rows], link, chord, error
        )
    return result


def _refit_chunk(
    parameters: np.ndarray,
    cells: OrderedCells,
    masses: np.ndarray,
    link: str,
    chord: np.ndarray,
    error: np.ndarray,
) -> np.ndarray:
    shape = LINKS[link]
    above, below = cells.designs()
    here = np.tile(parameters, (len(masses), 1))
    # a replicate of half the customers has half the information
    relative = cells.mass.sum() / masses.sum(axis=1, keepdims=True)
    active = np.arange(len(masses))
    previous = np.full(len(masses), np.inf)
    settled = np.zeros(len(masses), dtype=bool)
    for _ in range(60):
        t = _terms(here[active], cells, shape)
        mass = masses[active]
        bad = np.any((mass > 0) & ~(t.probability > 0), axis=1)
        gradient = _gradient(t, mass, cells, above, below)
        step = (gradient @ chord) * relative[active]
        size = np.max(np.abs(step) / error, axis=1, initial=0.0)
        # a step that grows is a replicate the chord does not settle
        bad |= ~np.isfinite(size) | (size > 2 * previous[active]) | (size > 50)
        good = ~bad
        here[active[good]] += step[good]
        previous[active] = size
        done = good & (size < 1e-7)
        settled[active[done]] = True
        active = active[good & ~done]
        if not len(active):
            break
    left = np.flatnonzero(~settled)
    at_once = max(1, _CHUNK // max(1, cells.n_parameters * len(cells.mass)))
    for start in range(0, len(left), at_once):
        some = left[start : start + at_once]
        here[some] = _newton(parameters, cells, masses[some], link)
    return here


def _gradient(
    t: _Terms, mass: np.ndarray, cells: OrderedCells, above: np.ndarray, below: np.ndarray
) -> np.ndarray:
    """∂ log-likelihood/∂ parameters of every replicate, shape (R, p)."""
    mass = np.where(mass > 0, mass / np.maximum(t.probability, _SMALLEST), 0.0)
    gu, gl = mass * t.density_upper, mass * t.density_lower
    return np.hstack(
        [(gu / t.spread) @ above - (gl / t.spread) @ below, -(gu * t.upper - gl * t.lower) @ cells.scale]
    )


def _newton(parameters: np.ndarray, cells: OrderedCells, masses: np.ndarray, link: str) -> np.ndarray:
    """Newton's method on many replicates at once, each with its own Hessian and step length.

    What it does not settle (a Hessian that is not negative definite, covariates nobody has) is left to one at a time.
    """
    shape = LINKS[link]
    above, below = cells.designs()
    here = np.tile(parameters, (len(masses), 1))
    settled = np.zeros(len(masses), dtype=bool)
    active = np.arange(len(masses))
    m = cells.n_thresholds

    def value(at: np.ndarray, mass: np.ndarray) -> np.ndarray:
        p = _terms(at, cells, shape).probability
        log = np.log(np.where(p > 0, p, 1.0))
        total = (mass * log).sum(axis=1)
        in_order = np.all(np.diff(at[:, :m], axis=1) > 0, axis=1)
        return np.where(np.any((mass > 0) & ~(p > 0), axis=1) | ~in_order, -np.inf, total)

    old = value(here, masses)
    for _ in range(30):
        if not len(active):
            break
        mass = masses[active]
        gradient = _gradient(_terms(here[active], cells, shape), mass, cells, above, below)
        information = -hessian(here[active], cells, link, mass)
        size = np.sqrt(np.maximum(np.einsum("rii->ri", information), 0.0))
        definite = np.all(size > 0, axis=1)
        scaled = information[definite] / (size[definite, :, None] * size[definite, None, :])
        definite[definite] = np.linalg.eigvalsh(scaled)[:, 0] > _SINGULAR if len(scaled) else False
        active, gradient, size = active[definite], gradient[definite], size[definite]
        information = information[definite] / (size[:, :, None] * size[:, None, :])
        if not len(active):
            break
        step = np.linalg.solve(information, (gradient / size)[..., None])[..., 0] / size
        decrement = (gradient * step).sum(axis=1)
        done = decrement < 1e-14
        here[active[done]] += step[done]
        settled[active[done]] = True
        active, step, decrement = active[~done], step[~done], decrement[~done]
        length, moved = np.ones(len(active)), np.zeros(len(active), dtype=bool)
        for _ in range(20):
            trying = np.flatnonzero(~moved)
            if not len(trying):
                break
            rows = active[trying]
            there = here[rows] + length[trying, None] * step[trying]
            found = value(there, masses[rows])
            slack = 1e-9 * np.maximum(1.0, np.abs(old[rows]))
            good = (found >= old[rows] + 1e-4 * length[trying] * decrement[trying]) | (
                (decrement[trying] < 1e-6) & (found >= old[rows] - slack)
            )
            here[rows[good]], old[rows[good]] = there[good], found[good]
            moved[trying[good]] = True
            length[trying[~good]] /= 2
        active = active[moved]
    for row in np.flatnonzero(~settled):
        here[row] = _refit_one(parameters, cells, masses[row], link)
    return here


def _refit_one(parameters: np.ndarray, cells: OrderedCells, mass: np.ndarray, link: str) -> np.ndarray:
    """Newton's method on one replicate; NaN where there is no maximum, and for covariates nobody has in it."""
    used = mass > 0
    columns = [(cells.location[used] != 0).any(axis=0), (cells.scale[used] != 0).any(axis=0)]
    alive = np.concatenate([np.ones(cells.n_thresholds, dtype=bool), *columns])
    own = cells.take(used)
    own = replace(own, location=own.location[:, columns[0]], scale=own.scale[:, columns[1]], mass=mass[used])
    found = maximise(parameters[alive], own, link)
    result = np.full(len(parameters), np.nan)
    if found.converged:
        result[alive] = found.parameters
    return result
