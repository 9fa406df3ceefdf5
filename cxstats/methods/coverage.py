"""How often an interval contains the truth: at this n, for customers like these.

"95 %" is a promise about surveys that were not made. Up to three distinct values all results a survey of n
answers could have had can be listed, so the promise is checked exactly, without simulation. Beyond
that it is simulated with a seed, and the error of the simulation is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from cxstats.methods.exact import LARGEST_N, exact_covers, outcomes
from cxstats.methods.intervals import Estimate, _checked_pseudo_counts, _require_method, estimate
from cxstats.methods.limits import METHODS, interval_limits
from cxstats.metrics import Metric
from cxstats.parameters import Count, Level, Seed, checked
from cxstats.show import definition_html

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CARD_METHODS", "Coverage", "CoverageCard", "CoverageRow", "coverage", "coverage_card"]

CARD_METHODS = ("score", "adjusted_wald", "dirichlet", "bootstrap", "wald")
LARGEST_ENUMERATION = 200_000
LARGEST_CARD = 50_000  # five methods at once
REPLICATES = 20_000
# the true value on a limit counts as inside, whatever the last bit of the limit is
_EDGE = 1e-9
# a result less likely than this under every distribution asked about is left out of an enumeration: all that
# are left out weigh less than 1e-8 together
_LEFT_OUT = 1e-13


@dataclass(frozen=True, slots=True)
class Coverage:
    """Share of surveys whose interval contains the true value.

    Attributes
    ----------
    value : coverage, a share in [0, 1].
    monte_carlo_error : standard error of ``value``; 0 where all results were enumerated.
    expected_length : mean width of the interval, clipped to the metric's range, in the metric's unit; NaN for
        "exact", whose limits are not worked out for every result.
    exact : whether results were enumerated.
    n_results : results enumerated, or surveys simulated.
    n, method, level : what was asked.
    distribution : shares per distinct value, ascending.
    """

    value: float
    monte_carlo_error: float
    expected_length: float
    exact: bool
    n_results: int
    n: int
    method: str
    level: float
    distribution: tuple[float, ...]

    def _repr_html_(self) -> str:
        error = "none: all results enumerated" if self.exact else f"{self.monte_carlo_error:.2%}"
        return definition_html(
            f"Coverage of {METHODS[self.method]} at {self.n:,} answers",
            [
                ("promised", f"{self.level:.1%}"),
                ("contains the truth", f"{self.value:.2%}"),
                ("error of this number", error),
                ("results", f"{self.n_results:,}"),
            ],
        )


def coverage(
    n: int,
    distribution: Sequence[float] | np.ndarray,
    metric: Metric,
    *,
    method: str = "score",
    level: float = 0.95,
    pseudo_counts: Sequence[float] | np.ndarray | None = None,
    seed: int = 0,
    replicates: int = REPLICATES,
) -> Coverage:
    """How often the interval contains the true value, if customers answer with these shares.

    Parameters
    ----------
    n : number of answers.
    distribution : share of each category ordered by the scale, or of each distinct value ascending; sums to 1.
    metric : what an answer is worth.
    method, level, pseudo_counts : as in :func:`cxstats.estimate`.
    seed, replicates : used where results cannot be enumerated: more than three distinct values, or more than
        200,000 results of noticeable probability (n above some 8,000 for NPS).

    Returns
    -------
    Coverage.

    Raises
    ------
    ValueError : shares that do not sum to 1, n below 1, an unknown method, "exact" for n above 200 or more than
        three distinct values.

    Notes
    -----
    Agresti & Coull (1998) judge intervals this way. Results whose probability is below 1e-8 in total are
    left out of an enumeration.

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> round(coverage(10, [0.02, 0.08, 0.90], NPS, method="wald").value, 4)
    0.6494
    """
    n = checked("n", n, Count)
    level = checked("level", level, Level)
    seed = checked("seed", seed, Seed)
    replicates = checked("replicates", replicates, Count)
    _require_method(method, metric)
    shares = _checked_distribution(distribution, metric)
    values = metric.distinct_values
    added = _checked_pseudo_counts(pseudo_counts, method, len(values))
    theta = float(shares @ values)
    if method == "exact":
        return _coverage_of_exact(n, shares, values, theta, level, metric)
    listed = _results(n, shares[None, :], LARGEST_ENUMERATION)
    if listed is not None:
        counts, coefficient = listed
        weights = np.exp(coefficient + counts @ np.log(np.maximum(shares, 1e-300)))
    else:
        drawn = np.random.default_rng(seed).multinomial(n, shares, size=replicates)
        counts, repeats = np.unique(drawn, axis=0, return_counts=True)
        counts, weights = counts.astype(float), repeats / replicates
    low, high = interval_limits(counts, values, method, level, pseudo_counts=added, seed=seed, quick=True)
    value = min(float(weights @ _contains(low, high, theta, values)), 1.0)
    length = np.clip(high, values[0], values[-1]) - np.clip(low, values[0], values[-1])
    return Coverage(
        value=value,
        monte_carlo_error=0.0 if listed is not None else _binomial_error(value, replicates),
        expected_length=float(weights @ length),
        exact=listed is not None,
        n_results=len(counts) if listed is not None else replicates,
        n=n,
        method=method,
        level=level,
        distribution=tuple(shares.tolist()),
    )


def _coverage_of_exact(
    n: int, shares: np.ndarray, values: np.ndarray, theta: float, level: float, metric: Metric
) -> Coverage:
    if n > LARGEST_N or len(values) > 3:
        raise ValueError(
            f"method 'exact' is for two or three distinct values and at most {LARGEST_N} answers, but "
            f"{metric.short} has {len(values)} and n is {n:,}"
        )
    counts, coefficient = outcomes(n, len(values))
    weights = np.exp(coefficient + counts @ np.log(np.maximum(shares, 1e-300)))
    return Coverage(
        value=min(float(weights @ exact_covers(n, values, theta, level)), 1.0),
        monte_carlo_error=0.0,
        expected_length=float("nan"),
        exact=True,
        n_results=len(counts),
        n=n,
        method="exact",
        level=level,
        distribution=tuple(shares.tolist()),
    )


@dataclass(frozen=True, slots=True)
class CoverageRow:
    """One method on the card.

    Attributes
    ----------
    method, label : name in code, name on a page.
    value : coverage at this survey's own shares.
    lowest, highest : coverage over the distributions near it.
    monte_carlo_error : the largest standard error among these numbers; 0 where results were enumerated.
    falls_short : whether ``lowest`` is more than the card's shortfall below the level (by more than
        two Monte-Carlo errors, where there are any).
    estimate : this survey's interval by this method.
    """

    method: str
    label: str
    value: float
    lowest: float
    highest: float
    monte_carlo_error: float
    falls_short: bool
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class CoverageCard:
    """Which interval keeps its promise for a survey of this size, among customers much like these.

    Attributes
    ----------
    rows : one per method, in the order asked for.
    n : number of answers the promise is checked for.
    level : what is promised.
    shortfall : how far below the level the lowest coverage may lie before a method is said to fall short.
    distribution : this survey's shares per distinct value, ascending.
    smoothed : whether half an answer was added to each, because all answers agree.
    likelihood : a distribution is near if the survey's result is at least this likely under it, relative to the
        distribution that fits best.
    n_nearby : distributions tried.
    exact : whether results were enumerated; ``n_results`` of them, or surveys simulated.
    metric : the metric.
    """

    rows: tuple[CoverageRow, ...]
    n: int
    level: float
    shortfall: float
    distribution: tuple[float, ...]
    smoothed: bool
    likelihood: float
    n_nearby: int
    exact: bool
    n_results: int
    metric: Metric = field(repr=False)

    def row(self, method: str) -> CoverageRow:
        """The row of one method.

        Raises
        ------
        ValueError : the method is not on the card.
        """
        for row in self.rows:
            if row.method == method:
                return row
        raise ValueError(f"method {method!r} is not on this card: {', '.join(r.method for r in self.rows)}")

    @property
    def how(self) -> str:
        """How the numbers were made, in a sentence for the source line."""
        near = (
            f"Much like these: {self.n_nearby:,} mixes of answers under which this result is not much rarer (at least "
            f"{self.likelihood:g} times as likely as under the best-fitting mix)."
        )
        if self.exact:
            return (
                f"Exact: all {self.n_results:,} possible results of noticeable probability enumerated. {near}"
            )
        worst = max(row.monte_carlo_error for row in self.rows)
        return f"{self.n_results:,} simulated surveys; standard error up to {100 * worst:.1f} points. {near}"

    def to_frame(self) -> pd.DataFrame:
        """The card as a table: one row per method; coverages as shares, limits in the metric's unit."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "method": row.label,
                    "contains the truth": row.value,
                    "lowest nearby": row.lowest,
                    "highest nearby": row.highest,
                    "falls short": row.falls_short,
                    "low": row.estimate.low,
                    "high": row.estimate.high,
                }
                for row in self.rows
            ]
        )

    def _repr_html_(self) -> str:
        return definition_html(
            f"How often a {self.level:.0%} interval contains the true {self.metric.short}, {self.n:,} answers",
            [
                (
                    row.label + (" (falls short)" if row.falls_short else ""),
                    f"{row.value:.1%}, nearby {row.lowest:.1%} to {row.highest:.1%}; "
                    f"this survey {row.estimate.low:.1f} to {row.estimate.high:.1f}",
                )
                for row in self.rows
            ],
        )


