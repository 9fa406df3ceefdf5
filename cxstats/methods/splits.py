"""Rules trained on some customers and judged on others, and how much that judgement would vary.

A rule here is a logistic regression. Every split says which rows train it and which judge it; the customers are
divided into parts (:func:`cxstats.cells` column ``part``) before anything else happens, so that two answers of one
customer never stand on both sides, nor do copies of a customer in a resample.

The error of the judgement comes from doing all of it again without one part at a time: training *and* judging.
A model is not iterated to the end 64 times over for that. It starts from the fit with all parts and takes one Newton
step, whose ingredients, score and information of each part, are computed once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cxstats.methods.part_fits import (
    PartFit,
    Rows,
    ends_of,
    fit_penalties,
    fit_together,
    left_out_deviance,
)

__all__ = [
    "Judged",
    "Split",
    "best_penalty",
    "concordance",
    "judge_splits",
    "linear_predictor",
    "pairs_of_rules",
    "part_splits",
]

_DIGITS = 1e10
"""Predictions are equal where they agree to so many parts of one log-odds."""


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


def best_penalty(fits: Sequence[PartFit], rows: Rows) -> PartFit:
    """Of fits to these rows, the one whose penalty predicts parts left out best."""
    return _best([fits], rows, rows.weight[None])[0]


def _best(fits: Sequence[Sequence[PartFit]], rows: Rows, weight: np.ndarray) -> list[PartFit]:
    """For each row of weights (K, n) the best of its fits."""
    tried = len(fits[0])
    if tried == 1:
        return [one for (one,) in fits]
    deviance = left_out_deviance([fit for own in fits for fit in own], rows, np.repeat(weight, tried, axis=0))
    return [own[k] for own, k in zip(fits, deviance.reshape(-1, tried).argmin(axis=1), strict=True)]


def judge_splits(
    rows: Rows,
    splits: Sequence[Split],
    *,
    few_events: bool = False,
    multiplicity: np.ndarray | None = None,
    whole: Sequence[PartFit] = (),
) -> Judged:
    """Train and judge one rule in every split, and again without each part.

    Parameters
    ----------
    rows : the design, by part. splits : of these rows, see :class:`Split`.
    few_events : choose a ridge penalty in the training rows of each split, by leaving out a part at a time.
    multiplicity : how often each part falls in each resample, shape (B, parts).
    whole : the same rule fitted to all rows (:func:`fit_penalties`), if it is there already: the fits of the splits
        start near it.

    Returns
    -------
    Judged. Pairs are compared within a split only: predictions of two rules are not comparable.
    """
    of, parts = rows.part, len(rows.ends) - 1
    multiplicity = np.zeros((0, parts), dtype=int) if multiplicity is None else multiplicity
    whole = whole or fit_penalties(rows, few_events=few_events)
    trains = np.array([split.train for split in splits])
    trained = np.array([np.bincount(of[train], minlength=parts) for train in trains])
    in_parts = np.all((trained == 0) | (trained == np.diff(rows.ends)))
    weight = rows.weight * trains
    fits = fit_together(
        rows, weight, few_events=few_events, starts=whole, trained=trained > 0 if in_parts else None
    )
    # how often each part judges: in the rule with all of them, without each, and in each resample
    times = np.vstack([np.ones((1, parts), dtype=int), 1 - np.eye(parts, dtype=int), multiplicity])
    pairs, prediction, chosen = np.zeros((len(times), 2)), np.full(len(rows.event), np.nan), []
    for split, fitted in zip(splits, _best(fits, rows, weight), strict=True):
        chosen.append(fitted.penalty)
        rules = np.vstack([fitted.beta, fitted.without(np.arange(parts)), fitted.resampled(multiplicity)])
        test = np.flatnonzero(split.test)
        judges = Rows(rows.columns[:, test], rows.event[test], rows.weight[test], ends_of(of[test], parts))
        prediction[test] = linear_predictor(rules[0], judges)
        pairs += pairs_of_rules(rules, judges, times)
    share = _share(pairs)
    return Judged(float(share[0]), share[1 : parts + 1], share[parts + 1 :], prediction, tuple(chosen))


def linear_predictor(beta: np.ndarray, rows: Rows) -> np.ndarray:
    """Log-odds that a rule (p,) or several (R, p) predict, shape (n,) or (R, n); equal rows get equal ones.

    The order in which a product of matrices is summed depends on where a row stands: customers who are alike in
    everything would differ in the last digit, and count as a pair in order instead of a tie.
    """
    return _units(beta @ rows.columns) / _DIGITS


def _units(log_odds: np.ndarray) -> np.ndarray:
    """Log-odds in whole numbers of the smallest difference that counts; beyond a million they are alike."""
    units = log_odds * _DIGITS
    np.rint(units, out=units)
    return np.clip(units, -1e16, 1e16, out=units)


def pairs_of_rules(rules: np.ndarray, judges: Rows, times: np.ndarray) -> np.ndarray:
    """Concordant and all pairs, shape (R, 2), of rules (R, p) that judge each part so many times (R, parts)."""
    pairs, sizes = np.zeros((len(rules), 2)), np.diff(judges.ends)
    if (first_and_kind := _kinds(judges.columns)) is not None:
        return _pairs_of_kinds(rules, judges, times, *first_and_kind)
    for here in _blocks(len(rules), len(judges.event)):
        units = _units(rules[here] @ judges.columns)
        pairs[here] = _pairs(units, judges.event > 0.5, judges.weight, np.repeat(times[here], sizes, axis=1))
    return pairs


def _blocks(rules: int, n: int) -> Iterator[slice]:
    """So many rules at a time that what they predict for n customers stays in the cache."""
    at_once = max(1, _AT_ONCE // max(n, 1))
    return (slice(first, first + at_once) for first in range(0, rules, at_once))


def _pairs(units: np.ndarray, case: np.ndarray, mass: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Concordant and all pairs, shape (R, 2), of predictions in whole numbers, shape (R, n).

    Parameters
    ----------
    case, mass : of each customer, shape (n,). times : how often each counts, shape (R, n).
    """
    if mass.min(initial=np.inf) < mass.max(initial=0) or times.max(initial=0) > 15:
        return _weighted_pairs(units, case, mass * times)
    # the numbers are sorted, which is several times quicker than sorting their places: with case and times as last bits
    keys = units.astype(np.int64)
    keys <<= 5
    keys += times << 1
    keys += case
    keys.sort(axis=1)
    # the last byte of each, as numbers that are quick to count with
    others = keys.astype(np.uint8)
    cases = others & 1
    others &= 31
    others >>= 1
    cases *= others
    others -= cases
    keys >>= 5
    return _counted(keys, cases, others) * mass.max(initial=0) ** 2


