"""IRTree: extreme, middle and agreeing style as traits of persons, from three to ten items.

An answer is taken as up to three yes–no decisions (Böckenholt 2012; De Boeck & Partchev 2012): the middle or
a side; if a side, agreeing or not; on that side, the end of the scale or short of it. Each decision is a
logistic model with a difficulty per item and effects of the person that are common to all items:

    logit P(yes) = b_item + μ_group + θ_person,   θ ~ N(0, Σ).

If people who take the end of the scale on one topic do so on others too, extreme responding is a style: its
standard deviation is above 0, and its correlation across ``topics`` near 1. Fitted by marginal maximum
likelihood with Gauss–Hermite quadrature.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import pandas as pd

from cxstats.methods.limits import critical_value
from cxstats.methods.style_answers import (
    answer_steps,
    checked_items,
    checked_keys,
    checked_scales,
    cluster_codes,
    group_positions,
    persons_per_row,
)
from cxstats.metrics import Scale
from cxstats.parameters import Level, checked
from cxstats.show import definition_html
from cxstats.words import join_words

__all__ = ["NODES", "IRTree", "irtree", "pseudo_items"]

NODES = ("middle", "agree", "extreme")
"""Decisions: the midpoint or a side; above or below it; the end of the scale or short of it."""

MOST_ITEMS = 20
_MANY_ITEMS = 10
# nodes per dimension: with more items the posterior is narrower than a coarse grid can see
_POINTS = {1: 21, 2: 15, 3: 9, 4: 7}
_LIGHTEST = 1e-7  # product nodes lighter than this share of the heaviest are left out
_NONE = 0.1  # a standard deviation below which there is no trait to correlate


@dataclass(frozen=True, slots=True)
class IRTree:
    """A fitted tree of decisions.

    Attributes
    ----------
    traits : names of the person effects: a node, or "node: topic".
    spread : one row per trait: "trait", "standard_deviation" (of θ, in logits), "standard_error", "n_answers"
        (decisions it rests on).
    correlations : one row per pair of traits: "first", "second", "correlation", "standard_error", "low", "high"
        (Fisher's z); NaN where a trait hardly varies between persons.
    groups : one row per group and trait: "group", "trait", "difference" from the reference in logits,
        "standard_error", "low", "high" (0 and NaN for the reference), and "share": the model's mean probability of
        "yes" over items and the group's persons.
    items : one row per decision: "item", "node", "trait", "easiness" (b, in logits), "standard_error", "n".
    persons : expected person effects given the answers, one column per trait, with the index of the rows used:
        shrunk to the group's mean, good for plots and not for comparing groups.
    covariance : of the parameters (b, μ of the other groups, Cholesky factor of Σ), shape (P, P).
    log_likelihood : at the maximum. converged : whether it was reached.
    reference : the group that the others are compared with; None for one group.
    n, n_set_aside : persons used; rows with an answer that allow no decision.
    quadrature : nodes per dimension. level : confidence level. warnings : in sentences.
    """

    traits: tuple[str, ...]
    spread: pd.DataFrame = field(repr=False)
    correlations: pd.DataFrame = field(repr=False)
    groups: pd.DataFrame = field(repr=False)
    items: pd.DataFrame = field(repr=False)
    persons: pd.DataFrame = field(repr=False)
    covariance: np.ndarray = field(repr=False)
    log_likelihood: float
    converged: bool
    reference: str | None
    n: int
    n_set_aside: int
    quadrature: int
    level: float
    warnings: tuple[str, ...]

    def _repr_html_(self) -> str:
        rows = [
            (f"{row.trait}: standard deviation", f"{row.standard_deviation:.2f} ({row.standard_error:.2f})")
            for row in self.spread.itertuples()
        ]
        rows += [
            (
                f"{row.first} and {row.second}: correlation",
                f"{row.correlation:.2f} ({row.low:.2f} to {row.high:.2f})",
            )
            for row in self.correlations.dropna(subset=["correlation"]).itertuples()
        ]
        rows += [
            (
                f"{row.group}, {row.trait}",
                f"{row.difference:+.2f} ({row.low:+.2f} to {row.high:+.2f}), {row.share:.0%}",
            )
            for row in self.groups.itertuples()
        ]
        return definition_html(
            f"IRTree, {self.n:,} persons", [*rows, *(("note", text) for text in self.warnings)]
        )


def pseudo_items(answers: np.ndarray, n_points: int) -> dict[str, np.ndarray]:
    """Decisions behind answers: 1 yes, 0 no, NaN where it was not taken, shape (n, J) per node.

    Parameters
    ----------
    answers : counted from 0, NaN where missing, shape (n, J).
    n_points : number of points. An even scale has no "middle"; three points or fewer have no "extreme".

    >>> {node: table.tolist() for node, table in pseudo_items(np.array([[0.0, 2.0, 3.0]]), 5).items()}
    {'middle': [[0.0, 1.0, 0.0]], 'agree': [[0.0, nan, 1.0]], 'extreme': [[1.0, nan, 0.0]]}
    """
    centre = (n_points - 1) / 2
    gone = np.isnan(answers)
    side = ~gone & (answers != centre)
    out = {}
    if n_points % 2:
        out["middle"] = np.where(gone, np.nan, (answers == centre).astype(float))
    out["agree"] = np.where(side, (answers > centre).astype(float), np.nan)
    if n_points > 3:
        end = (answers == 0) | (answers == n_points - 1)
        out["extreme"] = np.where(side, end.astype(float), np.nan)
    return out


def irtree(
    rows: pd.DataFrame,
    items: Sequence[str],
    *,
    scale: Scale | Mapping[str, Scale],
    keyed: Mapping[str, str | int] | Sequence[str | int] | None = None,
    group: str | None = None,
    reference: str | None = None,
    nodes: Sequence[str] | None = None,
    topics: Mapping[str, str] | None = None,
    customer: str | None = None,
    quadrature: int | None = None,
    level: float = 0.95,
) -> IRTree:
    """Fit the tree of decisions to answers on several topics.

    Parameters
    ----------
    rows : one row per person, or per pattern of answers with a column ``n``.
    items : columns, three to ten (up to twenty). scale : as for ``style_indices``.
    keyed : only to warn: with items keyed one way "agree" is what people think.
    group, reference : column of the groups, and the one the others are compared with (default: the first in
        alphabetical order). Persons' variances are the same in all groups.
    nodes : which of :data:`NODES`; by default all that the scale has, with topics all but "agree".
    topics : item -> topic: the extreme trait then is one per topic, two items each at least, and the
        correlations say whether it is the same person who goes to the ends. Up to four traits in all.
    customer : column that names repeated people; errors are then clustered.
    quadrature : nodes per dimension; by default 21, 15, 9, 7 for one to four traits.
    level : confidence level.

    Raises
    ------
    ValueError : fewer than three items or more than twenty, a node the scale does not have, an unknown topic's
        item, more than four traits, a decision that everybody takes the same way, a group without decisions,
        and what ``style_indices`` refuses.

    Notes
    -----
    A decision that was not taken is missing because of another (who takes the middle shows no extremity). Fitted
    together with correlated traits this is ignorable; so leave "middle" in unless there is a reason. Errors
    from the outer product of the scores. docs/methods/style_indices.md has formulas and checks.

    References
    ----------
    Böckenholt (2012), Psychological Methods 17, 665–678; De Boeck & Partchev (2012), J. Statistical Software
    48, code snippet 1.

    Examples
    --------
    >>> rng = np.random.default_rng(2)
    >>> habit = rng.normal(size=(800, 1)) + np.repeat([0.0, 1.0], 400)[:, None]
    >>> end = rng.random((800, 5)) < 1 / (1 + np.exp(1 - habit))
    >>> answers = np.where(rng.random((800, 5)) < 0.5, np.where(end, 1, 2), np.where(end, 4, 3))
    >>> rows = pd.DataFrame(answers, columns=list("abcde")).assign(country=np.repeat(["A", "B"], 400))
    >>> found = irtree(rows, list("abcde"), scale=Scale(1, 4), group="country", nodes=["extreme"])
    >>> row = found.groups.set_index("group").loc["B"]
    >>> bool(row["low"] < 1.0 < row["high"])
    True
    """
    level = checked("level", level, Level)
    items = checked_items(rows, items)
    if not 3 <= len(items) <= MOST_ITEMS:
        raise ValueError(
            f"an IRTree is for three to ten items (up to {MOST_ITEMS}), but got {len(items)}"
            + (": count style indices instead" if len(items) > MOST_ITEMS else "")
        )
    signs = checked_keys(items, keyed)
    scales = checked_scales(items, scale)
    answers = answer_steps(rows, items, scales)
    decisions, traits, trait_of, listed = _decisions(answers, items, scales[0].size, nodes, topics)
    mass_all = persons_per_row(rows, items)
    silent = np.isnan(answers).all(axis=1)
    used = ~np.isnan(decisions).all(axis=1) & (mass_all > 0)
    if not used.any():
        raise ValueError(f"nobody took any of the decisions {join_words(traits)} on these items")
    frame, decisions, mass = rows.loc[used], decisions[used], mass_all[used].astype(float)
    labels, position = group_positions(frame, group)
    labels, position = _reference_first(labels, position, reference)
    _require_both_ways(decisions, listed)
    _require_decisions(decisions, trait_of, traits, labels, position, mass)

    points = quadrature or _POINTS[len(traits)]
    model, pattern = _model(decisions, trait_of, len(traits), position, len(labels), mass, points)
    solution = _fitted(model)
    cluster = cluster_codes(frame, customer) if customer is not None else None
    covariance = _covariance(solution, model, pattern, cluster, mass)
    parts = _Parts(model, solution.parameters, covariance, labels, traits, level)
    spread = parts.spread(
        [float(mass @ (~np.isnan(decisions[:, trait_of == d])).sum(axis=1)) for d in range(len(traits))]
    )
    correlations = parts.correlations()
    expected = model.expected(solution.parameters)[pattern]
    return IRTree(
        traits=tuple(traits),
        spread=spread,
        correlations=correlations,
        groups=parts.groups(),
        items=parts.items(listed, mass @ ~np.isnan(decisions)),
        persons=pd.DataFrame(expected, columns=traits, index=frame.index),
        covariance=covariance,
        log_likelihood=solution.log_likelihood,
        converged=solution.converged,
        reference=labels[0] if group is not None else None,
        n=int(mass.sum()),
        n_set_aside=int(mass_all[~used & ~silent].sum()),
        quadrature=points,
        level=level,
        warnings=tuple(_warnings(solution, spread, traits, signs, len(items), keyed)),
    )


# ---------------------------------------------------------------------------------------------- input


def _decisions(
    answers: np.ndarray,
    items: list[str],
    n_points: int,
    nodes: Sequence[str] | None,
    topics: Mapping[str, str] | None,
) -> tuple[np.ndarray, list[str], np.ndarray, list[tuple[str, str, str]]]:
    """Decisions (n, P), the traits' names, each decision's trait (P,), and (item, node, trait) per decision."""
    tables = pseudo_items(answers, n_points)
    wanted = [nodes] if isinstance(nodes, str) else nodes
    if wanted is None:
        wanted = [node for node in NODES if node in tables and not (topics and node == "agree")]
    for node in wanted:
        if node not in NODES:
            raise ValueError(f"node {node!r} is not one of {', '.join(NODES)}")
        if node not in tables:
            raise ValueError(f"a scale of {n_points} points has no {node!r} decision")
    if not wanted or len(set(wanted)) != len(list(wanted)):
        raise ValueError("nodes must name one decision or more, each once")
    if topics is not None:
        _check_topics(items, topics, wanted)
    traits: list[str] = []
    columns, trait_of, listed = [], [], []
    for node in wanted:
        for j, item in enumerate(items):
            trait = f"extreme: {topics[item]}" if topics and node == "extreme" else node
            if trait not in traits:
                traits.append(trait)
            columns.append(tables[node][:, j])
            trait_of.append(traits.index(trait))
            listed.append((item, node, trait))
    if len(traits) > max(_POINTS):
        raise ValueError(
            f"{len(traits)} traits ({join_words(traits)}) are too many at once: take up to {max(_POINTS)}, "
            "by fewer topics or nodes"
        )
    return np.column_stack(columns), traits, np.array(trait_of), listed


def _check_topics(items: list[str], topics: Mapping[str, str], nodes: Sequence[str]) -> None:
    if "extreme" not in nodes:
        raise ValueError("topics divide the extreme decisions, but nodes leave these out")
    missing = [item for item in items if item not in topics]
    unknown = [item for item in topics if item not in items]
    if missing or unknown:
        raise ValueError(
            f"topics must name every item once: {'without a topic' if missing else 'no item'}: "
            f"{join_words(missing or unknown)}"
        )
    for topic in dict.fromkeys(topics.values()):
        if sum(value == topic for value in topics.values()) < 2:
            raise ValueError(f"topic {topic!r} has one item; a trait needs two or more")


def _reference_first(
    labels: list[str], position: np.ndarray, reference: str | None
) -> tuple[list[str], np.ndarray]:
    if reference is None:
        return labels, position
    if reference not in labels:
        raise ValueError(f"there is no group {reference!r}; there are {', '.join(labels)}")
    first = labels.index(reference)
    order = [first, *(i for i in range(len(labels)) if i != first)]
    return [labels[i] for i in order], np.argsort(order)[position]


def _require_both_ways(decisions: np.ndarray, listed: list[tuple[str, str, str]]) -> None:
    for column, (item, node, _) in zip(decisions.T, listed, strict=True):
        taken = column[~np.isnan(column)]
        if len(np.unique(taken)) < 2:
            what = "nobody took" if not len(taken) else "everybody took the same way"
            raise ValueError(f"{what} the {node!r} decision on {item!r}: leave the item or the node out")


def _require_decisions(
    decisions: np.ndarray,
    trait_of: np.ndarray,
    traits: list[str],
    labels: list[str],
    position: np.ndarray,
    mass: np.ndarray,
) -> None:
    for g, label in enumerate(labels):
        for d, trait in enumerate(traits):
            taken = decisions[np.ix_((position == g) & (mass > 0), trait_of == d)]
            if len(np.unique(taken[~np.isnan(taken)])) < 2:
                raise ValueError(
                    f"in {label!r} every {trait!r} decision falls the same way, or none was taken: too few answers "
                    "to place the group"
                )


# -------------------------------------------------------------------------------------------- model


@dataclass(frozen=True, slots=True)
class _Model:
    """Distinct patterns of decisions per group, and the quadrature grid.

    Given which decisions were taken, a person's effects depend on the answers only through the number of yeses
    per trait (Rasch): integrals are taken once per class of the same group, decisions taken and numbers of yeses.
    Parameters stand in the order b (P,), μ of groups 1 … G − 1 (each D), Cholesky factor L of Σ row by row; its
    diagonal is free to change sign, so that a trait without variance is no cliff.
    """

    yes: np.ndarray  # (n, P): 1 where taken with yes
    mass: np.ndarray  # (n,)
    kind: np.ndarray  # (n,): each pattern's class
    taken: np.ndarray  # (C, P): 1 where taken
    yeses: np.ndarray  # (C, D)
    group: np.ndarray  # (C,)
    trait_of: np.ndarray  # (P,)
    n_groups: int
    grid: np.ndarray  # (Q, D): standard normal nodes
    log_weight: np.ndarray  # (Q,)

    @property
    def n_items(self) -> int:
        return self.yes.shape[1]

    @property
    def n_traits(self) -> int:
        return self.grid.shape[1]

    def split(self, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """b (P,), μ (G, D) with zeros first, L (D, D)."""
        p, d, g = self.n_items, self.n_traits, self.n_groups
        means = np.vstack([np.zeros(d), parameters[p : p + (g - 1) * d].reshape(g - 1, d)])
        factor = np.zeros((d, d))
        factor[np.tril_indices(d)] = parameters[p + (g - 1) * d :]
        return parameters[:p], means, factor

    def start(self) -> np.ndarray:
        """Shares on the logit scale, stretched for what averaging over persons flattens."""
        taken, group = self.taken[self.kind], self.group[self.kind]
        share = (self.mass @ self.yes + 0.5) / (self.mass @ taken + 1)
        means = np.zeros((self.n_groups, self.n_traits))
        for g in range(self.n_groups):
            inside = group == g
            weight = self.mass[inside] @ taken[inside]
            fitted = np.bincount(self.trait_of, weights=weight * share)
            seen = np.bincount(self.trait_of, weights=self.mass[inside] @ self.yes[inside])
            total = np.maximum(np.bincount(self.trait_of, weights=weight), 1)
            a, e = (np.clip(x / total, 0.02, 0.98) for x in (seen, fitted))
            means[g] = 1.15 * (np.log(a / (1 - a)) - np.log(e / (1 - e)))
        b = 1.15 * np.log(share / (1 - share)) + means[0][self.trait_of]
        factor = 0.7 * np.eye(self.n_traits)
        return np.concatenate([b, (means[1:] - means[0]).ravel(), factor[np.tril_indices(self.n_traits)]])

    def rows(self, parameters: np.ndarray, with_scores: bool) -> tuple[np.ndarray, np.ndarray | None]:
        """Log-likelihood and scores per pattern."""
        value, scores, _ = self._pass(parameters, with_scores)
        return value, scores

    def expected(self, parameters: np.ndarray) -> np.ndarray:
        """Expected person effects given the answers, the group's mean included, shape (n, D)."""
        return self._pass(parameters, False, True)[2][self.kind]

    def _pass(
        self, parameters: np.ndarray, with_scores: bool, with_effects: bool = False
    ) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        b, means, factor = self.split(parameters)
        n_kinds, p, d = len(self.taken), self.n_items, self.n_traits
        effect = self.grid @ factor.T  # (Q, D)
        value = np.empty(n_kinds)
        effects = np.zeros((n_kinds, d)) if with_effects else None
        # per class: expected yeses (P), expected nodes (D), expected yeses times each node (D, P)
        chance_of, node_of = np.zeros((n_kinds, p)), np.zeros((n_kinds, d))
        both_of = np.zeros((n_kinds, d, p))
        for g in range(self.n_groups):
            inside = np.flatnonzero(self.group == g)
            theta = means[g] + effect
            eta = b + theta[:, self.trait_of]  # (Q, P)
            joint = (
                self.yeses[inside] @ theta.T - self.taken[inside] @ np.logaddexp(0, eta).T + self.log_weight
            )
            top = joint.max(axis=1, keepdims=True)
            posterior = np.exp(joint - top)
            total = posterior.sum(axis=1, keepdims=True)
            value[inside] = (top + np.log(total))[:, 0]
            posterior /= total
            if effects is not None:
                effects[inside] = posterior @ theta
            if with_scores:
                chance = 1 / (1 + np.exp(-eta))
                chance_of[inside] = posterior @ chance
                node_of[inside] = posterior @ self.grid
                for e in range(d):
                    both_of[inside, e] = posterior @ (chance * self.grid[:, e, None])
        per_row = value[self.kind] + self.yes @ b
        if not with_scores:
            return per_row, None, effects
        return per_row, self._scores(chance_of, node_of, both_of), effects

    def _scores(self, chance_of: np.ndarray, node_of: np.ndarray, both_of: np.ndarray) -> np.ndarray:
        n, p, d = len(self.yes), self.n_items, self.n_traits
        member = (self.trait_of[:, None] == np.arange(d)).astype(float)  # (P, D)
        out = np.zeros((n, p + (self.n_groups - 1) * d + d * (d + 1) // 2))
        out[:, :p] = self.yes - (self.taken * chance_of)[self.kind]
        # what the traits' parameters see is the same for a whole class
        residual = self.yeses - (self.taken * chance_of) @ member
        at = p + (self.n_groups - 1) * d
        for g in range(1, self.n_groups):
            block = np.where((self.group == g)[:, None], residual, 0.0)
            out[:, p + (g - 1) * d : p + g * d] = block[self.kind]
        # [class, trait, node]
        by_factor = self.yeses[:, :, None] * node_of[:, None, :] - np.einsum(
            "cp,cep,pd->cde", self.taken, both_of, member, optimize=True
        )
        low = np.tril_indices(d)
        out[:, at:] = by_factor[:, low[0], low[1]][self.kind]
        return out


def _model(
    decisions: np.ndarray,
    trait_of: np.ndarray,
    n_traits: int,
    position: np.ndarray,
    n_groups: int,
    mass: np.ndarray,
    points: int,
) -> tuple[_Model, np.ndarray]:
    """The model on distinct patterns, and each row's pattern."""
    if not 3 <= points <= 51:
        raise ValueError(f"quadrature must be from 3 to 51 nodes per dimension, but is {points}")
    coded = np.column_stack([np.nan_to_num(decisions, nan=2).astype(np.int8), position])
    distinct, pattern = np.unique(coded, axis=0, return_inverse=True)
    pattern = pattern.ravel()
    yes, taken = (distinct[:, :-1] == 1).astype(np.int8), (distinct[:, :-1] != 2).astype(np.int8)
    yeses = yes @ (trait_of[:, None] == np.arange(n_traits)).astype(np.int8)
    kinds, kind = np.unique(np.column_stack([taken, yeses, distinct[:, -1]]), axis=0, return_inverse=True)
    n_items = len(trait_of)
    grid, weight = _grid(n_traits, points)
    return (
        _Model(
            yes=yes.astype(float),
            mass=np.bincount(pattern, weights=mass),
            kind=kind.ravel(),
            taken=kinds[:, :n_items].astype(float),
            yeses=kinds[:, n_items:-1].astype(float),
            group=kinds[:, -1].astype(int),
            trait_of=trait_of,
            n_groups=n_groups,
            grid=grid,
            log_weight=np.log(weight),
        ),
        pattern,
    )


def _grid(n_traits: int, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss–Hermite nodes of a standard normal in D dimensions, without the lightest; weights add to 1."""
    node, weight = np.polynomial.hermite_e.hermegauss(points)
    weight = weight / weight.sum()
    grid = np.array(list(product(node, repeat=n_traits)))
    joint = np.array(list(product(weight, repeat=n_traits))).prod(axis=1)
    kept = joint > _LIGHTEST * joint.max()
    return grid[kept], joint[kept] / joint[kept].sum()


@dataclass(frozen=True, slots=True)
class _Fit:
    """The maximum, its scores per pattern, and whether it was reached."""

    parameters: np.ndarray
    log_likelihood: float
    scores: np.ndarray
    converged: bool


def _fitted(model: _Model) -> _Fit:
    """Quasi-Newton (BFGS) with the outer product of the scores as its first curvature."""
    from scipy.optimize import minimize

    start = model.start()
    total = model.mass.sum()

    def mean_loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        value, scores = model.rows(parameters, True)
        return -float(model.mass @ value) / total, -(model.mass @ scores) / total

    scores = model.rows(start, True)[1]
    found = minimize(
        mean_loss,
        start,
        jac=True,
        method="BFGS",
        options={
            "gtol": 2e-6,
            "maxiter": 300,
            "hess_inv0": _inverse_outer_product(scores, model.mass) * total,
        },
    )
    scores = model.rows(found.x, True)[1]
    # a gradient this flat moves no estimate by a thousandth of its error, whatever the line search says
    reached = bool(found.success or np.abs(found.jac).max() < 1e-4)
    return _Fit(found.x, -float(found.fun) * total, scores, reached)


def _inverse_outer_product(scores: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Inverse of Σ s s′; directions without information (a trait without variance) have no variance either."""
    outer = (scores * mass[:, None]).T @ scores
    size = np.sqrt(np.maximum(np.diag(outer), 1e-12))
    inverse = np.linalg.pinv(outer / np.outer(size, size), rcond=1e-9, hermitian=True)
    return (inverse + inverse.T) / 2 / np.outer(size, size)


def _covariance(
    fit: _Fit, model: _Model, pattern: np.ndarray, cluster: np.ndarray | None, mass: np.ndarray
) -> np.ndarray:
    """Inverse outer product of the scores; with repeated customers a sandwich around their sums."""
    bread = _inverse_outer_product(fit.scores, model.mass)
    if cluster is None:
        return bread
    from scipy import sparse

    _, person = np.unique(cluster, return_inverse=True)
    total = sparse.coo_array((mass, (person, pattern))).tocsr() @ fit.scores
    n_people = total.shape[0]
    return bread @ (total.T @ total) @ bread * n_people / max(n_people - 1, 1)


# ------------------------------------------------------------------------------------------- results


@dataclass(frozen=True, slots=True)
class _Parts:
    """Tables from parameters and their covariance."""

    model: _Model
    parameters: np.ndarray
    covariance: np.ndarray
    labels: list[str]
    traits: list[str]
    level: float

    def _of_factor(self, function) -> tuple[np.ndarray, np.ndarray]:
        """A function of Σ, and the standard errors of its values, by the delta method."""
        value = function(self._sigma(self.parameters))
        start = self.model.n_items + (self.model.n_groups - 1) * self.model.n_traits
        columns = []
        for i in range(start, len(self.parameters)):
            ahead, behind = self.parameters.copy(), self.parameters.copy()
            ahead[i] += 1e-5
            behind[i] -= 1e-5
            columns.append((function(self._sigma(ahead)) - function(self._sigma(behind))) / 2e-5)
        slope = np.array(columns).T
        variance = np.einsum("ij,jk,ik->i", slope, self.covariance[start:, start:], slope)
        return value, np.sqrt(np.maximum(variance, 0))

    def _sigma(self, parameters: np.ndarray) -> np.ndarray:
        factor = self.model.split(parameters)[2]
        return factor @ factor.T

    def spread(self, taken: list[float]) -> pd.DataFrame:
        value, error = self._of_factor(lambda sigma: np.sqrt(np.diag(sigma)))
        return pd.DataFrame(
            {
                "trait": self.traits,
                "standard_deviation": value,
                "standard_error": error,
                "n_answers": np.array(taken).astype(int),
            }
        )

    def correlations(self) -> pd.DataFrame:
        first, second = np.triu_indices(self.model.n_traits, k=1)

        def pairs(sigma: np.ndarray) -> np.ndarray:
            return (sigma / np.sqrt(np.outer(np.diag(sigma), np.diag(sigma))))[first, second]

        names = {
            "first": [self.traits[i] for i in first],
            "second": [self.traits[j] for j in second],
        }
        if not len(first):
            return pd.DataFrame(
                names | dict.fromkeys(("correlation", "standard_error", "low", "high"), np.empty(0))
            )
        value, error = self._of_factor(pairs)
        deviation = np.sqrt(np.diag(self._sigma(self.parameters)))
        flat = (deviation[first] < _NONE) | (deviation[second] < _NONE)
        value, error = np.where(flat, np.nan, value), np.where(flat, np.nan, error)
        inside = np.clip(value, -1 + 1e-12, 1 - 1e-12)
        half = critical_value(self.level) * error / (1 - inside**2)
        return pd.DataFrame(
            names
            | {
                "correlation": value,
                "standard_error": error,
                "low": np.tanh(np.arctanh(inside) - half),
                "high": np.tanh(np.arctanh(inside) + half),
            }
        )

    def groups(self) -> pd.DataFrame:
        b, means, factor = self.model.split(self.parameters)
        p, d = self.model.n_items, self.model.n_traits
        error = np.sqrt(np.maximum(np.diag(self.covariance), 0))[p : p + (self.model.n_groups - 1) * d]
        errors = np.vstack([np.full(d, np.nan), error.reshape(-1, d)])
        z = critical_value(self.level)
        weight = np.exp(self.model.log_weight)
        effect = self.model.grid @ factor.T
        rows = []
        for g, label in enumerate(self.labels):
            chance = weight @ (1 / (1 + np.exp(-(b + (means[g] + effect)[:, self.model.trait_of]))))
            for t, trait in enumerate(self.traits):
                half = z * errors[g, t]
                rows.append(
                    {
                        "group": label,
                        "trait": trait,
                        "difference": means[g, t],
                        "standard_error": errors[g, t],
                        "low": means[g, t] - half,
                        "high": means[g, t] + half,
                        "share": float(chance[self.model.trait_of == t].mean()),
                    }
                )
        return pd.DataFrame(rows)

    def items(self, listed: list[tuple[str, str, str]], taken: np.ndarray) -> pd.DataFrame:
        p = self.model.n_items
        table = pd.DataFrame(listed, columns=["item", "node", "trait"])
        table["easiness"] = self.parameters[:p]
        table["standard_error"] = np.sqrt(np.maximum(np.diag(self.covariance)[:p], 0))
        table["n"] = np.asarray(taken).astype(int)
        return table


def _warnings(
    solution: _Fit, spread: pd.DataFrame, traits: list[str], signs: np.ndarray, n_items: int, keyed: object
) -> list[str]:
    said = []
    if not solution.converged:
        said.append("The maximum was not reached: read nothing off these numbers.")
    if n_items > _MANY_ITEMS:
        said.append(
            f"With {n_items} items the simple counts of style_indices are as reliable, and easier to explain."
        )
    if "agree" in traits and len(set(signs)) < 2:
        how = "no keying is declared" if keyed is None else "all items are keyed one way"
        said.append(f"The trait “agree” is what people think of these topics as much as a habit: {how}.")
    flat = spread.loc[spread["standard_deviation"] < _NONE, "trait"]
    said += [
        f"Persons do not differ in “{trait}”: no style of that kind is to be seen here." for trait in flat
    ]
    return said
