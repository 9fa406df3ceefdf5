"""A page in place of a study that a survey cannot answer: why, what would help, and the lines that would add it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cxstats.findings import Finding, Verdict
from cxstats.studies.requirements import STUDIES, Lack, Readiness, missing, readiness
from cxstats.words import capitalised, count, date_text, join_words, plural, share, stated

if TYPE_CHECKING:
    from cxstats.display.parts import Answer, Header, LedgerTable, Method, NeedToKnow, Section, Table
    from cxstats.survey import Survey

__all__ = ["Lines", "WhatIsMissing", "what_is_missing"]


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of a survey.yml, as they would be written."""

    lines: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(self.lines)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": str(self)}


@dataclass(frozen=True, slots=True)
class WhatIsMissing:
    """What a study would need of a survey that cannot answer it, and the parts of its page.

    Attributes
    ----------
    lack : what is missing for the study's question, None where nothing is.
    findings : the one finding: "This data cannot say", or that it can.
    lines : the lines of survey.yml that would add what is missing.
    others : what the other studies will say about this survey.
    header, answer, need_to_know, method, ledger : parts of the page.
    """

    lack: Lack | None
    findings: tuple[Finding, ...]
    lines: Lines
    others: Table
    header: Header
    answer: Answer
    need_to_know: NeedToKnow
    method: Method
    ledger: LedgerTable

    @property
    def how(self) -> Section:
        """What to add, and the lines that would add it."""
        from cxstats.display.parts import Note, Section

        if self.lack is None:
            return Section((Note("Nothing is missing: render the study itself."),))
        told = Note(
            f"{capitalised(_keys(self.lack.cure))}. "
            + (
                "In survey.yml, with your own files and columns in place of these:"
                if self.lines.lines
                else ""
            )
        )
        after = Note(
            "Then `cxstats check survey.yml` reads it anew, and the next run puts the study in this page's place."
        )
        return Section((told, self.lines, after) if self.lines.lines else (told, after))

    def _repr_html_(self) -> str:
        return self.answer._repr_mimebundle_()["text/html"]


def what_is_missing(survey: Survey, study: str, measure: str | None = None) -> WhatIsMissing:
    """What a survey lacks for a study, as the parts of a page that takes the study's place.

    Parameters
    ----------
    survey : an open survey (:func:`cxstats.open_survey`).
    study : the name of the study's notebook, such as "response_rate_bias".
    measure : the score or outcome that the study would be about; None for all of them.

    Raises
    ------
    ValueError : there is no such study; the message lists those there are.

    Examples
    --------
    >>> import cxstats as cx
    >>> page = cx.what_is_missing(cx.open_survey("demo"), "response_rate_bias")     # doctest: +SKIP
    """
    if study not in STUDIES:
        raise ValueError(f"there is no study {study!r}; there are {', '.join(STUDIES)}")
    studies = readiness(survey)
    own = next(one for one in studies if one.study == STUDIES[study].title)
    lack = missing(survey.description, study, measure) or (own.lacks[0] if not own.answers else None)
    finding = _finding(own, lack)
    return WhatIsMissing(
        lack=lack,
        findings=(finding,),
        lines=Lines(lack.lines if lack is not None else ()),
        **_parts(survey, own, finding, measure, [one for one in studies if one is not own]),
    )


def _keys(text: str) -> str:
    """A text with survey.yml's keys set off as code.

    >>> _keys("add that list with frame:, or say invited: here")
    'add that list with `frame:`, or say `invited:` here'
    """
    return re.sub(r"\b([a-z_]+:)(?=[ ,.;)]|$)", r"`\1`", text)


def _finding(own: Readiness, lack: Lack | None) -> Finding:
    rule = "A study is made where the survey holds what its question needs. Until then this page stands in its place."
    common: dict[str, Any] = {"question": own.question, "margin": math.nan, "unit": ""}
    if lack is None:
        answer = f"This survey holds what {own.study.lower()} needs."
        return Finding(**common, verdict=Verdict.INCONCLUSIVE, answer=answer, rule=rule)
    why = capitalised(lack.why)
    return Finding(
        **common,
        verdict=Verdict.NOT_ANSWERABLE,
        answer=f"{why}.",
        rule=rule,
        needed=f"{capitalised(_keys(lack.cure))}.",
    )


def _parts(
    survey: Survey, own: Readiness, finding: Finding, measure: str | None, others: list[Readiness]
) -> dict[str, Any]:
    import platform

    import cxstats
    from cxstats.display import parts

    return {
        "others": _others(others),
        "header": parts.Header(
            study=own.study,
            measure=" · ".join(filter(None, (_measure(survey, measure), survey.part))),
            survey_title=survey.title,
            period_text=stated(survey.period_text),
            population=survey.description.population or "",
            data_as_of_text=date_text(survey.data_as_of) if survey.data_as_of else "",
            simulated=survey.simulated,
            n_text=_n_text(survey, measure),
        ),
        "answer": parts.Answer(finding),
        "need_to_know": parts.NeedToKnow(_know(survey)),
        "method": parts.Method(
            (
                "Nothing was estimated for this page. What a study needs is looked up in the description of the survey "
                "(survey.yml) before any number is made.",
            ),
            {
                "cxstats": cxstats.__version__,
                "Python": platform.python_version(),
                "data fingerprint": survey.fingerprint,
            },
        ),
        "ledger": parts.LedgerTable(survey.ledger),
    }


def _measure(survey: Survey, measure: str | None) -> str:
    if measure in survey.metrics:
        return survey.metric(measure).label
    if measure in survey.outcomes:
        return survey.group_labels[measure]
    names = [metric.short for metric in survey.metrics.values()]
    return join_words(names) if len(names) <= 4 else f"{count(len(names))} scores"


def _n_text(survey: Survey, measure: str | None) -> str:
    if survey.units is not None:
        units = survey.description.units
        return f"{count(len(survey.units))} {units.called if units is not None else 'units'}"
    name = measure if measure in survey.metrics else next(iter(survey.metrics))
    n, invited = survey.n_answered(name), survey.n_invited
    if invited:
        return f"{count(n)} of {count(invited)} answered ({share(n / invited, 1)})"
    return plural(n, "answer")


def _know(survey: Survey) -> tuple[tuple[str, str], ...]:
    """What a reader needs to know of the data that are there."""
    invited = survey.n_invited if survey.units is None else None
    asked = (
        "There is one row per unit; nobody's single answer is in the data."
        if survey.units is not None
        else f"{count(invited)} invitations are in the data."
        if invited is not None
        else "The data hold answers alone; who else was asked is not in them."
    )
    facts = [survey.group_labels.get(name, name) for name in (*survey.groups, *survey.behaviour)]
    outcomes = [survey.group_labels.get(name, name) for name in survey.outcomes]
    return (
        ("Who was asked", asked),
        ("What is known of customers", f"{join_words(facts)}." if facts else "Nothing but their answers."),
        ("What they did later", f"{join_words(outcomes)}." if outcomes else "Not in the data."),
    )


def _others(others: list[Readiness]) -> Table:
    from cxstats.display.parts import Table

    rows = tuple(
        (one.study, one.question, capitalised(one.says) if one.answers else f"Cannot say: {one.lacks[0].why}")
        for one in others
    )
    return Table(
        "What the other studies say about this survey", ("Study", "Question", "What it will say"), rows
    )
