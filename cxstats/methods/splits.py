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

__all__ = [
    "Judged",
    "PartFit",
    "Split",
    "concordance",
    "fit_penalties",
    "judge_splits",
    "logistic_fit",
    "part_splits",
]

_SETTLED = 1e-16
"""Newton's method ends where another step would raise the log-likelihood by less than half of this per unit of weight:
far below what swaps any two predictions, and reached two steps from a start nearby."""

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
    rows = _Rows(design, event, weight, np.array([0, len(event)]))
    beta = np.zeros(design.shape[1]) if start is None else start
    return _newton(rows, penalty, beta).beta


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Rows that train a rule, part after part: those of part j stand from ``ends[j]`` to ``ends[j + 1]``."""

    design: np.ndarray
    event: np.ndarray
    weight: np.ndarray
    ends: np.ndarray

    @classmethod
    def sorted(cls, design, event, weight, part, parts: int) -> _Rows:
        ends = np.r_[0, np.cumsum(np.bincount(part, minlength=parts))]
        if np.all(part[1:] >= part[:-1]):
            return cls(design, event, weight, ends)
        order = np.argsort(part, kind="stable")
        return cls(design[order], event[order], weight[order], ends)

    def at(self, beta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Minus the log-likelihood; the score (parts, p) and the information (parts, p, p) of each part."""
        eta = self.design @ beta
        small = np.exp(
            -np.abs(eta)
        )  # one exponential gives the chance, and the log-likelihood without overflow
        chance = np.where(eta >= 0, 1.0, small) / (1.0 + small)
        value = float(self.weight @ (np.maximum(eta, 0.0) + np.log1p(small) - self.event * eta))
        residual = self.weight * (self.event - chance)
        # the product of a matrix with its own transpose is half the work of a general one
        root = self.design * np.sqrt(self.weight * chance * (1.0 - chance))[:, None]
        parts, p = len(self.ends) - 1, len(beta)
        gradient, information = np.empty((parts, p)), np.empty((parts, p, p))
        for j, (a, b) in enumerate(pairwise(self.ends)):
            gradient[j] = residual[a:b] @ self.design[a:b]
            information[j] = root[a:b].T @ root[a:b]
        return value, gradient, information


def _newton(rows: _Rows, penalty: float, beta: np.ndarray) -> PartFit:
    """Maximum of the penalised likelihood, with the score and the information of each part there."""
    ridge = _ridge(len(beta), penalty)
    enough = _SETTLED * float(rows.weight.sum())

    def at(beta: np.ndarray):
        value, gradient, information = rows.at(beta)
        return value + 0.5 * float(ridge @ beta**2), gradient, information

    value, gradient, information = at(beta)
    if not value <= np.log(2) * rows.weight.sum():  # a start worse than no rule at all is no start
        beta = np.zeros(len(beta))
        value, gradient, information = at(beta)
    for _ in range(60):
        slope = gradient.sum(axis=0) - ridge * beta
        step = np.linalg.solve(information.sum(axis=0) + np.diag(ridge + 1e-12), slope)
        if not np.isfinite(value) or not np.all(np.isfinite(step)):
            break
        if slope @ step <= enough:  # what a whole step would gain, twice
            return PartFit(beta, gradient, information, penalty)
        size = 1.0
        while True:
            new = at(beta + size * step)
            if new[0] <= value + 1e-12 * abs(value) or size < 1e-6:
                break
            size /= 2
        beta = beta + size * step
        value, gradient, information = new
    raise ValueError("the logistic regression did not settle: some columns of the design are not finite")


def _ridge(columns: int, penalty: float) -> np.ndarray:
    """Of the squared coefficients; none of the first, which is the constant."""
    ridge = np.full(columns, penalty)
    ridge[0] = 0.0
    return ridge


def fit_penalties(
    design: np.ndarray,
    event: np.ndarray,
    weight: np.ndarray,
    part: np.ndarray,
    parts: int,
    *,
    few_events: bool = False,
) -> tuple[PartFit, ...]:
    """One fit for each ridge penalty that is worth trying: several where events are few, else one."""
    rows = _Rows.sorted(design, event, weight, part, parts)
    return _fitted(rows, _penalties(few_events), ())


