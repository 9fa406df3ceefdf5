"""Which rank could each group really have? Confidence sets for the places of a league table.

A league table ranks estimates; the true order is uncertain. Every pair of groups is compared,
with one critical value for the whole family, and a group's rank set runs from one place below
the number of groups that are clearly better to the place that the clearly worse ones leave it
(Mogstad, Romano, Shaikh & Wilhelm 2024). Rank 1 is the highest value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cxstats.methods.adjusted import extra_counts
from cxstats.metrics import Metric
from cxstats.parameters import Count, Level, Seed, checked
from cxstats.show import definition_html

__all__ = ["RankSets", "rank_groups", "rank_sets"]

StepDown = Literal["pairs", "directions"]


@dataclass(frozen=True, slots=True)
class RankSets:
    """The ranks that each of p groups could have; rank 1 is the highest value.

    Attributes
    ----------
    names : the groups, in the order given.
    values : their estimates, shape (p,).
    standard_errors : shape (p,).
    rank : rank of the estimate, shape (p,): 1 + number of groups with a higher estimate.
    lower, upper : best and worst place the group could have, shape (p,), whole numbers 1 … p.
    better : shape (p, p), True where the row's group is clearly better than the column's. With marginal
        sets row and column come from families of their own, so only ``lower`` and ``upper`` can be read.
    critical_values : critical value of each step. Simultaneous: shape (steps,). Marginal: empty.
    level : confidence level.
    simultaneous : True: all p sets contain the true ranks together with probability ``level``;
        False: each set by itself does.
    """

    names: tuple[str, ...]
    values: np.ndarray
    standard_errors: np.ndarray
    rank: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    better: np.ndarray
    critical_values: np.ndarray
    level: float
    simultaneous: bool

    @property
    def n_pairs(self) -> int:
        """Number of pairs of groups."""
        return len(self.values) * (len(self.values) - 1) // 2

    @property
    def n_ordered(self) -> int:
        """Number of pairs whose order is clear."""
        return int(self.better.sum())

    @property
    def ordered_share(self) -> float:
        """Share of all pairs whose order is clear: 0 means nothing can be ranked, 1 a full ranking."""
        return self.n_ordered / self.n_pairs if self.n_pairs else float("nan")

    def among_best(self, places: int) -> np.ndarray:
        """Groups that could be among the best ``places``, shape (p,) True/False.

        With simultaneous sets the true best ``places`` are all among them with probability at least
        ``level`` (the projection set for the τ-best of Mogstad et al. 2024, from two-sided sets).

        >>> sets = rank_sets([30.0, 28.0, -10.0], [2.0, 2.0, 2.0], seed=1)
        >>> sets.among_best(1).tolist()
        [True, True, False]
        """
        self._places(places)
        return self.lower <= places

    def among_worst(self, places: int) -> np.ndarray:
        """Groups that could be among the worst ``places``, shape (p,) True/False."""
        self._places(places)
        return self.upper > len(self.values) - places

    def surely_among_best(self, places: int) -> np.ndarray:
        """Groups that are among the best ``places`` whatever rank in their set is true, shape (p,)."""
        self._places(places)
        return self.upper <= places

    def _places(self, places: int) -> None:
        if not 1 <= checked("places", places, Count) <= len(self.values):
            raise ValueError(f"places is {places}, but there are {len(self.values)} groups")

    def to_frame(self):
        """One row per group, best estimate first: group, value, standard_error, rank, lower, upper."""
        import pandas as pd

        frame = pd.DataFrame(
            {
                "group": list(self.names),
                "value": self.values,
                "standard_error": self.standard_errors,
                "rank": self.rank,
                "lower": self.lower,
                "upper": self.upper,
            }
        )
        return frame.sort_values("rank", kind="stable").reset_index(drop=True)

    def _repr_html_(self) -> str:
        kind = "all sets together" if self.simultaneous else "each set by itself"
        rows = [
            (row.group, f"{row.value:.1f}: rank {row.lower} to {row.upper}")
            for row in self.to_frame().itertuples()
        ]
        return definition_html(f"Ranks that could be true ({self.level:.0%}, {kind})", rows)


def rank_sets(
    values: Sequence[float] | np.ndarray,
    standard_errors: Sequence[float] | np.ndarray | None = None,
    *,
    covariance: np.ndarray | None = None,
    names: Sequence[str] | None = None,
    level: float = 0.95,
    simultaneous: bool = True,
    step_down: StepDown = "pairs",
    draws: int = 20_000,
    seed: int,
) -> RankSets:
    """Confidence sets for the ranks of p groups; rank 1 is the highest value.

    t_jk = (v_j − v_k)/√var(v_j − v_k) is compared with the ``level`` quantile of max |t| over all pairs,
    from normal draws with the estimates' covariance; clear pairs leave the family and the critical value
    is taken again, until no pair is added. The set of j runs from 1 + number of groups clearly better
    to p − number clearly worse. The estimates must be about normal with known errors: from counts of
    fewer than a hundred answers a group, use :func:`rank_groups`. Never rank shrunken values.

    Parameters
    ----------
    values : estimates, shape (p,), p ≥ 2, higher is better.
    standard_errors : shape (p,), above 0, for independent groups; or give ``covariance``.
    covariance : shape (p, p), where groups share customers.
    names : the groups' names; by default "1", "2", …
    level : confidence level.
    simultaneous : all sets together (one family of all pairs), or marginal sets (for each group the family
        of its own pairs: right for one group named before seeing the table, wrong for a whole table).
    step_down : what leaves the family when j is clearly above k: "pairs" the pair, "directions" only the
        claim "j above k", its opposite staying in. "directions" controls wrong orders by proof
        (Romano & Wolf 2005), "pairs" is a little sharper and controlled them in every simulation made
        (docs/methods/ranks.md); the sets rarely differ.
    draws : normal draws for the critical value (20,000: its Monte-Carlo error is about 0.01).
    seed : whole number.

    Raises
    ------
    ValueError : fewer than two groups, shapes that disagree, missing values, an error that is not above 0, a
        covariance that is not symmetric and positive semi-definite, or two groups whose difference has
        no variance.

    Examples
    --------
    Ten groups evenly spaced from 1 to 3, each with standard error 0.2 (documentation of R csranks):

    >>> import numpy as np
    >>> sets = rank_sets(np.linspace(1, 3, 10), np.full(10, 0.2), seed=1)
    >>> sets.lower.tolist()
    [7, 6, 5, 4, 3, 2, 1, 1, 1, 1]
    >>> sets.upper.tolist()
    [10, 10, 10, 10, 9, 8, 7, 6, 5, 4]
    >>> sets.critical_values.round(1).tolist()
    [3.2, 3.1, 3.0]

    References
    ----------
    Mogstad, M., Romano, J. P., Shaikh, A. M. & Wilhelm, D. (2024). Inference for ranks with applications to
    mobility across neighbourhoods and academic achievement across countries. Review of Economic Studies 91,
    476–518. R package csranks (Wilhelm & Morgen).
    """
    estimates, sigma = _checked_inputs(values, standard_errors, covariance)
    spread = _difference_errors(sigma)
    return _ranked(estimates, sigma, spread, spread, names, level, simultaneous, step_down, draws, seed)


def _ranked(
    estimates: np.ndarray,
    sigma: np.ndarray,
    noise_spread: np.ndarray,
    test_spread: np.ndarray,
    names: Sequence[str] | None,
    level: float,
    simultaneous: bool,
    step_down: StepDown,
    draws: int,
    seed: int,
) -> RankSets:
    """Rank sets from t = difference/``test_spread``, its critical values from draws of N(0, sigma)."""
    level = checked("level", level, Level)
    draws = checked("draws", draws, Count)
    seed = checked("seed", seed, Seed)
    if step_down not in ("pairs", "directions"):
        raise ValueError(f'step_down must be "pairs" or "directions", but is {step_down!r}')
    p = len(estimates)
    labels = tuple(str(i + 1) for i in range(p)) if names is None else tuple(str(name) for name in names)
    if len(labels) != p:
        raise ValueError(f"there are {p} values, but {len(labels)} names")

    t = (estimates[:, None] - estimates[None, :]) / test_spread
    noise = _normal_draws(sigma, draws, seed)
    if simultaneous:
        better, path = _step_down(t, noise, noise_spread, level, step_down)
        lower, upper = 1 + better.sum(axis=0), p - better.sum(axis=1)
    else:
        better, lower, upper = _marginal(t, noise, noise_spread, level, step_down)
        path = np.empty(0)
    return RankSets(
        names=labels,
        values=estimates,
        standard_errors=np.sqrt(np.diag(sigma)),
        rank=1 + (estimates[None, :] > estimates[:, None]).sum(axis=1),
        lower=lower,
        upper=upper,
        better=better,
        critical_values=path,
        level=level,
        simultaneous=bool(simultaneous),
    )


def rank_groups(
    counts: Sequence[Sequence[float]] | np.ndarray,
    metric: Metric,
    *,
    names: Sequence[str] | None = None,
    level: float = 0.95,
    simultaneous: bool = True,
    step_down: StepDown = "pairs",
    draws: int = 20_000,
    seed: int,
) -> RankSets:
    """Rank sets of groups from their counts: unshrunk values, errors that hold in small groups.

    The error of a difference is the larger of two: the adjusted-Wald one, √(v'_j/n_j + v'_k/n_k) with v' the
    variance of the table with three answers added (never 0, though ten answers agree), and the pooled one,
    √(v_jk(1/n_j + 1/n_k)) with v_jk the variance of both groups' answers together: the error the difference
    has if the two groups are alike, which is what a claim of order must overcome. With twenty equal groups
    of ten answers plain Wald errors rank groups falsely in up to 40 % of tables, adjusted-Wald errors alone
    in up to 20 %, the larger of the two in at most 3 % (docs/methods/ranks.md).

    Parameters
    ----------
    counts : shape (p, K) or (p, D): one row per group, as :meth:`Metric.reduce` takes them.
    metric, names, level, simultaneous, step_down, draws, seed : as for :func:`rank_sets`.

    Raises
    ------
    ValueError : a group without answers (named), or what :func:`rank_sets` refuses.

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> table = [[10, 30, 160], [60, 60, 80], [12, 30, 158]]
    >>> sets = rank_groups(table, NPS, names=["north", "south", "west"], seed=1)
    >>> list(zip(sets.names, sets.lower.tolist(), sets.upper.tolist()))
    [('north', 1, 2), ('south', 3, 3), ('west', 1, 2)]
    """
    reduced = np.array([metric.reduce(row) for row in counts])
    totals = reduced.sum(axis=1) if len(reduced) else np.empty(0)
    if np.any(totals <= 0):
        empty = int(np.flatnonzero(totals <= 0)[0])
        who = f'"{names[empty]}"' if names is not None and len(names) > empty else f"number {empty + 1}"
        raise ValueError(f"{metric.short}: group {who} has no answers, so it has no rank; leave it out")
    values = np.array([metric.value(row) for row in reduced])
    variances = np.array([metric.variance(row + extra_counts(len(row))) for row in reduced])
    estimates, sigma = _checked_inputs(values, np.sqrt(variances / totals), None)
    separate = _difference_errors(sigma)
    larger = np.maximum(separate, _pooled_errors(reduced, metric))
    return _ranked(estimates, sigma, separate, larger, names, level, simultaneous, step_down, draws, seed)


def _pooled_errors(reduced: np.ndarray, metric: Metric) -> np.ndarray:
    """Error of every difference if both groups draw from their pooled answers, shape (p, p)."""
    values = metric.distinct_values
    totals = reduced.sum(axis=1)
    pooled = reduced[:, None, :] + reduced[None, :, :] + extra_counts(len(values))
    share = pooled / pooled.sum(axis=2, keepdims=True)
    variance = share @ values**2 - (share @ values) ** 2
    return np.sqrt(variance * (1 / totals[:, None] + 1 / totals[None, :]))


def _checked_inputs(values, standard_errors, covariance) -> tuple[np.ndarray, np.ndarray]:
    estimates = np.array(values, dtype=float)
    if estimates.ndim != 1 or len(estimates) < 2:
        raise ValueError(f"a ranking needs two values or more, but got shape {estimates.shape}")
    if not np.all(np.isfinite(estimates)):
        raise ValueError("a value to rank is missing; leave out groups without an estimate")
    p = len(estimates)
    if (standard_errors is None) == (covariance is None):
        raise ValueError("give either standard_errors or covariance")
    if covariance is None:
        errors = np.array(standard_errors, dtype=float)
        if errors.shape != (p,):
            raise ValueError(f"there are {p} values, but standard_errors has shape {errors.shape}")
        if not np.all(np.isfinite(errors) & (errors > 0)):
            raise ValueError(
                "every standard error must be above 0: a group whose answers all agree needs an error "
                "that says how little is known (rank_groups makes one from counts)"
            )
        return estimates, np.diag(errors**2)
    sigma = np.array(covariance, dtype=float)
    if sigma.shape != (p, p):
        raise ValueError(f"there are {p} values, but covariance has shape {sigma.shape}")
    if not np.all(np.isfinite(sigma)) or not np.allclose(sigma, sigma.T):
        raise ValueError("the covariance must be complete and symmetric")
    return estimates, (sigma + sigma.T) / 2


def _difference_errors(sigma: np.ndarray) -> np.ndarray:
    """Standard error of every difference, shape (p, p); 1 on the diagonal, which is never used."""
    variance = np.diag(sigma)[:, None] + np.diag(sigma)[None, :] - 2 * sigma
    np.fill_diagonal(variance, 1.0)
    if np.any(variance <= 0):
        j, k = np.argwhere(variance <= 0)[0]
        raise ValueError(
            f"the difference between values {j + 1} and {k + 1} has no variance under this covariance"
        )
    return np.sqrt(variance)


def _normal_draws(sigma: np.ndarray, draws: int, seed: int) -> np.ndarray:
    standard = np.random.default_rng(seed).standard_normal((draws, len(sigma)))
    off_diagonal = sigma - np.diag(np.diag(sigma))
    if not off_diagonal.any():
        return standard * np.sqrt(np.diag(sigma))
    eigenvalues, vectors = np.linalg.eigh(sigma)
    if eigenvalues[0] < -1e-8 * eigenvalues[-1]:
        raise ValueError("the covariance is not positive semi-definite: no data have it")
    return standard @ (vectors * np.sqrt(np.clip(eigenvalues, 0, None))).T


def _step_down(t, noise, spread, level, step_down) -> tuple[np.ndarray, np.ndarray]:
    """Pairs (j, k) with j clearly above k, shape (p, p), and the critical value of every step."""
    family = ~np.eye(len(t), dtype=bool)
    better = np.zeros_like(family)
    largest = np.full(len(noise), -np.inf)
    winner = np.zeros(len(noise), dtype=np.int64)  # flat index of the pair that is largest in each draw
    path = []
    stale = np.arange(len(noise))
    while family.any():
        largest[stale], winner[stale] = _largest(noise[stale], family, spread)
        critical = float(np.quantile(largest, level))
        path.append(critical)
        found = family & (t > critical)
        if not found.any():
            break
        better |= found
        family &= ~(found | found.T) if step_down == "pairs" else ~found
        # only draws whose largest pair has left the family have another maximum now
        stale = np.flatnonzero(~family.ravel()[winner])
    return better, np.array(path)


def _largest(noise: np.ndarray, family: np.ndarray, spread: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Largest studentised difference over the ordered pairs of the family, and which pair, per draw."""
    p = len(family)
    largest = np.full(len(noise), -np.inf)
    winner = np.zeros(len(noise), dtype=np.int64)
    block = 1024  # draws at a time: p columns of them stay in the processor's cache
    for j in range(p):
        # j against the later groups: claims "j above k" (upward) and "k above j" (downward)
        later = np.arange(j + 1, p)
        upward, downward = family[j, later], family[later, j]
        columns = later[upward | downward]
        if not len(columns):
            continue
        both = bool(np.all(upward[upward | downward] & downward[upward | downward]))
        scale = 1 / spread[j, columns]
        for start in range(0, len(noise), block):
            rows = slice(start, start + block)
            signed = (noise[rows, j, None] - noise[rows][:, columns]) * scale
            if both:
                size = np.abs(signed)
            else:
                size = np.maximum(
                    np.where(family[j, columns], signed, -np.inf),
                    np.where(family[columns, j], -signed, -np.inf),
                )
            place = size.argmax(axis=1)
            index = np.arange(len(size))
            top = size[index, place]
            higher = top > largest[rows]
            above = signed[index, place] > 0
            pair = np.where(above, j * p + columns[place], columns[place] * p + j)
            largest[rows] = np.where(higher, top, largest[rows])
            winner[rows] = np.where(higher, pair, winner[rows])
    return largest, winner


