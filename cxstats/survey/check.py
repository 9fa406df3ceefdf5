"""`cxstats check survey.yml`: what was read, what became of it, and everything that is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..words import count, join_words, share, signed
from .description import printable, read_description
from .errors import Problem, SurveyError, quoted
from .ledger import Ledger
from .survey import Survey, open_survey

__all__ = ["CheckReport", "check"]

_BAR = 40


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The result of :func:`check`; prints as plain text.

    Attributes
    ----------
    text : the whole report.
    problems : everything that is wrong; () if the survey can be used.
    ledger : what became of every row; None where the data could not be used.
    survey : the survey as far as it could be opened; None where the description could not be read.
    """

    text: str
    problems: tuple[Problem, ...]
    ledger: Ledger | None
    survey: Survey | None = None

    @property
    def ok(self) -> bool:
        """Whether the survey can be used."""
        return not self.problems

    def __str__(self) -> str:
        return self.text


def check(source: str | Path, *, studies: Callable[[Survey], str] | None = None) -> CheckReport:
    """Read a survey and report on it; problems of description and data are reported, not raised.

    Parameters
    ----------
    source : path of a ``survey.yml``, or ``"demo"``.
    studies : what the studies will be able to say about the survey, in plain text; left out without it.

    >>> check("demo").ok
    True
    """
    survey: Survey | None = None
    try:
        survey = open_survey(source) if str(source) == "demo" else _opened(Path(source))
        problems = survey.find_problems()
    except SurveyError as error:
        problems = error.problems
    blocks = [f"Checked {printable(source)}"]
    if survey is not None:
        blocks.append(_about(survey))
    if problems:
        blocks.append(str(SurveyError(problems)))
        return CheckReport("\n\n".join(blocks) + "\n", problems, None, survey)
    assert survey is not None
    blocks.append("What became of every row\n" + _inset(str(survey.ledger)))
    if survey.units is None:
        blocks += [_distribution(survey, name) for name in survey.metrics]
    else:
        blocks.append(_units(survey))
    if survey.groups or survey.instruments:
        blocks.append(_groups(survey))
    blocks += [block for block in (_later(survey),) if block]
    if studies is not None:
        blocks.append(studies(survey))
    blocks.append("No problems: this survey can be used.")
    return CheckReport("\n\n".join(blocks) + "\n", (), survey.ledger, survey)


def _opened(path: Path) -> Survey:
    return Survey(read_description(path), path.absolute().parent)


def _about(survey: Survey) -> str:
    lines = [
        survey.title,
        f"  population: {survey.population or 'not stated'}",
        f"  period: {survey.period_text.removeprefix('period ')}",
    ]
    for role, reader in survey.readers.items():
        rows = "" if reader.n_rows is None else f"{_counted(reader.n_rows, 'row')}, "
        lines.append(f"  {role}: {reader.where} ({rows}{_counted(len(reader.columns), 'column')})")
        lines += [f"    {note}" for note in reader.notes]
    if survey.notes:
        lines += ["  where the description is silent", *(f"    {note}" for note in survey.notes)]
    return "\n".join(lines)


def _counted(number: int, noun: str) -> str:
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def _inset(text: str) -> str:
    return "\n".join("  " + line for line in text.splitlines())


def _distribution(survey: Survey, name: str) -> str:
    metric, counts = survey.metric(name), survey.counts(name)
    total = int(counts.sum())
    unit = "" if metric.unit == "points" else f" {metric.unit}"
    value = metric.value(counts)
    shown = signed(value, 1) if metric.unit == "points" else f"{value:.2f}{unit}"
    head = f"{metric.label}: {_counted(total, 'answer')}" + (f", value {shown}" if total else "")
    rate = survey.response_rate(name)
    if rate is not None:
        head += f", response rate {share(rate, 1)}"
    most = max(int(counts.max()), 1)
    lines = [
        f"  {category:>4}  {count(int(n)):>10}  {'█' * round(_BAR * int(n) / most)}"
        for category, n in zip(metric.scale.categories, counts, strict=True)
    ]
    return "\n".join([head, *lines])


def _units(survey: Survey) -> str:
    told = "\n".join(f"  {name}: {text}" for name, text in units_told(survey))
    return f"{next(iter(survey.metrics.values())).label}, by unit\n{told}"


