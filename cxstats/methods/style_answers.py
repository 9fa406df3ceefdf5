"""What one person's answers show of scale use: marks per item, shares per person, plain counts.

The lower half of ``style_indices``: checks of the items and arithmetic on one table of answers, persons ×
items, counted from 0 at the low end. Nothing here knows groups' intervals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from cxstats.metrics import Scale

__all__ = [
    "ABBREVIATIONS",
    "INDICES",
    "ITEM_SHARES",
    "NEEDS_BALANCE",
    "answer_steps",
    "checked_items",
    "checked_keys",
    "checked_scales",
    "cluster_codes",
    "group_positions",
    "item_marks",
    "item_weights",
    "items_by_scale",
    "persons_per_row",
    "plain_counts",
    "spread_indices",
]

# index -> how the literature abbreviates it
ABBREVIATIONS = {
    "extreme": "ERS",
    "extreme_top": "ERS+",
    "extreme_bottom": "ERS−",
    "midpoint": "MRS",
    "acquiescence": "ARS",
    "disacquiescence": "DARS",
    "net_acquiescence": "NARS",
    "range": "range",
    "standard_deviation": "SD",
    "longest_run": "longest run",
    "straight_lining": "straight-lining",
}
INDICES = tuple(ABBREVIATIONS)

# indices that are means of one indicator per item, which alpha and residualising need
ITEM_SHARES = INDICES[:7]
# what agreeing means cannot be told where every statement is keyed the same way
NEEDS_BALANCE = ("acquiescence", "disacquiescence", "net_acquiescence")
_KEYS = {"straight": 1, "reversed": -1, 1: 1, -1: -1, "1": 1, "-1": -1, "+1": 1}


def items_by_scale(scale: Mapping[str, Scale]) -> dict[int, list[str]]:
    """Items by the number of points of their scales: batteries that can each be counted.

    >>> items_by_scale({"q1": Scale(1, 5), "q2": Scale(0, 4), "q3": Scale(0, 10)})
    {5: ['q1', 'q2'], 11: ['q3']}
    """
    out: dict[int, list[str]] = {}
    for item, one in scale.items():
        out.setdefault(one.size, []).append(item)
    return out


def checked_items(rows: pd.DataFrame, items: Sequence[str]) -> list[str]:
    names = [items] if isinstance(items, str) else list(items)
    missing = [name for name in names if name not in rows.columns]
    if missing:
        raise ValueError(
            f"the rows have no column {missing[0]!r}; they have {', '.join(map(str, rows.columns[:12]))}"
        )
    if len(set(names)) != len(names):
        raise ValueError(f"an item is named twice: {', '.join(names)}")
    if len(names) < 2:
        raise ValueError(
            f"style indices need two items or more on different topics, but got {len(names)}. One item says "
            "only what single_item_indices counts"
        )
    return names


def checked_keys(items: list[str], keyed: Mapping | Sequence | None) -> np.ndarray:
    if keyed is None:
        return np.ones(len(items), dtype=int)
    if isinstance(keyed, Mapping):
        unknown = [name for name in keyed if name not in items]
        if unknown:
            raise ValueError(f"keyed names {unknown[0]!r}, which is none of the items {', '.join(items)}")
        listed = [keyed.get(name, "straight") for name in items]
    else:
        listed = list(keyed)
        if len(listed) != len(items):
            raise ValueError(f"there are {len(items)} items, but {len(listed)} keyings")
    wrong = [(name, key) for name, key in zip(items, listed, strict=True) if key not in _KEYS]
    if wrong:
        raise ValueError(
            f'item {wrong[0][0]!r} is keyed {wrong[0][1]!r}, but must be "straight" (1) or "reversed" (−1)'
        )
    return np.array([_KEYS[key] for key in listed], dtype=int)


def checked_scales(items: list[str], scale: Scale | Mapping[str, Scale]) -> list[Scale]:
    if isinstance(scale, Scale):
        return [scale] * len(items)
    missing = [name for name in items if scale.get(name) is None]
    if missing:
        raise ValueError(f"item {missing[0]!r} has no scale; say its lowest and highest answer")
    scales = [scale[name] for name in items]
    batteries = items_by_scale(dict(zip(items, scales, strict=True)))
    if len(batteries) > 1:
        listed = "; ".join(f"{size} points: {', '.join(names)}" for size, names in sorted(batteries.items()))
        raise ValueError(
            "the items have scales with different numbers of points, and an end of 11 points is not chosen as "
            f"often as one of 5 ({listed}). Count each battery by itself (items_by_scale lists them)"
        )
    return scales


def answer_steps(rows: pd.DataFrame, items: list[str], scales: list[Scale]) -> np.ndarray:
    """Answers counted from 0 at the low end, NaN where missing, shape (n, J)."""
    out = np.full((len(rows), len(items)), np.nan)
    for j, (name, one) in enumerate(zip(items, scales, strict=True)):
        numbers = pd.to_numeric(rows[name], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
        given = rows[name].notna().to_numpy()
        wrong = given & ~np.isin(numbers, one.categories)
        if wrong.any():
            first = rows[name].to_numpy(dtype=object)[np.flatnonzero(wrong)[0]]
            raise ValueError(
                f"item {name!r} runs {one}, but {int(wrong.sum()):,} answers do not (first: {first!r}). Is it "
                "a code for a missing answer, or another scale?"
            )
        out[:, j] = numbers - one.low
    return out


def persons_per_row(rows: pd.DataFrame, items: list[str]) -> np.ndarray:
    if "n" not in rows.columns or "n" in items:
        return np.ones(len(rows), dtype=np.int64)
    n = rows["n"].to_numpy(dtype=float, na_value=np.nan)
    if not np.all(n >= 0) or not np.allclose(n, np.rint(n)):
        raise ValueError("column 'n' must hold how many persons a row stands for: whole numbers, 0 or more")
    return np.rint(n).astype(np.int64)


def group_positions(frame: pd.DataFrame, group: str | None) -> tuple[list[str], np.ndarray]:
    if group is None:
        return ["all"], np.zeros(len(frame), dtype=int)
    if group not in frame.columns:
        raise ValueError(f"the rows have no column {group!r} to group by")
    names = frame[group].astype("string").fillna("not known").to_numpy(dtype=object)
    labels, position = np.unique(names.astype(str), return_inverse=True)
    return [str(label) for label in labels], position


def cluster_codes(frame: pd.DataFrame, customer: str | None) -> np.ndarray:
    """A number per person; a row without a customer is a person of its own."""
    alone = np.arange(len(frame))
    if customer is None:
        return alone
    if customer not in frame.columns:
        raise ValueError(f"the rows have no column {customer!r} that names the customers")
    codes, _ = pd.factorize(frame[customer])
    return np.where(codes < 0, len(frame) + alone, codes)


# ------------------------------------------------------------------------------------- the indices


def item_marks(answers: np.ndarray, steps: int) -> dict[str, np.ndarray]:
    """Per index, one number per person and item, NaN where not answered; shape (n, J) each."""
    middle = (steps - 1) / 2
    gone = np.isnan(answers)

    def marked(where: np.ndarray) -> np.ndarray:
        return np.where(gone, np.nan, where.astype(float))

    top, bottom = marked(answers == steps - 1), marked(answers == 0)
    above, below = marked(answers > middle), marked(answers < middle)
    centre = marked(answers == middle) if steps % 2 else np.full_like(answers, np.nan)
    return {
        "extreme": top + bottom,
        "extreme_top": top,
        "extreme_bottom": bottom,
        "midpoint": centre,
        "acquiescence": above,
        "disacquiescence": below,
        "net_acquiescence": above - below,
    }


def item_weights(answered: np.ndarray, signs: np.ndarray, balanced: bool) -> np.ndarray:
    """What each answer counts in its person's share, shape (n, J): both keyings half, rows add to 1."""
    weight = answered.astype(float)
    if not balanced:
        return weight / np.maximum(weight.sum(axis=1, keepdims=True), 1)
    for sign in (1, -1):
        columns = signs == sign
        total = weight[:, columns].sum(axis=1, keepdims=True)
        weight[:, columns] *= 0.5 / np.maximum(total, 1)
    return weight


