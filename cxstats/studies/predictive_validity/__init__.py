"""Does this score tell us anything about the customer's next move, beyond what we knew without asking?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cxstats.studies.article import Article, Sections, compose
from cxstats.studies.pictures import Source
from cxstats.studies.predictive_validity.numbers import Settings
from cxstats.studies.predictive_validity.study import MARGIN, SMALLEST_GROUP, measure, settings

if TYPE_CHECKING:
    from cxstats.survey import Survey

__all__ = ["PredictiveValidityStudy", "Settings", "predictive_validity"]

_NO_RACE = "No rule could be trained and judged: the answer above says why."
# Sections of the article, the figures in each, and what is missing where there are none.
SECTIONS: Sections = {
    "race": (("race", "alone"), _NO_RACE),
    "rates": (("rates",), _NO_RACE),
    "robust": (("robust",), _NO_RACE),
    "silence": (("silence",), "Who was invited and did not answer is not in the data, or nobody did."),
    "cuts": (("cuts",), "There are too few customers with the event, or without it, to judge where to cut."),
    "time": (("survival", "warning"), "When the event happened is not in the data."),
    "decision": (("decision",), _NO_RACE),
}


class PredictiveValidityStudy(Article):
    """The study's result: see :class:`cxstats.studies.article.Article`. One finding."""

    __slots__ = ()


def predictive_validity(
    survey: Survey,
    *,
    outcome: str | None = None,
    metrics: Sequence[str] | str | None = None,
    known: Sequence[str] | str | None = None,
    margin: float = MARGIN,
    level: float = 0.95,
    wave: str | None = None,
    contact_cost: float = 10.0,
    value_saved: float | None = None,
    success: float = 0.2,
    smallest_group: int = SMALLEST_GROUP,
    seed: int = 20250401,
) -> PredictiveValidityStudy:
    """Study whether scores tell what customers do next, beyond what was known without asking.

    Parameters
    ----------
    survey : an open survey (:func:`cxstats.open_survey`) with outcomes.
    outcome : one of the survey's outcomes; the first by default.
    metrics : scores to race, as a list or "nps, ces"; all by default.
    known : what is known without asking, to be beaten: groups, behaviour, "value"; by default all of it, but no group
        that only bands a number that is there too.
    margin : smallest gain in AUC that matters.
    level : confidence level of intervals and verdicts.
    wave : one wave only; all together by default.
    contact_cost, value_saved, success : what contacting one customer costs, what keeping one is worth (by default the
        average recorded value), and the share of contacts that keep one who would have left.
    smallest_group : customers below which a rate is not shown; lowering it is recorded in the report.
    seed : of resamples.

    Returns
    -------
    PredictiveValidityStudy.

    Raises
    ------
    ValueError : a parameter out of range, or an outcome, score, fact or wave that the survey does not have.

    Examples
    --------
    >>> import cxstats as cx
    >>> study = cx.predictive_validity(cx.open_survey("demo"), outcome="churned")      # doctest: +SKIP
    >>> study.findings[0].verdict.words                                               # doctest: +SKIP
    """
    from cxstats.studies.predictive_validity import figures, sentences

    chosen = settings(
        survey,
        outcome=outcome,
        metrics=metrics,
        known=known,
        margin=margin,
        level=level,
        wave=wave,
        contact_cost=contact_cost,
        value_saved=value_saved,
        success=success,
        smallest_group=smallest_group,
        seed=seed,
    )
    numbers = measure(survey, chosen)
    source = Source(survey.title, sentences.period(numbers, survey), survey.simulated)
    return compose(
        PredictiveValidityStudy,
        survey,
        numbers,
        study="Predictive validity",
        measure=numbers.outcome_label,
        sentences=sentences,
        findings=(sentences.answer(numbers),),
        figures=figures.all_figures(numbers, source),
        sections=SECTIONS,
        more={name: [note] for name, note in sentences.section_notes(numbers).items()},
        missing=numbers.missing,
    )
