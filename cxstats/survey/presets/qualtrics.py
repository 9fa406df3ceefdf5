"""Qualtrics: two to four header rows, the time zone in the JSON of the third, previews among the answers.

Sources: Qualtrics' "Understanding your dataset"; R's qualtRics (Ginn and others) for the header rows.
``Status`` adds up: 1 preview, 2 test, 4 imported, 8 spam, 16 offline.
"""

from __future__ import annotations

import json
import re

from .base import Aside, Header, Preset, Rows, clean

__all__ = ["QUALTRICS"]

_MOST_HEADER_ROWS = 4
_DATES = ("StartDate", "EndDate", "RecordedDate")
_IDS = ("ResponseId", "ResponseID", "V1")
_DATE = re.compile(r"\s*(\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}|\d{5}(\.\d+)?)(\s|T|$)")


def _is_data(row: tuple[str, ...] | list[str], names: tuple[str, ...]) -> bool:
    cells = dict(zip(names, row, strict=False))
    dated = any(_DATE.match(cells.get(name, "")) for name in _DATES)
    return dated or any(cells.get(name, "").startswith("R_") for name in _IDS)


def _imports(row: list[str] | tuple[str, ...]) -> list[dict]:
    """The JSON cells of a row of import ids; [] for every other row."""
    if not any(cell.lstrip().startswith('{"ImportId"') for cell in row):
        return []
    out = []
    for cell in row:
        try:
            found = json.loads(cell)
        except ValueError:
            continue
        out += [found] if isinstance(found, dict) else []
    return out


def header(rows: Rows) -> Header:
    """Count the rows above the answers; names from the first, question texts from the second.

    >>> header([["StartDate", "Q1"], ["Start Date", "How likely?"], ['{"ImportId":"startDate","timeZone":"UTC"}', ""],
    ...         ["2025-01-02 10:00:00", "9"]]).rows
    3
    """
    names = tuple(name.strip() for name in (rows[0] if rows else ()))
    above = 1
    while above < min(len(rows), _MOST_HEADER_ROWS) and not _is_data(tuple(rows[above]), names):
        above += 1
    found = [i for i in range(1, min(len(rows), _MOST_HEADER_ROWS)) if _imports(rows[i])]
    ended = above < len(rows) and _is_data(tuple(rows[above]), names)
    if not ended:  # no row shows where the answers begin: the import ids are the last thing above them
        above = max(found) + 1 if found else 2
    number = max(above, max(found, default=0) + 1)
    zones: list[str] = []
    for i in found:
        zones += [cell["timeZone"] for cell in _imports(rows[i]) if isinstance(cell.get("timeZone"), str)]
    labels = rows[1] if number > 1 and len(rows) > 1 and 1 not in found else ()
    texts = {
        name: text
        for name, raw in zip(names, labels, strict=False)
        if name and (text := clean(raw)) and text != name
    }
    told = "with import ids" if found else "without import ids"
    return Header(
        min(number, max(len(rows), 1)),
        names,
        texts,
        tuple(dict.fromkeys(zones)),
        (f"header_rows: {number} ({told})",),
    )


def _group(score: str, found: Header) -> str | None:
    """``Q1_NPS_GROUP`` beside ``Q1``, or the column whose label is that of ``Q1`` with " - Group"."""
    if f"{score}_NPS_GROUP" in found.names:
        return f"{score}_NPS_GROUP"
    wanted = f"{found.texts.get(score, score)} - Group"
    return next((name for name, text in found.texts.items() if text == wanted), None)


def _kinds(bit: int) -> tuple[str, ...]:
    """Codes of Status that hold this bit and none of the lower ones among preview, test and spam."""
    lower = {1: 0, 2: 1, 8: 3}[bit]
    return tuple(str(code) for code in range(64) if code & bit and not code & lower)


QUALTRICS = Preset(
    name="qualtrics",
    title="Qualtrics",
    marks=(
        frozenset({"startdate", "enddate", "responseid", "finished"}),
        frozenset({"startdate", "enddate", "status", "progress"}),
    ),
    identifiers=frozenset(
        (
            *("ipaddress", "recipientlastname", "recipientfirstname", "recipientemail", "externalreference"),
            *(
                "externaldatareference",
                "locationlatitude",
                "locationlongitude",
                "responseid",
                "name",
                "email",
            ),
        )
    ),
    header=header,
    asides=(
        Aside("Status", (*_kinds(1), "Survey Preview", "Preview"), "previews (Status)"),
        Aside("Status", (*_kinds(2), "Survey Test", "Test"), "tests (Status)"),
        Aside("Status", (*_kinds(8), "Spam", "Possible Spam"), "spam (Status)"),
        Aside("Finished", ("0", "False", "FALSE", "false"), "partial responses (Finished)"),
    ),
    bands={
        "nps": {
            "1": (0, 6),
            "2": (7, 8),
            "3": (9, 10),
            "detractor": (0, 6),
            "passive": (7, 8),
            "promoter": (9, 10),
        }
    },
    group=_group,
)
