"""Counts of many companies at once, without drawing their customers: for error rates over thousands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .frame import FACTS, LEVELS
from .model import METRICS, Model
from .population import answer_shares, population

__all__ = ["CompanyCounts", "company_counts"]


@dataclass(frozen=True, slots=True)
class CompanyCounts:
    """Answers of B companies by group; G groups, K answers on the metric's scale.

    Attributes
    ----------
    metric : which.
    groups : category of each fact in ``by``, one tuple a group, in the order of the arrays.
    answers : counts, shape (B, G, K), ordered by the scale: ``answers[b, g]`` is what estimators take.
    invited : invitations, shape (B, G).
    everyone, respondents : expected values of the metric in each group, if all answered and among those
        who answer, shape (G,), in the metric's unit.
    share : expected share of invitations in each group, shape (G,).
    """

    metric: str
    groups: tuple[tuple[str, ...], ...]
    answers: np.ndarray
    invited: np.ndarray
    everyone: np.ndarray
    respondents: np.ndarray
    share: np.ndarray


def company_counts(
    model: Model,
    n_companies: int,
    n_customers: int,
    *,
    seed: int,
    metric: str = "nps",
    by: Sequence[str] = ("wave",),
) -> CompanyCounts:
    """Draw the counts of many companies of the same truth.

    The same distribution as counting the rows of :func:`company` with ``Faults.none()`` and no repeated
    customers, at the price of one multinomial draw a company. Reproducible under one NumPy version: it
    uses ``Generator.multinomial``, whose stream NumPy may change.

    Parameters
    ----------
    model : the dials; ``repeat_share`` must be 0, because counts cannot say who is in two waves.
    n_companies, n_customers : how many, and invitations in each, all waves together.
    metric : "nps", "csat" or "ces".
    by : any of "wave" and the facts of the frame; () for no groups.

    Raises
    ------
    ValueError : repeated customers, unknown metric or fact, or fewer than 1 company or customer.

    >>> drawn = company_counts(Model(repeat_share=0), 3, 1000, seed=1)
    >>> drawn.answers.shape, int(drawn.invited.sum())
    ((3, 2, 11), 3000)
    """
    if model.repeat_share:
        raise ValueError(
            f"counts cannot say who is in two waves, but repeat_share is {model.repeat_share}: "
            "set repeat_share=0, or use company() and read the rows"
        )
    if metric not in METRICS:
        raise ValueError(f"metric must be one of {', '.join(METRICS)}, but is {metric!r}")
    unknown = [fact for fact in by if fact != "wave" and fact not in FACTS]
    if unknown:
        raise ValueError(f"by may name wave, {', '.join(FACTS)}; not {', '.join(map(repr, unknown))}")
    if n_companies < 1 or n_customers < 1:
        raise ValueError(f"at least 1 company and 1 customer are needed, not {n_companies} and {n_customers}")

    people, shares = population(model), answer_shares(model, metric)
    weight = people.frame.share[:, None] * people.wave_share
    group, groups = _groups(model, by)
    size = len(groups)

    def summed(per_cell: np.ndarray) -> np.ndarray:
        # (C, W, K) weighted by the cells' shares -> (G, K)
        flat = (weight[:, :, None] * per_cell).reshape(-1, per_cell.shape[-1])
        return np.column_stack([np.bincount(group, weights=column, minlength=size) for column in flat.T])

    worth = np.asarray(METRICS[metric].values, dtype=float)
    answered, everyone = summed(shares.answered), summed(shares.everyone)
    share = everyone.sum(axis=1)
    silent = share - answered.sum(axis=1)
    probability = np.column_stack([answered, silent]).reshape(-1)
    drawn = np.random.default_rng(seed).multinomial(
        n_customers, probability / probability.sum(), size=n_companies
    )
    drawn = drawn.reshape(n_companies, size, len(worth) + 1)
    return CompanyCounts(
        metric=metric,
        groups=groups,
        answers=drawn[:, :, :-1],
        invited=drawn.sum(axis=2),
        everyone=everyone @ worth / share,
        respondents=answered @ worth / answered.sum(axis=1),
        share=share,
    )


def _groups(model: Model, by: Sequence[str]) -> tuple[np.ndarray, tuple[tuple[str, ...], ...]]:
    # group of every (cell, wave), flattened, and the groups' names, all combinations in order
    people = population(model)
    waves = wave_names(model)
    names = [tuple(waves) if fact == "wave" else LEVELS[fact] for fact in by]
    cells, n_waves = len(people.frame.share), model.waves
    group = np.zeros(cells * n_waves, dtype=int)
    for fact, levels in zip(by, names, strict=True):
        codes = (
            np.tile(np.arange(n_waves), cells)
            if fact == "wave"
            else np.repeat(people.frame.codes[fact], n_waves)
        )
        group = group * len(levels) + codes
    combinations: list[tuple[str, ...]] = [()]
    for levels in names:
        combinations = [(*start, level) for start in combinations for level in levels]
    return group, tuple(combinations)


def wave_names(model: Model) -> list[str]:
    """Names of the waves, old to new: quarters, the last one "2025 Q1".

    >>> wave_names(Model())
    ['2024 Q4', '2025 Q1']
    """
    last = 2025 * 4  # the first quarter of 2025, counted in quarters
    quarters = range(last - model.waves + 1, last + 1)
    return [f"{quarter // 4} Q{quarter % 4 + 1}" for quarter in quarters]
