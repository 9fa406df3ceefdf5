"""What a reader takes along: the numbers as a workbook, the findings as text, the figures as slides, the page on paper.

All of it is made from the parts that the page is made of, as the page prints them, so a download can hold
nothing that the page does not show: a group too small to be shown is not there either. The same notebook
gives the same bytes, so files are named by their content, and a page and its companions always fit together.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from cxstats.display.plain import plain_text, printable

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

__all__ = [
    "COMPANION",
    "KINDS",
    "Download",
    "Kind",
    "downloads",
    "findings_text",
    "hashed_name",
    "tables_xlsx",
]

Kind = Literal["tables", "findings", "slides", "pdf"]
KINDS: tuple[Kind, ...] = ("tables", "findings", "slides", "pdf")

COMPANION = re.compile(r"(tables|main-findings|slide-\d{2}|report)-[0-9a-f]{12}\.(xlsx|txt|png|pdf)")
"""Names that files made here have."""


@dataclass(frozen=True, slots=True)
class Download:
    """One file beside the page.

    Attributes
    ----------
    kind : what it is.
    name : its name in the report's folder, made from its content.
    content : its bytes.
    words : how the page calls it ("Figure 2").
    saved_as : the name it is saved under by a browser.
    """

    kind: Kind
    name: str
    content: bytes
    words: str
    saved_as: str


def downloads(notebook: Any, *, kinds: Sequence[Kind] = ("tables", "findings")) -> tuple[Download, ...]:
    """The files of an executed notebook, slides last.

    Parameters
    ----------
    notebook : notebook node (nbformat 4), executed; it is not changed.
    kinds : which of them; "pdf" is made from the finished page (:mod:`.paper`) and left out here. Slides are
        there where the notebook's figures brought theirs along (:mod:`cxstats.display.slide`).

    Raises
    ------
    ValueError : an unknown kind.
    """
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise ValueError(f"there is no download {unknown[0]!r}; there are {', '.join(KINDS)}")
    parts = list(_parts(notebook))
    if not parts:
        return ()
    title = _file_title(parts)
    made: list[Download] = []
    if "tables" in kinds and (content := tables_xlsx(parts)):
        name = hashed_name("tables", content, "xlsx")
        made.append(Download("tables", name, content, "All tables, as an Excel workbook", f"{title}.xlsx"))
    if "findings" in kinds and (text := findings_text(parts)):
        content = text.encode("utf-8")
        name = hashed_name("main-findings", content, "txt")
        made.append(
            Download(
                "findings", name, content, "Main findings, as plain text for a mail or a chat", f"{title}.txt"
            )
        )
    if "slides" in kinds:
        made += _slides(parts, title)
    return tuple(made)


def hashed_name(stem: str, content: bytes, suffix: str) -> str:
    """A name made from the content: the same for the same inputs.

    >>> hashed_name("tables", b"1", "xlsx")
    'tables-6b86b273ff34.xlsx'
    """
    return f"{stem}-{hashlib.sha256(content).hexdigest()[:12]}.{suffix}"


def _parts(notebook: Any) -> Iterator[Mapping[str, Any]]:
    """The parts that the notebook displayed, in order; of those that a page shows once, the first."""
    from cxstats.display.fragments import PART_MIME

    once = {"header", "answer", "points", "limits", "ledger"}
    seen: set[str] = set()
    for cell in notebook.cells:
        for output in cell.get("outputs", []) if cell.cell_type == "code" else []:
            part = output.get("data", {}).get(PART_MIME)
            if not isinstance(part, Mapping):
                continue
            name = str(part.get("part")) + (f" {part.get('key')}" if part.get("part") == "figure" else "")
            if name in seen and (name in once or name.startswith("figure ")):
                continue
            seen.add(name)
            yield part


def _first(parts: Sequence[Mapping[str, Any]], kind: str) -> Mapping[str, Any]:
    return next((part for part in parts if part["part"] == kind), {})


def _file_title(parts: Sequence[Mapping[str, Any]]) -> str:
    """A name for saved files: letters, digits, spaces and hyphens, whatever the survey is called."""
    header = _first(parts, "header")
    words = " ".join(str(header.get(key, "")) for key in ("study", "measure", "survey_title", "period_text"))
    kept = re.sub(r"[^\w-]+", " ", re.sub(r"[–—]", "-", words))
    return printable(" ".join(kept.split()))[:120].strip(" -") or "Report"


def _slides(parts: Sequence[Mapping[str, Any]], title: str) -> list[Download]:
    made = []
    figures = [part for part in parts if part["part"] == "figure"]
    for number, part in enumerate(figures, start=1):
        if not part.get("slide"):
            continue
        content = base64.b64decode(part["slide"], validate=True)
        if not content.startswith(b"\x89PNG\r\n\x1a\n"):
            raise ValueError(f"the slide of figure {part.get('key')!r} is not a PNG")
        name = hashed_name(f"slide-{number:02d}", content, "png")
        made.append(
            Download("slides", name, content, f"Figure\u00a0{number}", f"{title} figure {number}.png")
        )
    return made


# ---------------------------------------------------------------- text


def findings_text(parts: Sequence[Mapping[str, Any]]) -> str:
    """Title, answer, main points and limits in plain words, for a mail or a chat; empty without an answer."""
    header, answer = _first(parts, "header"), _first(parts, "answer")
    if not answer:
        return ""
    blocks: list[list[str]] = []
    if header:
        as_of = f"data as of {header['data_as_of_text']}" if header["data_as_of_text"] else ""
        blocks.append(
            [
                f"{header['study']} · {header['measure']}",
                ", ".join(words for words in (header["survey_title"], header["period_text"]) if words),
                " · ".join(words for words in (header["population"], header["n_text"], as_of) if words),
            ]
        )
        if header["simulated"]:
            blocks.append(["Simulated data: the company and its customers are invented."])
    blocks.append([answer["question"], f"{answer['verdict_words']}. {answer['answer']}"])
    decided = [f"How we decided: {answer['rule']}"]
    if answer["needed"]:
        decided.append(f"What would settle it: {answer['needed']}")
    if answer["previous"]:
        decided.append(f"{answer['previous_label']}: {answer['previous']}")
    blocks.append(decided)
    if points := _first(parts, "points").get("points"):
        lines = ["Main points"]
        for number, point in enumerate(points, start=1):
            interval = f" ({point['interval']})" if point["interval"] else ""
            lines.append(f"{number}. {point['headline']}: {point['number']}{interval}")
            lines += [f"   {point['sentence']}"] if point["sentence"] else []
        blocks.append(lines)
    if limits := _first(parts, "limits").get("items"):
        blocks.append(["What this cannot tell you", *(f"- {lead} {text}" for lead, text in limits)])
    text = "\n\n".join("\n".join(_line(line) for line in block if line.strip()) for block in blocks)
    return f"{text}\n"


def _line(text: str) -> str:
    """One line of plain words; indents stay."""
    words = plain_text(str(text)).rstrip()
    indent = len(words) - len(words.lstrip(" "))
    return " " * indent + " ".join(words.split())


# ---------------------------------------------------------------- workbook


@dataclass(frozen=True, slots=True)
class _Number:
    value: float
    format: str


_UNITS = r"(?:percentage )?points?|answers?|customers?|days?"
_SHAPE = r"(?P<sign{i}>[+−-]?)(?P<whole{i}>0|[1-9]\d{{0,2}}(?:,\d{{3}})+|[1-9]\d*)(?P<decimals{i}>\.\d+)?"
_UNIT = rf"(?:[ \u00a0]?(?P<percent>%)|[ \u00a0](?P<unit>{_UNITS}))?"
_ONE = re.compile(_SHAPE.format(i=1) + _UNIT)
_TWO = re.compile(
    rf"{_SHAPE.format(i=1)}(?:[ \u00a0]?%)?(?: (?P<between>to|of)|[ ]?(?P<slash>/))[ ]?{_SHAPE.format(i=2)}{_UNIT}"
)
_NO_NUMBER = ("", "–", "not known", "unlimited")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_LONGEST = 32_000  # characters of a cell; Excel takes 32,767
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip archive can tell


def _numbers(text: str) -> tuple[_Number, ...]:
    """The number, or the two of an interval or a share, that a printed cell holds; () for text.

    >>> [(n.value, n.format) for n in _numbers("−1,234.5")]
    [(-1234.5, '+#,##0.0;"−"#,##0.0;0.0')]
    >>> [n.value for n in _numbers("+35.1 to +39.4")], [n.value for n in _numbers("21.2\\u00a0%")]
    ([35.1, 39.4], [0.212])
    >>> _numbers("=1+1"), _numbers("007"), _numbers("1–2")
    ((), (), ())
    """
    text = text.strip()
    if found := _ONE.fullmatch(text):
        return (_number(found, 1),)
    if found := _TWO.fullmatch(text):
        return (_number(found, 1), _number(found, 2))
    return ()


def _number(found: re.Match[str], i: int) -> _Number:
    sign, decimals = found[f"sign{i}"], found[f"decimals{i}"] or ""
    value = float(found[f"whole{i}"].replace(",", "") + decimals)
    value = -value if sign in ("−", "-") else value
    digits = len(decimals) - 1 if decimals else 0
    body = "#,##0" + (f".{'0' * digits}" if digits else "")
    zero = "0" + (f".{'0' * digits}" if digits else "")
    after = ""
    if found["percent"]:
        value, after = round(value / 100, digits + 2), '"\u00a0"%'
    elif found["unit"]:
        after = f'" {found["unit"]}"'
    if sign:
        return _Number(value, f'+{body}{after};"−"{body}{after};{zero}{after}')
    return _Number(int(value) if value == int(value) and not digits else value, f"{body}{after}")


def tables_xlsx(parts: Sequence[Mapping[str, Any]]) -> bytes:
    """Every table of the page as a sheet of one workbook, after one with the main findings; b"" without any.

    What a cell prints as a number is a number, with the format it is printed in; an interval is two columns.
    Everything else is text, and stays text whatever it begins with.
    """
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.active)
    answer, points = _first(parts, "answer"), _first(parts, "points")
    if answer or points:
        _findings_sheet(book.create_sheet("Main findings"), _first(parts, "header"), answer, points)
    figures = tables = 0
    for part in parts:
        if part["part"] == "figure":
            figures += 1
            sheet = book.create_sheet(f"Figure {figures}")
            _table_sheet(sheet, part["table"], [part["headline"], part["subtitle"]], part["source"])
        elif part["part"] == "table":
            tables += 1
            _table_sheet(book.create_sheet(f"Table {tables}"), part, [], "")
        elif part["part"] == "ledger":
            _table_sheet(book.create_sheet("Every row"), part["table"], [], "")
    if not book.sheetnames:
        return b""
    book.properties.creator = "cxstats"
    header = _first(parts, "header")
    book.properties.title = (
        printable(f"{header['study']} · {header['survey_title']}")[:200] if header else None
    )
    buffer = io.BytesIO()
    book.save(buffer)
    return _without_clock(buffer.getvalue())


def _put(
    sheet: Worksheet, row: int, column: int, value: Any, *, bold: bool = False, wrap: bool = False
) -> None:
    """One cell: a number with its format, or text that no program takes for a formula."""
    from openpyxl.styles import Alignment, Font

    cell = sheet.cell(row, column)
    if isinstance(value, _Number):
        cell.value, cell.number_format = value.value, value.format
    elif isinstance(value, int | float):
        cell.value = value
    elif value not in (None, ""):
        text = re.sub("\r\n?", "\n", plain_text(str(value)))[:_LONGEST]
        cell.value = text
        cell.data_type = "s"  # "=1+1" is a name like any other
        cell.quotePrefix = text.startswith(_FORMULA)  # nor does it become a formula when someone edits it
    if bold:
        cell.font = Font(bold=True)
    if wrap:
        cell.alignment = Alignment(wrap_text=True, vertical="top")


def _findings_sheet(
    sheet: Worksheet, header: Mapping[str, Any], answer: Mapping[str, Any], points: Mapping[str, Any]
) -> None:
    rows: list[tuple[str, Any]] = []
    if header:
        rows += [
            ("Study", header["study"]),
            ("Measure", header["measure"]),
            ("Survey", header["survey_title"]),
            ("Period", header["period_text"] or "not stated"),
            ("Population", header["population"]),
            ("Answers", header["n_text"]),
            ("Data as of", header["data_as_of_text"]),
        ]
        if header["simulated"]:
            rows.append(("Simulated data", "The company and its customers are invented."))
    if answer:
        rows += [
            ("Question", answer["question"]),
            ("Verdict", answer["verdict_words"]),
            ("Answer", answer["answer"]),
            ("How we decided", answer["rule"]),
            ("What would settle it", answer["needed"]),
            ("What is measured", answer["effect"]),
            ("Unit", answer["unit"]),
            ("Estimate", _rounded(answer["value"])),
            ("Interval, from", _rounded(answer["low"])),
            ("Interval, to", _rounded(answer["high"])),
            ("Range over the assumption, from", _rounded(answer["assumption_low"])),
            ("Range over the assumption, to", _rounded(answer["assumption_high"])),
            ("Would not matter within", _rounded(answer["margin"])),
        ]
    at = 0
    for label, value in rows:
        if value in (None, ""):
            continue
        at += 1
        _put(sheet, at, 1, label, bold=True, wrap=True)
        _put(sheet, at, 2, value, wrap=True)
    if points:
        at += 2
        for column, words in enumerate(("Main point", "Number", "Interval", "In a sentence"), start=1):
            _put(sheet, at, column, words, bold=True)
        for point in points["points"]:
            at += 1
            for column, key in enumerate(("headline", "number", "interval", "sentence"), start=1):
                found = _numbers(point[key]) if key == "number" else ()
                value = found[0] if len(found) == 1 else point[key]
                _put(sheet, at, column, value, wrap=True)
    for letter, width in zip("ABCD", (44, 60, 26, 70), strict=True):
        sheet.column_dimensions[letter].width = width


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _table_sheet(sheet: Worksheet, table: Mapping[str, Any], above: Sequence[str], below: str) -> None:
    at = 0
    for words in dict.fromkeys([*above, table["caption"]]):
        if words:
            at += 1
            _put(sheet, at, 1, words, bold=at == 1)
    at += 2
    columns = _columns(table)
    for column, (head, _) in enumerate(columns, start=1):
        _put(sheet, at, column, head, bold=True, wrap=True)
    sheet.freeze_panes = sheet.cell(at + 1, 2)
    for i in range(len(table["rows"])):
        for column, (_, cells) in enumerate(columns, start=1):
            _put(sheet, at + 1 + i, column, cells[i], bold=i in table["total_rows"])
    for column, (head, cells) in enumerate(columns, start=1):
        longest = max([len(str(head)) / 2, *(len(_shown(cell)) for cell in cells)], default=8)
        sheet.column_dimensions[sheet.cell(at, column).column_letter].width = min(max(longest + 2, 9), 48)
    at += 1 + len(table["rows"])
    for words in (table["notes"], below):
        if words:
            at += 1
            _put(sheet, at, 1, words)


def _shown(cell: Any) -> str:
    return f"{cell.value:,.2f}" if isinstance(cell, _Number) else str(cell)


def _columns(table: Mapping[str, Any]) -> list[tuple[str, list[Any]]]:
    """Heads and cells, a column of intervals as two. The first column names the rows and stays text."""
    made: list[tuple[str, list[Any]]] = []
    for j, head in enumerate(table["columns"]):
        texts = [str(row[j]) for row in table["rows"]]
        if j == 0:
            made.append((head, list(texts)))
            continue
        found = [_numbers(text) for text in texts]
        filled = [
            numbers for numbers, text in zip(found, texts, strict=True) if text.strip() not in _NO_NUMBER
        ]
        if filled and all(len(numbers) == 2 for numbers in filled):
            for k, name in enumerate(_two_heads(head, texts)):
                made.append(
                    (name, [n[k] if n else ("" if k else t) for n, t in zip(found, texts, strict=True)])
                )
        else:
            made.append((head, [n[0] if len(n) == 1 else t for n, t in zip(found, texts, strict=True)]))
    return made


def _two_heads(head: str, texts: Sequence[str]) -> tuple[str, str]:
    if any(" to " in text for text in texts):
        return f"{head}, from", f"{head}, to"
    first, slash, second = head.partition(" / ")
    return (first, second) if slash else (head, f"{head}, of")


def _without_clock(book: bytes) -> bytes:
    """The workbook without any time of day: the same content gives the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as before, zipfile.ZipFile(buffer, "w") as after:
        for name in sorted(before.namelist(), key=lambda name: (name != "[Content_Types].xml", name)):
            content = before.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"<dcterms:(created|modified)[^>]*>[^<]*</dcterms:\1>", b"", content)
            entry = zipfile.ZipInfo(name, date_time=_EPOCH)
            entry.external_attr = 0o600 << 16
            after.writestr(entry, content, compress_type=zipfile.ZIP_DEFLATED, compresslevel=6)
    return buffer.getvalue()
