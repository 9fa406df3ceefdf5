"""Maximise a likelihood from its scores per row: outer-product steps, then Newton's.

The outer product of the scores estimates the information (Berndt, Hall, Hall & Hausman 1974), so that a step
costs one pass over the rows, needs no second derivatives, and does not depend on how covariates are
scaled. Close to the maximum Newton steps with the true Hessian take over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["Ascent", "Rows", "ascend", "hessian_of"]

Rows = Callable[[np.ndarray, bool], tuple[np.ndarray, "np.ndarray | None"]]
"""(parameters, with scores?) -> log-likelihood per row (n,), and scores (n, P) or None where −inf occurs."""

_MAX_STEPS = 500
_CLOSE = 1e-3  # gain of a step below which Newton's own steps take over
_DONE = 1e-6  # Newton decrement before a last step, which squares what is left


@dataclass(frozen=True, slots=True)
class Ascent:
    """A maximum: parameters, its log-likelihood, Hessian, scores per row, how it ended."""

    parameters: np.ndarray
    log_likelihood: float
    hessian: np.ndarray
    scores: np.ndarray
    converged: bool
    steps: int


def ascend(rows: Rows, mass: np.ndarray, start: np.ndarray) -> Ascent:
    """The maximum of Σ mass · log-likelihood, uphill from ``start``.

    Parameters
    ----------
    rows : the likelihood; see :data:`Rows`. mass : how often each row occurs, shape (n,).
    start : parameters with a finite likelihood, shape (P,).
    """
    at = np.asarray(start, dtype=float)
    value = float(mass @ rows(at, False)[0])
    exact, decrement, steps = False, np.inf, 0
    for steps in range(1, _MAX_STEPS + 1):  # noqa: B007 (its last value is reported)
        scores = rows(at, True)[1]
        gradient = mass @ scores
        information = -hessian_of(rows, mass, at) if exact else (scores * mass[:, None]).T @ scores
        direction = _solved(information, gradient)
        decrement = float(gradient @ direction)
        ahead, higher = _line_search(rows, mass, at, value, direction, decrement)
        if higher <= value:  # rounding is all that is left, unless Newton knows better
            if exact:
                break
            exact = True
            continue
        gain, at, value = higher - value, ahead, higher
        if exact and decrement < _DONE:
            break
        exact = exact or gain < _CLOSE
    scores = rows(at, True)[1]
    hessian = hessian_of(rows, mass, at)
    sound = bool(np.all(np.isfinite(hessian)) and np.linalg.eigvalsh(-hessian)[0] > 0)
    return Ascent(at, value, hessian, scores, sound and decrement < 1e-4, steps)


def hessian_of(rows: Rows, mass: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Second derivatives, by central differences of the analytic gradient; NaN where the likelihood ends."""

    def gradient(parameters: np.ndarray) -> np.ndarray:
        scores = rows(parameters, True)[1]
        return np.full(len(parameters), np.nan) if scores is None else mass @ scores

    out = np.empty((len(at), len(at)))
    for i in range(len(at)):
        step = 1e-5 * max(1.0, abs(at[i]))
        ahead, behind = at.copy(), at.copy()
        ahead[i] += step
        behind[i] -= step
        out[i] = (gradient(ahead) - gradient(behind)) / (2 * step)
    return (out + out.T) / 2


def _solved(information: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Newton's direction; with a ridge relative to the diagonal where that is not uphill."""
    diagonal = np.maximum(np.abs(np.diag(information)), 1e-8)
    for ridge in (0.0, 1e-8, 1e-4, 1e-2, 1.0):
        try:
            direction = np.linalg.solve(information + ridge * np.diag(diagonal), gradient)
        except np.linalg.LinAlgError:
            continue
        if np.all(np.isfinite(direction)) and gradient @ direction > 0:
            return direction
    return gradient / diagonal


def _line_search(
    rows: Rows, mass: np.ndarray, at: np.ndarray, value: float, direction: np.ndarray, decrement: float
) -> tuple[np.ndarray, float]:
    length = min(1.0, 10.0 / max(np.abs(direction).max(), 1e-300))
    for _ in range(40):
        candidate = at + length * direction
        found = float(mass @ rows(candidate, False)[0])
        if np.isfinite(found) and found >= value + 1e-4 * length * decrement:
            return candidate, found
        length /= 2
    return at, value
