"""Logistic regressions on customers in parts: fitted together, and moved when a part is left out or counted twice.

The splits of a cross-fitting, and the penalties that are tried in each, are regressions of the same rows with other
weights. They are taken to their maxima side by side: the rows pass through the processor's cache once for all of
them, and most steps need the score only, because the information has hardly changed since it was last computed.

At its maximum a fit keeps the score and the information of every part. What it would be without a part, or in a
resample of parts, is one Newton step from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

__all__ = ["PartFit", "Rows", "ends_of", "fit_penalties", "fit_together", "left_out_deviance", "logistic_fit"]

_SETTLED = 1e-16
"""Newton's method ends where another step would raise the log-likelihood by less than half of this per unit of weight:
far below what swaps any two predictions."""

_NEAR = 1e-3
"""The same, from where on the information is kept from step to step: it changes by less than what it costs."""

_PENALTIES = (1e-4, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
"""Ridge penalties on standardised columns that are tried where events are few; the first is none in effect."""

_IN_CACHE = 100_000
"""Numbers worked on at a time: what the processor's cache holds beside their products."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Customers in order of their parts: those of part j stand from ``ends[j]`` to ``ends[j + 1]``.

    Attributes
    ----------
    columns : shape (p, n), the first all ones. event : shape (n,), 0 or 1. weight : shape (n,), 0 or more.
    ends : shape (parts + 1,).
    """

    columns: np.ndarray
    event: np.ndarray
    weight: np.ndarray
    ends: np.ndarray

    @classmethod
    def by_part(
        cls, design: np.ndarray, event: np.ndarray, weight: np.ndarray, part: np.ndarray, parts: int
    ) -> Rows:
        """Rows of a design, shape (n, p), sorted by part."""
        order = np.argsort(part, kind="stable")
        columns = np.ascontiguousarray(design.T[:, order])
        return cls(columns, event[order].astype(float), weight[order].astype(float), ends_of(part, parts))

    @property
    def part(self) -> np.ndarray:
        """Of each row, shape (n,)."""
        return np.repeat(np.arange(len(self.ends) - 1), np.diff(self.ends))

    def _pieces(self, fits: int, information: bool) -> Iterator[tuple[int, int]]:
        """Parts from … to …, one at least: as many as the cache holds beside what is made of them."""
        p, parts = len(self.columns), len(self.ends) - 1
        room = _IN_CACHE // max(fits, p * (p + 1) // 4 if information else p) + 1
        first = 0
        while first < parts:
            last = int(np.searchsorted(self.ends, self.ends[first] + room, side="right")) - 1
            last = min(max(last, first + 1), parts)
            yield first, last
            first = last

    def _chances(self, beta: np.ndarray, a: int, b: int) -> tuple[np.ndarray, np.ndarray]:
        """Log-odds and chances in these rows, shape (F, b − a) each."""
        eta = beta @ self.columns[:, a:b]
        np.maximum(eta, -700.0, out=eta)  # e to more than 700 is no number
        chance = np.exp(-eta)
        chance += 1.0
        return eta, np.reciprocal(chance, out=chance)

    def _misfit(self, eta: np.ndarray, chance: np.ndarray, weight: np.ndarray, a: int, b: int) -> np.ndarray:
        """Minus the log-likelihood of these rows, shape (F,)."""
        eta *= 1.0 - self.event[a:b]
        eta -= np.log(chance)
        return np.einsum("fn,fn->f", weight[:, a:b], eta)

    def sums(self, beta: np.ndarray, weight: np.ndarray, *, information: bool):
        """Minus the log-likelihood (F,), the score (F, p) and, where asked for, the information (F, p, p) of F fits."""
        fits, p = beta.shape
        value, slope = np.zeros(fits), np.zeros((fits, p))
        bent = np.zeros((1, fits, p, p)) if information else None
        for first, last in self._pieces(fits, information):
            a, b = self.ends[first], self.ends[last]
            eta, chance = self._chances(beta, a, b)
            value += self._misfit(eta, chance, weight, a, b)
            residual = weight[:, a:b] * (self.event[a:b] - chance)
            slope += residual @ self.columns[:, a:b].T
            if bent is not None:
                bent += self._informations(chance, weight, a, np.array([a, b]))
        return value, slope, None if bent is None else bent[0]

    def sums_of_parts(self, beta: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Score (F, parts, p) and information (F, parts, p, p) of each part."""
        fits, p = beta.shape
        slope = np.zeros((fits, len(self.ends) - 1, p))
        information = np.empty((len(self.ends) - 1, fits, p, p))
        for first, last in self._pieces(fits, True):
            a, ends = self.ends[first], self.ends[first : last + 1]
            _, chance = self._chances(beta, a, ends[-1])
            residual = weight[:, a : ends[-1]] * (self.event[a : ends[-1]] - chance)
            for j, (begin, end) in enumerate(pairwise(ends), start=first):
                slope[:, j] = residual[:, begin - a : end - a] @ self.columns[:, begin:end].T
            information[first:last] = self._informations(chance, weight, a, ends)
        return slope, information.swapaxes(0, 1)

    def _informations(self, chance: np.ndarray, weight: np.ndarray, a: int, ends: np.ndarray) -> np.ndarray:
        """Information (parts, F, p, p) of the parts that stand between these ends; ``chance`` begins at row a."""
        fits, p = len(chance), len(self.columns)
        variance = (1.0 - chance) * chance * weight[:, a : ends[-1]]
        made = np.empty((len(ends) - 1, fits, p, p))
        if ends[-1] - a > 8 * fits * (len(ends) - 1):
            # many rows for each fit: the product of a matrix with its own transpose is half the work of a general one
            np.sqrt(variance, out=variance)
            for j, (begin, end) in enumerate(pairwise(ends)):
                columns = self.columns[:, begin:end]
                for f in range(fits):
                    root = columns * variance[f, begin - a : end - a]
                    np.matmul(root, root.T, out=made[j, f])
            return made
        # few: the products of every two columns serve all fits
        pairs = self._products(a, int(ends[-1]))
        for j, (begin, end) in enumerate(pairwise(ends)):
            here = slice(begin - a, end - a)
            made[j] = _square(variance[:, here] @ pairs[:, here].T, p)
        return made

    def _products(self, a: int, b: int) -> np.ndarray:
        """Products of every two columns in these rows, one of each pair, shape (p(p + 1)/2, b − a)."""
        columns = self.columns[:, a:b]
        p = len(columns)
        made, row = np.empty((p * (p + 1) // 2, b - a)), 0
        for i in range(p):
            np.multiply(columns[i:], columns[i], out=made[row : row + p - i])
            row += p - i
        return made


def ends_of(part: np.ndarray, parts: int) -> np.ndarray:
    """Where each part ends once rows are sorted by part, shape (parts + 1,), from 0."""
    return np.r_[0, np.cumsum(np.bincount(part, minlength=parts))]


def _square(products: np.ndarray, p: int) -> np.ndarray:
    """Symmetric matrices (…, p, p) from one of each pair of their entries (…, p(p + 1)/2)."""
    return np.take(products, _places(p), axis=-1)


@lru_cache
def _places(p: int) -> np.ndarray:
    upper = np.triu_indices(p)
    place = np.zeros((p, p), dtype=int)
    place[upper] = np.arange(len(upper[0]))
    return np.maximum(place, place.T)


@dataclass(frozen=True, slots=True, eq=False)
class PartFit:
    """A logistic fit with the score and the information of each part at its coefficients.

    Attributes
    ----------
    beta : coefficients, shape (p,). penalty : the ridge penalty they were fitted with.
    gradient, information : per part, shapes (parts, p) and (parts, p, p).
    """

    beta: np.ndarray
    gradient: np.ndarray
    information: np.ndarray
    penalty: float

    def without(self, which: np.ndarray) -> np.ndarray:
        """Coefficients after leaving out each of these parts: one Newton step from those with all, shape (len, p)."""
        # at the optimum the scores of all parts and the penalty cancel: without part j what is left is minus its score
        total = self.information.sum(axis=0) + np.diag(_ridge(len(self.beta), self.penalty) + 1e-12)
        step = np.linalg.solve(total - self.information[which], -self.gradient[which][:, :, None])
        return self.beta + step[:, :, 0]

    def resampled(self, multiplicity: np.ndarray) -> np.ndarray:
        """Coefficients with part j counted multiplicity[b, j] times, shape (B, p)."""
        ridge = _ridge(len(self.beta), self.penalty)
        information = self._counted(multiplicity) + np.diag(ridge + 1e-12)
        step = np.linalg.solve(information, (multiplicity @ self.gradient - ridge * self.beta)[:, :, None])
        return self.beta + step[:, :, 0]

    def _counted(self, multiplicity: np.ndarray) -> np.ndarray:
        return np.tensordot(multiplicity, self.information, axes=1)


def logistic_fit(
    design: np.ndarray,
    event: np.ndarray,
    weight: np.ndarray,
    *,
    penalty: float = 1e-4,
    start: np.ndarray | None = None,
) -> np.ndarray:
    """Coefficients of a ridge-penalised logistic regression by Newton's method; the first column is not penalised.

    Parameters
    ----------
    design : shape (n, p), first column ones, the others standardised. event : shape (n,), 0 or 1.
    weight : shape (n,), 0 or more. penalty : of the squared coefficients, on the scale of Σ weight · log-likelihood.
    start : coefficients to start from; zeros by default. The solution does not depend on it.

    Raises
    ------
    ValueError : no finite solution was found, which cannot happen with a penalty above 0.

    Examples
    --------
    Of the customers with x = 0 one in four left, of those with x = 1 three in four: log-odds of ∓log 3.

    >>> design = np.array([[1.0, 0.0], [1.0, 1.0]] * 2)
    >>> fit = logistic_fit(design, np.array([1.0, 1.0, 0.0, 0.0]), np.array([1.0, 3.0, 3.0, 1.0]), penalty=1e-9)
    >>> fit.round(4).tolist()
    [-1.0986, 2.1972]
    """
    n, p = design.shape
    # no parts: pieces of rows that the cache holds
    ends = np.unique(np.r_[np.arange(0, n, 4096), n])
    weight = np.asarray(weight, dtype=float)
    rows = Rows(np.ascontiguousarray(design.T), np.asarray(event, dtype=float), weight, ends)
    beta = np.zeros(p) if start is None else start
    return _maximum(rows, weight[None], _ridge(p, penalty)[None], beta[None])[0]


def fit_penalties(rows: Rows, *, few_events: bool = False) -> tuple[PartFit, ...]:
    """One fit for each ridge penalty that is worth trying: several where events are few, else one."""
    return fit_together(rows, rows.weight[None], few_events=few_events)[0]


def fit_together(
    rows: Rows,
    weight: np.ndarray,
    *,
    few_events: bool = False,
    starts: Sequence[tuple[PartFit, ...]] = (),
    trained: np.ndarray | None = None,
) -> tuple[tuple[PartFit, ...], ...]:
    """Fits of the same rows with several weights, one tuple for each: a fit for each penalty.

    Parameters
    ----------
    weight : shape (K, n), in the order of ``rows``; 0 where a fit does not train on a row.
    starts : a fit to all rows for each penalty, to start near.
    trained : which parts each fit trains on, shape (K, parts), if those are whole parts.
    """
    penalties = _PENALTIES if few_events else _PENALTIES[:1]
    p, size = len(rows.columns), len(penalties)
    ridge = np.tile([_ridge(p, penalty) for penalty in penalties], (len(weight), 1))
    mass = np.repeat(weight, size, axis=0)
    information = None
    if not starts:
        beta = np.zeros((len(mass), p)) if few_events else _first_guess(rows, weight, ridge)
    elif trained is None:
        beta = np.tile([fit.beta for fit in starts], (len(weight), 1))
    else:
        times = trained.astype(float)
        beta = np.stack([fit.resampled(times) for fit in starts], axis=1).reshape(len(mass), p)
        information = np.stack([fit._counted(times) for fit in starts], axis=1).reshape(len(mass), p, p)
    beta = _maximum(rows, mass, ridge, beta, information)
    slope, information = rows.sums_of_parts(beta, mass)
    made = [PartFit(beta[f], slope[f], information[f], penalties[f % size]) for f in range(len(mass))]
    return tuple(tuple(made[k * size : (k + 1) * size]) for k in range(len(weight)))


def _first_guess(rows: Rows, weight: np.ndarray, ridge: np.ndarray) -> np.ndarray:
    """Coefficients to start from, shape (K, p): those of an eighth of the parts where there are many rows, else 0."""
    n, some = len(rows.event), max((len(rows.ends) - 1) // 8, 1)
    end, nothing = int(rows.ends[some]), np.zeros((len(weight), len(rows.columns)))
    if n < 8 * len(rows.columns) ** 2 or not 0 < end <= n // 4:
        return nothing
    first = Rows(rows.columns[:, :end], rows.event[:end], rows.weight[:end], rows.ends[: some + 1])
    return _climb(first, weight[:, :end], ridge, nothing, None, 8)[0]


def _maximum(
    rows: Rows,
    weight: np.ndarray,
    ridge: np.ndarray,
    beta: np.ndarray,
    information: np.ndarray | None = None,
) -> np.ndarray:
    """Coefficients of F fits at the maxima of their penalised likelihoods, shape (F, p).

    Parameters
    ----------
    weight, ridge, beta : a line per fit. information : about what it is where they start, penalty apart.
    """
    found, settled = _climb(rows, weight, ridge, beta, information, 100)
    if not settled:
        raise ValueError("the logistic regression did not settle: some columns of the design are not finite")
    return found


def _climb(rows, weight, ridge, beta, information, steps: int) -> tuple[np.ndarray, bool]:
    """At most so many of Newton's steps; and whether they ended at the maxima."""
    ended, left = beta.copy(), np.arange(len(beta))
    mass = weight.sum(axis=1)
    fresh = information is None

    def at(beta: np.ndarray, full: bool):
        value, slope, found = rows.sums(beta, weight, information=full)
        return value + 0.5 * (ridge * beta**2).sum(axis=1), slope - ridge * beta, found

    def bordered(found: np.ndarray) -> np.ndarray:
        return found + (ridge + 1e-12)[:, :, None] * np.eye(beta.shape[1])

    value, slope, found = at(beta, fresh)
    worse = ~(value <= np.log(2) * mass)
    if worse.any():  # a start worse than no rule at all is no start
        beta, fresh = np.where(worse[:, None], 0.0, beta), True
        value, slope, found = at(beta, fresh)
    bent = bordered(found if fresh else information)
    before = np.inf
    for _ in range(steps):
        step = np.linalg.solve(bent, slope[:, :, None])[:, :, 0]
        if not np.all(np.isfinite(value)) or not np.all(np.isfinite(step)):
            break
        gain = (slope * step).sum(axis=1) / mass  # what a whole step would gain, twice
        ended[left] = beta + step  # the last step costs nothing more
        climbs = gain > _SETTLED
        if not climbs.any():
            return ended, True
        if np.count_nonzero(climbs) < 0.7 * len(climbs):  # those at their maxima wait there
            left, weight, ridge, mass = left[climbs], weight[climbs], ridge[climbs], mass[climbs]
            beta, step, value, slope, bent = (v[climbs] for v in (beta, step, value, slope, bent))
        now = float(gain.max())
        if not fresh and now > 0.1 * before:
            # the information is out of date
            value, slope, found = at(beta, True)
            bent, fresh, before = bordered(found), True, np.inf
            continue
        before, fresh = now, now > _NEAR
        size = np.ones(len(beta))
        while True:
            new = at(beta + size[:, None] * step, fresh)
            fell = ~(new[0] <= value + 1e-12 * np.abs(value)) & (size >= 1e-6)
            if not fell.any():
                break
            size = np.where(fell, size / 2, size)
        beta = beta + size[:, None] * step
        value, slope, found = new
        if fresh:
            bent = bordered(found)
    return ended, False


def left_out_deviance(fits: Sequence[PartFit], rows: Rows, weight: np.ndarray) -> np.ndarray:
    """Minus the log-likelihood of each part under the rule without it, summed; shape (F,).

    Parameters
    ----------
    weight : what each was fitted with, shape (F, n).
    """
    parts = len(rows.ends) - 1
    betas = np.stack([fit.without(np.arange(parts)) for fit in fits])
    total = np.zeros(len(fits))
    for j, (a, b) in enumerate(pairwise(rows.ends)):
        total += rows._misfit(*rows._chances(betas[:, j], a, b), weight, a, b)
    return total


def _ridge(columns: int, penalty: float) -> np.ndarray:
    """Of the squared coefficients; none of the first, which is the constant."""
    ridge = np.full(columns, penalty)
    ridge[0] = 0.0
    return ridge
