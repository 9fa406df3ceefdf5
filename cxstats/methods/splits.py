"""Rules trained on some customers and judged on others, and how much that judgement would vary.

A rule here is a logistic regression. Every split says which rows train it and which judge it; the customers are
divided into parts (:func:`cxstats.cells` column ``part``) before anything else happens, so that two answers of one
customer never stand on both sides, nor do copies of a customer in a resample.

The error of the judgement comes from doing all of it again without one part at a time: training *and* judging.
A model is not iterated to the end 64 times over for that. It starts from the fit with all parts and takes one Newton
step, whose ingredients, score and information of each part, are computed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

__all__ = ["Judged", "PartFit", "Split", "concordance", "judge_splits", "logistic_fit", "part_splits"]

_PENALTIES = (1e-4, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
"""Ridge penalties on standardised columns that are tried where events are few; the first is none in effect."""


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Rows that train a rule and rows that judge it, shape (n,) boolean each."""

    train: np.ndarray
    test: np.ndarray


def part_splits(part: np.ndarray, folds: int) -> tuple[Split, ...]:
    """Splits in which every row judges once: fold k holds the parts whose number leaves k when divided by ``folds``."""
    fold = np.asarray(part) % folds
    return tuple(Split(fold != k, fold == k) for k in range(folds) if np.any(fold == k))


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Concordant and comparable pairs of one rule, with all parts and without (or with several of) each.

    Attributes
    ----------
    auc : of the rule, judged on rows it was not trained on.
    replicates : the same without each part, shape (parts,).
    resamples : the same in each resample of parts, shape (B,); empty where none were asked for.
    prediction : linear predictor of every row as test row, shape (n,); NaN where a row never judges.
    penalty : ridge penalty chosen in each split.
    """

    auc: float
    replicates: np.ndarray
    resamples: np.ndarray
    prediction: np.ndarray
    penalty: tuple[float, ...]


def logistic_fit(
    design: np.ndarray,
    event: np.ndarray,
    weight: np.ndarray,
    *,
    penalty: float = 1e-4,
    start: np.ndarray | None = None,
    tolerance: float = 1e-9,
) -> np.ndarray:
    """Coefficients of a ridge-penalised logistic regression by Newton's method; the first column is not penalised.

    Parameters
    ----------
    design : shape (n, p), first column ones, the others standardised. event : shape (n,), 0 or 1.
    weight : shape (n,), 0 or more. penalty : of the squared coefficients, on the scale of Σ weight · log-likelihood.

    Raises
    ------
    ValueError : no finite solution was found, which cannot happen with a penalty above 0.
    """
    beta = np.zeros(design.shape[1]) if start is None else start.copy()
    ridge = np.full(design.shape[1], penalty)
    ridge[0] = 0.0

    def objective(at: np.ndarray) -> float:
        eta = design @ at
        return float(weight @ (np.logaddexp(0.0, eta) - event * eta) + 0.5 * ridge @ at**2)

    value = objective(beta)
    for _ in range(60):
        gradient, information = _score_and_information(design, event, weight, beta)
        step = np.linalg.solve(information + np.diag(ridge + 1e-12), gradient - ridge * beta)
        size = 1.0
        while size > 1e-6:
            new = objective(beta + size * step)
            if new <= value + 1e-12 * abs(value):
                break
            size /= 2
        beta, gain, value = beta + size * step, value - new, new
        if gain <= tolerance * (abs(value) + 1e-9) and np.abs(step).max() < 1e-3:
            return beta
    raise ValueError("the logistic regression did not settle: some columns of the design are not finite")


def _score_and_information(
    design: np.ndarray, event: np.ndarray, weight: np.ndarray, beta: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    from scipy.special import expit

    chance = expit(design @ beta)
    spread = weight * chance * (1 - chance)
    return design.T @ (weight * (event - chance)), (design * spread[:, None]).T @ design


def judge_splits(
    design: np.ndarray,
    event: np.ndarray,
    weight: np.ndarray,
    part: np.ndarray,
    splits: Sequence[Split],
    *,
    few_events: bool = False,
    multiplicity: np.ndarray | None = None,
    start: np.ndarray | None = None,
) -> Judged:
    """Train and judge one rule in every split, and again without each part.

    Parameters
    ----------
    design : shape (n, p), first column ones. event, weight, part : shape (n,); parts are numbered 0 to K − 1.
    splits : see :class:`Split`.
    few_events : choose a ridge penalty in the training rows of each split, by leaving out a part at a time.
    multiplicity : how often each part falls in each resample, shape (B, K).
    start : coefficients to start from.

    Returns
    -------
    Judged. Pairs are compared within a split only: predictions of two rules are not comparable.
    """
    parts = int(part.max()) + 1
    multiplicity = np.zeros((0, parts)) if multiplicity is None else multiplicity
    prediction = np.full(len(event), np.nan)
    whole, without, again = np.zeros(2), np.zeros((parts, 2)), np.zeros((len(multiplicity), 2))
    chosen = []
    for split in splits:
        train = split.train
        fitted = PartFit.made(
            design[train], event[train], weight[train], part[train], parts, few_events=few_events, start=start
        )
        chosen.append(fitted.penalty)

        test = np.flatnonzero(split.test)
        at, case, mass, of = design[test], event[test] > 0.5, weight[test], part[test]
        eta = at @ fitted.beta
        prediction[test] = eta
        whole += concordance(eta[:, None], case, mass[:, None])[0]
        mine = np.unique(of)
        # a part that judges here: the rule loses its training rows, where it has any, and its judges
        moved = at @ fitted.without(np.arange(parts)).T
        kept = np.repeat(mass[:, None], parts, axis=1)
        for j in mine:
            kept[of == j, j] = 0.0
        without += concordance(moved, case, kept)
        if len(multiplicity):
            again += concordance(
                at @ fitted.resampled(multiplicity).T, case, mass[:, None] * multiplicity[:, of].T
            )
    return Judged(_share(whole), _share(without), _share(again), prediction, tuple(chosen))


def _share(pairs: np.ndarray) -> np.ndarray | float:
    with np.errstate(invalid="ignore", divide="ignore"):
        share = pairs[..., 0] / pairs[..., 1]
    return float(share) if share.ndim == 0 else share


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

    @classmethod
    def made(
        cls,
        design: np.ndarray,
        event: np.ndarray,
        weight: np.ndarray,
        part: np.ndarray,
        parts: int,
        *,
        few_events: bool = False,
        start: np.ndarray | None = None,
    ) -> PartFit:
        """Fit to these rows; with few events the penalty that predicts parts left out best is chosen."""
        order = np.argsort(part, kind="stable")
        ends = np.r_[0, np.cumsum(np.bincount(part, minlength=parts))]
        rows = design[order], event[order], weight[order], ends
        if not few_events:
            return cls._at(*rows, _PENALTIES[0], start)
        fits = [cls._at(*rows, penalty, start) for penalty in _PENALTIES]
        return min(fits, key=lambda fit: fit._left_out_deviance(*rows))

    @classmethod
    def _at(cls, design, event, weight, ends, penalty, start) -> PartFit:
        beta = logistic_fit(design, event, weight, penalty=penalty, start=start)
        pieces = [
            _score_and_information(design[a:b], event[a:b], weight[a:b], beta) for a, b in pairwise(ends)
        ]
        return cls(beta, np.stack([g for g, _ in pieces]), np.stack([h for _, h in pieces]), penalty)

    def _ridge(self) -> np.ndarray:
        ridge = np.full(len(self.beta), self.penalty + 1e-12)
        ridge[0] = 1e-12
        return ridge

    def without(self, which: np.ndarray) -> np.ndarray:
        """Coefficients after leaving out each of these parts: one Newton step from those with all, shape (len, p)."""
        # at the optimum the scores of all parts and the penalty cancel: without part j what is left is minus its score
        total = self.information.sum(axis=0) + np.diag(self._ridge())
        step = np.linalg.solve(total - self.information[which], -self.gradient[which][:, :, None])
        return self.beta + step[:, :, 0]

    def resampled(self, multiplicity: np.ndarray) -> np.ndarray:
        """Coefficients with part j counted multiplicity[b, j] times, shape (B, p)."""
        ridge = self._ridge()
        information = np.tensordot(multiplicity, self.information, axes=1) + np.diag(ridge)
        slope = ridge * self.beta
        slope[0] = 0.0
        step = np.linalg.solve(information, (multiplicity @ self.gradient - slope)[:, :, None])
        return self.beta + step[:, :, 0]

    def _left_out_deviance(self, design, event, weight, ends) -> float:
        total = 0.0
        betas = self.without(np.arange(len(ends) - 1))
        for j, (a, b) in enumerate(pairwise(ends)):
            eta = design[a:b] @ betas[j]
            total += float(weight[a:b] @ (np.logaddexp(0.0, eta) - event[a:b] * eta))
        return total


def concordance(score: np.ndarray, case: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Concordant pairs (ties count half) and all pairs of a case and a control, for each column of scores.

    Parameters
    ----------
    score : shape (n, R). case : shape (n,), boolean.
    weight : shape (n, R) or (n, 1): a pair counts with the product of its two weights.

    Returns
    -------
    Shape (R, 2): concordant, all. Their ratio is the AUC.

    >>> pairs = concordance(np.array([[1.0], [2.0], [2.0], [3.0]]), np.array([False, False, True, True]), np.ones((4, 1)))
    >>> pairs.tolist()
    [[3.5, 4.0]]
    """
    columns = score.shape[1]
    weight = np.broadcast_to(weight, score.shape)
    out = np.empty((columns, 2))
    for r in range(columns):
        order = np.argsort(score[:, r], kind="stable")
        value, mass = score[order, r], weight[order, r]
        cases = np.where(case[order], mass, 0.0)
        controls = mass - cases
        below = np.cumsum(controls) - controls
        new = np.flatnonzero(np.r_[True, value[1:] != value[:-1]])
        if len(new) < len(value):  # ties: their controls count half
            cases, controls, below = np.add.reduceat(cases, new), np.add.reduceat(controls, new), below[new]
        out[r] = cases @ (below + 0.5 * controls), cases.sum() * controls.sum()
    return out
