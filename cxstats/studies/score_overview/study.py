"""What do our scores say, and how sure are they? The numbers behind the page of all scores.

The verdict, stated before any data
-----------------------------------
*With two waves or more* the question is "Did any score change by as much as would matter?", of every score, outcome and
amount that has two waves with answers enough. The effect of each is its latest wave minus the one before, judged against
± its own margin. *No difference that matters* where the interval of every change lies wholly within its margin: that is
wrong only if the interval of a measure that did change is (intersection-union test), so intervals at the level will do.
*A difference that matters* where the interval of one change or more lies wholly beyond its margin, the intervals of all k
holding together (Bonferroni at 1 − α/k, whatever answers and customers they share); otherwise there are too few answers to
say. The strip shows the measure that decided: of several that changed the one that changed most, in margins; of none the one
that came nearest.

*With one wave* the question is "Could chance alone have moved any score by as much as would matter?", the effect the
true value minus the published one, its region the interval minus the value, by the same rule.

The effect of an action is a second question, judged over both of its assumptions (:mod:`cxstats.methods.before_after`).

Assumptions: answers are a random draw of the named population (whether they are is the response-rate bias study's
question) and customers are independent of each other; repeated answers of one customer are not, and are allowed for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cxstats.findings import Verdict
from cxstats.parameters import Count, Level, Seed, Share, checked
from cxstats.progress import step
from cxstats.studies.score_overview.action import Action, Plan, effect_of, planned
from cxstats.studies.score_overview.groups import (
    GroupVariable,
    ValueWeighted,
    Worth,
    by_group,
    value_weighted,
    worth_of_answers,
)
from cxstats.studies.score_overview.measures import Frame, Measure, measured, value_rows

if TYPE_CHECKING:
    from cxstats.survey import Survey

__all__ = ["SMALLEST_GROUP", "Numbers", "Settings", "measure", "overall", "settings"]

SMALLEST_GROUP = 10
VALUE_MARGIN = 0.05


@dataclass(frozen=True, slots=True)
class Settings:
    """The study's parameters, checked. ``metric`` is the headline score."""

    metric: str
    level: float
    wave: str | None
    group: str | None
    action: Plan | None
    smallest_group: int
    value_margin: float
    seed: int


@dataclass(frozen=True, slots=True)
class Numbers:
    """Everything the page shows, computed.

    Attributes
    ----------
    measures : scores, outcomes and the worth of customers, in survey.yml's order; those without a reading too.
    deciding : key of the measure that the headline verdict shows; None where nothing could be measured.
    verdict : the headline verdict.
    changing : whether the verdict is about changes (two waves) or about precision (one).
    together : whether the intervals it judges are made to hold for all measures together.
    groups : all measures by group variable. crowded : titles of variables with too many groups for this page.
    by_value : scores weighted by what customers are worth. worth : what customers are worth by their answer.
    action : None where none is stated.
    n, invited : answers to the headline score and those invited, in its wave.
    shared : whether customers answer in several waves. weighted : whether rows carry weights.
    value_left_out : whether amounts are described, but there are too many rows to bring them here.
    """

    settings: Settings
    metric: Any
    measures: tuple[Measure, ...]
    deciding: str | None
    verdict: Verdict
    changing: bool
    together: bool
    groups: tuple[GroupVariable, ...]
    crowded: tuple[str, ...]
    by_value: tuple[ValueWeighted, ...]
    worth: tuple[Worth, ...]
    action: Action | None
    n: int
    invited: int | None
    shared: bool
    weighted: bool
    value_left_out: bool

    def of(self, key: str) -> Measure:
        """The measure ``key``."""
        return next(m for m in self.measures if m.key == key)

    @property
    def shown(self) -> tuple[Measure, ...]:
        """Measures with answers enough to be stated."""
        return tuple(m for m in self.measures if m.readings)

    @property
    def headline(self) -> Measure:
        """The headline score."""
        return self.of(self.settings.metric)

    @property
    def judged(self) -> tuple[Measure, ...]:
        """The measures that the headline verdict is about."""
        return tuple(m for m in self.shown if m.change is not None) if self.changing else self.shown


