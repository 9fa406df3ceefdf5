"""What do our scores say, and how sure are they?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cxstats.progress import steps
from cxstats.studies.article import Article, Sections, compose
from cxstats.studies.pictures import Source
from cxstats.studies.score_overview.study import (
    SMALLEST_GROUP,
    VALUE_MARGIN,
    Numbers,
    Settings,
    measure,
    settings,
)

if TYPE_CHECKING:
    from cxstats.studies.score_overview.action import Treated
    from cxstats.survey import Survey

__all__ = ["ScoreOverviewStudy", "Settings", "score_overview"]


class ScoreOverviewStudy(Article):
    """The study's result: see :class:`cxstats.studies.article.Article`. A finding on all scores; one on the action."""

    __slots__ = ()


def score_overview(
    survey: Survey,
    *,
    metric: str | None = None,
    wave: str | None = None,
    group: str | None = None,
    action: str | None = None,
    treated: Treated = None,
    level: float = 0.95,
    value_margin: float = VALUE_MARGIN,
    smallest_group: int = SMALLEST_GROUP,
    seed: int = 20250401,
) -> ScoreOverviewStudy:
    """Every score, outcome and amount of a survey on one page: values, intervals, changes, groups, an action's effect.

    Parameters
    ----------
    survey : an open survey (:func:`cxstats.open_survey`).
    metric : key of the headline score, which groups and the action are drawn for; the first by default.
    wave : wave to report on; the latest by default.
    group : group variable to look at alone; all by default.
    action : day of an action ("2025-02-01"), or the name of the first wave after it.
    treated : whom it reached: "country = Germany", or {"country": ["Germany", "Brazil"]}.
    level : confidence level of intervals and verdicts.
    value_margin : smallest change of what customers are worth that matters, as a share of the wave before.
    smallest_group : answers below which nothing is stated (2 at least); lowering it is recorded in the report.
    seed : stated with the versions; nothing on this page is drawn by lot.

    Returns
    -------
    ScoreOverviewStudy.

    Raises
    ------
    ValueError : a parameter out of range; a score, wave, group or label that the survey does not have; a survey of units.

    Examples
    --------
    >>> import cxstats as cx
    >>> study = cx.score_overview(cx.open_survey("demo"))                  # doctest: +SKIP
    >>> study.findings[0].verdict.words                                     # doctest: +SKIP
    """
    from cxstats.studies.score_overview import figures, sentences

    chosen = settings(
        survey,
        metric=metric,
        wave=wave,
        group=group,
        action=action,
        treated=treated,
        level=level,
        value_margin=value_margin,
        smallest_group=smallest_group,
        seed=seed,
    )
    with steps("Score overview", "scores", "groups", "worth", "action"):
        numbers = measure(survey, chosen)
    source = Source(survey.title, sentences.period(numbers, survey), survey.simulated)
    about_action = sentences.action_finding(numbers)
    return compose(
        ScoreOverviewStudy,
        survey,
        numbers,
        study="Score overview",
        measure=_measures(numbers),
        sentences=sentences,
        findings=(sentences.answer(numbers), *([about_action] if about_action else [])),
        figures=figures.all_figures(numbers, source),
        sections=_sections(figures.drawn_trends(numbers)),
        more={
            "scores": (figures.kpi_table(numbers),),
            "trend": _given(figures.wave_table(numbers, "score")),
            "outcomes": _given(figures.wave_table(numbers, "outcome")),
            "groups": _given(figures.standing_out_table(numbers)),
            "worth": sentences.value_notes(numbers),
            "action": (f"**{about_action.verdict.words}.** {about_action.rule}",) if about_action else (),
            "next": sentences.next_steps(numbers, survey),
        },
        missing={"action": about_action.answer} if about_action else None,
        previous=sentences.previous(numbers),
        score=None if not numbers.headline.readings else numbers.headline.now,
    )


def _given(part: Any) -> tuple[Any, ...]:
    return () if part is None else (part,)


def _measures(numbers: Numbers) -> str:
    """The scores' names above the title."""
    names = [m.short for m in numbers.measures if m.kind == "score"]
    return ", ".join(names[:4]) + (", …" if len(names) > 4 else "")


def _sections(drawn: tuple[Any, ...]) -> Sections:
    """Sections of the article, the figures in each, and what is missing where there are none."""
    from cxstats.studies.score_overview.phrases import key_of

    trends = {
        kind: tuple(f"trend-{key_of(m)}" for m in drawn if m.kind == kind)
        for kind in ("score", "outcome", "value")
    }
    return {
        "scores": (("changes",), "There are too few answers to state a score."),
        "trend": (trends["score"], "There is one wave with enough answers, and so no trend."),
        "outcomes": (
            trends["outcome"],
            "The data does not say what customers of two waves did later. Outcomes are declared under outcomes: "
            "in survey.yml.",
        ),
        "groups": (
            ("groups",),
            "No two groups have answers enough. Groups are declared under groups: in survey.yml.",
        ),
        "worth": (
            ("by-value", "worth", *trends["value"]),
            "What a customer is worth is not in the data. It is declared under value: in survey.yml.",
        ),
        "action": (
            ("action", "effects"),
            "No action is stated. Name its day and the group it reached with the parameters action and treated.",
        ),
        "next": ((), ""),
    }
