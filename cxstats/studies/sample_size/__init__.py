"""Is this survey big enough for the decision it is used for?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cxstats.findings import Finding
from cxstats.studies.sample_size.study import SMALLEST_GROUP, Numbers, Settings, measure, settings

if TYPE_CHECKING:
    from cxstats.display.parts import (
        Answer,
        Figure,
        Header,
        LedgerTable,
        Limits,
        MainPoints,
        Method,
        NeedToKnow,
        Section,
        Table,
    )
    from cxstats.survey import Survey

__all__ = ["SampleSizeStudy", "Settings", "sample_size"]

# Sections of the article, the figures in each, and what is missing where there are none.
SECTIONS: dict[str, tuple[tuple[str, ...], str]] = {
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


@dataclass(frozen=True, slots=True)
class SampleSizeStudy:
    """The study's result: numbers, findings, and the parts of its page.

    Attributes
    ----------
    numbers : everything computed.
    findings : the headline finding (one).
    figures : figures by key; those that the data cannot fill are absent.
    tables : the numbers behind each figure, by the same keys.
    header, answer, main_points, need_to_know, limits, method, ledger : parts of the page.
    """

    numbers: Numbers
    findings: tuple[Finding, ...]
    figures: dict[str, Figure]
    header: Header
    answer: Answer
    main_points: MainPoints
    need_to_know: NeedToKnow
    limits: Limits
    method: Method
    ledger: LedgerTable
    _notes: tuple[str, ...] = field(repr=False)

    @property
    def tables(self) -> dict[str, Table]:
        """The numbers behind each figure."""
        return {key: figure.table for key, figure in self.figures.items()}

    def section(self, name: str) -> Section:
        """A section's figures, or the sentence that says why there are none.

        Raises
        ------
        KeyError : there is no such section; the message lists those there are.
        """
        from cxstats.display.parts import Note, Section

        if name not in SECTIONS:
            raise KeyError(f"there is no section {name!r}; there are {', '.join(SECTIONS)}")
        keys, missing = SECTIONS[name]
        parts: list[Figure | Note] = [self.figures[key] for key in keys if key in self.figures]
        if name == "score":
            parts += [Note(text) for text in self._notes]
        return Section(tuple(parts) or (Note(missing, instead=True),))

    def _repr_html_(self) -> str:
        return self.answer._repr_mimebundle_()["text/html"]


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
    from cxstats.display import parts
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
    numbers = measure(survey, chosen)
    finding = sentences.answer(numbers)
    source = figures.Source(survey.title, sentences.period(numbers, survey), survey.simulated)
    return SampleSizeStudy(
        numbers=numbers,
        findings=(finding,),
        figures=figures.all_figures(numbers, source),
        header=_header(numbers, survey),
        answer=parts.Answer(finding, previous=sentences.previous(numbers), previous_label="The wave before"),
        main_points=parts.MainPoints(sentences.main_points(numbers)),
        need_to_know=parts.NeedToKnow(sentences.need_to_know(numbers, survey)),
        limits=parts.Limits(sentences.limits(numbers, survey)),
        method=parts.Method(sentences.method(numbers, survey), _versions(survey, chosen)),
        ledger=parts.LedgerTable(
            survey.ledger.of(numbers.metric.key),
            caption="What became of every row" + (", all waves together" if survey.wave else ""),
        ),
        _notes=sentences.notes(numbers),
    )


def _header(numbers: Numbers, survey: Survey) -> Header:
    from cxstats.display.parts import Fact, Header
    from cxstats.studies.sample_size import sentences

    return Header(
        study="Sample size",
        measure=numbers.metric.label,
        survey_title=survey.title,
        period_text=sentences.period(numbers, survey),
        population=survey.population,
        facts=tuple(Fact(*fact) for fact in sentences.facts(numbers, survey)),
        data_as_of_text=sentences.as_of(survey),
        simulated=survey.simulated,
        n_text=sentences.n_text(numbers),
    )


def _versions(survey: Survey, chosen: Settings) -> dict[str, Any]:
    import platform

    import cxstats

    return {
        "cxstats": cxstats.__version__,
        "Python": platform.python_version(),
        "seed": chosen.seed,
        "data fingerprint": survey.fingerprint,
    }
