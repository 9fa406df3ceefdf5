"""How much of this score is who happened to answer?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cxstats.progress import steps
from cxstats.studies.article import Article, Sections, compose
from cxstats.studies.pictures import Source
from cxstats.studies.response_rate_bias.numbers import Numbers, Settings
from cxstats.studies.response_rate_bias.study import SMALLEST_GROUP, measure, settings
from cxstats.words import capitalised

if TYPE_CHECKING:
    from cxstats.survey import Survey

__all__ = ["ResponseRateBiasStudy", "Settings", "response_rate_bias"]

_NOBODY = "Who was invited and did not answer is not in the data, or nobody did."
_NOTHING_KNOWN = "Nothing is known of everyone invited that could be used, or there are too few answers. "
# Sections of the article, the figures in each, and what is missing where there are none.
SECTIONS: Sections = {
    "score": (("ladder", "units"), "There are too few answers to state a score."),
    "response": (("coverage", "stages", "rates"), _NOBODY),
    "who": (("partials",), _NOTHING_KNOWN),
    "balance": (("balance",), _NOTHING_KNOWN),
    "weighting": (("strip",), _NOTHING_KNOWN),
    "benchmark": (
        ("checks",),
        "No outcome is known for everyone invited. Declare one under outcomes: in survey.yml (who left, who "
        "bought again), and weighting can be tested on it.",
    ),
    "beyond": (("proxy", "phi", "tipping", "robustness"), _NOTHING_KNOWN),
    "instrument": (
        ("instrument", "early"),
        "Nothing was varied at random (reminders, the hour of sending), and when people answered is not known. "
        "Randomised reminders, declared under instruments: in survey.yml, would test whether harder asking brings "
        "in other scores.",
    ),
    "follow_up": (("plan",), "There is nobody to follow up, or too few answers to plan from."),
}


class ResponseRateBiasStudy(Article):
    """The study's result: see :class:`cxstats.studies.article.Article`. One finding."""

    __slots__ = ()


def response_rate_bias(
    survey: Survey,
    *,
    metric: str = "nps",
    margin: float | None = None,
    level: float = 0.95,
    variables: Sequence[str] | str | None = None,
    weighting: str = "raking",
    benchmark: str | None = None,
    wave: str | None = None,
    smallest_group: int = SMALLEST_GROUP,
    seed: int = 20250401,
) -> ResponseRateBiasStudy:
    """Study how far who happened to answer moves a score, and what no weighting can tell.

    Parameters
    ----------
    survey : an open survey (:func:`cxstats.open_survey`), best with everyone invited, answered or not.
    metric : key of the score: "nps", "csat", "ces", or any the survey declares.
    margin : smallest bias that matters, in the metric's unit; the metric's own by default.
    level : confidence level of intervals and verdicts.
    variables : facts known of everyone before the invitation to use, as a list or "country, tenure"; by default all
        groups, and numbers (behaviour, value) that say what no group says.
    weighting : the weighting that the report stands on: "raking", "linear", "logit", "propensity" or "doubly_robust".
    benchmark : outcome, known for everyone, that the main points test weighting on; by default the one that those who
        answered miss by most.
    wave : wave to report on; the latest by default.
    smallest_group : answers below which a group is not shown; lowering it is recorded in the report.
    seed : of simulated limits.

    Returns
    -------
    ResponseRateBiasStudy.

    Raises
    ------
    ValueError : a parameter out of range; a metric, outcome, variable or wave that the survey does not have; a variable
        asked for by name that gives the answer away or has too many categories.

    Examples
    --------
    >>> import cxstats as cx
    >>> study = cx.response_rate_bias(cx.open_survey("demo"), metric="nps")      # doctest: +SKIP
    >>> study.findings[0].verdict.words                                           # doctest: +SKIP
    """
    from cxstats.studies.response_rate_bias import answer_words, figures, sentences, weighting_figures

    chosen = settings(
        survey,
        metric=metric,
        margin=margin,
        level=level,
        variables=variables,
        weighting=weighting,
        benchmark=benchmark,
        wave=wave,
        smallest_group=smallest_group,
        seed=seed,
    )
    with steps(
        "Response-rate bias",
        "counting",
        "weights and range",
        "other designs",
        "who answers",
        "other weightings",
    ):
        numbers = measure(survey, chosen)
    source = Source(survey.title, sentences.period(numbers, survey), survey.simulated)
    more: dict[str, list[Any]] = {name: [note] for name, note in sentences.section_notes(numbers).items()}
    defects = weighting_figures.defect_table(numbers)
    if defects is not None:
        more.setdefault("benchmark", []).append(defects)
    return compose(
        ResponseRateBiasStudy,
        survey,
        numbers,
        study="Response-rate bias",
        measure=numbers.metric.label,
        sentences=sentences,
        findings=(answer_words.answer(numbers),),
        figures=figures.all_figures(numbers, source),
        sections=SECTIONS,
        more=more,
        missing=_missing(numbers),
        ledger=survey.ledger.of(numbers.metric.key),
        score=numbers.published,
    )


def _missing(numbers: Numbers) -> dict[str, str]:
    if numbers.units is None:
        # a reason is part of a sentence in the answer, and a sentence of its own here
        return {name: f"{capitalised(why).rstrip('.')}." for name, why in numbers.missing.items()}
    why = (
        f"There is one row for each of the {numbers.units.noun}, and nothing on single people who were asked."
    )
    return dict.fromkeys(SECTIONS, why)
