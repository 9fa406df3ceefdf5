"""Is this survey big enough for the decision it is used for?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxstats.progress import steps
from cxstats.studies.article import Article, Sections, compose
from cxstats.studies.pictures import Source
from cxstats.studies.sample_size.study import SMALLEST_GROUP, Settings, measure, settings

if TYPE_CHECKING:
    from cxstats.survey import Survey

__all__ = ["SampleSizeStudy", "Settings", "sample_size"]

# Sections of the article, the figures in each, and what is missing where there are none.
SECTIONS: Sections = {
    "score": (("score", "groups"), "There are too few answers to state a score."),
    "coverage": (("coverage",), "There are too few answers for an interval of any kind."),
    "needs": (("needs", "tracker"), "There are too few answers to plan from."),
    "efficiency": (
        ("efficiency",),
        "This metric is the mean of the answers already, or they do not vary: there is nothing to compare it with.",
    ),
    "alarms": (
        ("alarms",),
        "There are too few answers to imitate a dashboard with, all are equal, or it is looked at once.",
    ),
    "ranks": (
        ("ranks",),
        "No two groups have answers enough to be ranked. Groups are declared under groups: in survey.yml.",
    ),
    "label": (("label",), "There is no customary label for this metric, or too few answers."),
    "floor": (("floor",), "There are too few answers, or all are equal: their spread is not known."),
}


class SampleSizeStudy(Article):
    """The study's result: see :class:`cxstats.studies.article.Article`. One finding."""

    __slots__ = ()


def sample_size(
    survey: Survey,
    *,
    metric: str = "nps",
    margin: float | None = None,
    level: float = 0.95,
    power: float = 0.8,
    response_rate: float | None = None,
    population: int | None = None,
    wave: str | None = None,
    group: str | None = None,
    smallest_group: int = SMALLEST_GROUP,
    days: int = 90,
    seed: int = 20250401,
) -> SampleSizeStudy:
    """Study whether a survey is big enough for the decision it is used for.

    Parameters
    ----------
    survey : an open survey (:func:`cxstats.open_survey`).
    metric : key of the score: "nps", "csat", "ces", or any the survey declares.
    margin : smallest difference that matters, in the metric's unit; the metric's own by default.
    level : confidence level of intervals and verdicts.
    power : probability with which a real change should be found.
    response_rate : share of those invited who answer; by default as seen in the data.
    population : customers in all, where the answers are a random draw of just these and everyone drawn
        answered; then an interval for them is shown too.
    wave : wave to report on; the latest by default.
    group : group variable of the league table; the first that can be ranked by default.
    smallest_group : answers below which a group is not shown; lowering it is recorded in the report.
    days : days a dashboard is watched, for the false alarms.
    seed : of the simulations.

    Returns
    -------
    SampleSizeStudy.

    Raises
    ------
    ValueError : a parameter out of range, or a metric or wave that the survey does not have.

    Examples
    --------
    >>> import cxstats as cx
    >>> study = cx.sample_size(cx.open_survey("demo"), metric="nps")       # doctest: +SKIP
    >>> study.findings[0].verdict.words                                     # doctest: +SKIP
    """
    from cxstats.studies.sample_size import figures, sentences

    chosen = settings(
        survey,
        metric=metric,
        margin=margin,
        level=level,
        power=power,
        response_rate=response_rate,
        population=population,
        wave=wave,
        group=group,
        smallest_group=smallest_group,
        days=days,
        seed=seed,
    )
    with steps("Sample size", "waves", "groups", "intervals", "plans"):
        numbers = measure(survey, chosen)
    source = Source(survey.title, sentences.period(numbers, survey), survey.simulated)
    return compose(
        SampleSizeStudy,
        survey,
        numbers,
        study="Sample size",
        measure=numbers.metric.label,
        sentences=sentences,
        findings=(sentences.answer(numbers),),
        figures=figures.all_figures(numbers, source),
        sections=SECTIONS,
        more={"score": sentences.notes(numbers)},
        previous=sentences.previous(numbers),
        ledger=survey.ledger.of(numbers.metric.key),
        score=numbers.total,
    )
