"""Anchoring vignettes: the same stories, rated by everyone, show who means what by a score.

Customers rate themselves ("how satisfied are you?") and a few described persons or services on the same
scale. The stories are the same for all, so that differences in their ratings are differences in how the scale
is used (King, Murray, Salomon & Tandon 2004). Two ways from there:

* :func:`c_ranks`: where the own answer stands among one's own ratings of the stories; nothing is assumed about
  the scale. Ties and inversions leave a span of ranks, and every way of treating spans is given.
* :func:`chopit`: thresholds that depend on covariates, common to the own answer and the stories.

Both assume that everyone understands a story the same way (vignette equivalence) and rates the stories as
they rate themselves (response consistency).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np
import pandas as pd

from cxstats.methods.chopit import Chopit, checked_answers, chopit, covariate_design
from cxstats.methods.hierarchical_probit import Problem, maximise, thresholds
from cxstats.methods.limits import critical_value
from cxstats.methods.score import score_limits
from cxstats.metrics import Scale
from cxstats.parameters import Level, checked
from cxstats.show import definition_html
from cxstats.words import join_words, plural

__all__ = ["CRanks", "Chopit", "VignetteOrder", "c_ranks", "chopit", "vignette_order"]

WAYS = ("scalar", "uniform", "censored_probit", "minimum_entropy")
"""How spans are treated: left out, spread evenly, by a censored ordered probit, gathered as tightly as may be."""

Order = Literal["declared", "observed"]


# --------------------------------------------------------------------------------------------- order


@dataclass(frozen=True, slots=True)
class VignetteOrder:
    """Whether people rate the stories in the order they were written in.

    Attributes
    ----------
    vignettes : as declared, from worst to best.
    observed : the same by their mean rating, from worst to best.
    below : share of people who rate the row's story below the column's, shape (J, J); NaN on the diagonal.
    tied : share who rate both the same, shape (J, J).
    n : people who rated all stories. n_distinct : of these, who gave at least two different ratings.
    n_in_order : of the distinct, who put no later story below an earlier one (ties are no violation).
    violations : people by their number of pairs in the wrong order, from 0 up, of those counted in n_distinct.
    means : mean rating per story, as answers.
    warnings : stories out of order, or that people do not tell apart, in sentences.
    """

    vignettes: tuple[str, ...]
    observed: tuple[str, ...]
    below: np.ndarray = field(repr=False)
    tied: np.ndarray = field(repr=False)
    n: int
    n_distinct: int
    n_in_order: int
    violations: tuple[int, ...]
    means: tuple[float, ...]
    warnings: tuple[str, ...]

    def _repr_html_(self) -> str:
        rows = [(name, f"mean {mean:.2f}") for name, mean in zip(self.vignettes, self.means, strict=True)]
        share = self.n_in_order / max(self.n_distinct, 1)
        return definition_html(
            f"Order of {len(self.vignettes)} vignettes",
            [
                *rows,
                ("in order", f"{share:.0%} of {self.n_distinct:,}"),
                *(("note", w) for w in self.warnings),
            ],
        )


def vignette_order(
    rows: pd.DataFrame, vignettes: Sequence[str], *, scale: Scale, level: float = 0.95
) -> VignetteOrder:
    """Compare the order in which the stories were written with the order people put them in.

    Parameters
    ----------
    rows : one row per person, or per combination with a column ``n``.
    vignettes : columns of the ratings, from worst to best; one or more.
    scale : of the ratings. Missing ratings leave a person out.
    level : a pair is called out of order where more people reverse it than not, beyond chance at this level
        (sign test of those who do not tie).

    Raises
    ------
    ValueError : a column missing or named twice, an answer off the scale, nobody who rated all stories.

    Examples
    --------
    >>> rows = pd.DataFrame({"bad": [1, 1, 2, 3], "fine": [4, 5, 2, 2]})
    >>> found = vignette_order(rows, ["bad", "fine"], scale=Scale(1, 5))
    >>> found.n_in_order, found.n_distinct, float(found.tied[0, 1])
    (2, 3, 0.25)
    """
    level = checked("level", level, Level)
    ratings, mass = checked_answers(rows, vignettes, scale)
    whole = (ratings >= 0).all(axis=1) & (mass > 0)
    if not whole.any():
        raise ValueError(f"nobody rated all of the vignettes {join_words(list(vignettes))}")
    ratings, mass = ratings[whole], mass[whole]
    n, size = mass.sum(), ratings.shape[1]
    below = np.full((size, size), np.nan)
    tied = np.full((size, size), np.nan)
    wrong = np.zeros(len(ratings), dtype=int)
    for i in range(size):
        for j in range(size):
            if i == j:
                continue
            below[i, j] = mass[ratings[:, i] < ratings[:, j]].sum() / n
            tied[i, j] = mass[ratings[:, i] == ratings[:, j]].sum() / n
            if i < j:
                wrong += ratings[:, i] > ratings[:, j]
    distinct = (ratings != ratings[:, :1]).any(axis=1)
    tally = np.bincount(wrong[distinct], weights=mass[distinct]) if distinct.any() else np.zeros(1)
    means = mass @ ratings / n + scale.low
    names = tuple(vignettes)
    observed = tuple(names[i] for i in np.argsort(means, kind="stable"))
    return VignetteOrder(
        vignettes=names,
        observed=observed,
        below=below,
        tied=tied,
        n=int(n),
        n_distinct=int(mass[distinct].sum()),
        n_in_order=int(tally[0]),
        violations=tuple(int(x) for x in tally),
        means=tuple(float(x) for x in means),
        warnings=tuple(_order_warnings(names, below, tied, n, level)),
    )


def _order_warnings(
    names: tuple[str, ...], below: np.ndarray, tied: np.ndarray, n: float, level: float
) -> list[str]:
    from scipy.stats import binom

    said = []
    for i in range(len(names)):
        for j in range(i + 1, len(names)):
            up, down = round(below[i, j] * n), round(below[j, i] * n)
            if down > up and 2 * binom.cdf(up, up + down, 0.5) < 1 - level:
                said.append(
                    f"Out of order: {names[i]} was declared worse than {names[j]}, but {down:,} people rate it better "
                    f"and {up:,} worse. Turn them round, or leave one out."
                )
            elif tied[i, j] > 0.5:
                said.append(
                    f"{names[i]} and {names[j]} are rated the same by {tied[i, j]:.0%}: together they tell little more "
                    "than one of them."
                )
    return said


# --------------------------------------------------------------------------------------------- ranks


@dataclass(frozen=True, slots=True)
class CRanks:
    """Own answers ranked among one's own ratings of J stories: ranks 1 … 2J + 1, odd between, even level.

    Attributes
    ----------
    persons : one row per person used, with the index of the rows given: "low", "high" (the span of ranks) and
        "group", "n".
    spans : people per span: "low", "high", "n", "minimum_entropy" (the rank the span is given there).
    distribution : one row per rank: "rank" and, per way in :data:`WAYS`, the share of people; censored_probit NaN
        where fewer than three ranks occur as single values.
    groups : one row per group and story: "group", "vignette", "n", "n_spans", "surely_above" and "possibly_above"
        (shares who rate themselves above the story), "low", "high" (interval for everything in between), and
        the share by "uniform", "censored_probit", "minimum_entropy".
    entropy : "estimated" (censored probit) and "minimum": how much the ranks tell people apart (nats).
    censored_probit : thresholds ("cut 1" …) and coefficients with standard errors: "term", "estimate",
        "standard_error"; empty where it cannot be fitted.
    order : the stories' order as people see it.
    n, n_spans : people used, and how many of them have a span instead of one rank.
    n_set_aside : rows with a missing own answer, rating or covariate.
    vignettes : in the order used. level : confidence level. warnings : in sentences.
    """

    persons: pd.DataFrame = field(repr=False)
    spans: pd.DataFrame = field(repr=False)
    distribution: pd.DataFrame = field(repr=False)
    groups: pd.DataFrame = field(repr=False)
    entropy: dict[str, float]
    censored_probit: pd.DataFrame = field(repr=False)
    order: VignetteOrder = field(repr=False)
    n: int
    n_spans: int
    n_set_aside: int
    vignettes: tuple[str, ...]
    level: float
    warnings: tuple[str, ...]

    @property
    def n_ranks(self) -> int:
        """Number of ranks, 2J + 1."""
        return 2 * len(self.vignettes) + 1

    def _repr_html_(self) -> str:
        rows = [
            (
                f"rank {row.rank}",
                f"{row.scalar:.3f} without spans, {row.uniform:.3f} uniform, "
                f"{row.censored_probit:.3f} censored probit, {row.minimum_entropy:.3f} minimum entropy",
            )
            for row in self.distribution.itertuples()
        ]
        return definition_html(
            f"Ranks among {plural(len(self.vignettes), 'vignette')}: {self.n:,} people, {self.n_spans:,} with a span",
            [*rows, *(("note", w) for w in self.warnings)],
        )


def c_ranks(
    rows: pd.DataFrame,
    own: str,
    vignettes: Sequence[str],
    *,
    scale: Scale,
    group: str | None = None,
    by: Sequence[str] = (),
    order: Order = "declared",
    level: float = 0.95,
) -> CRanks:
    """Rank of every own answer among the same person's ratings of the stories (King et al. 2004).

    C = 1 below the first story, 2 level with it, 3 between first and second, … 2J + 1 above the last. Where
    stories are tied or in another order several of these hold, and C is the span from the lowest to the
    highest. Spans are treated in every way there is, and shares are given with what the spans leave open:

    * scalar: people with spans left out;
    * uniform: spread evenly over their span;
    * censored_probit: an ordered probit in which a span is a censored answer (King & Wand 2007), with covariates
      ``by`` and the group; each span is spread by the fitted probabilities within it;
    * minimum_entropy: the rank that most people could have, first; what most of the others could have, second.

    Parameters
    ----------
    rows : one row per person, or per combination with a column ``n``.
    own : column of the own answer. vignettes : columns of the ratings, from worst to best.
    scale : of all of them.
    group : column of groups to compare; a missing group is the group "not known".
    by : covariates of the censored probit, numbers or texts; rows that miss one are set aside.
    order : "declared" ranks by the order given, "observed" by the stories' mean ratings.
    level : confidence level.

    Raises
    ------
    ValueError : a column missing or named twice, an answer off the scale, nobody with all answers.

    Examples
    --------
    The first, second and seventh example of King & Wand (2007, table 1): plain, level, and both stories tied

    >>> rows = pd.DataFrame({"own": [1, 3, 2], "z1": [2, 3, 2], "z2": [3, 4, 2]})
    >>> found = c_ranks(rows, "own", ["z1", "z2"], scale=Scale(1, 5))
    >>> found.persons[["low", "high"]].values.tolist()
    [[1, 1], [2, 2], [2, 4]]
    """
    level = checked("level", level, Level)
    if order not in ("declared", "observed"):
        raise ValueError(f'order must be "declared" or "observed", but is {order!r}')
    names = [vignettes] if isinstance(vignettes, str) else list(vignettes)
    found = vignette_order(rows, names, scale=scale, level=level)
    used = list(found.observed) if order == "observed" else names
    answers, mass = checked_answers(rows, [own, *used], scale)
    design, complete, terms = covariate_design(rows, [*([group] if group else []), *by])
    whole = (answers >= 0).all(axis=1) & complete & (mass > 0)
    if not whole.any():
        raise ValueError(f"nobody answered {own} and rated all of {join_words(used)}")
    low, high = _spans(answers[whole, 0], answers[whole, 1:])
    mass = mass[whole]
    n_ranks = 2 * len(used) + 1
    counts = np.zeros((n_ranks, n_ranks))
    np.add.at(counts, (low - 1, high - 1), mass)
    gathered = _minimum_entropy(counts)
    fit, fitted = _censored_probit(low, high, design[whole], terms, mass, n_ranks)
    spread = {
        "uniform": _uniform(low, high, n_ranks),
        "censored_probit": fitted,
        "minimum_entropy": np.eye(n_ranks)[gathered[low - 1, high - 1]],
    }
    scalar = np.diag(counts)
    distribution = pd.DataFrame({"rank": np.arange(1, n_ranks + 1)})
    distribution["scalar"] = scalar / scalar.sum() if scalar.sum() else np.nan
    for way, weights in spread.items():
        distribution[way] = mass @ weights / mass.sum()
    labels = (
        np.array(["all"] * int(whole.sum()), dtype=object)
        if group is None
        else rows.loc[whole, group].astype("string").fillna("not known").to_numpy(dtype=object).astype(str)
    )
    persons = pd.DataFrame({"low": low, "high": high, "group": labels, "n": mass}, index=rows.index[whole])
    at = np.argwhere(counts > 0)
    spans = pd.DataFrame({"low": at[:, 0] + 1, "high": at[:, 1] + 1})
    spans["n"] = counts[at[:, 0], at[:, 1]].astype("int64")
    spans["minimum_entropy"] = gathered[at[:, 0], at[:, 1]] + 1
    everyone = _everyone(rows)
    n_spans = int(mass[low != high].sum())
    return CRanks(
        persons=persons,
        spans=spans.sort_values(["low", "high"]).reset_index(drop=True),
        distribution=distribution,
        groups=_above(persons, spread, used, level),
        entropy={
            "estimated": _entropy(distribution["censored_probit"].to_numpy()),
            "minimum": _entropy(distribution["minimum_entropy"].to_numpy()),
        },
        censored_probit=fit,
        order=found,
        n=int(mass.sum()),
        n_spans=n_spans,
        n_set_aside=int(everyone.sum() - mass.sum()),
        vignettes=tuple(used),
        level=level,
        warnings=tuple(_rank_warnings(found, order, names, used, n_spans / mass.sum())),
    )


def _everyone(rows: pd.DataFrame) -> np.ndarray:
    return rows["n"].to_numpy(dtype=float) if "n" in rows.columns else np.ones(len(rows))


def _spans(own: np.ndarray, ratings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest of the ranks whose condition holds, 1 … 2J + 1."""
    size = ratings.shape[1]
    holds = np.zeros((len(own), 2 * size + 1), dtype=bool)
    holds[:, 0] = own < ratings[:, 0]
    for j in range(size):
        holds[:, 2 * j + 1] = own == ratings[:, j]
        above = own > ratings[:, j]
        holds[:, 2 * j + 2] = above if j == size - 1 else above & (own < ratings[:, j + 1])
    return holds.argmax(axis=1) + 1, holds.shape[1] - holds[:, ::-1].argmax(axis=1)