def coverage_card(
    counts: Sequence[float] | np.ndarray,
    metric: Metric,
    *,
    level: float = 0.95,
    methods: Sequence[str] = CARD_METHODS,
    shortfall: float = 0.01,
    likelihood: float = 0.5,
    effective_n: float | None = None,
    seed: int = 0,
    replicates: int = REPLICATES,
) -> CoverageCard:
    """Every method's coverage at this survey's size: at its own shares, and at the worst ones near them.

    Parameters
    ----------
    counts : answers per category or per distinct value, as in :func:`cxstats.estimate`.
    metric : what an answer is worth.
    level : confidence level promised.
    methods : names of methods, in the order of the rows ("exact" is not among the default: it is slow).
    shortfall : a method falls short if its lowest coverage nearby is below ``level − shortfall``.
    likelihood : which distributions are near: those under which this result is at least this many times as
        likely as under the best-fitting one, above 0 and below 1.
    effective_n : independent answers that weighted or clustered answers are worth; coverage is then that of a
        survey of as many independent answers.
    seed, replicates : where results cannot be enumerated, as in :func:`coverage`.

    Returns
    -------
    CoverageCard.

    Raises
    ------
    ValueError : as :func:`cxstats.estimate`; likelihood or shortfall out of range.

    Examples
    --------
    >>> from cxstats.metrics import NPS
    >>> card = coverage_card([2, 9, 29], NPS, methods=("adjusted_wald", "wald"))
    >>> [(row.method, row.falls_short) for row in card.rows]
    [('adjusted_wald', False), ('wald', True)]
    """
    level = checked("level", level, Level)
    seed = checked("seed", seed, Seed)
    replicates = checked("replicates", replicates, Count)
    if not 0 < likelihood < 1:
        raise ValueError(f"likelihood must lie above 0 and below 1, but is {likelihood!r}")
    if not 0 <= shortfall < level:
        raise ValueError(f"shortfall must be a share of 0 or more and below the level, but is {shortfall!r}")
    estimates = {
        name: estimate(counts, metric, method=name, level=level, effective_n=effective_n, seed=seed)
        for name in methods
    }
    table = metric.reduce(counts)
    n = max(1, round(effective_n if effective_n is not None else table.sum()))
    shares = table / table.sum()
    near = _nearby(shares, n, likelihood)
    smoothed = np.count_nonzero(shares) == 1
    if smoothed:
        # if all customers answered alike there would be nothing to estimate: half an answer in each category
        shares = (shares * n + 0.5) / (n + 0.5 * len(shares))
    near = np.vstack([shares, near])
    study = _enumerated(n, near, metric, level, methods) or _simulated(
        n, near, metric, level, methods, seed, replicates
    )
    rows = []
    for name in methods:
        covered, error = study.coverage[name], study.error[name]
        rows.append(
            CoverageRow(
                method=name,
                label=METHODS[name],
                value=float(covered[0]),
                lowest=float(covered.min()),
                highest=float(covered.max()),
                monte_carlo_error=float(error.max()),
                falls_short=bool(np.any(covered + 2 * error < level - shortfall)),
                estimate=estimates[name],
            )
        )
    return CoverageCard(
        rows=tuple(rows),
        n=n,
        level=level,
        shortfall=shortfall,
        distribution=tuple(shares.tolist()),
        smoothed=smoothed,
        likelihood=likelihood,
        n_nearby=len(near) - 1,
        exact=study.exact,
        n_results=study.n_results,
        metric=metric,
    )


