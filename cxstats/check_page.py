"""What ``cxstats check`` says, as a page: offline, in the look of the reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cxstats import __version__
from cxstats.display.parts import Header, LedgerTable, Table
from cxstats.start import distribution, readiness_tables, source_tables
from cxstats.words import count

if TYPE_CHECKING:
    from cxstats.studies.requirements import Readiness
    from cxstats.survey import CheckReport, Survey

__all__ = ["check_page"]


def check_page(report: CheckReport, source: str, studies: Sequence[Readiness]) -> str:
    """A complete HTML document with what was read, every row's fate, and what each study will be able to say.

    Parameters
    ----------
    report : as ``cxstats.survey.check`` returns it.
    source : the description that was checked, as it may be printed.
    studies : what each study will be able to say; () where the data cannot be used.
    """
    from cxstats.reporting.convert import to_html

    survey = report.survey
    cells: list[tuple[str, list[Any]]] = []
    if report.problems:
        rows = tuple((p.where or "–", p.what, p.expected or "–", p.fix or "–") for p in report.problems)
        number = "One problem" if len(rows) == 1 else f"{count(len(rows))} problems"
        table = Table(f"{number} to put right", ("Where", "What is wrong", "Expected", "To fix it"), rows)
        cells.append(("What is wrong", [table]))
    if studies:
        cells.append(("What each study will be able to answer", list(readiness_tables(studies))))
    if survey is not None:
        cells.append(("What was read", list(source_tables(survey))))
        if not report.problems and survey.units is None:
            cells += [(survey.metric(name).label, [distribution(survey, name)]) for name in survey.metrics]
    first = [_header(survey, report, source)]
    last = [LedgerTable(report.ledger)] if report.ledger is not None else []
    return to_html(
        _notebook(first, cells, last),
        title=f"Check of {source}",
        index_href=None,
        footer=f"Made by cxstats check, version {__version__}. It holds counts, and no customer's answer.",
    )


def _header(survey: Survey | None, report: CheckReport, source: str) -> Header:
    verdict = "can be used" if report.ok else "cannot be used yet"
    return Header(
        study="Check",
        measure=source,
        survey_title="The description" if survey is None else survey.title,
        period_text=verdict
        if survey is None or survey.period_text == "period not stated"
        else survey.period_text,
        population="" if survey is None else survey.population,
        facts=(),
        data_as_of_text="not known"
        if survey is None or not report.ok
        else str(survey.data_as_of or "not stated"),
        simulated=survey is not None and survey.simulated,
        n_text=f"This survey {verdict}",
    )


def _notebook(first: list[Any], cells: list[tuple[str, list[Any]]], last: list[Any]) -> Any:
    """The parts as an executed notebook, of which the reports' pages are made."""
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

    def shown(parts: list[Any]) -> Any:
        outputs = [new_output("display_data", data=part._repr_mimebundle_()) for part in parts]
        return new_code_cell("", outputs=outputs, execution_count=1)

    out = [shown([*first, *last])]
    for i, (title, parts) in enumerate(cells):
        out += [new_markdown_cell(f"## {title}", id=f"head{i}"), shown(parts)]
    for i, cell in enumerate(out):
        cell["id"] = f"cell{i}"
    return new_notebook(cells=out)
