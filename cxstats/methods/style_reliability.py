"""How far style indices from these items can be trusted: alpha and split halves, within groups.

Cronbach's (1951) alpha of the item indicators (with both keyings, pairs of items of the same and of opposite
keying count the same), and the correlation of random halves of the items stepped up to full length
(Spearman 1910; Brown 1910; Horst 1951 for halves of unequal length).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from cxstats.methods.style_answers import INDICES, ITEM_SHARES, item_marks, spread_indices

__all__ = ["index_reliability", "key_table", "true_and_whole"]


def index_reliability(
    answers: np.ndarray,
    signs: np.ndarray,
    balanced: bool,
    steps: int,
    position: np.ndarray,
    mass: np.ndarray,
    groups: pd.DataFrame,
    covariance: Mapping[str, np.ndarray],
    splits: int,
    seed: int,
) -> pd.DataFrame:
    """One row per index: alpha, split-half reliability, items, complete persons, reliability of group values.

    Parameters
    ----------
    answers : counted from 0, NaN where missing, shape (n, J). signs : 1 or −1 per item, shape (J,).
    balanced : whether both keyings count half. steps : points of the scale.
    position, mass : each row's group and how many persons it stands for, shape (n,).
    groups, covariance : the groups' values and their covariance per index.
    splits, seed : number of random halves, and their seed.
    """
    complete = ~np.isnan(answers).any(axis=1)
    marks = item_marks(answers, steps)
    keys = key_table(signs, balanced)
    halves = _halves(signs, splits, seed)
    rows = []
    for name in INDICES:
        alpha = np.nan
        if name in ITEM_SHARES and complete.any() and not np.isnan(marks[name]).all():
            centred = _within(marks[name][complete], position[complete], mass[complete])
            alpha = _alpha(centred, mass[complete], keys)
        split = _split_half(name, answers, marks.get(name), keys, position, mass, halves)
        table = groups[groups["index"] == name]
        rows.append(
            {
                "index": name,
                "alpha": alpha,
                "split_half": split,
                "n_items": answers.shape[1],
                "n_complete": int(mass[complete].sum()),
                "of_groups": _reliability_of_groups(
                    table["value"].to_numpy(float), np.diag(covariance[name])
                ),
            }
        )
    return pd.DataFrame(rows)


def key_table(signs: np.ndarray, balanced: bool) -> np.ndarray:
    """Which items belong to each keying, 0/1, shape (K, J): K = 2 where both count half, else 1.

    >>> key_table(np.array([1, -1, 1]), True).tolist()
    [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    if not balanced:
        return np.ones((1, len(signs)))
    return np.array([signs > 0, signs < 0], dtype=float)


def true_and_whole(total: np.ndarray, own: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Covariance of p indices' true parts, and of the indices as measured, shape (p, p) each.

    What different items share is true, what each has alone is error. With one keying the first over the
    second is Cronbach's alpha. With two, items of the same keying share the topic's content on top of the
    style and items of opposite keyings share style less content, so the mean of both kinds of pairs,
    each kind counted half whatever its number, is free of it.

    Parameters
    ----------
    total : covariance of the sums over the items of a keying, shape (K, p, K, p).
    own : the items' own covariances, summed over the items of a keying, shape (K, p, p).
    sizes : number of items of each keying, shape (K,).
    """
    n_keys = len(sizes)
    whole = (
        sum(total[k, :, m, :] / (sizes[k] * sizes[m]) for k in range(n_keys) for m in range(n_keys))
        / n_keys**2
    )
    pairs = [
        (total[k, :, k, :] - own[k]) / (sizes[k] * (sizes[k] - 1)) for k in range(n_keys) if sizes[k] > 1
    ]
    if n_keys == 1:
        return pairs[0], whole
    across = total[0, :, 1, :] / (sizes[0] * sizes[1])
    across = (across + across.T) / 2
    return (0.5 * np.mean(pairs, axis=0) + 0.5 * across if pairs else across), whole


def _within(values: np.ndarray, position: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Columns minus their group's mean; shape (n, p) as given. NaN counts for nothing and stays."""
    from scipy import sparse

    member = sparse.csr_array((np.ones(len(position)), (position, np.arange(len(position)))))
    known = ~np.isnan(values) * mass[:, None]
    means = (member @ (np.nan_to_num(values) * known)) / np.maximum(member @ known, 1e-300)
    return values - means[position]


def _alpha(centred: np.ndarray, mass: np.ndarray, keys: np.ndarray) -> float:
    """Reliability of the mean of the columns, from columns centred within groups; NaN where nothing varies."""
    sums = centred @ keys.T
    total = (sums * mass[:, None]).T @ sums / mass.sum()
    own = keys @ ((centred**2 * mass[:, None]).sum(axis=0) / mass.sum())
    true, whole = true_and_whole(total[:, None, :, None], own[:, None, None], keys.sum(axis=1))
    return float(true[0, 0] / whole[0, 0]) if whole[0, 0] > 1e-14 else float("nan")


def _halves(signs: np.ndarray, splits: int, seed: int) -> np.ndarray:
    """Random halves of the items that share out each keying as evenly as it can be; masks, (S, J)."""
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(splits):
        mask = np.zeros(len(signs), dtype=bool)
        longer = bool(rng.integers(2))  # which half gets the odd item
        for sign in (1, -1):
            own = rng.permutation(np.flatnonzero(signs == sign))
            size = (len(own) + longer) // 2
            mask[own[:size]] = True
            if len(own) % 2:
                longer = not longer
        out.append(mask)
    return np.array(out, dtype=bool).reshape(splits, len(signs))


def _split_half(
    name: str,
    answers: np.ndarray,
    marks: np.ndarray | None,
    keys: np.ndarray,
    position: np.ndarray,
    mass: np.ndarray,
    halves: np.ndarray,
) -> float:
    """Mean over random halves (masks, shape (S, J)) of their correlation within groups, at full length."""
    if not len(halves) or name in (
        "longest_run",
        "straight_lining",
    ):  # half a questionnaire has another longest run
        return float("nan")
    if marks is None:
        scores = [
            np.stack([_spread_of_half(name, answers[:, mask]) for mask in side], axis=1)
            for side in (halves, ~halves)
        ]
    else:
        scores = [_share_of_half(marks, keys, side) for side in (halves, ~halves)]
    x, y = scores
    gone = np.isnan(x) | np.isnan(y)
    x, y = (_within(np.where(gone, np.nan, side), position, mass) for side in (x, y))
    x, y = np.nan_to_num(x), np.nan_to_num(y)
    product, own_x, own_y = (mass @ (x * y), mass @ x**2, mass @ y**2)
    found = [
        _stepped_up(product[i] / np.sqrt(own_x[i] * own_y[i]), halves[i].mean())
        for i in range(len(halves))
        if own_x[i] * own_y[i] > 1e-20 and (~gone[:, i]).sum() > 2
    ]
    return float(np.mean(found)) if found else float("nan")


def _share_of_half(marks: np.ndarray, keys: np.ndarray, halves: np.ndarray) -> np.ndarray:
    """The index from the items of each half, keyings counting the same, shape (n, S); NaN without answers."""
    answered = (~np.isnan(marks)).astype(float)
    filled = np.nan_to_num(marks)
    total, kinds = np.zeros((len(marks), len(halves))), np.zeros(len(halves))
    for key in keys:
        chosen = (halves * key).T
        with np.errstate(divide="ignore", invalid="ignore"):
            share = (filled @ chosen) / (answered @ chosen)  # NaN where none of these items was answered
        there = chosen.any(axis=0)
        total += np.where(there, share, 0.0)
        kinds += there
    return total / kinds


def _spread_of_half(name: str, part: np.ndarray) -> np.ndarray:
    out = np.full(len(part), np.nan)
    enough = (~np.isnan(part)).sum(axis=1) >= 2
    if enough.any():
        out[enough] = spread_indices(part[enough], 2)[name]  # on whatever scale: a correlation ignores it
    return out


def _stepped_up(r: float, share: float) -> float:
    """Reliability of the whole from the correlation of two parts of lengths ``share`` and 1 − share.

    Horst (1951); with halves of equal length the formula of Spearman and Brown, 2r/(1 + r).

    >>> round(_stepped_up(0.5, 0.5), 6), round(_stepped_up(0.5, 0.4), 4)
    (0.666667, 0.6735)
    """
    if r <= 0:  # no habit to be found: a formula for lengths has nothing to step up
        return 2 * r / (1 + r) if r > -1 else float("nan")
    if r >= 1:
        return 1.0
    product = share * (1 - share)
    inner = r**2 + 4 * product * (1 - r**2)
    return float((r * np.sqrt(inner) - r**2) / (2 * product * (1 - r**2)))


def _reliability_of_groups(values: np.ndarray, variances: np.ndarray) -> float:
    """1 − mean sampling variance / variance of the groups' values, at least 0; NaN for fewer than three."""
    known = np.isfinite(values) & np.isfinite(variances)
    if known.sum() < 3 or np.var(values[known]) == 0:
        return float("nan")
    return float(max(0.0, 1 - variances[known].mean() / np.var(values[known], ddof=1)))
