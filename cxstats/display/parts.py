"""The parts of a report page. Each shows itself in a notebook and travels on to the page as data.

A part's ``_repr_mimebundle_`` gives plain text, an HTML fragment for JupyterLab, and
``application/vnd.cxstats.part+json``: its content as plain data. The page is made from that data
alone, with the same templates, so nothing that stands in a notebook's HTML reaches a reader.

Texts may carry ``**bold**``, code in backticks, and links inside the page, ``[words](#anchor)``;
everything else is escaped.
"""

from __future__ import annotations

import base64
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cxstats.display.fragments import PART_MIME, notebook_html
from cxstats.display.marks import key_sample
from cxstats.display.picture import Draw, paint
from cxstats.display.slide import Words, slide_png, slides_wanted
from cxstats.findings import Finding, MainPoint
from cxstats.words import count, number, percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MplFigure

__all__ = [
    "PART_MIME",
    "Answer",
    "Fact",
    "Figure",
    "Header",
    "LedgerTable",
    "Limits",
    "MainPoints",
    "Method",
    "NeedToKnow",
    "Note",
    "Section",
    "Table",
]

_KEY = re.compile(r"[a-z][a-z0-9-]*")


class _Part(ABC):
    """What every part does: show itself."""

    __slots__ = ()

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """The part as plain data."""

    @abstractmethod
    def to_text(self) -> str:
        """The part in plain words."""

    def __str__(self) -> str:
        return self.to_text()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        data = self.to_json()
        return {"text/plain": self.to_text(), "text/html": notebook_html(data), PART_MIME: data}


@dataclass(frozen=True, slots=True)
class Fact:
    """One of the facts beside the answer: "Answers", "8,497", and a note where one is needed."""

    label: str
    value: str
    note: str = ""

    def to_json(self) -> dict[str, str]:
        """The fact as plain data."""
        return {"label": self.label, "value": self.value, "note": self.note}


@dataclass(frozen=True, slots=True)
class Score:
    """The published score as numbers, for what sets one report beside another.

    Attributes
    ----------
    measure : the metric's short name ("NPS").
    value, low, high : in the metric's unit.
    unit : the metric's unit.
    """

    measure: str
    value: float
    low: float
    high: float
    unit: str

    def to_json(self) -> dict[str, Any]:
        """The score as plain data, under the names that an answer's numbers have."""
        return {
            "effect": self.measure,
            "value": float(self.value),
            "low": float(self.low),
            "high": float(self.high),
            "unit": self.unit,
        }


@dataclass(frozen=True, slots=True)
class Header(_Part):
    """Title of the page: study and measure, survey and period, who was asked.

    Attributes
    ----------
    study, measure : what stands above the title ("Sample size", "Net promoter score (NPS)").
    survey_title, period_text : the title ("Contoso relationship survey", "January–March 2025").
    population : who the report speaks about.
    facts : what stands in the rail, at most six.
    data_as_of_text : day of the data, as printed.
    simulated : whether the customers are invented; puts the banner on the page.
    n_text : answers of those invited, as printed ("8,497 of 40,000 answered (21.2 %)").
    score : the published score; None where the page is about none.
    """

    study: str
    measure: str
    survey_title: str
    period_text: str
    population: str
    facts: tuple[Fact, ...] = ()
    data_as_of_text: str = ""
    simulated: bool = False
    n_text: str = ""
    score: Score | None = None

    def to_json(self) -> dict[str, Any]:
        """The part as plain data."""
        data = {
            "part": "header",
            "study": self.study,
            "measure": self.measure,
            "survey_title": self.survey_title,
            "period_text": self.period_text,
            "population": self.population,
            "facts": [fact.to_json() for fact in self.facts],
            "data_as_of_text": self.data_as_of_text,
            "simulated": bool(self.simulated),
            "n_text": self.n_text,
        }
        return data if self.score is None else data | {"score": self.score.to_json()}

    def to_text(self) -> str:
        """The part in plain words."""
        lines = [
            f"{self.study} · {self.measure}",
            ", ".join(filter(None, (self.survey_title, self.period_text))),
        ]
        if self.simulated:
            lines.insert(0, "Simulated data")
        lines += [f"{fact.label}: {fact.value} {fact.note}".rstrip() for fact in self.facts]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Answer(_Part):
    """The answer box: question, verdict, answer, the interval against the margin, how it was decided.

    Attributes
    ----------
    finding : the study's headline finding.
    previous : what the period before said, one sentence without its lead ("same verdict, ...").
    previous_label : its lead ("Last quarter").
    """

    finding: Finding
    previous: str = ""
    previous_label: str = "Last period"

    def to_json(self) -> dict[str, Any]:
        """The part as plain data."""
        finding = self.finding
        return {
            "part": "answer",
            "question": finding.question,
            "verdict": finding.verdict.value,
            "verdict_words": finding.verdict.words,
            "answer": finding.answer,
            "rule": finding.rule,
            "effect": finding.effect,
            "needed": finding.needed,
            "margin": _plain(finding.margin),
            "unit": finding.unit,
            "value": _plain(finding.value),
            "low": _plain(finding.low),
            "high": _plain(finding.high),
            "digits": finding.digits,
            "assumption_low": _plain(finding.assumption_low),
            "assumption_high": _plain(finding.assumption_high),
            "previous": self.previous,
            "previous_label": self.previous_label,
        }

    def to_text(self) -> str:
        """The part in plain words."""
        finding = self.finding
        return (
            f"{finding.question}\n{finding.verdict.words}. {finding.answer}\nHow we decided. {finding.rule}"
        )


