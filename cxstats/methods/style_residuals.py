"""A metric by group with measured response style regressed out within groups.

RIRS residuals (Weijters, Schillewaert & Geuens 2008) as adjusted group means, with slopes as estimated and
slopes corrected for the unreliability of indices from few items. Everything depends on sums per group, so
that a jackknife over persons costs as little as one fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cxstats.methods.style_answers import ITEM_SHARES, item_marks
from cxstats.methods.style_reliability import key_table, true_and_whole
from cxstats.metrics import Metric
from cxstats.parameters import Count, Level, Seed, checked
from cxstats.show import definition_html

if TYPE_CHECKING:
    from cxstats.methods.style_indices import StyleIndices

__all__ = ["Residualised", "residualise"]


# -------------------------------------------------------------------------------------- residuals


@dataclass(frozen=True, slots=True)
class Residualised:
    """A metric by group, raw and with the measured style regressed out within groups.

    Attributes
    ----------
    table : one row per group: "group", "n", and for each of "raw", "adjusted" (slopes as estimated) and
        "corrected" (slopes corrected for the indices' unreliability) the value in the metric's unit, its
        "…_error", "…_low" and "…_high".
    slopes : one row per index used: "index", "slope" (metric units per 1.0 of the share), "slope_error",
        "corrected_slope", "corrected_error", "reliability" (within groups).
    labels : the groups, in the order of the rows.
    covariance : of the stacked raw, adjusted and corrected values, shape (3G, 3G), by jackknife over persons.
    metric : the metric. n : persons used. n_parts : parts of the jackknife. level : confidence level.
    warnings : what a reader must know.
    """

    table: pd.DataFrame = field(repr=False)
    slopes: pd.DataFrame = field(repr=False)
    labels: tuple[str, ...]
    covariance: np.ndarray = field(repr=False)
    metric: Metric = field(repr=False)
    n: int
    n_parts: int
    level: float
    warnings: tuple[str, ...]

    def gaps(self, reference: str) -> pd.DataFrame:
        """Every other group minus the reference.

        Returns
        -------
        One row per group: "group", and for "raw", "adjusted", "corrected" and "style" (raw − corrected: what
        the measured style accounts for) the gap, "…_error", "…_low", "…_high".

        Raises
        ------
        ValueError : no such group.
        """
        if reference not in self.labels:
            raise ValueError(f"there is no group {reference!r}; there are {', '.join(self.labels)}")
        size = len(self.labels)
        base = self.labels.index(reference)
        stacked = np.concatenate([self.table[kind].to_numpy(float) for kind in _KINDS])
        half = _t_quantile(self.level, self.n_parts)
        rows = []
        for g, label in enumerate(self.labels):
            if g == base:
                continue
            row: dict[str, object] = {"group": label}
            contrast = np.zeros((4, 3 * size))
            for k in range(3):
                contrast[k, k * size + g], contrast[k, k * size + base] = 1.0, -1.0
            contrast[3] = contrast[0] - contrast[2]
            error = np.sqrt(np.maximum(np.diag(contrast @ self.covariance @ contrast.T), 0))
            for kind, value, e in zip((*_KINDS, "style"), contrast @ stacked, error, strict=True):
                row |= {kind: value, f"{kind}_error": e, f"{kind}_low": value - half * e}
                row[f"{kind}_high"] = value + half * e
            rows.append(row)
        return pd.DataFrame(rows)

    def _repr_html_(self) -> str:
        rows = [
            (row.group, f"{row.raw:.1f} raw, {row.adjusted:.1f} adjusted, {row.corrected:.1f} corrected")
            for row in self.table.itertuples()
        ]
        return definition_html(
            f"{self.metric.label} without measured style", [*rows, *(("note", w) for w in self.warnings)]
        )


_KINDS = ("raw", "adjusted", "corrected")
_LEAST_RELIABILITY = 0.1  # below, a tenfold correction would be mostly noise


def residualise(
    rows: pd.DataFrame,
    metric: Metric,
    indices: StyleIndices,
    *,
    score: str,
    use: Sequence[str] = ("extreme",),
    parts: int = 64,
    level: float = 0.95,
    seed: int = 0,
) -> Residualised:
    """Group values of a metric with response style regressed out (Weijters, Schillewaert & Geuens 2008).

    A group's adjusted value is ȳ_g − γ′(s̄_g − s̄), with s the persons' style indices and γ the slopes of the score
    on the indices *within* groups: differences between groups, which are what is in question, do not enter
    γ. Indices from few items are unreliable, so γ is too flat and the adjustment too small; "corrected" divides
    the error of measurement out (γ = T⁻¹c, T the covariance of the true indices from the covariances of
    different items; for one index that is γ/alpha). Both are given: the truth about measured style lies
    rather at "corrected", and style that the items do not catch is in neither.

    Parameters
    ----------
    rows : the rows that ``indices`` was made from, with the same index.
    metric : what an answer is worth. score : column of the answers.
    indices : from :func:`style_indices`, with the groups.
    use : indices to take out, any of the seven shares whose group values exist; not all of one sum.
    parts : persons are put in so many random parts, and the jackknife leaves one out at a time; a column
        "part" in ``rows`` is used instead where there is one.
    level : confidence level. seed : for the random parts.

    Raises
    ------
    ValueError : no such index or column, rows that do not match, or stand for several persons without "part", an
        index without group values, indices that do not vary or determine one another, a group in one part
        of the jackknife only, or an index so unreliable that nothing could be corrected (under 0.1).

    Notes
    -----
    Legitimate only where the items are about other topics than the score. A correlation of style and
    satisfaction among persons that has other causes is taken out with the style.

    Examples
    --------
    >>> from cxstats.methods.style_indices import style_indices
    >>> from cxstats.metrics import Scale, mean_score
    >>> rng = np.random.default_rng(1)
    >>> habit = rng.normal(size=400) + np.repeat([0.0, 1.0], 200)
    >>> rows = pd.DataFrame(
    ...     {f"q{j}": 1 + (habit + rng.normal(size=400) > 0.5).astype(int) for j in range(8)}
    ... )
    >>> rows["country"] = np.repeat(["A", "B"], 200)
    >>> rows["y"] = np.clip(np.rint(3 + 0.5 * habit + 0.5 * rng.normal(size=400)), 1, 5).astype(int)
    >>> styles = style_indices(rows, [f"q{j}" for j in range(8)], scale=Scale(1, 2), group="country")
    >>> found = residualise(rows, mean_score(Scale(1, 5)), styles, score="y", use=["extreme_top"])
    >>> gap = found.gaps("A").iloc[0]
    >>> bool(gap["raw"] > gap["adjusted"] > gap["corrected"])
    True
    """
    level, seed = checked("level", level, Level), checked("seed", seed, Seed)
    parts = checked("parts", parts, Count)
    use = [use] if isinstance(use, str) else list(use)
    _check_use(use, indices)
    persons = indices.persons
    if score not in rows.columns:
        raise ValueError(f"the rows have no column {score!r}")
    if not persons.index.isin(rows.index).all() or not rows.index.is_unique:
        raise ValueError("rows must be those the indices were made from, with the same, unique index")
    answers = pd.to_numeric(rows.loc[persons.index, score]).to_numpy(dtype=float, na_value=np.nan)
    metric.counts(answers)  # refuses what is off the scale
    known = np.isfinite(answers) & (persons["n"].to_numpy() > 0)
    if not known.any():
        raise ValueError(f"nobody who answered the items also answered {metric.short}")
    if (persons["n"] > 1).any() and "part" not in rows.columns:
        raise ValueError(
            "some rows stand for several persons, who cannot be put in different parts of the jackknife: count "
            'by "part" too, or give one row per person'
        )
    part = _parts(rows.loc[persons.index], persons["customer"].to_numpy(), known, parts, seed)
    moments = _moments(answers, known, metric, indices, use, part)
    labels = indices.labels
    size, p = len(labels), len(use)
    alone = [label for label, spots in zip(labels, (moments.n > 0).sum(axis=0), strict=True) if spots < 2]
    if alone:
        raise ValueError(
            f"too few persons answered {metric.short} and the items in {', '.join(alone)} for an error to be told; "
            "leave them out"
        )
    values, slope, corrected_slope, reliability = _adjusted_values(moments, None)
    if not np.all(reliability >= _LEAST_RELIABILITY):
        weak = use[int(np.argmin(np.nan_to_num(reliability, nan=-1)))]
        raise ValueError(
            f"{weak} has a reliability of {np.nanmin(reliability):.2f} within groups: these items show no common "
            "habit, so there is nothing to take out"
        )
    n_parts = moments.n.shape[0]
    left_out = np.array([np.concatenate(_adjusted_values(moments, b)[:3]) for b in range(n_parts)])
    if np.isnan(corrected_slope).any() or np.isnan(left_out).any():
        raise ValueError(
            f"what {', '.join(use)} measure cannot be told apart with these items once their unreliability is "
            "taken into account; use one of them"
        )
    centred = left_out - left_out.mean(axis=0)
    whole = (n_parts - 1) / n_parts * centred.T @ centred
    covariance = whole[: 3 * size, : 3 * size]
    half = _t_quantile(level, n_parts)
    error = np.sqrt(np.diag(whole))
    table = pd.DataFrame({"group": labels, "n": moments.n.sum(axis=0).astype(int)})
    for k, kind in enumerate(_KINDS):
        block = slice(k * size, (k + 1) * size)
        table[kind], table[f"{kind}_error"] = values[block], error[block]
        table[f"{kind}_low"] = np.clip(values[block] - half * error[block], metric.low, metric.high)
        table[f"{kind}_high"] = np.clip(values[block] + half * error[block], metric.low, metric.high)
    slopes = pd.DataFrame(
        {
            "index": use,
            "slope": slope,
            "slope_error": error[3 * size : 3 * size + p],
            "corrected_slope": corrected_slope,
            "corrected_error": error[3 * size + p :],
            "reliability": reliability,
        }
    )
    said = [w for w in indices.warnings if w.startswith(("Confounded", "The items go along"))]
    said.append(
        f"The indices have a reliability of {reliability.min():.2f}"
        + ("" if p == 1 else f" to {reliability.max():.2f}")
        + " within groups: slopes as estimated are too flat, so “adjusted” takes out too little."
    )
    if len(labels) == 1:
        said.append("There is one group: nothing to compare, and its value is not changed.")
    return Residualised(
        table=table,
        slopes=slopes,
        labels=labels,
        covariance=covariance,
        metric=metric,
        n=int(moments.n.sum()),
        n_parts=n_parts,
        level=level,
        warnings=tuple(said),
    )


def _t_quantile(level: float, n_parts: int) -> float:
    from scipy.special import stdtrit

    return float(-stdtrit(n_parts - 1, (1 - level) / 2))


def _check_use(use: list[str], indices: StyleIndices) -> None:
    wrong = [name for name in use if name not in ITEM_SHARES]
    if wrong or not use:
        raise ValueError(
            f"use must name one or more of {', '.join(ITEM_SHARES)}, but holds {wrong[0] if wrong else 'nothing'!r}"
        )
    if len(set(use)) != len(use):
        raise ValueError(f"an index is named twice: {', '.join(use)}")
    for name in use:
        why = indices.of(name)["why_not"].iloc[0]
        if why and why != "nobody answered":
            raise ValueError(f"{name} cannot be taken out: {why}")
    for whole in (
        {"extreme", "extreme_top", "extreme_bottom"},
        {"net_acquiescence", "acquiescence", "disacquiescence"},
        {"midpoint", "acquiescence", "disacquiescence"},
        # with the shares above and below adding to 1 less the midpoint, any three of these four determine the rest
        {"midpoint", "acquiescence", "net_acquiescence"},
        {"midpoint", "disacquiescence", "net_acquiescence"},
    ):
        if whole <= set(use):
            raise ValueError(f"{', '.join(sorted(whole))} determine one another; leave one out")


def _parts(rows: pd.DataFrame, cluster: np.ndarray, known: np.ndarray, parts: int, seed: int) -> np.ndarray:
    """The jackknife part of every person, 0 … B − 1; customers stay together."""
    if "part" in rows.columns:
        return np.unique(rows["part"].to_numpy(), return_inverse=True)[1]
    codes, place = np.unique(cluster, return_inverse=True)
    n_parts = max(2, min(parts, int(known.sum()), len(codes)))
    return (np.random.default_rng(seed).permutation(len(codes)) % n_parts)[place]


@dataclass(frozen=True, slots=True)
class _Moments:
    """Sums per part and group: everything the adjusted values depend on."""

    n: np.ndarray  # (B, G)
    y: np.ndarray  # (B, G)
    s: np.ndarray  # (B, G, p)
    ss: np.ndarray  # (B, G, p, p)
    sy: np.ndarray  # (B, G, p)
    n_full: np.ndarray  # (B, G): persons who answered every item
    x: np.ndarray  # (B, G, J, p): sums of the item marks
    xx: np.ndarray  # (B, G, J, p, p): and of their products within an item
    t: np.ndarray  # (B, G, K, p): sums of their totals over the items of a keying
    tt: np.ndarray  # (B, G, K, p, K, p)
    keys: np.ndarray  # (K, J): which items belong to a keying


def _moments(
    answers: np.ndarray,
    known: np.ndarray,
    metric: Metric,
    indices: StyleIndices,
    use: list[str],
    part: np.ndarray,
) -> _Moments:
    persons = indices.persons
    mass = np.where(known, persons["n"].to_numpy(float), 0.0)
    place = {label: i for i, label in enumerate(indices.labels)}
    group = persons["group"].map(place).to_numpy()
    n_parts, size = int(part.max()) + 1, len(indices.labels)
    cell = part * size + group
    category = np.where(known, answers, metric.scale.low).astype(int) - metric.scale.low
    y = np.asarray(metric.values, dtype=float)[category]
    s = persons[use].to_numpy(float)

    def summed(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        flat = values.reshape(len(values), -1) * weights[:, None]
        out = np.zeros((n_parts * size, flat.shape[1]))
        np.add.at(out, cell, flat)
        return out.reshape(n_parts, size, *values.shape[1:])

    signs = np.where(indices.items["keyed"] == "reversed", -1, 1)
    keys = key_table(signs, indices.balanced)
    by_name = item_marks(indices.answers, indices.n_points)
    marks = np.stack([by_name[name] for name in use], axis=2)
    full = mass * ~np.isnan(marks).any(axis=(1, 2))
    marks = np.nan_to_num(marks)
    total = np.einsum("kj,njp->nkp", keys, marks)
    return _Moments(
        n=summed(np.ones(len(y)), mass),
        y=summed(y, mass),
        s=summed(s, mass),
        ss=summed(s[:, :, None] * s[:, None, :], mass),
        sy=summed(s * y[:, None], mass),
        n_full=summed(np.ones(len(y)), full),
        x=summed(marks, full),
        xx=summed(marks[:, :, :, None] * marks[:, :, None, :], full),
        t=summed(total, full),
        tt=summed(total[:, :, :, None, None] * total[:, None, None, :, :], full),
        keys=keys,
    )


def _adjusted_values(
    moments: _Moments, without: int | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Raw, adjusted and corrected values (3G,), slopes, corrected slopes and reliabilities (p,) each."""

    def kept(sums: np.ndarray) -> np.ndarray:
        total = sums.sum(axis=0)
        return total if without is None else total - sums[without]

    n, y, s = kept(moments.n), kept(moments.y), kept(moments.s)
    own = np.maximum(n, 1)
    mean_y, mean_s = y / own, s / own[:, None]
    ss = (kept(moments.ss) - n[:, None, None] * mean_s[:, :, None] * mean_s[:, None, :]).sum(axis=0) / n.sum()
    sy = (kept(moments.sy) - n[:, None] * mean_s * mean_y[:, None]).sum(axis=0) / n.sum()
    if np.linalg.matrix_rank(ss, tol=1e-10 * max(np.trace(ss), 1e-12)) < len(sy):
        raise ValueError("the indices do not vary within groups, or one follows from the others; name fewer")
    slope = np.linalg.solve(ss, sy)

    n_full = kept(moments.n_full)
    full = np.maximum(n_full, 1)
    x, t = kept(moments.x) / full[:, None, None], kept(moments.t) / full[:, None, None]
    item = kept(moments.xx) - n_full[:, None, None, None] * x[:, :, :, None] * x[:, :, None, :]
    sums = kept(moments.tt) - n_full[:, None, None, None, None] * t[:, :, :, None, None] * t[:, None, None]
    own = np.einsum("kj,jpq->kpq", moments.keys, item.sum(axis=0))
    true, whole = true_and_whole(sums.sum(axis=0), own, moments.keys.sum(axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        reliability = np.diag(true) / np.diag(whole)
        # on the variance of all persons, so that those who skipped an item count too
        scale = np.sqrt(np.diag(ss) / np.diag(whole))
    true = true * np.outer(scale, scale)
    sound = np.all(np.isfinite(true)) and np.linalg.eigvalsh(true)[0] > 1e-3 * np.trace(true) / len(true)
    corrected = np.linalg.solve(true, sy) if sound else np.full(len(sy), np.nan)

    away = mean_s - (s.sum(axis=0) / n.sum())
    values = np.concatenate([mean_y, mean_y - away @ slope, mean_y - away @ corrected])
    return values, slope, corrected, reliability