def _marginal(t, noise, spread, level, step_down):
    """Each group's own family: its pairs with every other group, in both directions."""
    p = len(t)
    better = np.zeros((p, p), dtype=bool)
    lower, upper = np.empty(p, dtype=int), np.empty(p, dtype=int)
    by_group = np.ascontiguousarray(noise.T)  # a maximum over pairs then runs along whole rows
    for j in range(p):
        others = np.delete(np.arange(p), j)
        signed = (by_group[j] - by_group[others]) / spread[j, others, None]
        above, below = _step_down_of_one(t[j, others], signed, level, step_down)
        lower[j], upper[j] = 1 + below.sum(), p - above.sum()
        better[j, others] = above
    return better, lower, upper


def _step_down_of_one(t, signed, level, step_down) -> tuple[np.ndarray, np.ndarray]:
    """Others that the group is clearly above, and clearly below: two shape (p − 1,) masks."""
    upward = np.ones(len(t), dtype=bool)
    downward = upward.copy()
    above, below = ~upward, ~upward
    while upward.any() or downward.any():
        largest = signed.max(axis=0, initial=-np.inf, where=upward[:, None])
        lowest = signed.min(axis=0, initial=np.inf, where=downward[:, None])
        critical = np.quantile(np.maximum(largest, -lowest), level)
        new_above, new_below = upward & (t > critical), downward & (-t > critical)
        if not (new_above.any() or new_below.any()):
            break
        above, below = above | new_above, below | new_below
        if step_down == "pairs":
            upward = downward = upward & ~new_above & ~new_below
        else:
            upward, downward = upward & ~new_above, downward & ~new_below
    return above, below