def best_penalty(
    fits: Sequence[PartFit], design: np.ndarray, event: np.ndarray, weight: np.ndarray, part: np.ndarray
) -> PartFit:
    """Of fits to these rows, the one whose penalty predicts parts left out best."""
    if len(fits) == 1:
        return fits[0]
    return _best(fits, _Rows.sorted(design, event, weight, part, len(fits[0].gradient)))


def _penalties(few_events: bool) -> tuple[float, ...]:
    return _PENALTIES if few_events else _PENALTIES[:1]


def _fitted(rows: _Rows, penalties: Sequence[float], starts: Sequence[np.ndarray]) -> tuple[PartFit, ...]:
    """A fit per penalty, each from its own start or from where the penalty before it ended."""
    made: list[PartFit] = []
    beta = np.zeros(rows.design.shape[1])
    for i, penalty in enumerate(penalties):
        made.append(_newton(rows, penalty, starts[i] if starts else beta))
        beta = made[-1].beta
    return tuple(made)


def _best(fits: Sequence[PartFit], rows: _Rows) -> PartFit:
    return fits[0] if len(fits) == 1 else min(fits, key=lambda fit: fit._left_out_deviance(rows))


def judge_splits(
    design: np.ndarray,
    event: np.ndarray,
    weight: np.ndarray,
    part: np.ndarray,
    splits: Sequence[Split],
    *,
    few_events: bool = False,
    multiplicity: np.ndarray | None = None,
    whole: Sequence[PartFit] = (),
) -> Judged:
    """Train and judge one rule in every split, and again without each part.

    Parameters
    ----------
    design : shape (n, p), first column ones. event, weight, part : shape (n,); parts are numbered 0 to K − 1.
    splits : see :class:`Split`.
    few_events : choose a ridge penalty in the training rows of each split, by leaving out a part at a time.
    multiplicity : how often each part falls in each resample, shape (B, K).
    whole : the same rule fitted to all rows (:func:`fit_penalties`), if it is there already: the fits of the splits
        start near it.

    Returns
    -------
    Judged. Pairs are compared within a split only: predictions of two rules are not comparable.
    """
    parts = int(part.max()) + 1
    multiplicity = np.zeros((0, parts)) if multiplicity is None else multiplicity
    whole = whole or fit_penalties(design, event, weight, part, parts, few_events=few_events)
    prediction = np.full(len(event), np.nan)
    tally, without, again = np.zeros(2), np.zeros((parts, 2)), np.zeros((len(multiplicity), 2))
    chosen = []
    by_part = np.argsort(part, kind="stable")
    for split in splits:
        train = by_part[split.train[by_part]]
        rows = _Rows.sorted(design[train], event[train], weight[train], part[train], parts)
        starts = [_start(fit, split, part) for fit in whole]
        fitted = _best(_fitted(rows, _penalties(few_events), starts), rows)
        chosen.append(fitted.penalty)

        test = np.flatnonzero(split.test)
        at, case, mass, of = design[test], event[test] > 0.5, weight[test], part[test]
        eta = linear_predictor(at, fitted.beta)
        prediction[test] = eta
        tally += concordance(eta[:, None], case, mass[:, None])[0]
        # without a part that judges here the rule loses its training rows, where it has any, and its judges
        moved = linear_predictor(at, fitted.without(np.arange(parts)))
        judges = np.bincount(of, minlength=parts) > 0
        without[~judges] += concordance(moved[:, ~judges], case, mass[:, None])
        for j in np.flatnonzero(judges):
            stay = of != j
            without[j] += concordance(moved[stay, j : j + 1], case[stay], mass[stay, None])[0]
        if len(multiplicity):
            drawn = linear_predictor(at, fitted.resampled(multiplicity))
            again += concordance(drawn, case, mass[:, None] * multiplicity[:, of].T)
    return Judged(_share(tally), _share(without), _share(again), prediction, tuple(chosen))