def settings(survey: Survey, **given: Any) -> Settings:
    """Parameters checked in the user's terms.

    Raises
    ------
    ValueError : a value of the wrong kind or out of range; a score, wave, group or label that the survey does not have.
    """
    if survey.units is not None:
        raise ValueError(
            "this survey has one row per unit and no answers: there are no scores of customers to show"
        )
    metric = given["metric"]
    metric = next(iter(survey.metrics)) if metric is None else survey.metric(metric).key
    group, wave = given["group"], given["wave"]
    if group is not None and group not in survey.groups:
        raise ValueError(
            f"group is {group!r}, but the survey's groups are {', '.join(survey.groups) or 'none'}"
        )
    if wave is not None and wave not in survey.wave_order:
        raise ValueError(
            f"there is no wave {wave!r}; the survey has {', '.join(survey.wave_order) or 'none'}"
        )
    smallest = checked("smallest_group", given["smallest_group"], Count)
    level = checked("level", given["level"], Level)
    margin = checked("value_margin", given["value_margin"], Share)
    return Settings(
        metric=metric,
        level=level,
        wave=wave,
        group=group,
        action=planned(survey, given["action"], given["treated"]),
        smallest_group=max(smallest, 2),
        value_margin=margin,
        seed=checked("seed", given["seed"], Seed),
    )


def measure(survey: Survey, chosen: Settings) -> Numbers:
    """Everything the page shows, from counts; amounts from rows.

    Parameters
    ----------
    survey : an open survey.
    chosen : checked parameters (:func:`settings`).
    """
    step("scores")
    order = survey.wave_order
    waves = order if chosen.wave is None else order[: order.index(chosen.wave) + 1]
    amounts = value_rows(survey)
    side = None if chosen.action is None else chosen.action.group
    frame = Frame(survey, waves, chosen.level, chosen.smallest_group, chosen.value_margin, amounts, side=side)
    measures, together = measured(frame)
    changing = any(m.change is not None for m in measures)
    judged = [m for m in measures if m.readings and (m.change is not None or not changing)]
    verdict, deciding = overall(judged)
    headline = next(m for m in measures if m.key == chosen.metric)
    step("groups")
    groups, crowded = by_group(frame, measures, chosen.metric)
    step("worth")
    action = None
    if chosen.action is not None:
        step("action")
        # the waves before and after an action do not end with the wave that is reported on
        action = effect_of(replace(frame, waves=order), chosen.action, measures)
    return Numbers(
        settings=chosen,
        metric=headline.metric,
        measures=measures,
        deciding=deciding,
        verdict=verdict,
        changing=changing,
        together=together,
        groups=groups,
        crowded=crowded,
        by_value=() if amounts is None else value_weighted(frame, measures),
        worth=() if amounts is None else worth_of_answers(frame, headline),
        action=action,
        n=headline.now.n if headline.readings else survey.n_answered(chosen.metric),
        invited=headline.now.asked if headline.readings else None,
        shared=survey.repeats,
        weighted=survey.weighted,
        value_left_out=survey.description.value is not None and amounts is None,
    )


def overall(judged: list[Measure]) -> tuple[Verdict, str | None]:
    """The verdict on all measures together, and the one that decided it."""
    if not judged:
        return Verdict.INCONCLUSIVE, None
    verdicts = [m.verdict for m in judged]
    if Verdict.MATERIAL in verdicts:
        moved = [m for m, v in zip(judged, verdicts, strict=True) if v is Verdict.MATERIAL]
        return Verdict.MATERIAL, max(moved, key=lambda m: abs(m.change.value) / m.margin).key
    open_ = [m for m, v in zip(judged, verdicts, strict=True) if v is not Verdict.NEGLIGIBLE]
    nearest = max(open_ or judged, key=_farthest)
    return (Verdict.INCONCLUSIVE if open_ else Verdict.NEGLIGIBLE), nearest.key


def _farthest(m: Measure) -> float:
    """How far the interval reaches, in margins."""
    if m.change is not None:
        return max(abs(m.change.low), abs(m.change.high)) / m.margin
    return max(abs(m.family[0] - m.now.value), abs(m.family[1] - m.now.value)) / m.margin