@dataclass(frozen=True, slots=True)
class MainPoints(_Part):
    """The main points, ranked, five at most.

    Raises
    ------
    ValueError : no point, or more than five.
    """

    points: tuple[MainPoint, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.points) <= 5:
            raise ValueError(f"a page has one to five main points, but {len(self.points)} are given")

    def to_json(self) -> dict[str, Any]:
        """The part as plain data."""
        return {
            "part": "points",
            "points": [
                {
                    "number": point.number,
                    "interval": point.interval,
                    "headline": point.headline,
                    "sentence": point.sentence,
                    "figure": point.figure,
                }
                for point in self.points
            ],
        }

    def to_text(self) -> str:
        """The part in plain words."""
        return "\n".join(f"{p.number} ({p.interval}) {p.headline}. {p.sentence}" for p in self.points)


@dataclass(frozen=True, slots=True)
class NeedToKnow(_Part):
    """What a reader needs to know first: (title, text) pairs, such as "Who was asked"."""

    items: tuple[tuple[str, str], ...]

    def to_json(self) -> dict[str, Any]:
        """The part as plain data."""
        return {"part": "know", "items": _pairs(self.items)}

    def to_text(self) -> str:
        """The part in plain words."""
        return "\n".join(f"{title}: {text}" for title, text in self.items)


