"""What the columns of an unknown file look like: names, question texts, kinds of values, masked examples."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .engine import Engine, identifier, literal
from .errors import refuse
from .model import Source
from .peek import peek
from .preset_fill import NUMBERED
from .presets import GENERIC, Preset, recognise

__all__ = ["FORMS", "SEEN", "Look", "LookedAt", "look_at"]

SEEN = 5_000
"""Rows that are looked at."""

FORMS = (
    *("%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%d/%m/%Y", "%m/%d/%Y"),
    *("%m/%d/%Y %I:%M:%S %p", "%d/%m/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p", "%d.%m.%Y %H:%M:%S"),
    *("%d.%m.%Y %H:%M", "%d.%m.%Y", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d"),
)
"""Forms of dates other than ISO that are tried."""

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?")
_ZONED = re.compile(r".*\d(Z|[+-]\d{2}:?\d{2})$")
_NUMBERED = re.compile(NUMBERED, re.DOTALL)
_FEW, _OFTEN = 25, 3
_HEADINGS = 10  # rows among which the names are looked for


@dataclass(frozen=True, slots=True)
class Look:
    """One column.

    Attributes
    ----------
    name, text : its name, and the question's text ("" where the name is all there is).
    values : its values that are not blank, as texts, in order.
    n : rows looked at.
    secret : whether it says who somebody is.
    labels : value -> label by which it will be read ("1 - Germany": "Germany"), in an SPSS file.
    """

    name: str
    text: str
    values: tuple[str, ...]
    n: int
    secret: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def said(self) -> str:
        """Name and question, small letters, to search for words in."""
        return f"{self.name} {self.text}".casefold().replace("_", " ")

    @property
    def tally(self) -> Counter[str]:
        """Number of rows per value."""
        return Counter(self.values)

    @property
    def numbers(self) -> Counter[int]:
        """Whole numbers among the values, "10 - Extremely likely" being 10."""
        found: Counter[int] = Counter()
        for value, n in self.tally.items():
            match = _NUMBERED.fullmatch(value)
            text = match[1] if match else value.strip()
            if re.fullmatch(r"-?\d{1,4}(\.0+)?", text):
                found[int(float(text))] += n
        return found

    def scores(self, low: int, high: int) -> bool:
        """Whether nearly all values are whole numbers from ``low`` to ``high``; codes for no answer may be among them."""
        inside = sum(n for number, n in self.numbers.items() if low <= number <= high)
        return len(self.values) >= 1 and inside >= 0.85 * len(self.values)

    @property
    def dates(self) -> tuple[str, ...]:
        """Forms under which all values are dates: ("iso",), or those of :data:`FORMS`; () if they are none."""
        distinct = list(self.tally)[:500]
        if not distinct:
            return ()
        if all(_ISO.fullmatch(value) for value in distinct):
            return ("iso",)
        return tuple(form for form in FORMS if all(_fits(value, form) for value in distinct))

    @property
    def timed(self) -> bool:
        """Whether dates carry a time of day, but no zone: what time was it there?"""
        return any(":" in value and not _ZONED.match(value) for value in self.values[:100])

    @property
    def is_key(self) -> bool:
        """Whether it tells rows apart."""
        return len(self.values) >= 0.5 * self.n and len(self.tally) >= 0.7 * len(self.values) > 0

    @property
    def categories(self) -> bool:
        """Whether it divides rows into a few groups."""
        return 2 <= len(self.tally) <= _FEW and len(self.values) >= _OFTEN * len(self.tally)

    def examples(self, most: int = 3) -> list[str]:
        """A few values; letters and digits are masked where a value could say who somebody is.

        Values are shown as they are in columns of a few values, each of which several rows hold.
        """
        tally = self.tally.most_common(most)
        shown = not self.secret and self.categories and "@" not in "".join(self.tally)
        return [value if shown and n >= _OFTEN else mask(value) for value, n in tally]


def mask(value: str) -> str:
    """A value's shape: letters as x, digits as 9, at most 24 characters.

    >>> mask("Jo.12@example.com")
    'Xx.99@xxxxxxx.xxx'
    """
    masked = "".join(
        "9" if c.isdigit() else "X" if c.isupper() else "x" if c.isalpha() else c for c in value[:24]
    )
    return masked + "…" * (len(value) > 24)


def _fits(value: str, form: str) -> bool:
    try:
        dt.datetime.strptime(value, form)  # noqa: DTZ007 (only its form is looked at)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class LookedAt:
    """One file.

    Attributes
    ----------
    path : where it is.
    preset : the tool it is from.
    reason : why it is thought to be that tool's.
    columns : its columns that have a name.
    kind : "csv", "excel", "parquet", "spss".
    zones : time zones that the file states.
    skip : rows above the names of the columns.
    heading : what stands there, where it is one text; "" otherwise.
    """

    path: Path
    preset: Preset
    reason: str
    columns: tuple[Look, ...]
    kind: str
    zones: tuple[str, ...] = ()
    skip: int = 0
    heading: str = ""


def _names_row(rows: Sequence[Sequence[str]]) -> int:
    """Which row holds the names: the first, or the first full one where only headings stand above it.

    >>> _names_row([["Survey 2025", "", ""], ["id", "nps", "why"], ["a", "9", ""]])
    1
    """

    def filled(row: Sequence[str]) -> int:
        return sum(bool(cell.strip()) for cell in row)

    width = max((filled(row) for row in rows[:_HEADINGS]), default=0)
    for i, row in enumerate(rows[:_HEADINGS]):
        names = [cell for cell in row if cell.strip()]
        texts = sum(not re.fullmatch(r"[\d\s.,:/+-]*", name) for name in names)
        if len(names) >= 0.8 * width and texts >= 0.8 * len(names) and len(set(names)) == len(names):
            return i
    return 0


def look_at(path: Path, sheet: str | None = None) -> LookedAt:
    """Look at a file's first rows.

    Raises
    ------
    SurveyError : it is not there, or not a file of data.
    """
    from .files import find_files

    source = Source(file=str(path.absolute()), sheet=sheet)
    path = find_files(source, Path(), path.name)[0]
    seen = peek(path, source, path.name, SEEN)
    if seen.kind == "duckdb":
        refuse(
            "init reads CSV, Excel, Parquet and SPSS files",
            where=path.name,
            fix="write a survey.yml with table: by hand",
        )
    if seen.kind == "spss":
        from .spss import look_at_spss

        names, texts, rows, labels = look_at_spss(path, source, SEEN)
        columns = _columns(names, texts, rows, GENERIC, labels)
        return LookedAt(path, GENERIC, "an SPSS file", columns, "spss")
    if seen.kind == "parquet":
        names, rows = _parquet(path)
        return LookedAt(path, GENERIC, "a Parquet file", _columns(names, {}, rows, GENERIC), "parquet")
    if not seen.rows or not any(name.strip() for name in seen.rows[0]):
        refuse(
            "the first row holds no names of columns",
            where=path.name,
            fix="delete what stands above the names, and save the file again",
        )
    preset = recognise(seen.rows[0])
    # a tool's own header is what its preset says; of others the names may stand below headings
    skip = _names_row(seen.rows) if preset is GENERIC else 0
    preset = recognise(seen.rows[skip])
    header = preset.header(seen.rows[skip:])
    marks = next((mark for mark in preset.marks if mark <= {n.casefold() for n in header.names}), frozenset())
    reason = f"it has the columns {', '.join(sorted(marks))}" if marks else "no tool's columns are there"
    zones = dict.fromkeys(
        (*header.time_zones, *(z for c, z in preset.time_zone.items() if c in header.names))
    )
    rows = seen.rows[skip + header.rows :]
    columns = _columns(header.names, header.texts, rows, preset)
    above = [cell.strip() for row in seen.rows[:skip] for cell in row if cell.strip()]
    heading = above[0] if len(above) == 1 else ""
    return LookedAt(path, preset, reason, columns, seen.kind, tuple(zones), skip, heading)


def _parquet(path: Path) -> tuple[list[str], list[tuple[str, ...]]]:
    engine = Engine()
    relation = f"read_parquet({literal(path)})"
    names = list(engine.columns(relation, where=path.name))
    chosen = ", ".join(f"coalesce({identifier(name)}::VARCHAR, '')" for name in names)
    return names, engine.run(f"SELECT {chosen} FROM {relation} LIMIT {SEEN}", where=path.name)


def _columns(
    names: Sequence[str],
    texts: dict[str, str] | object,
    rows: Sequence[Sequence[str]],
    preset: Preset,
    labels: Mapping[str, str] | None = None,
) -> tuple[Look, ...]:
    told = texts if isinstance(texts, dict) else {}
    return tuple(
        Look(
            name,
            told.get(name, ""),
            tuple(row[i] for row in rows if i < len(row) and row[i].strip()),
            len(rows),
            name.casefold() in preset.identifiers,
            labels or {},
        )
        for i, name in enumerate(names)
        if name.strip()
    )