def units_told(survey: Survey) -> list[tuple[str, str]]:
    """What the numbers of the units are like: name and text."""
    table = survey.units
    assert table is not None
    told: list[tuple[str, str]] = []
    for name in table.columns.drop(["unit", "few"]):
        column = table[name].dropna()
        if table[name].dtype == "string":
            n = column.nunique()
            told.append((name, f"{count(n)} {'category' if n == 1 else 'categories'}"))
        elif len(column):
            low, middle, high = (f"{float(column.quantile(q)):,.6g}" for q in (0, 0.5, 1))
            told.append((name, f"{low} to {high}, median {middle}, of {_counted(len(column), 'unit')}"))
        else:
            told.append((name, "nothing"))
    return told


def _later(survey: Survey) -> str:
    told = [f"  {name}: {text}" for name, text in known_beside(survey)]
    return "\n".join([BESIDE, *told]) if told else ""


BESIDE = "What is known beside the scores"


def known_beside(survey: Survey) -> list[tuple[str, str]]:
    """How far invitations got, what was given and known, and what happened later: name and text."""
    if survey.units is not None:
        return []
    told: list[tuple[str, str]] = []
    yes = (*survey.stages, *(mark for mark in ("follow_up", "recovery", "invited") if mark in survey.columns))
    for name in yes:
        cells = survey.cells([name])
        total = int(cells["n"].sum())
        hit = int(cells["n"][cells[name].fillna(False)].sum())
        told.append((name, f"{count(hit)} of {count(total)} ({share(hit / total, 1) if total else 'none'})"))
    for name in survey.outcomes:
        cells = survey.cells([name]).set_index(name)["n"]
        known = {answer: int(cells[cells.index.isin([answer])].sum()) for answer in (True, False)}
        unknown = int(cells.sum()) - sum(known.values())
        text = f"happened {count(known[True])}, did not {count(known[False])}, not known {count(unknown)}"
        told.append((name, text))
    return told


def _too_small(survey: Survey, name: str) -> str:
    """Which groups reports will not show, and how that is changed; "" where all are large enough.

    A group of three hides a large one with it, so that it cannot be had by subtraction: nobody expects that who
    sees the large one here.
    """
    from ..cells import suppress
    from ..cells.suppression import THRESHOLD

    score = next(iter(survey.metrics), None)
    if score is None:
        return ""
    cells = survey.cells([name, score]).dropna(subset=[name, score])
    sizes = cells.groupby(name, observed=True)["n"].sum().rename("n").reset_index()
    if sizes.empty:
        return ""
    flags = suppress(sizes, by=[name]).hidden
    hidden = dict(zip(sizes[name][flags].astype(str), sizes["n"][flags].astype(int), strict=True))
    small = [f"{quoted(group, 30)} ({count(n)})" for group, n in hidden.items() if n < THRESHOLD]
    large = [f"{quoted(group, 30)} ({count(n)})" for group, n in hidden.items() if n >= THRESHOLD]
    if not small:
        return ""
    said = f"not shown in reports: {join_words(small)}, with under {THRESHOLD} answers"
    if large:
        said += f", and {join_words(large)}, from which {'it' if len(small) == 1 else 'they'} could be had by subtraction"
    return f"{said}; to show more, give small groups one label (labels:, other:)"


def _groups(survey: Survey) -> str:
    lines = ["Groups"]
    for name, sizes, hidden in groups_told(survey):
        lines.append(f"  {name}: {sizes}")
        lines += [f"    {hidden}"] if hidden else []
    return "\n".join(lines)


def groups_told(survey: Survey, most: int = 8) -> list[tuple[str, str, str]]:
    """Name of each division into groups, the largest groups with their sizes, and which of them reports will not show."""
    told = []
    for name in (*survey.groups, *survey.instruments):
        cells = survey.cells([name]).sort_values("n", ascending=False)
        shown = [
            f"{'(blank)' if value is None or value != value else quoted(value, 30)} {count(n)}"
            for value, n in zip(
                cells[name].astype(object).where(cells[name].notna(), None), cells["n"], strict=True
            )
        ]
        more = f", and {len(shown) - most} more" if len(shown) > most else ""
        told.append((name, f"{', '.join(shown[:most])}{more}", _too_small(survey, name)))
    return told
