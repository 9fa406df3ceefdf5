"""Does this score tell us anything about the customer's next move, beyond what we knew without asking?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cxstats.findings import Finding
from cxstats.studies.predictive_validity.numbers import Numbers, Settings
from cxstats.studies.predictive_validity.study import MARGIN, SMALLEST_GROUP, measure, settings

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

__all__ = ["PredictiveValidityStudy", "Settings", "predictive_validity"]

_NO_RACE = "No rule could be trained and judged: the answer above says why."
# Sections of the article, the figures in each, and what is missing where there are none.
SECTIONS: dict[str, tuple[tuple[str, ...], str]] = {
    "race": (("race", "alone"), _NO_RACE),
    "rates": (("rates",), _NO_RACE),
    "robust": (("robust",), _NO_RACE),
    "silence": (("silence",), "Who was invited and did not answer is not in the data, or nobody did."),
    "cuts": (("cuts",), "There are too few customers with the event, or without it, to judge where to cut."),
    "time": (("survival", "warning"), "When the event happened is not in the data."),
    "decision": (("decision",), _NO_RACE),
}


@dataclass(frozen=True, slots=True)
class PredictiveValidityStudy:
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
        parts += [
            Note(self._notes[key])
            for key in (name, *(("later",) if name == "robust" else ()))
            if parts and key in self._notes
        ]
        why = self.numbers.missing.get({"time": "timing"}.get(name, name), "")
        return Section(tuple(parts) or (Note(why or missing, instead=True),))

    def _repr_html_(self) -> str:
        return self.answer._repr_mimebundle_()["text/html"]


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
    from cxstats.display import parts
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
    finding = sentences.answer(numbers)
    source = figures.Source(survey.title, sentences.period(numbers, survey), survey.simulated)
    return PredictiveValidityStudy(
        numbers=numbers,
        findings=(finding,),
        figures=figures.all_figures(numbers, source),
        header=_header(numbers, survey),
        answer=parts.Answer(finding),
        main_points=parts.MainPoints(sentences.main_points(numbers)),
        need_to_know=parts.NeedToKnow(sentences.need_to_know(numbers, survey)),
        limits=parts.Limits(sentences.limits(numbers, survey)),
        method=parts.Method(sentences.method(numbers, survey), _versions(survey, chosen)),
        ledger=parts.LedgerTable(survey.ledger, caption="What became of every row"),
        _notes=sentences.section_notes(numbers),
    )


def _header(numbers: Numbers, survey: Survey) -> Header:
    from cxstats.display.parts import Fact, Header
    from cxstats.studies.predictive_validity import sentences

    return Header(
        study="Predictive validity",
        measure=numbers.outcome_label,
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