@dataclass(frozen=True, slots=True)
class Table(_Part):
    """A table a screen reader can follow: caption, column heads, first column as row heads.

    Attributes
    ----------
    caption : what the table shows.
    columns : heads of the columns, the first one over the row heads (may be "").
    rows : the cells, as printed; whole numbers get commas, other numbers one decimal.
    notes : what to know about the numbers, under the table.
    total_rows : positions of rows that are totals (bold).
    indented_rows : positions of rows that belong to the total or heading above them.
    folded : whether a reader has to open it: for tables that only some of them look for.

    Raises
    ------
    ValueError : no caption, or a row that is not as long as ``columns``.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    notes: str = ""
    total_rows: tuple[int, ...] = ()
    indented_rows: tuple[int, ...] = ()
    folded: bool = False

    def __post_init__(self) -> None:
        if not self.caption.strip():
            raise ValueError("a table needs a caption: say what it shows")
        for i, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise ValueError(
                    f"table {self.caption!r}: row {i} has {len(row)} cells, but there are "
                    f"{len(self.columns)} columns"
                )

    def to_json(self) -> dict[str, Any]:
        """The part as plain data."""
        rows = [[_cell(value) for value in row] for row in self.rows]
        numeric = [
            j > 0 and any(row[j] for row in rows) and all(_is_number(row[j]) for row in rows)
            for j in range(len(self.columns))
        ]
        return {
            "part": "table",
            "caption": self.caption,
            "columns": [str(column) for column in self.columns],
            "rows": rows,
            "numeric": numeric,
            "notes": self.notes,
            "total_rows": [int(i) for i in self.total_rows],
            "indented_rows": [int(i) for i in self.indented_rows],
            "folded": bool(self.folded),
        }

    def to_text(self) -> str:
        """The part in plain words."""
        lines = [self.caption, " | ".join(str(column) for column in self.columns)]
        lines += [" | ".join(_cell(value) for value in row) for row in self.rows]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Figure(_Part):
    """A figure: headline, what is plotted, key, the picture drawn twice, source, the numbers behind it.

    Attributes
    ----------
    key : its name in lower-case letters, digits and hyphens; main points refer to it.
    headline : the finding, a sentence with a verb.
    subtitle : what is plotted.
    alt : what the picture shows, for those who do not see it.
    draw : called with a :class:`~cxstats.display.picture.Canvas`, wide and narrow, returns a matplotlib
        Figure without headline or source.
    table : the numbers behind it.
    source : answers, survey and period; "**Simulated data.**" at its end where it applies.
    key_marks : (mark, words) for each kind of mark used; the marks are
        :data:`~cxstats.display.marks.KEY_SAMPLES`.
    number : its number in a notebook; on a page figures are numbered in their order there.

    Raises
    ------
    ValueError : a text that is needed is empty, a bad key, or a mark the key does not know.
    """

    key: str
    headline: str
    subtitle: str
    alt: str
    draw: Draw
    table: Table
    source: str
    key_marks: tuple[tuple[str, str], ...] = ()
    number: int | None = None

    def __post_init__(self) -> None:
        if not _KEY.fullmatch(self.key):
            raise ValueError(f"a figure's key is lower-case letters, digits and hyphens, not {self.key!r}")
        for name in ("headline", "subtitle", "alt", "source"):
            if not getattr(self, name).strip():
                raise ValueError(f"figure {self.key!r} needs its {name}, but it is empty")
        for mark, _ in self.key_marks:
            key_sample(mark)

    def to_json(self) -> dict[str, Any]:
        """The part as plain data, pictures included; the slide too where :func:`.slides_wanted`."""
        slides: list[str] = []

        def slide(figure: MplFigure) -> None:
            words = Words(self.headline, self.subtitle, self.source, self.key_marks)
            slides.append(base64.b64encode(slide_png(figure, words)).decode("ascii"))

        wide = paint(self.draw, "wide", **({"also": slide} if slides_wanted() else {}))
        narrow = paint(self.draw, "narrow")
        return {
            "part": "figure",
            "key": self.key,
            "headline": self.headline,
            "subtitle": self.subtitle,
            "alt": self.alt,
            "key_marks": [[mark, words] for mark, words in self.key_marks],
            "wide": wide.to_json(),
            "narrow": narrow.to_json(),
            **({"slide": slides[0]} if slides else {}),
            "missing_glyphs": wide.missing_glyphs,
            "table": self.table.to_json(),
            "source": self.source,
            "number": self.number,
        }

    def to_text(self) -> str:
        """The part in plain words."""
        label = f"Figure {self.number}. " if self.number else ""
        return f"{label}{self.headline}\n{self.alt}"


@dataclass(frozen=True, slots=True)
class Note(_Part):
    """A sentence or two beside the evidence, or in place of evidence that the data cannot give.

    Attributes
    ----------
    text : the sentences.
    instead : whether it stands in place of a section's evidence; a page gathers such sections in one.
    """

    text: str
    instead: bool = False

    def to_json(self) -> dict[str, Any]:
        """The part as plain data."""
        return {"part": "note", "text": self.text, "instead": bool(self.instead)}

    def to_text(self) -> str:
        """The part in plain words."""
        return self.text


@dataclass(frozen=True, slots=True)
class Section:
    """Several parts that one notebook cell shows, each as an output of its own."""

    parts: tuple[_Part, ...]

    def _ipython_display_(self) -> None:
        from IPython.display import display

        for part in self.parts:
            display(part)


@dataclass(frozen=True, slots=True)
class Limits(_Part):
    """What this cannot tell you: (bold lead, text) pairs."""

    items: tuple[tuple[str, str], ...]

    def to_json(self) -> dict[str, Any]:
        """The part as plain data."""
        return {"part": "limits", "items": _pairs(self.items)}

    def to_text(self) -> str:
        """The part in plain words."""
        return "\n".join(f"- {lead} {text}" for lead, text in self.items)


@dataclass(frozen=True, slots=True)
class Method(_Part):
    """How the numbers were made, and with which versions.

    ``versions`` is a mapping of name to version, or texts as printed; they stand in one line.
    """

    paragraphs: tuple[str, ...]
    versions: Mapping[str, object] | Sequence[str] = ()

    def to_json(self) -> dict[str, Any]:
        """The part as plain data."""
        return {"part": "method", "paragraphs": list(self.paragraphs), "versions": self._versions()}

    def to_text(self) -> str:
        """The part in plain words."""
        return "\n".join([*self.paragraphs, " · ".join(self._versions())])

    def _versions(self) -> list[str]:
        if isinstance(self.versions, Mapping):
            return [f"{name} {version}" for name, version in self.versions.items()]
        return [self.versions] if isinstance(self.versions, str) else [str(v) for v in self.versions]


@dataclass(frozen=True, slots=True)
class LedgerTable(_Part):
    """Every row accounted for.

    ``ledger`` has ``rows_read`` and ``lines``, each with ``label``, ``n``, ``kind`` and, where its share is
    not of all rows read, ``of``. Lines of kind "used" are totals, "read" opens a section, the others
    belong to what stands above them.
    """

    ledger: Any
    caption: str = "What became of every row"

    def to_json(self) -> dict[str, Any]:
        """The part as plain data."""
        read = int(self.ledger.rows_read)
        rows: list[tuple[str, str, str]] = []
        totals, indented = [], []
        for i, line in enumerate(self.ledger.lines):
            of = int(getattr(line, "of", read))
            share = percent(100 * line.n / of, 1) if of else ""
            rows.append((_ledger_label(line), count(line.n), share))
            kind = _kind(line)
            if kind == "used":
                totals.append(i)
            elif kind != "read":
                indented.append(i)
        table = Table(
            self.caption,
            ("", "Rows", "Share"),
            tuple(rows),
            total_rows=tuple(totals),
            indented_rows=tuple(indented),
        )
        return {"part": "ledger", "rows_read": read, "table": table.to_json()}

    def to_text(self) -> str:
        """The part in plain words."""
        lines = (f"{_ledger_label(line)}: {count(line.n)}" for line in self.ledger.lines)
        return "\n".join([self.caption, *lines])


def _kind(line: Any) -> str:
    return str(getattr(line.kind, "value", line.kind))


def _ledger_label(line: Any) -> str:
    kind, label = _kind(line), str(line.label)
    if kind in ("set aside", "not matched") and not label.lower().startswith(kind):
        return f"{kind.capitalize()}: {label}"
    return label


def _pairs(items: Iterable[tuple[str, str]]) -> list[list[str]]:
    return [[str(title), str(text)] for title, text in items]


def _plain(value: float | None) -> float | None:
    """A number that JSON can carry; None where there is none."""
    return float(value) if value is not None and math.isfinite(value) else None


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str):
        return value
    if hasattr(value, "item"):  # numpy scalars
        return _cell(value.item())
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return count(value)
    if isinstance(value, float):
        return number(value, 1)
    return str(value)


_NUMBER = r"[+−±-]?\d[\d,.]*\s*%?"
_NUMERIC = re.compile(
    rf"(?:under |over |about )?{_NUMBER}(?:\s*(?:/|to|–|of|×)\s*{_NUMBER})*"
    r"(?: (?:percentage |scale )?points?| answers?| customers?| days?)?"
)


def _is_number(text: str) -> bool:
    return text in ("", "–", "not known", "unlimited") or bool(_NUMERIC.fullmatch(text.strip()))
