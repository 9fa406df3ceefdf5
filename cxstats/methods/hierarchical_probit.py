"""Ordered probit whose thresholds may depend on covariates, for one or several questions at once.

The likelihood behind the CHOPIT model (self-assessment and vignettes share thresholds) and behind the
censored ordered probit (an answer may be known only to lie in a span of categories): y* ~ N(μ, σ²), and the
answer lies in [lo, hi] when τ_{lo−1} < y* ≤ τ_hi. The first question has μ = xβ and σ = 1; further questions have
a mean θ and σ of their own. Thresholds τ_1 = vγ_1 and τ_k = τ_{k−1} + vγ_k ("linear") or + exp(vγ_k) ("exponential").

Maximised with analytic scores (``ascent``); the inverse Hessian is the covariance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from cxstats.methods.ascent import Ascent, ascend

__all__ = ["Problem", "Spacing", "log_likelihoods", "maximise", "thresholds"]

Spacing = Literal["linear", "exponential"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Answers and designs.

    Attributes
    ----------
    low, high : first and last category that each answer may be in, counted from 0, shape (n, Q); −1 where
        missing. Question 0 is the self-assessment.
    location : x without a constant, shape (n, p).
    shift : v with its constant, shape (n, q).
    mass : how often each row occurs, shape (n,).
    n_points : number of categories K.
    spacing : how thresholds beyond the first are made.
    """

    low: np.ndarray
    high: np.ndarray
    location: np.ndarray
    shift: np.ndarray
    mass: np.ndarray
    n_points: int
    spacing: Spacing

    @property
    def n_others(self) -> int:
        """Number of questions besides the self-assessment."""
        return self.low.shape[1] - 1

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """Number of γ, θ, log σ and β parameters, in the order they stand in."""
        return self.shift.shape[1] * (self.n_points - 1), self.n_others, self.n_others, self.location.shape[1]

    def parts(self, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """γ, shape (K − 1, q), θ (J,), log σ (J,) and β (p,)."""
        n_gamma, n_theta, n_sigma, _ = self.sizes
        gamma = parameters[:n_gamma].reshape(self.n_points - 1, -1)
        rest = parameters[n_gamma:]
        return gamma, rest[:n_theta], rest[n_theta : n_theta + n_sigma], rest[n_theta + n_sigma :]


def thresholds(problem: Problem, gamma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """τ and the increments' derivatives by vγ, shape (n, K − 1) each."""
    raw = problem.shift @ gamma.T
    if problem.spacing == "linear":
        return np.cumsum(raw, axis=1), np.ones_like(raw)
    # beyond e^50 nothing is observed; the bound keeps a wild trial step finite
    step = np.exp(np.clip(raw, -50, 50))
    step[:, 0] = raw[:, 0]
    slope = step.copy()
    slope[:, 0] = 1.0
    return np.cumsum(step, axis=1), slope


def _interval_probability(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """Φ(upper) − Φ(lower), in whichever tail keeps the digits; negative where thresholds cross."""
    from scipy.special import ndtr

    flip = lower > 0
    return np.where(flip, ndtr(-lower) - ndtr(-upper), ndtr(upper) - ndtr(lower))


def _density(z: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.where(np.isfinite(z), np.exp(-(np.where(np.isfinite(z), z, 0.0) ** 2) / 2), 0.0) / np.sqrt(
            2 * np.pi
        )


def log_likelihoods(
    problem: Problem, parameters: np.ndarray, *, with_scores: bool = True
) -> tuple[np.ndarray, np.ndarray | None]:
    """Log-likelihood per row and question, shape (n, Q), and scores per row, shape (n, P).

    The first is −inf where a row's answer has no probability (thresholds that cross); scores are then None.
    """
    gamma, theta, log_sigma, beta = problem.parts(parameters)
    tau, slope = thresholds(problem, gamma)
    n, n_questions = problem.low.shape
    bounded = np.column_stack([np.full(n, -np.inf), tau, np.full(n, np.inf)])
    log_p = np.zeros((n, n_questions))
    by_tau = np.zeros((n, problem.n_points - 1))
    n_gamma, n_theta, n_sigma, n_beta = problem.sizes
    scores = np.zeros((n, n_gamma + n_theta + n_sigma + n_beta)) if with_scores else None
    own = problem.location @ beta
    with np.errstate(over="ignore"):
        sigmas = np.exp(np.append(0.0, np.clip(log_sigma, -30, 30)))
    for question in range(n_questions):
        rows = np.flatnonzero(problem.low[:, question] >= 0)
        low, high = problem.low[rows, question], problem.high[rows, question]
        sigma = sigmas[question]
        mean = own[rows] if question == 0 else theta[question - 1]
        upper = (bounded[rows, high + 1] - mean) / sigma
        lower = (bounded[rows, low] - mean) / sigma
        p = _interval_probability(upper, lower)
        if not np.all(p > 0):
            log_p[rows, question] = -np.inf
            return log_p, None
        log_p[rows, question] = np.log(p)
        if scores is None:
            continue
        up, down = _density(upper) / p, _density(lower) / p
        last = problem.n_points - 1
        inner = high < last
        by_tau[rows[inner], high[inner]] += up[inner] / sigma
        inner = low > 0
        by_tau[rows[inner], low[inner] - 1] -= down[inner] / sigma
        by_mean = (down - up) / sigma
        if question == 0:
            scores[np.ix_(rows, range(n_gamma + n_theta + n_sigma, scores.shape[1]))] = (
                by_mean[:, None] * problem.location[rows]
            )
        else:
            scores[rows, n_gamma + question - 1] = by_mean
            finite_up = np.where(np.isfinite(upper), upper, 0.0) * up
            finite_down = np.where(np.isfinite(lower), lower, 0.0) * down
            scores[rows, n_gamma + n_theta + question - 1] = finite_down - finite_up
    if scores is not None:
        # γ_m moves every threshold from the m-th on
        later = np.cumsum(by_tau[:, ::-1], axis=1)[:, ::-1] * slope
        scores[:, :n_gamma] = (later[:, :, None] * problem.shift[:, None, :]).reshape(n, -1)
    return log_p, scores


def _start(problem: Problem) -> np.ndarray:
    """Common thresholds from all answers together; each vignette's mean from its own shares."""
    from scipy.special import ndtri

    n_points = problem.n_points
    middle = np.where(problem.low >= 0, (problem.low + problem.high) / 2, np.nan)
    answers = middle[~np.isnan(middle)]
    weights = np.broadcast_to(problem.mass[:, None], middle.shape)[~np.isnan(middle)]
    share = np.array([weights[answers <= k + 0.25].sum() for k in range(n_points - 1)]) / weights.sum()
    cuts = ndtri(np.clip(share, 0.5 / len(answers), 1 - 0.5 / len(answers)))
    cuts = np.maximum.accumulate(cuts + 0.02 * np.arange(n_points - 1))
    # the latent middle of each category, to place the questions by
    edges = np.concatenate([[cuts[0] - 1.0], cuts, [cuts[-1] + 1.0]])
    centre = (edges[:-1] + edges[1:]) / 2
    with np.errstate(invalid="ignore"):
        placed = np.interp(middle, np.arange(n_points), centre)
    placed = np.where(np.isnan(middle), np.nan, placed)
    means = np.nanmean(placed, axis=0)
    increments = np.append(cuts[0] - means[0], np.diff(cuts))
    if problem.spacing == "exponential":
        increments[1:] = np.log(np.maximum(increments[1:], 0.02))
    gamma = np.zeros((n_points - 1, problem.shift.shape[1]))
    gamma[:, 0] = increments
    n_others = problem.n_others
    return np.concatenate(
        [gamma.ravel(), means[1:] - means[0], np.zeros(n_others), np.zeros(problem.location.shape[1])]
    )


def maximise(problem: Problem) -> Ascent:
    """The maximum of the likelihood, from a start that is made of the shares.

    Columns of the designs should be of ordinary size (spread about 1); the first column of ``shift`` is the
    constant.
    """

    def rows(parameters: np.ndarray, with_scores: bool) -> tuple[np.ndarray, np.ndarray | None]:
        log_p, scores = log_likelihoods(problem, parameters, with_scores=with_scores)
        return log_p.sum(axis=1), scores

    return ascend(rows, problem.mass, _start(problem))