@dataclass(frozen=True, slots=True)
class _CoverageStudy:
    """Coverage per method at each of G distributions, shape (G,), and its Monte-Carlo error."""

    coverage: dict[str, np.ndarray]
    error: dict[str, np.ndarray]
    exact: bool
    n_results: int


def _enumerated(
    n: int, near: np.ndarray, metric: Metric, level: float, methods: Sequence[str]
) -> _CoverageStudy | None:
    listed = _results(n, near, LARGEST_CARD)
    if listed is None:
        return None
    counts, coefficient = listed
    values = metric.distinct_values
    limits = _limits_of(counts, values, level, methods)
    covered = {name: np.empty(len(near)) for name in methods}
    theta = near @ values
    rows = max(1, 2_000_000 // len(counts))
    for start in range(0, len(near), rows):
        part = slice(start, start + rows)
        logs = np.log(np.maximum(near[part], 1e-300))
        weights = np.exp(coefficient + logs @ counts.T)
        for name, (low, high) in limits.items():
            inside = _contains(low, high, theta[part, None], values)
            covered[name][part] = np.minimum(np.sum(weights, axis=1, where=inside), 1.0)
    if "exact" in methods:
        covered["exact"] = np.array(
            [
                _coverage_of_exact(n, shares, values, float(mean), level, metric).value
                for shares, mean in zip(near, theta, strict=True)
            ]
        )
    none = np.zeros(len(near))
    return _CoverageStudy(covered, dict.fromkeys(methods, none), exact=True, n_results=len(counts))


def _simulated(
    n: int,
    near: np.ndarray,
    metric: Metric,
    level: float,
    methods: Sequence[str],
    seed: int,
    replicates: int,
) -> _CoverageStudy:
    """One pool of surveys drawn from all distributions, weighted by likelihood for each of them.

    Limits, the costly part, are worked out once; the distributions are near one another, so the weights
    (balance heuristic: Veach & Guibas 1995) stay even. A quarter is drawn from the survey's own shares.
    """
    rng = np.random.default_rng(seed)
    portion = np.full(len(near), 0.75 / max(len(near) - 1, 1))
    portion[0] = 0.25 if len(near) > 1 else 1.0
    sizes = np.maximum(np.round(portion * replicates).astype(int), 1)
    drawn = np.vstack([rng.multinomial(n, p / p.sum(), size=k) for p, k in zip(near, sizes, strict=True)])
    counts, repeats = np.unique(drawn, axis=0, return_counts=True)
    counts = counts.astype(float)
    values = metric.distinct_values
    limits = _limits_of(counts, values, level, methods)
    # the multinomial coefficient is common to all of them and cancels
    log_mass = counts @ np.log(np.maximum(near, 1e-300)).T
    log_mass -= log_mass.max(axis=1, keepdims=True)
    mass = np.exp(log_mass)
    pool = mass @ (sizes / sizes.sum())
    covered = {name: np.empty(len(near)) for name in methods}
    error = {name: np.empty(len(near)) for name in methods}
    for i, shares in enumerate(near):
        weights = repeats * mass[:, i] / pool
        total = weights.sum()
        theta = float(shares @ values)
        for name, (low, high) in limits.items():
            inside = _contains(low, high, theta, values)
            value = float(weights @ inside / total)
            covered[name][i] = value
            spread = (weights**2 / repeats) @ (inside - value) ** 2
            error[name][i] = max(np.sqrt(spread) / total, _binomial_error(value, int(sizes.sum())))
    return _CoverageStudy(covered, error, exact=False, n_results=int(sizes.sum()))


def _limits_of(
    counts: np.ndarray, values: np.ndarray, level: float, methods: Sequence[str]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {
        name: interval_limits(counts, values, name, level, quick=True) for name in methods if name != "exact"
    }


def _contains(low: np.ndarray, high: np.ndarray, theta: float | np.ndarray, values: np.ndarray) -> np.ndarray:
    edge = _EDGE * (values[-1] - values[0])
    return (low <= theta + edge) & (theta - edge <= high)


def _binomial_error(value: float, replicates: int) -> float:
    # half a survey is added on each side, so that 20,000 of 20,000 does not claim to be known exactly
    share = (value * replicates + 0.5) / (replicates + 1)
    return float(np.sqrt(share * (1 - share) / replicates))


def _results(n: int, shares: np.ndarray, largest: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Results that have noticeable probability under one of the distributions (G, D), and log coefficients.

    None where they are too many or have more than three values.
    """
    from scipy.special import bdtrik, gammaln

    n_values = shares.shape[1]
    if n_values > 3:
        return None
    first, last = (
        np.arange(
            np.floor(np.nan_to_num(bdtrik(_LEFT_OUT, n, shares[:, k].min()), nan=0.0)).clip(0),
            np.ceil(np.nan_to_num(bdtrik(1 - _LEFT_OUT, n, shares[:, k].max()), nan=n)).clip(0, n) + 1,
        )
        for k in (0, -1)
    )
    if n_values == 2:
        counts = np.column_stack([n - last, last])
    else:
        if len(first) * len(last) > 4 * largest:
            return None
        first, last = np.repeat(first, len(last)), np.tile(last, len(first))
        keep = first + last <= n
        counts = np.column_stack([first, n - first - last, last])[keep]
    if len(counts) > 4 * largest:
        return None
    coefficient = gammaln(n + 1) - gammaln(counts + 1).sum(axis=1)
    likeliest = np.full(len(counts), -np.inf)
    for row in np.log(np.maximum(shares, 1e-300)):
        np.maximum(likeliest, counts @ row, out=likeliest)
    keep = likeliest + coefficient > np.log(_LEFT_OUT)
    counts, coefficient = counts[keep], coefficient[keep]
    return (counts, coefficient) if len(counts) <= largest else None


def _checked_distribution(distribution: Sequence[float] | np.ndarray, metric: Metric) -> np.ndarray:
    shares = metric.reduce(distribution)
    total = float(shares.sum())
    if not abs(total - 1) < 1e-6:
        raise ValueError(
            f"{metric.short}: a distribution is made of shares that sum to 1, but these sum to {total:g}. "
            "If they are counts, divide them by their sum"
        )
    return shares / total


def _nearby(shares: np.ndarray, n: int, likelihood: float) -> np.ndarray:
    """Distributions under which the result is at least ``likelihood`` times as likely as under its own shares.

    They lie on rays from the survey's shares to the edge of that region: for two and three values the rays cover
    all directions, for more they lead towards and away from each category.
    """
    directions = _directions(len(shares), shares, n)
    limit = -2 * np.log(likelihood)
    used = shares > 0
    parts = np.linspace(0, 1, 9 if len(shares) < 4 else 3)[1:]
    points = []
    for direction in directions:
        negative = direction < -1e-15
        # as far as the simplex reaches; a category nobody chose cannot lose anything
        most = float(np.min(shares[negative] / -direction[negative]))
        if most <= 0:
            continue
        bottom, top = 0.0, most * (1 - 1e-9)
        if _ratio(shares, direction, top, n, used) > limit:
            for _ in range(50):
                middle = 0.5 * (bottom + top)
                if _ratio(shares, direction, middle, n, used) > limit:
                    top = middle
                else:
                    bottom = middle
        else:
            bottom = top
        points.extend(shares + part * bottom * direction for part in parts)
    if not points:
        return np.empty((0, len(shares)))
    near = np.clip(np.array(points), 0.0, 1.0)
    return near / near.sum(axis=1, keepdims=True)


def _ratio(shares: np.ndarray, direction: np.ndarray, step: float, n: int, used: np.ndarray) -> float:
    """Likelihood-ratio statistic of the distribution a step away."""
    moved = shares[used] + step * direction[used]
    return float(2 * n * (shares[used] @ np.log(shares[used] / moved)))


@lru_cache(maxsize=4)
def _circle() -> tuple[np.ndarray, np.ndarray]:
    angle = np.arange(32) * (2 * np.pi / 32)
    return np.cos(angle), np.sin(angle)


def _directions(n_values: int, shares: np.ndarray, n: int) -> list[np.ndarray]:
    if n_values == 2:
        return [np.array([-1.0, 1.0]), np.array([1.0, -1.0])]
    if n_values == 3:
        # a circle, stretched to the shape of the multinomial's own scatter
        smooth = (shares * n + 0.5) / (n + 1.5)
        scatter = np.diag(smooth[[0, 2]]) - np.outer(smooth[[0, 2]], smooth[[0, 2]])
        cosine, sine = _circle()
        plane = (np.linalg.cholesky(scatter) @ np.vstack([cosine, sine])).T
        return [np.array([low, -low - high, high]) for low, high in plane]
    towards = np.eye(n_values) - shares
    away = [-row for row, share in zip(towards, shares, strict=True) if share > 0]
    return [row for row in [*towards, *away] if np.any(row < 0)]
