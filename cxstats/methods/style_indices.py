"""Response-style indices: how people use the answer scale, whatever they are asked.

A person's style is read from statements on *different* topics: the share of answers at the ends of the
scale, at its midpoint, above it (agreeing) and below it, the spread of the answers, and whether they are all
the same. Averaged over unrelated topics the content cancels and the habit stays (Greenleaf 1992; Baumgartner &
Steenkamp 2001; Weijters, Schillewaert & Geuens 2008). From one satisfaction item nothing of the kind is
possible: :func:`single_item_indices` counts what there is and marks it as weaker.

A *group*'s index is the mean of its persons' indices, with the persons as the independent units: fifty
answers of one person are one observation. ``docs/methods/style_indices.md`` gives definitions and sources.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from cxstats.methods.limits import critical_value
from cxstats.methods.score import score_limits
from cxstats.methods.style_answers import (
    ABBREVIATIONS,
    INDICES,
    ITEM_SHARES,
    NEEDS_BALANCE,
    answer_steps,
    checked_items,
    checked_keys,
    checked_scales,
    cluster_codes,
    group_positions,
    item_marks,
    item_weights,
    items_by_scale,
    persons_per_row,
    plain_counts,
    spread_indices,
)
from cxstats.methods.style_reliability import index_reliability
from cxstats.methods.style_residuals import Residualised, residualise
from cxstats.metrics import Metric, Scale
from cxstats.parameters import Level, Seed, Share, checked
from cxstats.show import definition_html

__all__ = [
    "ABBREVIATIONS",
    "INDICES",
    "Residualised",
    "SingleItemIndices",
    "StyleIndices",
    "items_by_scale",
    "residualise",
    "single_item_indices",
    "style_indices",
]

_MANY_ITEMS = 10
_FEW_ITEMS = 4
_RELATED = 0.4
_LARGEST_TABLE = 2_000_000


@dataclass(frozen=True, slots=True)
class StyleIndices:
    """Style indices of persons and groups.

    Attributes
    ----------
    persons : one row per person used, with the index of the rows given: "group", "customer", "n" (persons the
        row stands for), "n_items" (answers it rests on) and a column per index of :data:`INDICES`. Shares lie
        in [0, 1], net acquiescence in [−1, 1], "range" in [0, 1] of the scale, "standard_deviation" is in scale
        points (divisor J − 1), "longest_run" a number of items, "straight_lining" 0 or 1; NaN where it cannot
        be said.
    groups : one row per group and index: "group", "index", "value", "standard_error", "low", "high", "n"
        (persons), "n_customers", "why_not" (text where there is no value, else "").
    counts : plain counts of answers, not balanced: one row per group: "n" persons, "answers", "top", "bottom",
        "middle", "above", "below". "middle" is <NA> where the scale has no midpoint.
    reliability : one row per index: "alpha" (of the item indicators, within groups), "split_half" (halves
        stepped up to full length, within groups), "n_items", "n_complete" (persons behind alpha), "of_groups"
        (share of the variance between the groups' values that is not sampling error).
    items : one row per item: "item", "keyed", "scale", "answered", "missing_share", "weight" (what it counts).
    covariance : per index the groups' covariance, shape (G, G); off the diagonal only by customers who are
        in two groups.
    labels : the groups, in the order of ``groups`` and ``covariance``.
    n : persons used. n_silent : rows without a single answer. n_set_aside : rows with too few answers.
    n_points : number of points of the scale.
    balanced : whether straight and reversed items count the same.
    level : confidence level.
    warnings : what a reader must know, in sentences.
    answers : answers of the persons used, counted from 0 at the low end, NaN where missing, shape (rows, items).
    """

    persons: pd.DataFrame = field(repr=False)
    groups: pd.DataFrame = field(repr=False)
    counts: pd.DataFrame = field(repr=False)
    reliability: pd.DataFrame = field(repr=False)
    items: pd.DataFrame = field(repr=False)
    covariance: Mapping[str, np.ndarray] = field(repr=False)
    labels: tuple[str, ...]
    n: int
    n_silent: int
    n_set_aside: int
    n_points: int
    balanced: bool
    level: float
    warnings: tuple[str, ...]
    answers: np.ndarray = field(repr=False)

    @property
    def n_items(self) -> int:
        """Number of items the indices rest on."""
        return len(self.items)

    def of(self, index: str, group: str | None = None) -> pd.DataFrame | pd.Series:
        """The rows of ``groups`` for one index; with ``group``, that group's row.

        Raises
        ------
        ValueError : no such index or group.
        """
        if index not in INDICES:
            raise ValueError(f"index {index!r} is not one of {', '.join(INDICES)}")
        table = self.groups[self.groups["index"] == index].reset_index(drop=True)
        if group is None:
            return table
        found = table[table["group"] == group]
        if found.empty:
            raise ValueError(f"there is no group {group!r}; there are {', '.join(self.labels)}")
        return found.iloc[0]

    def _repr_html_(self) -> str:
        rows = [
            (f"{ABBREVIATIONS[index]} ({index.replace('_', ' ')})", self._range_of(index))
            for index in INDICES
        ]
        return definition_html(
            f"Response style: {len(self.labels)} groups, {self.n:,} persons, {self.n_items} items",
            [*rows, *(("note", text) for text in self.warnings)],
        )

    def _range_of(self, index: str) -> str:
        table = self.of(index).dropna(subset=["value"])
        if table.empty:
            return "cannot be said"
        low, high = table["value"].min(), table["value"].max()
        alpha = self.reliability.set_index("index").loc[index, "alpha"]
        between = f"{low:.3f}" if len(table) == 1 else f"{low:.3f} to {high:.3f} between groups"
        return between if np.isnan(alpha) else f"{between}, reliability {alpha:.2f}"


def style_indices(
    rows: pd.DataFrame,
    items: Sequence[str],
    *,
    scale: Scale | Mapping[str, Scale],
    keyed: Mapping[str, str | int] | Sequence[str | int] | None = None,
    group: str | None = None,
    customer: str | None = None,
    scores: Iterable[str] = (),
    min_share: float = 0.5,
    level: float = 0.95,
    splits: int = 20,
    seed: int = 0,
) -> StyleIndices:
    """Style indices of every person and group, from items on several topics.

    With items keyed both ways, the two keyings count the same however many items each has: a person's share
    is the mean of the shares among straight and among reversed items, so that what people think cancels and
    how they answer stays. Answers themselves are never reversed: a "5" is an extreme answer whatever it says.

    Parameters
    ----------
    rows : one row per person (or per answered questionnaire); with a column ``n``, a row stands for n persons.
    items : columns of the statements in the order they were asked, two or more.
    scale : the items' scale, or one per item; all must have the same number of points.
    keyed : per item "straight" (1) or "reversed" (−1), as a mapping or in the order of ``items``; None: not
        declared, taken as straight.
    group : column of the groups; None for one group, "all". A missing group is the group "not known".
    customer : column that names the person where the same one answers repeatedly; None: a row is a person.
    scores : columns of the satisfaction scores that style is to explain. Items that are these scores, or go
        along with them, are warned of: what they measure is satisfaction.
    min_share : a person who answered fewer than this share of the items, or none of one keying, is set aside
        (and counted in ``n_set_aside``).
    level : confidence level of the groups' intervals.
    splits : random halves behind the split-half reliability; 0 leaves it out. seed : for these halves.

    Returns
    -------
    StyleIndices. Intervals are score intervals of a bounded mean over persons (Wilson's idea for more than
    two values), scaled to the effective number of persons where customers repeat: no zero width because
    nobody in a small group chose the midpoint.

    Raises
    ------
    ValueError : a column is missing, fewer than two items, an item twice, items on scales with different
        numbers of points, an answer off its scale, a keying that is none, nobody who answered.

    Notes
    -----
    ERS share at either end, ERS+ at the top, ERS− at the bottom; MRS at the midpoint m (only where the number of
    points is odd: without one it is not estimated); ARS above m, DARS below m, NARS their difference. ARS, DARS
    and NARS have no group value where all items are keyed one way: agreeing with everything and agreeing with
    these statements are then the same. Longest run and straight-lining go by the answers in the order asked; a
    missing one ends a run; straight-lining needs three answers. Reliability: Cronbach's (1951) alpha of the
    item indicators (with both keyings, pairs of the same and of opposite keying count the same), and halves of
    the items correlated and stepped up (Spearman 1910; Brown 1910; Horst 1951 for halves of unequal length), both
    within groups.

    Examples
    --------
    >>> answers = pd.DataFrame({"a": [1, 4, 3], "b": [2, 5, 2], "c": [1, 2, 3]})
    >>> found = style_indices(answers, ["a", "b", "c"], scale=Scale(1, 5))
    >>> found.persons["extreme"].round(3).tolist(), found.persons["disacquiescence"].round(3).tolist()
    ([0.667, 0.333, 0.0], [1.0, 0.333, 0.333])

    References
    ----------
    Greenleaf (1992), J. Marketing Research 29, 176–188; Baumgartner & Steenkamp (2001), J. Marketing
    Research 38, 143–156; Weijters, Schillewaert & Geuens (2008), J. Academy of Marketing Science 36, 409–422.
    """
    level, seed = checked("level", level, Level), checked("seed", seed, Seed)
    min_share = checked("min_share", min_share, Share)
    items = checked_items(rows, items)
    signs = checked_keys(items, keyed)
    scales = checked_scales(items, scale)
    steps = scales[0].size
    answers = answer_steps(rows, items, scales)  # 0 … K − 1, NaN where missing

    answered = ~np.isnan(answers)
    silent = ~answered.any(axis=1)
    balanced = len(set(signs)) == 2
    enough = answered.sum(axis=1) >= max(2, min_share * len(items))
    if balanced:
        enough &= answered[:, signs > 0].any(axis=1) & answered[:, signs < 0].any(axis=1)
    if not enough.any():
        raise ValueError(
            f"nobody answered enough of the {len(items)} items ({', '.join(items[:6])}"
            f"{', …' if len(items) > 6 else ''}): {int((~silent).sum())} rows hold an answer, and each needs "
            f"{max(2, int(np.ceil(min_share * len(items))))}" + (" with both keyings" if balanced else "")
        )
    used = answers[enough]
    marks = item_marks(used, steps)
    weight = item_weights(~np.isnan(used), signs, balanced)
    copies = persons_per_row(rows, items)
    mass = copies[enough]
    frame = rows.loc[enough]
    labels, position = group_positions(frame, group)
    cluster = cluster_codes(frame, customer)

    persons = pd.DataFrame(
        {
            "group": np.asarray(labels, dtype=object)[position],
            "customer": cluster,
            "n": mass,
            "n_items": (~np.isnan(used)).sum(axis=1),
        },
        index=frame.index,
    )
    for name in ITEM_SHARES:
        shares = np.nansum(np.nan_to_num(marks[name]) * weight, axis=1)
        # no midpoint, no share of it
        persons[name] = np.where(np.isnan(marks[name]).all(axis=1), np.nan, shares)
    for name, value in spread_indices(used, steps).items():
        persons[name] = value

    bounds = _bounds(persons, steps, len(items))
    refused = _refused(signs, steps)
    tables, covariance = [], {}
    for name in INDICES:
        table, covariance[name] = _group_table(
            name, persons[name].to_numpy(), position, labels, cluster, mass, bounds[name], level
        )
        if name in refused:
            table[["value", "standard_error", "low", "high"]] = np.nan
            table["why_not"] = refused[name]
            covariance[name] = np.full_like(covariance[name], np.nan)
        tables.append(table)
    groups = pd.concat(tables, ignore_index=True)
    reliability = index_reliability(
        used, signs, balanced, steps, position, mass, groups, covariance, splits, seed
    )
    item_table = pd.DataFrame(
        {
            "item": items,
            "keyed": ["reversed" if s < 0 else "straight" for s in signs],
            "scale": [str(one) for one in scales],
            "answered": (mass[:, None] * ~np.isnan(used)).sum(axis=0),
            "missing_share": 1 - (mass[:, None] * ~np.isnan(used)).sum(axis=0) / mass.sum(),
            "weight": item_weights(np.ones((1, len(items)), dtype=bool), signs, balanced)[0],
        }
    )
    return StyleIndices(
        persons=persons,
        groups=groups,
        counts=plain_counts(used, steps, position, labels, mass),
        reliability=reliability,
        items=item_table,
        covariance=covariance,
        labels=tuple(labels),
        n=int(mass.sum()),
        n_silent=int(copies[silent].sum()),
        n_set_aside=int(copies[~silent & ~enough].sum()),
        n_points=steps,
        balanced=balanced,
        level=level,
        warnings=tuple(
            _warnings(
                rows[enough], items, signs, keyed, steps, item_table, used, list(scores), copies[enough]
            )
        ),
        answers=used,
    )


# ------------------------------------------------------------------------------------------ input


# ---------------------------------------------------------------------------------------- intervals


def _bounds(persons: pd.DataFrame, steps: int, n_items: int) -> dict[str, tuple[float, float]]:
    """Smallest and largest value that each index can take."""
    fewest = int(persons["n_items"].min())
    # the spread is largest with half of the answers at each end; most so with an even, small number of answers
    sizes = np.unique(persons["n_items"])
    half = sizes // 2
    largest = np.sqrt(half * (sizes - half) / sizes / (sizes - 1)).max() * (steps - 1)
    out = dict.fromkeys(INDICES, (0.0, 1.0))
    out["net_acquiescence"] = (-1.0, 1.0)
    out["standard_deviation"] = (0.0, float(largest))
    out["longest_run"] = (1.0 if fewest > 0 else 0.0, float(n_items))
    return out


def _group_table(
    name: str,
    values: np.ndarray,
    position: np.ndarray,
    labels: list[str],
    cluster: np.ndarray,
    mass: np.ndarray,
    bounds: tuple[float, float],
    level: float,
) -> tuple[pd.DataFrame, np.ndarray]:
    """One index by group: mean over persons, clustered standard error, score interval."""
    size = len(labels)
    known = np.flatnonzero(~np.isnan(values) & (mass > 0))
    group, own, value = position[known], mass[known].astype(float), values[known]
    n = np.bincount(group, weights=own, minlength=size)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(group, weights=own * value, minlength=size) / n
        away = (value - mean[group]) / n[group]  # what one person adds to the error of the group's mean
        spread = np.bincount(group, weights=own * away**2, minlength=size) * n
        covariance, customers = _clustered(away, group, own, cluster[known], size)
        factor = np.sqrt(np.where(customers > 1, customers / (customers - 1), np.nan))
        worth = _worth(spread, np.diag(covariance), n, customers, bounds, level)
    table = pd.DataFrame({"group": labels, "index": name, "value": mean})
    table["standard_error"] = np.sqrt(np.diag(covariance)) * factor
    table["low"], table["high"] = _score_intervals(value, group, own, n, worth, bounds, level)
    table["n"], table["n_customers"] = n.astype("int64"), customers.astype("int64")
    table["why_not"] = np.where(n > 0, "", "nobody answered")
    return table, covariance * np.outer(factor, factor)


def _clustered(
    away: np.ndarray, group: np.ndarray, own: np.ndarray, cluster: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Covariance of the groups' means with persons as clusters, and number of persons per group."""
    from scipy import sparse

    codes, person = np.unique(cluster, return_inverse=True)
    if len(codes) == len(cluster):  # everybody answers once: a row stands for n people who are each their own
        variance = np.bincount(group, weights=away**2 * own, minlength=size)
        return np.diag(variance), np.bincount(group, weights=own, minlength=size)
    shape = (len(codes), size)
    total = sparse.coo_array((away * own, (person, group)), shape=shape).tocsr()
    there = sparse.coo_array((np.ones(len(group)), (person, group)), shape=shape).tocsr()
    return (total.T @ total).toarray(), np.asarray((there > 0).sum(axis=0), dtype=float)


def _worth(
    spread: np.ndarray,
    variance: np.ndarray,
    n: np.ndarray,
    customers: np.ndarray,
    bounds: tuple[float, float],
    level: float,
) -> np.ndarray:
    """Independent persons that each group is worth: n, unless customers repeat (Korn & Graubard 1998)."""
    from scipy.special import stdtrit

    agree = (
        spread <= 1e-12 * (bounds[1] - bounds[0]) ** 2
    )  # then the number of customers is all that is known
    worth = np.where(agree, customers, np.minimum(n, spread / np.where(agree, 1.0, variance)))
    tail = (1 - level) / 2
    few = (stdtrit(np.maximum(n - 1, 1), tail) / stdtrit(np.maximum(customers - 1, 1), tail)) ** 2
    return np.where(customers < n, np.minimum(worth, n) * few, n)


def _score_intervals(
    value: np.ndarray,
    group: np.ndarray,
    own: np.ndarray,
    n: np.ndarray,
    worth: np.ndarray,
    bounds: tuple[float, float],
    level: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Score intervals of bounded means, each for as many persons as the group is worth."""
    out = np.full((2, len(n)), np.nan)
    filled = np.flatnonzero(n > 0)
    z = critical_value(level)
    clipped = np.clip(value, *bounds)
    support, place = np.unique(np.append(clipped, bounds), return_inverse=True)
    place = place[: len(clipped)]
    if len(support) * len(n) <= _LARGEST_TABLE:
        flat = np.bincount(group * len(support) + place, weights=own, minlength=len(n) * len(support))
        counts = flat.reshape(len(n), len(support))[filled]
        out[:, filled] = score_limits(counts * (worth / np.maximum(n, 1))[filled, None], support, z)
        return out[0], out[1]
    for g in filled:  # many groups of many different values, each with a table of its own
        inside = group == g
        mine, at = np.unique(np.append(clipped[inside], bounds), return_inverse=True)
        counts = np.bincount(at, weights=np.append(own[inside], [0.0, 0.0]), minlength=len(mine))
        limits = score_limits(counts[None, :] * worth[g] / n[g], mine, z)
        out[:, g] = limits[0][0], limits[1][0]
    return out[0], out[1]


# ------------------------------------------------------------------------------------------ warnings


def _refused(signs: np.ndarray, steps: int) -> dict[str, str]:
    """Indices without a group value, and why."""
    out = {}
    if len(set(signs)) < 2:
        reason = "all items are keyed one way: agreeing in general cannot be told from agreeing with them"
        out |= dict.fromkeys(NEEDS_BALANCE, reason)
    if steps % 2 == 0:
        out["midpoint"] = f"a scale of {steps} points has no midpoint"
    return out


def _warnings(
    rows: pd.DataFrame,
    items: list[str],
    signs: np.ndarray,
    keyed: object,
    steps: int,
    item_table: pd.DataFrame,
    answers: np.ndarray,
    scores: list[str],
    mass: np.ndarray,
) -> list[str]:
    said = []
    n_items = len(items)
    if n_items < _FEW_ITEMS:
        said.append(
            f"The indices rest on {n_items} items; four are the least that tell a habit from an opinion, "
            "ten are better."
        )
    elif n_items < _MANY_ITEMS:
        said.append(f"The indices rest on {n_items} items; ten or more are better.")
    n_reversed = int((signs < 0).sum())
    if not n_reversed or n_reversed == n_items:
        how = "No keying is declared, so all items count as" if keyed is None else "All items are"
        said.append(
            f"{how} keyed one way: acquiescence has no value, and extreme answers at the top and at the bottom "
            "carry what people think of these topics."
        )
    elif n_reversed * 2 != n_items:
        said.append(
            f"{n_items - n_reversed} items are keyed straight and {n_reversed} reversed; each keying counts half."
        )
    if steps % 2 == 0:
        said.append(f"A scale of {steps} points has no midpoint: its share is not estimated.")
    gappy = item_table[item_table["missing_share"] > 0.2]
    if len(gappy):
        said.append(
            f"More than a fifth did not answer {', '.join(gappy['item'])}: persons' indices rest on different items."
        )
    said += _confounded(rows, items, signs, answers, scores, mass)
    return said


def _confounded(
    rows: pd.DataFrame,
    items: list[str],
    signs: np.ndarray,
    answers: np.ndarray,
    scores: list[str],
    mass: np.ndarray,
) -> list[str]:
    """Items that are the satisfaction score under another name, or about the same thing."""
    said = []
    same = [name for name in items if name in scores]
    for score in scores:
        if score not in rows.columns:
            raise ValueError(f"the rows have no column {score!r}, named as a score")
        y = pd.to_numeric(rows[score], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
        found = np.array(
            [_correlation(answers[:, j] * signs[j], y, mass) for j in range(len(items))], dtype=float
        )
        same += [name for name, r in zip(items, found, strict=True) if abs(r) > 0.98 and name not in same]
        others = np.array([name not in same for name in items])
        typical = float(np.nanmean(found[others])) if np.isfinite(found[others]).any() else 0.0
        if typical > _RELATED:
            said.append(
                f"The items go along with {score} (mean correlation {typical:.2f}): they are no unrelated topics, "
                "and an index from them partly measures satisfaction."
            )
    if same:
        said.insert(
            0,
            f"Confounded: {', '.join(same)} {'is' if len(same) == 1 else 'are'} the satisfaction score itself. An "
            "extreme answer to it may be extreme satisfaction; leave it out of the style items.",
        )
    return said


def _correlation(x: np.ndarray, y: np.ndarray, mass: np.ndarray) -> float:
    both = np.isfinite(x) & np.isfinite(y) & (mass > 0)
    if both.sum() < 3:
        return float("nan")
    w = mass[both] / mass[both].sum()
    dx, dy = x[both] - w @ x[both], y[both] - w @ y[both]
    scale = np.sqrt((w @ dx**2) * (w @ dy**2))
    return float(w @ (dx * dy) / scale) if scale > 0 else float("nan")


# ------------------------------------------------------------------------------- one item: weaker


@dataclass(frozen=True, slots=True)
class SingleItemIndices:
    """What one item's counts show of scale use: weaker than :class:`StyleIndices`, and marked so.

    Attributes
    ----------
    table : one row per group and index: "group", "index" ("extreme_top", "extreme_bottom", "midpoint",
        "heaping_at_8"), "label", "value", "low", "high" (shares in [0, 1]), "n" (answers the share is of),
        "why_not".
    level : confidence level.
    strength : always "weaker": one item cannot tell how people answer from what they think.
    warnings : the same as a sentence for the page.
    """

    table: pd.DataFrame = field(repr=False)
    level: float
    strength: str
    warnings: tuple[str, ...]

    def _repr_html_(self) -> str:
        rows = [
            (f"{row.group}: {row.label}", f"{row.value:.3f} ({row.low:.3f} to {row.high:.3f}, n {row.n:,})")
            for row in self.table.dropna(subset=["value"]).itertuples()
        ]
        return definition_html("Scale use from one item (weaker)", [*rows, ("note", self.warnings[0])])


def single_item_indices(
    counts: Sequence[float] | np.ndarray | Mapping[str, Sequence[float]],
    metric: Metric,
    *,
    effective_n: float | Mapping[str, float] | None = None,
    level: float = 0.95,
) -> SingleItemIndices:
    """Shares of one item's answers at the ends, at the midpoint and heaped at 8, with Wilson intervals.

    A stand-in where a survey has no battery of statements, and a weaker one: a share of 10s is high where
    people like extremes and where they are delighted. 8-heaping, P(8)/(P(7) + P(8) + P(9)), is freer of the
    level because it compares neighbours; it needs a scale up to 10.

    Parameters
    ----------
    counts : answers per category of the metric's scale, shape (K,), or a mapping of groups to such counts.
    metric : whose scale the counts follow. Three counts of promoters and so on are too few.
    effective_n : independent answers that weighted or repeated answers are worth, per group if a mapping.
    level : confidence level.

    Raises
    ------
    ValueError : counts that do not match the scale, or a group without answers.

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> found = single_item_indices([0, 0, 0, 0, 0, 4, 2, 4, 8, 4, 18], NPS)
    >>> found.table[["index", "value"]].round(3).values.tolist()
    [['extreme_top', 0.45], ['extreme_bottom', 0.0], ['midpoint', 0.1], ['heaping_at_8', 0.5]]
    """
    level = checked("level", level, Level)
    scale = metric.scale
    named = counts if isinstance(counts, Mapping) else {"all": counts}
    middle = (scale.low + scale.high) / 2
    parts: list[tuple[str, str, list[int], list[int], str]] = [
        ("extreme_top", f"Share of {scale.high}s", [scale.high], list(scale.categories), ""),
        ("extreme_bottom", f"Share of {scale.low}s", [scale.low], list(scale.categories), ""),
        (
            "midpoint",
            f"Share of {middle:g}s",
            [int(middle)] if middle.is_integer() else [],
            list(scale.categories),
            "" if middle.is_integer() else f"a scale of {scale.size} points has no midpoint",
        ),
        (
            "heaping_at_8",
            "8s among 7s, 8s and 9s",
            [8],
            [7, 8, 9],
            "" if scale.high == 10 and scale.low <= 1 else f"a scale {scale} has no 8 between 7 and 9",
        ),
    ]
    rows = []
    for name, given in named.items():
        array = np.asarray(given, dtype=float)
        if array.shape != (scale.size,) or not np.all(np.isfinite(array)) or np.any(array < 0):
            raise ValueError(
                f"{name}: {metric.short} needs {scale.size} counts, one per category {scale} and none below 0, "
                f"but got {array.tolist()}"
            )
        if not array.sum() > 0:
            raise ValueError(f"{name}: nobody answered {metric.short}")
        worth = effective_n.get(name) if isinstance(effective_n, Mapping) else effective_n
        thinned = 1.0 if worth is None else float(worth) / array.sum()
        for index, label, hit, among, why_not in parts:
            value = low = high = float("nan")
            n = 0.0
            if not why_not:
                n = array[[c - scale.low for c in among]].sum()
                why_not = "" if n > 0 else "no answers of 7, 8 or 9"
            if not why_not:
                k = array[[c - scale.low for c in hit]].sum()
                value = k / n
                pair = np.array([[n - k, k]]) * thinned
                limits = score_limits(pair, np.array([0.0, 1.0]), critical_value(level))
                low, high = float(limits[0][0]), float(limits[1][0])
            rows.append((str(name), index, label, value, low, high, round(n), why_not))
    table = pd.DataFrame(rows, columns=["group", "index", "label", "value", "low", "high", "n", "why_not"])
    return SingleItemIndices(
        table=table,
        level=level,
        strength="weaker",
        warnings=(
            f"From {metric.short} alone: a share of extreme answers may be a habit or an opinion, and one item "
            "cannot tell which. Statements on several topics could.",
        ),
    )
