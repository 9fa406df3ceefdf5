"""How much of this score is who happened to answer?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cxstats.findings import Finding
from cxstats.studies.response_rate_bias.numbers import Numbers, Settings
from cxstats.studies.response_rate_bias.study import SMALLEST_GROUP, measure, settings

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

__all__ = ["ResponseRateBiasStudy", "Settings", "response_rate_bias"]

_NOBODY = "Who was invited and did not answer is not in the data, or nobody did."
_NOTHING_KNOWN = "Nothing is known of everyone invited that could be used, or there are too few answers. "
# Sections of the article, the figures in each, and what is missing where there are none.
SECTIONS: dict[str, tuple[tuple[str, ...], str]] = {
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


@dataclass(frozen=True, slots=True)
class ResponseRateBiasStudy:
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
    _notes: dict[str, str] = field(repr=False)
    _extra: dict[str, Table] = field(repr=False)

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
        parts: list[Figure | Note | Table] = [self.figures[key] for key in keys if key in self.figures]
        why = self.numbers.missing.get(name, "")
        if self.numbers.units is not None:
            why = f"There is one row for each of the {self.numbers.units.noun}, and nothing on single people who were asked."
        if parts and name in self._notes:
            parts.append(Note(self._notes[name]))
        if parts and name in self._extra:
            parts.append(self._extra[name])
        return Section(tuple(parts) or (Note(why or missing, instead=True),))

    def _repr_html_(self) -> str:
        return self.answer._repr_mimebundle_()["text/html"]


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
    from cxstats.display import parts
    from cxstats.studies.response_rate_bias import figures, sentences

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
    numbers = measure(survey, chosen)
    finding = sentences.answer(numbers)
    source = figures.Source(survey.title, sentences.period(numbers, survey), survey.simulated)
    return ResponseRateBiasStudy(
        numbers=numbers,
        findings=(finding,),
        figures=figures.all_figures(numbers, source),
        header=_header(numbers, survey),
        answer=parts.Answer(finding),
        main_points=parts.MainPoints(sentences.main_points(numbers)),
        need_to_know=parts.NeedToKnow(sentences.need_to_know(numbers, survey)),
        limits=parts.Limits(sentences.limits(numbers, survey)),
        method=parts.Method(sentences.method(numbers, survey), _versions(survey, chosen)),
        ledger=parts.LedgerTable(
            survey.ledger.of(numbers.metric.key),
            caption="What became of every row" + (", all waves together" if survey.wave else ""),
        ),
        _notes=sentences.section_notes(numbers),
        _extra={"benchmark": table} if (table := figures.defect_table(numbers)) is not None else {},
    )


def _header(numbers: Numbers, survey: Survey) -> Header:
    from cxstats.display.parts import Fact, Header
    from cxstats.studies.response_rate_bias import sentences

    return Header(
        study="Response-rate bias",
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