def linear_predictor(design: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """Log-odds that rules predict, shape (n,) for one rule (p,) and (n, B) for several (B, p); equal rows get equal ones.

    The order in which a product of matrices is summed depends on where a row stands: customers who are alike in
    everything would differ in the last digit, and count as a pair in order instead of a tie.
    """
    return np.round(design @ beta.T, 10)


def _start(whole: PartFit, split: Split, part: np.ndarray) -> np.ndarray:
    """Where to start a split's fit: one step from that to all rows, if the split trains on whole parts."""
    parts = len(whole.gradient)
    size, trained = np.bincount(part, minlength=parts), np.bincount(part[split.train], minlength=parts)
    if np.any((trained != 0) & (trained != size)):
        return whole.beta
    return whole.resampled((trained > 0).astype(float)[None])[0]


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

    def without(self, which: np.ndarray) -> np.ndarray:
        """Coefficients after leaving out each of these parts: one Newton step from those with all, shape (len, p)."""
        # at the optimum the scores of all parts and the penalty cancel: without part j what is left is minus its score
        total = self.information.sum(axis=0) + np.diag(_ridge(len(self.beta), self.penalty) + 1e-12)
        step = np.linalg.solve(total - self.information[which], -self.gradient[which][:, :, None])
        return self.beta + step[:, :, 0]

    def resampled(self, multiplicity: np.ndarray) -> np.ndarray:
        """Coefficients with part j counted multiplicity[b, j] times, shape (B, p)."""
        ridge = _ridge(len(self.beta), self.penalty)
        information = np.tensordot(multiplicity, self.information, axes=1) + np.diag(ridge + 1e-12)
        slope = ridge * self.beta
        step = np.linalg.solve(information, (multiplicity @ self.gradient - slope)[:, :, None])
        return self.beta + step[:, :, 0]

    def _left_out_deviance(self, rows: _Rows) -> float:
        total = 0.0
        betas = self.without(np.arange(len(rows.ends) - 1))
        for j, (a, b) in enumerate(pairwise(rows.ends)):
            eta = rows.design[a:b] @ betas[j]
            total += float(rows.weight[a:b] @ (np.logaddexp(0.0, eta) - rows.event[a:b] * eta))
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
    case = np.asarray(case, dtype=bool)
    # the larger side is sorted, and the smaller looked up in it
    flipped = 2 * np.count_nonzero(case) > len(case)
    small, large = (~case, case) if flipped else (case, ~case)
    out = np.zeros((score.shape[1], 2))
    if not small.any():
        return out
    step = max(1, _AT_ONCE // len(case))
    for first in range(0, len(out), step):
        here = slice(first, first + step)
        weights = weight if weight.shape[1] == 1 else weight[:, here]
        at, mass = score[small, here].T, np.ascontiguousarray(weights[small].T)
        others, sums = _sorted_sums(score[large, here].T, weights[large].T)
        for i, (scores, sum_below) in enumerate(
            zip(others, np.broadcast_to(sums, (len(others), sums.shape[1])), strict=True)
        ):
            of = mass[i if len(mass) > 1 else 0]
            middle = _middle(at[i], scores, sum_below)
            total = sum_below[-1]
            out[first + i] = of @ (total - middle if flipped else middle), of.sum() * total
    return out


_AT_ONCE = 2_000_000
"""Numbers sorted at a time: enough to be quick, few enough for the memory of any machine."""


def _sorted_sums(score: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores of each line in order, shape (R, n), and the weight of those before each place, (R or 1, n + 1)."""
    if len(weight) == 1 and weight.min() == weight.max():
        # sorting numbers is several times quicker than sorting their places
        return np.sort(score, axis=1), weight[:, :1] * np.arange(score.shape[1] + 1.0)
    order = np.argsort(score, axis=1)
    sums = np.zeros((len(score), score.shape[1] + 1))
    np.cumsum(
        np.take_along_axis(np.broadcast_to(weight, score.shape), order, axis=1), axis=1, out=sums[:, 1:]
    )
    return np.take_along_axis(score, order, axis=1), sums


def _middle(at: np.ndarray, score: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """Weight of the scores below each of ``at``, and half of those equal to it."""
    first = np.searchsorted(score, at, side="left")
    below = sums[first]
    tied = score[np.minimum(first, len(score) - 1)] == at
    if tied.any():
        below[tied] += 0.5 * (sums[np.searchsorted(score, at[tied], side="right")] - below[tied])
    return below