def _uniform(low: np.ndarray, high: np.ndarray, n_ranks: int) -> np.ndarray:
    rank = np.arange(1, n_ranks + 1)
    inside = (rank >= low[:, None]) & (rank <= high[:, None])
    return inside / inside.sum(axis=1, keepdims=True)


def _minimum_entropy(counts: np.ndarray) -> np.ndarray:
    """The rank (from 0) each span is given, shape (R, R): again and again the rank that most could have."""
    n_ranks = len(counts)
    given = np.full((n_ranks, n_ranks), -1)
    np.fill_diagonal(given, np.arange(n_ranks))
    free = {(a, b): counts[a, b] for a, b in np.argwhere(counts > 0) if a != b}
    single = np.diag(counts).copy()
    while free:
        could = single.copy()
        for (a, b), n in free.items():
            could[a : b + 1] += n
        best = int(np.argmax(could))
        for span in [s for s in free if s[0] <= best <= s[1]]:
            given[span] = best
            del free[span]
        single[best] = -1.0  # its turn is over
    return given


def _censored_probit(
    low: np.ndarray, high: np.ndarray, design: np.ndarray, terms: list[str], mass: np.ndarray, n_ranks: int
) -> tuple[pd.DataFrame, np.ndarray]:
    """Thresholds and coefficients, and each person's probabilities within their span, shape (n, R)."""
    from scipy.special import ndtr

    empty = pd.DataFrame({"term": [], "estimate": [], "standard_error": []})
    # a rank that nobody has for certain has no threshold of its own: it is merged away
    seen = np.unique(low[low == high])
    if len(seen) < 3:
        return empty, np.full((len(low), n_ranks), np.nan)
    first = np.searchsorted(seen, low)
    last = np.searchsorted(seen, high, side="right") - 1
    known = first <= last  # a span of ranks that nobody has for certain says nothing
    problem = Problem(
        low=first[known, None],
        high=last[known, None],
        location=design[known],
        shift=np.ones((int(known.sum()), 1)),
        mass=mass[known].astype(float),
        n_points=len(seen),
        spacing="exponential",
    )
    solution = maximise(problem)
    gamma, _, _, beta = problem.parts(solution.parameters)
    tau = thresholds(problem, gamma)[0][0]
    # from log-increments to thresholds
    n_cuts = len(tau)
    jacobian = np.eye(len(solution.parameters))
    jacobian[:n_cuts, :n_cuts] = np.tril(np.ones((n_cuts, n_cuts))) * np.append(1.0, np.diff(tau))
    error = np.sqrt(np.clip(np.diag(jacobian @ _inverse(-solution.hessian) @ jacobian.T), 0, None))
    table = pd.DataFrame(
        {
            "term": [*(f"cut {a}|{b}" for a, b in pairwise(seen)), *terms],
            "estimate": np.append(tau, beta),
            "standard_error": error,
        }
    )
    bounded = np.concatenate([[-np.inf], tau, [np.inf]])
    eta = design @ beta
    category = ndtr(bounded[None, 1:] - eta[:, None]) - ndtr(bounded[None, :-1] - eta[:, None])
    weights = np.zeros((len(low), n_ranks))
    weights[:, seen - 1] = category
    rank = np.arange(1, n_ranks + 1)
    weights *= (rank >= low[:, None]) & (rank <= high[:, None])
    total = weights.sum(axis=1, keepdims=True)
    uniform = _uniform(low, high, n_ranks)
    return table, np.where(total > 0, weights / np.where(total > 0, total, 1), uniform)


