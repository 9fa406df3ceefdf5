"""What a preset is made of: how a tool writes its header, and what its columns and codes mean."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["Aside", "Bands", "Header", "Preset", "Rows", "ScoreFill", "clean", "distinct", "one_row"]

Rows = Sequence[Sequence[str]]

_BREAK = re.compile(r"</?(br|p|div|li|ul|ol|tr|td|th|h[1-6])\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<!--.*?-->", re.DOTALL)


def clean(text: str) -> str:
    """A header cell as a reader sees it: without HTML, on one line.

    >>> clean("How <b>likely</b> are you\\nto recommend&nbsp;us?")
    'How likely are you to recommend us?'
    """
    return " ".join(html.unescape(_TAG.sub("", _BREAK.sub(" ", text))).split())


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Names of which none stands twice: the second "Comment" becomes "Comment (2)"; blank ones stay.

    >>> distinct(["a", "b", "a", "", ""])
    ('a', 'b', 'a (2)', '', '')
    """
    seen: dict[str, int] = {}
    taken, out = set(names), []
    for name in names:
        seen[name] = number = seen.get(name, 0) + 1
        new = name
        while name and number > 1 and (new := f"{name} ({number})") in taken:
            number += 1
        taken.add(new)
        out.append(new)
    return tuple(out)


@dataclass(frozen=True, slots=True)
class Header:
    """What stands above a file's rows.

    Attributes
    ----------
    rows : number of header rows.
    names : one name per column, by which survey.yml names it.
    texts : name -> the question's text, where it differs from the name.
    time_zones : the time zones that the header states; () if it states none.
    notes : what was made out of the header.
    """

    rows: int
    names: tuple[str, ...]
    texts: Mapping[str, str] = field(default_factory=dict)
    time_zones: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def one_row(rows: Rows) -> Header:
    """A header of one row, its names without HTML and line breaks."""
    raw = rows[0] if rows else ()
    names = distinct([clean(name) for name in raw])
    changed = sum(new != old for new, old in zip(names, raw, strict=True))
    notes = (f"names of {changed} columns: without HTML, line breaks and repeats",) if changed else ()
    return Header(1, names, notes=notes)


@dataclass(frozen=True, slots=True)
class Aside:
    """Rows that are set aside: those whose ``column`` holds one of ``values``."""

    column: str
    values: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class ScoreFill:
    """What a preset knows of a score's answers; only what survey.yml leaves open is filled."""

    kind: str
    columns: tuple[str, ...]
    scale: str
    codes: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    why: str = ""


Bands = Mapping[str, tuple[int, int]]
"""Name of a band, small letters -> its lowest and highest score."""


def _no_group(score: str, header: Header) -> str | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """How one tool writes its exports.

    Attributes
    ----------
    name, title : as survey.yml and as readers call it.
    marks : sets of column names; a file whose header holds all of one set is this tool's.
    identifiers : columns that say who somebody is; none may be anything but ``customer``.
    header : what to make of the first rows.
    time_zone : column -> zone, true of every export that has the column.
    times : role ("invited", "responded") -> column, filled where both are open.
    asides : rows that are nobody's answer, or a part of one.
    scores : what is known of scores.
    bands : kind of metric -> bands of the column that :attr:`group` finds.
    group : finds the column with the tool's own grouping of a score.
    offers : value of the score's column -> what such a row is, where rows are invitations.
    """

    name: str
    title: str
    marks: tuple[frozenset[str], ...] = ()
    identifiers: frozenset[str] = frozenset()
    header: Callable[[Rows], Header] = one_row
    time_zone: Mapping[str, str] = field(default_factory=dict)
    times: Mapping[str, str] = field(default_factory=dict)
    asides: tuple[Aside, ...] = ()
    scores: tuple[ScoreFill, ...] = ()
    bands: Mapping[str, Bands] = field(default_factory=dict)
    group: Callable[[str, Header], str | None] = _no_group
    never_asked: tuple[str, ...] = ()
    invites: bool = False

    def knows(self, names: Sequence[str]) -> bool:
        """Whether a header with these names is this tool's."""
        folded = {clean(name).casefold() for name in names}
        return any(mark <= folded for mark in self.marks)
