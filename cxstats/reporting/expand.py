"""Many reports from one entry of the catalogue: ``for_each`` and the placeholders it fills.

An entry with ``for_each`` stands for one report for every value, or for every combination of values::

    sample-size-{score}-{brand}:
        for_each:
            score: [nps, ces]
            brand: {acme: ACME Ltd, zenith: Zenith & Sons}     # name in addresses: text
        title: Sample size · {brand}
        survey: ../surveys/{brand}/survey.yml
        parameters: {metric: "{score}"}

``{brand}`` is the value in titles and parameters and its short name in the report's name and in paths.
``{period}`` and ``{previous_period}`` are the report's period and the one before it. ``{{brand}}`` stands
for the text {brand}. Nothing else is evaluated.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cxstats.reporting.errors import UsageError, did_you_mean
from cxstats.reporting.periods import Period, parse_period

__all__ = ["Value", "expand", "slug"]

MOST = 5_000  # reports of one catalogue: more is a slip in a for_each

_PLACEHOLDER = re.compile(r"\{\{([A-Za-z_][\w-]*)\}\}|\{([A-Za-z_][\w-]*)\}")
_VARIABLE = re.compile(r"[a-z][a-z0-9_]*")
_RESERVED = ("previous_period",)
_LETTERS = str.maketrans(
    {"ß": "ss", "ø": "o", "Ø": "O", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ł": "l", "Ł": "L"}
    | {"đ": "d", "Đ": "D", "ð": "d", "þ": "th", "ı": "i"}
)
_PATHS = ("survey", "notebook", "reads")  # where a value's short name stands, as in the report's name
_DECIDING = ("survey", "notebook", "parameters")  # what makes one report say something else than the next


@dataclass(frozen=True, slots=True)
class Value:
    """What a placeholder stands for: ``name`` in addresses and paths, ``text`` elsewhere."""

    name: str
    text: str


def slug(text: str) -> str:
    """A value as part of a report's name; empty where its letters cannot be told in a–z and 0–9.

    >>> slug("São Paulo & Zürich"), slug("日本")
    ('sao-paulo-zurich', '')
    """
    folded = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    if any(c.isalnum() and not c.isascii() for c in folded):
        return ""
    return re.sub(r"[^a-z0-9]+", "-", folded.encode("ascii", "ignore").decode().lower()).strip("-")


def expand(name: str, entry: Mapping[str, Any], *, period: str | None = None) -> dict[str, dict[str, Any]]:
    """The reports that one entry of the catalogue (as it was read) stands for, by name.

    Parameters
    ----------
    period : the period of reports that state none of their own, or another in its place.

    Raises
    ------
    UsageError : every problem of the entry's templates, for_each and period.

    >>> list(expand("nps-{x}", {"for_each": {"x": ["A b", "C"]}, "parameters": {"group": "{x}"}}))
    ['nps-a-b', 'nps-c']
    """
    template = {key: value for key, value in entry.items() if key != "for_each"}
    rows = _rows(name, entry.get("for_each")) if "for_each" in entry else [{}]
    problems: list[str] = _idle(name, template, rows[0]) if rows and rows[0] else []
    found: dict[str, dict[str, Any]] = {}
    origin: dict[str, str] = {}
    for row in rows:
        try:
            known = _with_periods(name, row, template, period)
            filled = _Filler(f"report {name}", known)
            report = filled(name, path=True)
            content = {key: filled(value, path=key in _PATHS) for key, value in template.items()}
            if isinstance(before := template.get("compare_with"), Mapping):
                # a report and a survey are named by their addresses
                content["compare_with"] = {
                    key: filled(value, path=key in ("report", "survey")) for key, value in before.items()
                }
            if "previous_period" in known:
                content["period"] = known["period"].text
        except UsageError as error:
            problems += error.problems
            continue
        said = ", ".join(f"{key} {value.text}" for key, value in row.items())
        if report in found:
            problems.append(
                f"report {name}: both {origin[report]} and {said} come out as {report}. Put every placeholder "
                f"of for_each into the name, and where two values are written alike, name them: {{a: A, b: a}}"
            )
        else:
            found[report], origin[report] = content, said
    if problems:
        raise UsageError(list(dict.fromkeys(problems)))
    _first_of_a_row(template, rows, found)
    return found


def _first_of_a_row(
    template: Mapping[str, Any], rows: list[dict[str, Value]], found: dict[str, dict[str, Any]]
) -> None:
    """The first period of a for_each has no report before it to be compared with."""
    before = template.get("compare_with")
    report = before.get("report") if isinstance(before, Mapping) else None
    if "period" not in rows[0] or "previous_period" not in _names(report):
        return
    first = min(parse_period(row["period"].text).start for row in rows)
    for content in found.values():
        if content["compare_with"]["report"] not in found and parse_period(content["period"]).start == first:
            del content["compare_with"]


# for_each ------------------------------------------------------------------------------------------


def _rows(name: str, for_each: Any) -> list[dict[str, Value]]:
    """One mapping of placeholders a report."""
    if isinstance(for_each, list):
        rows = list(_listed(name, for_each))
    elif isinstance(for_each, Mapping) and for_each:
        options = {variable: _options(name, variable, values) for variable, values in for_each.items()}
        n = 1
        for values in options.values():
            n *= len(values)
        _few_enough(name, n)
        rows = [dict(zip(options, row, strict=True)) for row in itertools.product(*options.values())]
    else:
        raise UsageError(
            f"report {name}: for_each: must name what changes and its values, such as {{brand: [acme, zenith]}}"
        )
    _few_enough(name, len(rows))
    return rows


def _few_enough(name: str, n: int) -> None:
    if n > MOST:
        raise UsageError(f"report {name}: for_each: stands for {n:,} reports; at most {MOST:,} are meant")


def _listed(name: str, rows: list[Any]) -> Iterator[dict[str, Value]]:
    """for_each as a list: each item a mapping of every placeholder to its value."""
    if not rows or not all(isinstance(row, Mapping) and row for row in rows):
        raise UsageError(
            f"report {name}: for_each: a list must hold mappings, such as [{{brand: acme, score: nps}}]"
        )
    first = set(rows[0])
    for number, row in enumerate(rows, start=1):
        if set(row) != first:
            odd = ", ".join(sorted(first ^ set(row)))
            raise UsageError(f"report {name}: for_each: item {number} differs from the first in having {odd}")
        yield {variable: _options(name, variable, [value])[0] for variable, value in row.items()}


def _options(name: str, variable: str, values: Any) -> list[Value]:
    where = f"report {name}: for_each.{variable}"
    if not _VARIABLE.fullmatch(variable) or variable in _RESERVED:
        raise UsageError(f"{where}: cannot be the name of a placeholder: small letters, digits and _ only")
    pairs = list(values.items()) if isinstance(values, Mapping) else None
    if pairs is None:
        if not isinstance(values, list):
            raise UsageError(f"{where}: must be a list of values, or a mapping of short names to values")
        pairs = [(None, value) for value in values]
    if not pairs:
        raise UsageError(f"{where}: has no values")
    problems, found = [], []
    for short, value in pairs:
        if not isinstance(value, str) or not value.strip():
            problems.append(f"{where}: {short or 'a value'} is empty or no plain text")
        elif not value.isprintable() or len(value) > 200:
            problems.append(f"{where}: {value[:40]!r} is too long, or holds line breaks or signs not printed")
        elif variable == "period":
            try:
                found.append(Value(parse_period(value).slug, value))
            except ValueError as error:
                problems.append(f"{where}: {error}")
        elif short is not None and slug(short) != short:
            problems.append(
                f"{where}: {short!r} becomes part of an address: a–z, 0–9 and single hyphens only"
            )
        elif not (short or slug(value)):
            problems.append(
                f"{where}: {value!r} cannot be written in a–z and 0–9 for the report's address: give it a short "
                f"name, such as {{{variable}: {{jp: 日本}}}}"
            )
        else:
            found.append(Value(short or slug(value), value))
    texts = [value.text for value in found]
    problems += [f"{where}: {text} stands twice" for text in dict.fromkeys(texts) if texts.count(text) > 1]
    if problems:
        raise UsageError(problems)
    return found


def _idle(name: str, template: Mapping[str, Any], row: Mapping[str, Value]) -> list[str]:
    """Placeholders that change nothing but a report's name: its numbers would be another's under a new title."""
    used = set(_names([template.get(key) for key in _DECIDING]))
    if "previous_period" in used:
        used.add("period")
    return [
        f"report {name}: for_each.{variable} decides neither the survey nor the notebook nor a parameter, so every "
        f"report would show the same numbers. Use {{{variable}}} in survey: or in parameters:"
        for variable in row
        if variable not in used
    ]


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from (found[2] for found in _PLACEHOLDER.finditer(value) if found[2])
    elif isinstance(value, Mapping):
        yield from (name for part in value.values() for name in _names(part))
    elif isinstance(value, list):
        yield from (name for part in value for name in _names(part))


# Filling in ----------------------------------------------------------------------------------------


def _with_periods(
    name: str, row: dict[str, Value], template: Mapping[str, Any], period: str | None
) -> dict[str, Value]:
    """The row with ``period`` and ``previous_period``, where the report has a period."""
    if "period" in row:
        stated = row["period"].text
    elif period is not None:
        stated = period
    else:
        stated = template.get("period")
        if isinstance(stated, str):
            stated = _Filler(f"report {name}", row)(stated)
    if not isinstance(stated, str):
        return row
    try:
        found = parse_period(stated)
    except ValueError as error:
        raise UsageError(f"report {name}: period: {error}") from error
    return row | {"period": _value(found), "previous_period": _value(found.before())}


def _value(period: Period) -> Value:
    return Value(period.slug, period.text)


class _Filler:
    """Puts values in the place of placeholders, wherever text stands."""

    def __init__(self, where: str, known: Mapping[str, Value]) -> None:
        self.where, self.known = where, known

    def __call__(self, value: Any, *, path: bool = False) -> Any:
        if isinstance(value, str):
            return _PLACEHOLDER.sub(lambda found: self._one(found, path), value)
        if isinstance(value, Mapping):
            return {key: self(part, path=path) for key, part in value.items()}
        if isinstance(value, list):
            return [self(part, path=path) for part in value]
        return value

    def _one(self, found: re.Match[str], path: bool) -> str:
        if found[1]:
            return f"{{{found[1]}}}"
        name = found[2]
        if name not in self.known:
            if name in ("period", "previous_period"):
                raise UsageError(
                    f"{self.where}: {{{name}}} needs a period: write period: 2025-Q1, or give --period"
                )
            raise UsageError(
                f"{self.where}: there is nothing to put in the place of {{{name}}}."
                f"{did_you_mean(name, self.known)} Write {{{{{name}}}}} where braces are meant"
            )
        return self.known[name].name if path else self.known[name].text