def _inverse(matrix: np.ndarray) -> np.ndarray:
    try:
        return np.linalg.inv(matrix)
    except np.linalg.LinAlgError:
        return np.full_like(matrix, np.nan)


def _entropy(share: np.ndarray) -> float:
    """−Σ p log p in nats.

    >>> round(_entropy(np.array([0.5, 0.5, 0.0])), 4)
    0.6931
    """
    positive = share[share > 0]
    return float(-(positive * np.log(positive)).sum()) if np.isfinite(share).all() else float("nan")


def _above(
    persons: pd.DataFrame, spread: dict[str, np.ndarray], vignettes: list[str], level: float
) -> pd.DataFrame:
    """Per group and story, the share who put themselves above it, and what spans and sampling leave open."""
    low, high, mass = (persons[name].to_numpy() for name in ("low", "high", "n"))
    z = critical_value(level)
    rows = []
    for label in sorted(persons["group"].unique()):
        inside = (persons["group"] == label).to_numpy()
        n = mass[inside].sum()
        for j, name in enumerate(vignettes):
            level_with = 2 * (j + 1)
            surely = mass[inside & (low > level_with)].sum()
            possibly = mass[inside & (high > level_with)].sum()
            counts = np.array([[n - surely, surely], [n - possibly, possibly]], dtype=float)
            limits = score_limits(counts, np.array([0.0, 1.0]), z)
            row = {
                "group": label,
                "vignette": name,
                "n": int(n),
                "n_spans": int(mass[inside & (low != high)].sum()),
                "surely_above": surely / n,
                "possibly_above": possibly / n,
                "low": float(limits[0][0]),
                "high": float(limits[1][1]),
            }
            for way, weights in spread.items():
                row[way] = float(mass[inside] @ weights[inside, level_with:].sum(axis=1) / n)
            rows.append(row)
    return pd.DataFrame(rows)


def _rank_warnings(
    found: VignetteOrder, order: str, declared: list[str], used: list[str], span_share: float
) -> list[str]:
    said = list(found.warnings) if order == "declared" else []
    if order == "observed" and used != declared:
        said.append(f"Ranked in the order of the mean ratings, {', '.join(used)}, not as declared.")
    if span_share > 0.2:
        said.append(
            f"{span_share:.0%} tie stories with their own answer between, or reverse them: their rank is a span, and "
            "shares depend on how spans are treated."
        )
    return said