def spread_indices(answers: np.ndarray, steps: int) -> dict[str, np.ndarray]:
    """Range, standard deviation, longest run and straight-lining per person, shape (n,) each."""
    gone = np.isnan(answers)
    count = (~gone).sum(axis=1)
    low, high = np.nanmin(answers, axis=1), np.nanmax(answers, axis=1)
    centred = np.where(gone, 0.0, answers - np.nanmean(answers, axis=1)[:, None])
    run = np.where(gone[:, 0], 0, 1)
    longest = run.copy()
    for j in range(1, answers.shape[1]):
        run = np.where(gone[:, j], 0, np.where(answers[:, j] == answers[:, j - 1], run + 1, 1))
        longest = np.maximum(longest, run)
    return {
        "range": (high - low) / (steps - 1),
        "standard_deviation": np.sqrt((centred**2).sum(axis=1) / (count - 1)),
        "longest_run": longest.astype(float),
        "straight_lining": np.where(count >= 3, (high == low).astype(float), np.nan),
    }


def plain_counts(
    answers: np.ndarray, steps: int, position: np.ndarray, labels: list[str], mass: np.ndarray
) -> pd.DataFrame:
    """Answers by group as anyone would count them by hand."""
    middle = (steps - 1) / 2
    kinds = {
        "answers": ~np.isnan(answers),
        "top": answers == steps - 1,
        "bottom": answers == 0,
        "middle": answers == middle,
        "above": answers > middle,
        "below": answers < middle,
    }
    out = pd.DataFrame({"group": labels})
    out["n"] = np.bincount(position, weights=mass, minlength=len(labels)).astype("int64")
    for name, where in kinds.items():
        per_person = where.sum(axis=1) * mass
        out[name] = np.bincount(position, weights=per_person, minlength=len(labels)).astype("int64")
    if steps % 2 == 0:
        out["middle"] = pd.array([pd.NA] * len(labels), dtype="Int64")
    return out