def _weighted_pairs(units: np.ndarray, case: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The same where weights are no whole numbers; weight : shape (R, n)."""
    keys, place = _in_order(units)
    others = np.take_along_axis(weight, place, axis=1)
    cases = np.where(case[place], others, 0.0)
    others -= cases
    return _counted(keys, cases, others)


def _in_order(units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Predictions of each rule from the smallest, and whose each is, shape (R, n) both."""
    bits = units.shape[1].bit_length()
    if np.abs(units).max(initial=0) >= 2.0 ** (62 - bits):
        place = np.argsort(units, axis=1)
        return np.take_along_axis(units, place, axis=1), place
    # with the place as last bits the numbers themselves are sorted, several times quicker than their places
    keys = units.astype(np.int64)
    keys <<= bits
    keys += np.arange(units.shape[1])
    keys.sort(axis=1)
    place = keys & ((1 << bits) - 1)
    keys >>= bits
    return keys, place


def _kinds(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Customers alike in all columns (p, n): the first of each kind, shape (K,), and the kind of each, shape (n,).

    None where kinds are nearly as many as customers.
    """
    n = columns.shape[1]
    # a sum made column by column is the same for those who are alike, wherever they stand
    mixed = np.zeros(n)
    for factor, column in zip(np.random.default_rng(0).normal(size=len(columns)), columns, strict=True):
        mixed += factor * column
    _, first, kind = np.unique(mixed, return_index=True, return_inverse=True)
    if len(first) > n / _ALIKE or not all(np.array_equal(own[first][kind], own) for own in columns):
        return None
    return first, kind


_ALIKE = 3
"""Customers of each kind from which on it is quicker to count kinds."""


def _pairs_of_kinds(
    rules: np.ndarray, judges: Rows, times: np.ndarray, first: np.ndarray, kind: np.ndarray
) -> np.ndarray:
    """As :func:`pairs_of_rules`, from the cases and the others of each kind in each part."""
    sizes = np.diff(judges.ends)
    judging = np.flatnonzero(sizes)
    place = np.repeat(np.arange(len(judging)), sizes[judging]) * len(first) + kind
    shape = (len(judging), len(first))
    cases, others = (
        np.bincount(place, weights=judges.weight * side, minlength=shape[0] * shape[1]).reshape(shape)
        for side in (judges.event, 1.0 - judges.event)
    )
    pairs, columns = np.zeros((len(rules), 2)), judges.columns[:, first]
    for here in _blocks(len(rules), len(first)):
        keys, order = _in_order(_units(rules[here] @ columns))
        counted = times[here][:, judging].astype(float)
        pairs[here] = _counted(
            keys, *(np.take_along_axis(counted @ side, order, axis=1) for side in (cases, others))
        )
    return pairs


def _counted(keys: np.ndarray, cases: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Concordant and all pairs, shape (R, 2), of sorted predictions with the weight of cases and of others, (R, n) each."""
    n, whole = keys.shape[1], others.dtype == np.uint8
    below = np.cumsum(others, axis=1, dtype=np.int64 if whole else float)
    everyone = cases.sum(axis=1, dtype=float) * below[:, -1]
    if not whole:
        # of one kind there may be cases and others, who tie; whole numbers are of customers, each one or the other
        below -= others / 2
    at_case = np.flatnonzero(cases)
    so_far = np.r_[0, np.cumsum(cases.ravel()[at_case] * below.ravel()[at_case])]
    pairs = np.diff(so_far[np.searchsorted(at_case, np.arange(len(keys) + 1) * n)]).astype(float)
    tied = keys[:, 1:] == keys[:, :-1]
    if tied.any():
        among = np.zeros(keys.shape, dtype=bool)
        among[:, 1:] |= tied
        among[:, :-1] |= tied
        places = np.flatnonzero(among)
        own, other, upto = (side.ravel()[places].astype(float) for side in (cases, others, below))
        row, column = np.divmod(places, n)
        first = np.flatnonzero((column == 0) | ~tied[row, column - 1])
        # within a tie, pairs were counted in the order that the last bits gave them: half of each instead
        pairs -= np.bincount(row, weights=own * upto, minlength=len(pairs))
        cases_tied, others_tied = (np.add.reduceat(side, first) for side in (own, other))
        before = upto[first] - other[first] / (1 if whole else 2)
        half = cases_tied * (before + others_tied / 2)
        pairs += np.bincount(row[first], weights=half, minlength=len(pairs))
    return np.column_stack([pairs, everyone])


def _share(pairs: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return pairs[:, 0] / pairs[:, 1]


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


_AT_ONCE = 60_000
"""Numbers sorted at a time: what the processor's cache holds."""


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
