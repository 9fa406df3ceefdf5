"""Are these the right cuts? Every way of cutting a scale into groups, judged by an outcome.

Cutting 0–10 into detractors, passives and promoters forgets the steps within them. How much of what the score tells
about an outcome is forgotten, and would other cuts forget less? With 45 pairs of cuts to choose from, the best in
hindsight always looks better: its lead is tested against what choosing alone brings.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from cxstats.methods.association import ScoreOutcome, answer_groups
from cxstats.metrics import Metric
from cxstats.parameters import Count, Level, Seed, checked
from cxstats.show import definition_html
from cxstats.words import count

__all__ = ["Cutpoints", "cutpoints", "official_cuts", "partitions"]

FEWEST_EVENTS = 20


@dataclass(frozen=True, slots=True, eq=False)
class Cutpoints:
    """All partitions of a scale into as many groups as the official one has.

    Attributes
    ----------
    official : highest answer of each official group but the last, such as (6, 8); of a mean, which has no official
        groups, those of :func:`official_cuts`, or as given.
    table : one row per partition, best first: ``cuts``, ``information`` (share of what the answers tell about the
        outcome that the groups keep, 0 to 1, less what chance alone brings), ``chosen`` (share of resamples in which it
        is the best) and ``official``.
    information_lost : share of the information that the official groups forget, with its percentile interval;
        None where the answers tell no more than chance brings, so that nothing could be lost.
    p_association : of the hypothesis that the score has nothing to do with the outcome, by permutation, with
        the best partition's statistic (so the choice is paid for).
    p_official : of the hypothesis that the official groups hold all there is: how often choosing among
        all partitions leads by as much when the rate is the same within each official group.
    p_better : of the hypothesis that no other partition keeps more than the official groups do, which may forget
        something all the same; pays for choosing among all partitions.
    n, events : customers, and those with the event. replicates, level : as given.
    """

    official: tuple[int, ...]
    table: pd.DataFrame
    information_lost: tuple[float, float, float] | None
    p_association: float
    p_official: float
    p_better: float
    n: int
    events: int
    replicates: int
    level: float

    @property
    def best(self) -> tuple[int, ...]:
        """Cuts that keep most in these answers."""
        return self.table["cuts"].iloc[0]

    @property
    def agreement(self) -> float:
        """Share of resamples in which the most frequently best partition is the best: how settled the choice is."""
        return float(self.table["chosen"].max())

    def _repr_html_(self) -> str:
        rows = [
            ("customers", f"{self.n:,}, of whom {self.events:,} had the event"),
            ("best cuts, after", " and ".join(map(str, self.best))),
            ("p-value of the official cuts", f"{self.p_official:.3f}"),
            ("p-value of no better ones", f"{self.p_better:.3f}"),
        ]
        if self.information_lost is not None:
            rows.insert(
                1,
                (
                    "forgotten by the official cuts",
                    "{:.0%} ({:.0%} to {:.0%})".format(*self.information_lost),
                ),
            )
        return definition_html("Cuts of the scale", rows)


def official_cuts(metric: Metric) -> tuple[int, ...]:
    """Highest answer of each group but the last, of the groups that rates and curves are of as well.

    A mean has no groups of its own: :func:`cxstats.methods.association.answer_groups` says which are taken.

    >>> from cxstats.metrics import NPS, ces, csat
    >>> official_cuts(NPS), official_cuts(csat(5)), official_cuts(ces(7, high_is="easy"))
    ((6, 8), (3,), (2, 5))
    """
    groups, _ = answer_groups(metric)
    return tuple(int(metric.scale.low + i) for i in np.flatnonzero(np.diff(groups)))


def partitions(size: int, cuts: int) -> np.ndarray:
    """Every way of cutting ``size`` ordered answers at ``cuts`` places: positions of the last of each group but one.

    >>> len(partitions(11, 2)), partitions(4, 1).ravel().tolist()
    (45, [0, 1, 2])
    """
    return np.array(list(combinations(range(size - 1), cuts)))


def cutpoints(
    counts: ScoreOutcome,
    metric: Metric,
    *,
    cuts: tuple[int, ...] | None = None,
    replicates: int = 1000,
    level: float = 0.95,
    seed: int = 20250401,
) -> Cutpoints:
    """Compare every partition of the scale with the official one.

    Parameters
    ----------
    counts : customers with and without the event at each answer (:func:`cxstats.methods.association.score_outcome`).
    metric : gives the official cuts. cuts : others, to be judged in their place.
    replicates : permutations, draws under the hypothesis, and resamples, each.

    Raises
    ------
    ValueError : fewer than 20 customers with or without the event; cuts that are no ascending answers of the scale.

    Notes
    -----
    A partition is as good as the binomial likelihood of its groups' rates. Information is that likelihood above one common
    rate, less half a unit for each further rate, which chance brings (as McFadden's adjusted R²): answers have more rates
    than groups, and without it groups that hold all there is would seem to forget. p_association is the maximally
    selected statistic of Lausen & Schumacher (1992), by permutation instead of their approximation. See
    ``docs/methods/prediction.md``.
    """
    level, replicates = checked("level", level, Level), checked("replicates", replicates, Count)
    rng = np.random.default_rng(checked("seed", seed, Seed))
    n, events = int(counts.n.sum()), int(counts.events.sum())
    if min(events, n - events) < FEWEST_EVENTS:
        raise ValueError(
            f"{count(events)} of {count(n)} customers had the event: at least {FEWEST_EVENTS} with it and without it "
            "are needed to judge where to cut"
        )
    official = tuple(cuts) if cuts is not None else official_cuts(metric)
    places = np.asarray(official) - metric.scale.low
    if (
        len(places) == 0
        or np.any(np.diff(places) <= 0)
        or places[0] < 0
        or places[-1] >= metric.scale.size - 1
    ):
        raise ValueError(
            f"cuts must be ascending answers from {metric.scale.low} to {metric.scale.high - 1}, but are {official}"
        )
    every = partitions(metric.scale.size, len(places))
    mine = int(np.flatnonzero((every == places).all(axis=1))[0])

    observed = np.stack([counts.events, counts.others])[None].astype(float)
    gain, full = _gains(observed, every)
    resampled = (
        rng.multinomial(n, observed.ravel() / n, size=replicates).reshape(replicates, 2, -1).astype(float)
    )
    again, again_full = _gains(resampled, every)
    # chance alone brings half a unit of likelihood for each rate beyond the first; a resample brings that twice, once for
    # these customers and once for drawing from them
    chance, chance_of_all = len(places) / 2, (int((counts.n > 0).sum()) - 1) / 2
    told, told_again = full[0] - chance_of_all, again_full - 2 * chance_of_all
    kept = np.clip((gain[0] - chance) / told, 0, 1) if told > 0 else np.full(len(every), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        lost = np.where(told_again > 0, 1 - (again[:, mine] - 2 * chance) / told_again, np.nan)
    best = again == again.max(axis=1, keepdims=True)
    order = np.argsort(-gain[0], kind="stable")
    table = pd.DataFrame(
        {
            "cuts": [tuple(int(c) for c in metric.scale.low + every[i]) for i in order],
            "information": kept[order],
            "chosen": (best / best.sum(axis=1, keepdims=True)).mean(axis=0)[order],
            "official": order == mine,
        }
    )
    tail = 100 * (1 - level) / 2
    return Cutpoints(
        official=official,
        table=table,
        information_lost=None
        if not told > 0 or np.isnan(lost).all()
        else (
            float(1 - kept[mine]),
            *(float(x) for x in np.clip(np.nanpercentile(lost, [tail, 100 - tail]), 0, 1)),
        ),
        p_association=_tail(_permuted(counts, every, replicates, rng), gain[0].max()),
        p_official=_tail(
            _under_official(counts, every, mine, replicates, rng), gain[0].max() - gain[0, mine]
        ),
        p_better=_better(gain[0] - gain[0, mine], again - again[:, [mine]]),
        n=n,
        events=events,
        replicates=replicates,
        level=level,
    )


def _better(lead: np.ndarray, resampled: np.ndarray) -> float:
    """How often the largest of all leads over the official groups, in its errors, is as large by chance alone.

    Shape (P,) and (R, P). Groups that forget something need not be worse than others, which forget as well: here the
    leads vary around what they are in these answers, and not around those of official groups that hold all there is.
    """
    error = (resampled - lead).std(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = np.where(error > 0, lead / error, 0.0)
        drawn = np.where(error > 0, (resampled - lead) / error, 0.0)
    return _tail(drawn.max(axis=1), scaled.max())


def _gains(tables: np.ndarray, every: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log-likelihood above one common rate: of each partition, shape (R, P), and of the answers themselves, (R,)."""
    cumulated = np.concatenate([np.zeros((*tables.shape[:2], 1)), np.cumsum(tables, axis=2)], axis=2)
    last = tables.shape[2]
    edges = np.column_stack([np.zeros(len(every), int), every + 1, np.full(len(every), last)])
    groups = np.diff(cumulated[:, :, edges], axis=3)  # (R, 2, P, groups)
    common = _log_likelihood(tables.sum(axis=2)[:, 0], tables.sum(axis=2)[:, 1])
    return (
        _log_likelihood(groups[:, 0], groups[:, 1]).sum(axis=2) - common[:, None],
        _log_likelihood(tables[:, 0], tables[:, 1]).sum(axis=1) - common,
    )


def _log_likelihood(events: np.ndarray, others: np.ndarray) -> np.ndarray:
    from scipy.special import xlogy

    n = np.maximum(events + others, 1)
    return xlogy(events, events / n) + xlogy(others, others / n)


def _permuted(counts: ScoreOutcome, every: np.ndarray, replicates: int, rng) -> np.ndarray:
    """Best gain when the outcomes are dealt out anew among the customers."""
    n = np.rint(counts.n).astype(int)
    events = rng.multivariate_hypergeometric(n, int(counts.events.sum()), size=replicates, method="marginals")
    return _gains(np.stack([events, n - events], axis=1).astype(float), every)[0].max(axis=1)


def _under_official(counts: ScoreOutcome, every: np.ndarray, mine: int, replicates: int, rng) -> np.ndarray:
    """Lead of the best partition over the official one when only the official groups matter."""
    group = np.searchsorted(every[mine], np.arange(len(counts.n)))
    merged = counts.merged(group)
    rate = (merged.events / np.maximum(merged.n, 1))[group]
    n = np.rint(counts.n).astype(int)
    events = rng.binomial(n, rate, size=(replicates, len(n)))
    gain = _gains(np.stack([events, n - events], axis=1).astype(float), every)[0]
    return gain.max(axis=1) - gain[:, mine]


def _tail(drawn: np.ndarray, seen: float) -> float:
    """Permutation p-value; the data themselves are one of the draws (Phipson & Smyth 2010)."""
    return float((1 + np.sum(drawn >= seen - 1e-9)) / (1 + len(drawn)))
