"""Do the facts of the frame pull response the same way as the score? One that does not can hide what satisfaction does.

The range over φ reads from one number, the proxy's shift, how response goes with satisfaction. Where satisfaction raises
response and one fact that lowers the score raises it too, by itself, the two cancel in that number: the range is then too
short, and nothing in the proxy alone shows it. Fact by fact it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cxstats.methods.proxy import ProxyData, effects

__all__ = ["OPPOSED", "FactDirections", "fact_directions"]

OPPOSED = 0.1
"""Pull of the facts that go against the others, as a share of the others' pull, from which the range is not trusted."""


@dataclass(frozen=True, slots=True, eq=False)
class FactDirections:
    """How each fact pulls response and score together, or apart.

    Attributes
    ----------
    facts : their names, V of them.
    pull : covariance, over everyone invited, of a fact's own effect on response and its own effect on the score, shape
        (V,): above 0 where customers of the happier categories answer more readily, other facts held fixed.
    standard_error : by jackknife over parts of customers, shape (V,).
    against : the facts that pull against the others by more than chance.
    opposition : their pull as a share of the pull of the facts on the other side, in [0, 1]; 0 where there are none.
    """

    facts: tuple[str, ...]
    pull: np.ndarray
    standard_error: np.ndarray
    against: tuple[str, ...]
    opposition: float

    @property
    def holds(self) -> bool:
        """Whether what goes against the rest is too little to matter."""
        return self.opposition < OPPOSED


def fact_directions(data: ProxyData, by: Sequence[str]) -> FactDirections:
    """Which facts of the frame raise response while they lower the score, where the others do the opposite.

    Parameters
    ----------
    data : proxies and counts of the same facts (``cxstats.methods.proxy.proxy_data``).
    by : names of the facts, in the order in which ``data`` was made of them.

    Returns
    -------
    FactDirections.

    Notes
    -----
    Effects are those of two additive least-squares models on the same categories: answered or not on everyone invited, the
    score on those who answered. If response is decided by satisfaction or by the proxy, every fact's effect on it has
    the sign of its effect on the score (omitted confounders aside). A pull counts as against the others if a two-sided 5 %
    test, Bonferroni over facts, says so; the side with the smaller total of such pulls is the one against. Errors of the
    two models are independent given who answered, so a fact without any effect pulls 0 on average.
    """
    from scipy.special import stdtrit

    names = tuple(by) or ("what is known",)
    place = data.indicators.indices.reshape(data.indicators.shape[0], -1)
    fact = np.zeros(data.indicators.shape[1], dtype=np.intp)
    for v, column in enumerate(place.T):
        fact[column] = v
    answered = (data.category >= 0).astype(float)
    everyone = np.full(data.parts, -1)
    on_response, _ = effects(data.indicators[data.frame], data.part, data.n, answered, everyone, 1)
    pulls = _pulls(on_response, data, fact, len(names))
    whole, replicates = pulls[0], pulls[1:]
    deviation = replicates - replicates.mean(axis=0)
    error = np.sqrt((data.parts - 1) / data.parts * (deviation**2).sum(axis=0))
    sure = np.abs(whole) > stdtrit(data.parts - 1, 1 - 0.025 / len(names)) * error
    up, down = whole[sure & (whole > 0)].sum(), -whole[sure & (whole < 0)].sum()
    if not up or not down:
        return FactDirections(names, whole, error, (), 0.0)
    minor = sure & (whole < 0 if up >= down else whole > 0)
    order = np.argsort(-np.abs(whole), kind="stable")
    against = tuple(names[v] for v in order if minor[v])
    return FactDirections(names, whole, error, against, float(min(up, down) / max(up, down)))


def _pulls(on_response: np.ndarray, data: ProxyData, fact: np.ndarray, facts: int) -> np.ndarray:
    """Pull of each fact by replicate, shape (R, V)."""
    a, b = on_response.mean(axis=1), data.slopes.mean(axis=1)  # folds are for proxies: effects need none
    everyone = np.bincount(data.frame, weights=data.n, minlength=data.indicators.shape[0])
    weight = data.indicators.T @ everyone / everyone.sum()
    of = (fact[:, None] == np.arange(facts)).astype(float)
    return (weight * a * b) @ of - ((weight * a) @ of) * ((weight * b) @ of)
