"""What ``cxstats check`` says, as a page: offline, in the look of the reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cxstats import __version__
from cxstats.display.parts import Header, LedgerTable, Table
from cxstats.start import distribution, readiness_tables, source_tables
from cxstats.survey.check import BESIDE, groups_told, known_beside, units_told
from cxstats.words import count, date_text, stated

if TYPE_CHECKING:
    from cxstats.studies.requirements import Readiness
    from cxstats.survey import CheckReport, Survey
    from cxstats.survey.errors import Problem

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
        cells.append(("What is wrong", [_problems(report.problems)]))
    if studies:
        cells.append(("What each study will be able to answer", list(readiness_tables(studies))))
    if survey is not None:
        if survey.readers:
            cells.append(("What was read", list(source_tables(survey))))
        if not report.problems:
            cells += _answers(survey)
    first = [_header(survey, report, source)]
    last = [LedgerTable(report.ledger)] if report.ledger is not None else []
    return to_html(
        _notebook(first, cells, last),
        title=f"Check of {source}",
        index_href=None,
        footer=f"Made by cxstats check, version {__version__}. It holds counts, and no customer's answer.",
    )


def _problems(problems: Sequence[Problem]) -> Table:
    """Every problem; what none of them says has no column."""
    rows = [(p.where or "", p.what, p.expected or "", p.fix or "") for p in problems]
    heads = ("Where", "What is wrong", "Expected", "To fix it")
    said = [i for i in range(len(heads)) if i < 2 or any(row[i] for row in rows)]
    number = "One problem" if len(rows) == 1 else f"{count(len(rows))} problems"
    shown = tuple(tuple(row[i] for i in said) for row in rows)
    return Table(f"{number} to put right", tuple(heads[i] for i in said), shown)


def _answers(survey: Survey) -> list[tuple[str, list[Any]]]:
    """How each score was answered, the groups, and what is known beside."""
    cells: list[tuple[str, list[Any]]]
    if survey.units is None:
        cells = [(survey.metric(name).label, [distribution(survey, name)]) for name in survey.metrics]
    else:
        told = tuple(units_told(survey))
        cells = [("By unit", [Table("What the numbers of the units are like", ("", "Values"), told)])]
    if survey.groups or survey.instruments:
        rows, hidden = [], []
        for name, sizes, small in groups_told(survey):
            rows.append((name, sizes))
            hidden += [f"{name}: {small}."] if small else []
        table = Table("Groups, the largest first", ("", "Customers"), tuple(rows), notes=" ".join(hidden))
        cells.append(("Groups", [table]))
    if beside := known_beside(survey):
        cells.append((BESIDE, [Table("Yes, no and not known", ("", "Customers"), tuple(beside))]))
    return cells


def _header(survey: Survey | None, report: CheckReport, source: str) -> Header:
    verdict = "can be used" if report.ok else "cannot be used yet"
    return Header(
        study="Check",
        measure=source,
        survey_title="The description" if survey is None else survey.title,
        period_text="" if survey is None else stated(survey.period_text),
        population="" if survey is None else survey.population,
        facts=(),
        data_as_of_text=date_text(survey.data_as_of)
        if survey is not None and report.ok and survey.data_as_of
        else "",
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
