"""Can these groups be compared on this metric, or do they use the scale differently?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cxstats.progress import steps
from cxstats.studies.article import Article, Sections, compose
from cxstats.studies.extreme_response_bias.numbers import Settings
from cxstats.studies.extreme_response_bias.study import SMALLEST_GROUP, measure, settings
from cxstats.studies.pictures import Source

if TYPE_CHECKING:
    from cxstats.survey import Survey

__all__ = ["ExtremeResponseBiasStudy", "Settings", "extreme_response_bias"]

# Sections of the article, the figures in each, and what is missing where there are none.
SECTIONS: Sections = {
    "gaps": (("gaps",), "There are no two groups with answers enough to be compared."),
    "steps": (
        ("steps",),
        "There is no gap to take apart: a group's spread of answers could not be estimated.",
    ),
    "spread": (
        ("spread",),
        "Fewer than two groups use enough of the scale for their spread to be estimated.",
    ),
    "style": (("style",), "There are too few answers to say how groups use the scale."),
    "assumptions": (
        ("assumptions", "naive"),
        "Without two groups whose spread can be estimated there is nothing to assume about.",
    ),
    "designs": (("designs",), ""),
    "culture": (
        ("culture",),
        "The survey names no table with a trait of each group. Where groups are countries, `group_facts:` in "
        "survey.yml takes one (individualism, for example).",
    ),
    "facts": ((), "Besides the groups compared the survey knows nothing that groups could be made alike in."),
}


class ExtremeResponseBiasStudy(Article):
    """The study's result: see :class:`cxstats.studies.article.Article`. One finding per pair, the headline first."""

    __slots__ = ()


def extreme_response_bias(
    survey: Survey,
    *,
    metric: str = "nps",
    group: str | None = None,
    reference: str | None = None,
    neutral: float | Sequence[float] | None = None,
    style_share: float | Sequence[float] = (0.0, 1.0),
    margin: float | None = None,
    level: float = 0.95,
    wave: str | None = None,
    mix: Sequence[str] | None = None,
    smallest_group: int = SMALLEST_GROUP,
    replicates: int = 400,
    seed: int = 20250401,
) -> ExtremeResponseBiasStudy:
    """Study how much of the gap between groups could be the way they use the scale.

    Parameters
    ----------
    survey : an open survey (:func:`cxstats.open_survey`).
    metric : key of the score: "nps", "csat", "ces", or any the survey declares.
    group : variable whose groups are compared (country, language, channel); by default "country", else the first.
    reference : group the others are compared with; by default the one with the most answers.
    neutral : neutral points assumed, on the scale: whole numbers (centre of an answer) or halves (between two);
        by default the middle and points 10 % and 20 % of the scale above it (5, 6 and 7 on 0–10).
    style_share : lowest and highest share of the difference in (log) spread that may be scale use, each in [0, 1].
    margin : smallest difference that matters, in the metric's unit; the metric's own by default.
    level : confidence level; all comparisons hold together at it.
    wave : wave to report on; by default all waves together.
    mix : facts in which all groups are made alike; by default every one that allows it.
    smallest_group : answers below which a group is not shown; lowering it is recorded in the report.
    replicates : bootstrap replicates, where no customer answers twice (else a jackknife over parts of the customers).
    seed : of the simulations.

    Returns
    -------
    ExtremeResponseBiasStudy.

    Raises
    ------
    ValueError : a parameter out of range, or a metric, group, reference, wave or fact that the survey does not have.

    Examples
    --------
    >>> import cxstats as cx
    >>> study = cx.extreme_response_bias(cx.open_survey("demo"), reference="Germany")     # doctest: +SKIP
    >>> study.findings[0].verdict.words                                                    # doctest: +SKIP
    """
    from cxstats.studies.extreme_response_bias import figures, sentences

    chosen = settings(
        survey,
        metric=metric,
        group=group,
        reference=reference,
        neutral=neutral,
        style_share=style_share,
        margin=margin,
        level=level,
        wave=wave,
        mix=mix,
        smallest_group=smallest_group,
        replicates=replicates,
        seed=seed,
    )
    with steps("Response style", "counting", "groups made alike", "differences", "other evidence"):
        numbers = measure(survey, chosen)
    source = Source(survey.title, sentences.period(numbers, survey), survey.simulated)
    drawn = figures.all_figures(numbers, source)
    more: dict[str, list[Any]] = {
        name: list(sentences.notes(numbers, name))
        for name, (keys, _) in SECTIONS.items()
        if name == "designs" or any(key in drawn for key in keys)
    }
    if numbers.facts:
        more["facts"] = [figures.facts_table(numbers), *sentences.notes(numbers, "facts")]
    return compose(
        ExtremeResponseBiasStudy,
        survey,
        numbers,
        study="Response style",
        measure=numbers.metric.label,
        sentences=sentences,
        findings=sentences.findings(numbers),
        figures=drawn,
        sections=SECTIONS,
        more=more,
        missing=numbers.missing,
        ledger=survey.ledger.of(numbers.metric.key),
    )
