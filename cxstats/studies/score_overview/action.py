"""Before and after an action, for those it reached and those it did not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cxstats.findings import Verdict
from cxstats.methods.before_after import FEWEST_BEFORE, DifferenceInDifferences, difference_in_differences
from cxstats.studies.score_overview.measures import Frame, Measure
from cxstats.words import join_words, number_word

if TYPE_CHECKING:
    import pandas as pd

    from cxstats.survey import Survey

__all__ = ["Action", "Effect", "Plan", "Treated", "effect_of", "planned"]


Treated = str | Mapping[str, str | Sequence[str]] | None
"""Whom an action reached: "country = Germany", or {"country": ["Germany", "Brazil"]}."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The action as the parameters state it: when, and which group it reached."""

    when: str
    day: dt.date | None
    group: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Effect:
    """The action's effect on one score."""

    key: str
    found: DifferenceInDifferences
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Action:
    """What is known of an action.

    Attributes
    ----------
    plan : as stated.
    title : the group variable's name for a reader.
    before, after, astride : waves by whether they came before the action, after it, or around its day.
    effects : one a score, intervals of all scores holding together; () where the data cannot say.
    why, needed : why it cannot, and what could; "" where it can.
    """

    plan: Plan
    title: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    astride: tuple[str, ...] = ()
    effects: tuple[Effect, ...] = ()
    why: str = ""
    needed: str = ""


def planned(survey: Survey, action: str | None, treated: Treated) -> Plan | None:
    """The parameters ``action`` and ``treated`` as a plan; None where neither is given.

    Raises
    ------
    ValueError : one without the other, a group or label that the survey does not have, or neither a day nor a wave.
    """
    from cxstats.survey.where import read_where

    if action is None and treated is None:
        return None
    if action is None or treated is None:
        missing, meaning = (
            ("action", "its day (2025-02-01) or the first wave after it")
            if action is None
            else ("treated", 'whom it reached, such as "country = Germany"')
        )
        raise ValueError(f"an action has two parts, but {missing} is not given: {meaning}")
    try:
        where = read_where(treated)
    except ValueError as error:
        raise ValueError(str(error).replace("where: ", "treated: ", 1)) from None
    if len(where) != 1:
        raise ValueError(f"treated is {treated!r}, but must name one group and its labels: country = Germany")
    (group, labels), *_ = where.items()
    if group not in survey.groups:
        raise ValueError(
            f"treated names {group!r}, but the survey's groups are {', '.join(survey.groups) or 'none'}"
        )
    known = set(survey.cells([group])[group].dropna())
    unknown = [label for label in labels if label not in known]
    if unknown:
        raise ValueError(
            f"treated: {group} has no {join_words(unknown)}; it has {', '.join(sorted(map(str, known)))}"
        )
    day = None
    if action not in survey.wave_order:
        try:
            day = dt.date.fromisoformat(action)
        except ValueError:
            waves = ", ".join(survey.wave_order) or "none"
            raise ValueError(
                f"action is {action!r}, but must be a day such as 2025-02-01, or the first wave after it ({waves})"
            ) from None
    return Plan(action, day, group, tuple(labels))


def effect_of(frame: Frame, plan: Plan, measures: tuple[Measure, ...]) -> Action:
    """The action's effect on every score, or why the data cannot tell it."""
    survey = frame.survey
    title = survey.group_labels[plan.group]
    before, after, astride, why = _sides(frame, plan)
    told = Action(plan, title, before, after, astride)
    if why:
        return _cannot(
            told, why, "The day on which each customer was asked, or the name of the first wave after it."
        )
    known = set(survey.cells([plan.group])[plan.group].dropna())
    if known <= set(plan.labels):
        return _cannot(
            told,
            "it reached everybody, so there is nobody to compare with",
            "A group of customers that the action did not reach, asked in the same waves.",
        )
    if len(before) < FEWEST_BEFORE or not after:
        waves = "is one wave" if len(before) == 1 else f"are {number_word(len(before))} waves"
        lacks = f"there {waves} before it"
        if len(before) >= FEWEST_BEFORE:
            lacks = "there is no wave after it"
        return _cannot(
            told,
            lacks,
            f"At least {FEWEST_BEFORE} waves before the action, which show whether both groups were moving alike, and "
            "one after it.",
        )
    scores = [m for m in measures if m.kind == "score" and m.readings]
    usable = [(m, waves) for m in scores if (waves := _enough(frame, plan, m, before, after)) is not None]
    if not usable:
        return _cannot(
            told,
            f"fewer than {frame.smallest} answers of those it reached, or of the others, are there in some waves",
            "More answers in each wave, on both sides.",
        )
    level = 1 - (1 - frame.level) / len(usable)
    effects = []
    for measure, (waves, n_before) in usable:
        found = _effect(frame, plan, measure, waves, n_before, level)
        effects.append(Effect(measure.key, found, found.verdict(measure.margin)))
    return Action(plan, title, before, after, astride, tuple(effects))


def _cannot(told: Action, why: str, needed: str) -> Action:
    return Action(told.plan, told.title, told.before, told.after, told.astride, (), why, needed)


def _sides(frame: Frame, plan: Plan) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], str]:
    waves = frame.waves
    if not frame.survey.wave:
        return (), (), (), "the answers do not say their wave"
    if plan.day is None:
        at = waves.index(plan.when) if plan.when in waves else len(waves)
        return waves[:at], waves[at:], (), ""
    windows = frame.survey.wave_windows
    unknown = [wave for wave in waves if wave not in windows]
    if unknown:
        return (), (), (), f"the days of {join_words(unknown)} are not known"
    before = tuple(w for w in waves if windows[w][1] < plan.day)
    after = tuple(w for w in waves if windows[w][0] >= plan.day)
    return before, after, tuple(w for w in waves if w not in before and w not in after), ""


def _side_cells(frame: Frame, plan: Plan, measure: Measure) -> pd.DataFrame:
    cells = frame.clustered(measure.key)[0]
    side = cells[plan.group].astype("string").isin(list(plan.labels)).astype("boolean")
    return cells.assign(_treated=side.where(cells[plan.group].notna().to_numpy(), None))


def _enough(
    frame: Frame, plan: Plan, measure: Measure, before: tuple[str, ...], after: tuple[str, ...]
) -> tuple[list[str], int] | None:
    """Waves in which both sides have answers enough, and how many of them came before; None where those are too few."""
    wave = frame.survey.wave
    cells = _side_cells(frame, plan, measure).dropna(subset=[measure.key, "_treated"])
    sizes = cells.groupby([wave, "_treated"], observed=True)["n"].sum()
    full = [
        [w for w in side if all(sizes.get((w, s), 0) >= frame.smallest for s in (True, False))]
        for side in (before, after)
    ]
    return ([*full[0], *full[1]], len(full[0])) if len(full[0]) >= FEWEST_BEFORE and full[1] else None


def _effect(
    frame: Frame, plan: Plan, measure: Measure, waves: list[str], n_before: int, level: float
) -> DifferenceInDifferences:
    assert measure.metric is not None
    return difference_in_differences(
        _side_cells(frame, plan, measure),
        measure.metric,
        score=measure.key,
        wave=frame.survey.wave,
        treated="_treated",
        waves=waves,
        n_before=n_before,
        matrix=frame.clustered(measure.key)[1],
        level=level,
    )
