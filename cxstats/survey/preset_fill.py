"""A preset at work: what it fills in a description, and how a column of its answers is read.

Two steps. What a tool always does (Zendesk's good and bad) is filled before the description is checked; what
stands in the file (header rows, the time zone of a Qualtrics export) once the file has been looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .engine import Engine, literal
from .errors import Problem, SurveyError, quoted
from .files import find_files
from .model import Column, Description, SetAside, Source, columns_by_role
from .peek import Peek, peek
from .presets import PRESETS, Header, Preset

if TYPE_CHECKING:
    from .readers import Reader

__all__ = ["PresetReader", "fill_from_file", "fill_known"]

NUMBERED = r"^\s*([+-]?\d{1,4})\s*(?:[-–—:.)=]\s*|\s)[^\d\s].*$"
"""An answer with its words: "10 - Extremely likely", "0 = Not at all likely", "5 stars"."""


# ------------------------------------------------------------------- before the description is checked


def fill_known(plain: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The description's mapping with what the preset of its responses always means, and what was filled."""
    out, notes = dict(plain), []
    source = out.get("responses")
    preset = PRESETS.get(source.get("preset", "")) if isinstance(source, dict) else None
    if preset is None or not isinstance(out.get("scores"), dict):
        return out, notes
    scores = dict(out["scores"])
    for key, raw in scores.items():
        if isinstance(raw, dict):
            scores[key] = _known_score(preset, str(key), raw, notes)
    filled = [key for key in scores if scores[key] is not out["scores"][key]]
    out["scores"] = scores
    if preset.never_asked and filled:
        column = scores[filled[0]]["column"]
        aside = list(out.get("set_aside") or [])
        if not any(isinstance(rule, dict) and rule.get("column") == column for rule in aside):
            reason = f"nobody was asked ({', '.join(preset.never_asked[:1])})"
            rule = {"column": column, "values": list(preset.never_asked), "reason": reason}
            out["set_aside"] = [*aside, {**rule, "in": "responses"}]
            notes.append(f"set_aside: {column} {preset.never_asked[0]}: {reason}")
    if preset.invites and filled and not {"frame", "invited"} & out.keys() and "holds" not in source:
        out["responses"] = {**source, "holds": "invited"}
        notes.append(f"holds: invited (a row of {preset.title} is an invitation, answered or not)")
    return out, notes


def _known_score(preset: Preset, key: str, raw: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    kind = raw.get("kind") or key.split("_")[0].lower()
    column = str(raw.get("column", "")).casefold()
    for fill in preset.scores:
        if fill.kind != kind or "scale" in raw or (fill.columns and column not in fill.columns):
            continue
        out = {**raw, "scale": fill.scale}
        if fill.codes:
            out["codes"] = {**fill.codes, **raw.get("codes", {})}
        if fill.missing:
            given = raw.get("missing", [])
            out["missing"] = [*fill.missing, *([given] if isinstance(given, str) else given)]
        notes.append(f"scores.{key}.scale: {fill.scale} ({fill.why})")
        return out
    return raw


# ------------------------------------------------------------------- once the file has been looked at


def fill_from_file(
    d: Description, folder: Path, notes: list[str], problems: list[Problem]
) -> tuple[Description, dict[str, Header]]:
    """The description with what the files of its presets say, and those files' headers by role."""
    headers: dict[str, Header] = {}
    for role, source in d.sources().items():
        if source.preset is None:
            continue
        preset = PRESETS[source.preset]
        try:
            d = _fill_source(d, role, source, preset, folder, headers, notes, problems)
        except SurveyError:
            continue  # the file cannot be opened; the reader says why
        problems += _identifiers(d, role, preset, headers.get(role))
    return d, headers


def _fill_source(
    d: Description,
    role: str,
    source: Source,
    preset: Preset,
    folder: Path,
    headers: dict[str, Header],
    notes: list[str],
    problems: list[Problem],
) -> Description:
    files = find_files(source, folder, role) if source.file is not None else []
    seen = peek(files[0], source, files[0].name) if files else Peek("database")
    if seen.kind not in ("csv", "excel"):
        if preset.asides or preset.times or preset.time_zone:
            problems.append(
                Problem(
                    f"{preset.name} is for the tool's own exports, and this is no text file or workbook",
                    d.where((role, "preset")),
                    fix="leave it out, and say what it would fill: time_zone:, set_aside:, invited:, responded:",
                )
            )
        return d
    if not seen.rows:
        return d
    header = preset.header(seen.rows)
    headers[role] = header
    told = [f"preset {preset.name}, {role}: {note}" for note in header.notes]
    updates: dict[str, Any] = {}

    def fill(name: str, value: Any, why: str) -> None:
        if name not in source.model_fields_set and value != getattr(source, name):
            updates[name] = value
            told.append(f"preset {preset.name}, {role}: {name}: {value} ({why})")

    if "header_rows" not in source.model_fields_set:
        updates["header_rows"] = header.rows
    else:
        told = [note for note in told if "header_rows" not in note]
    if seen.kind == "csv":
        _fill_text(seen, fill)
        if header.rows < len(seen.rows) and seen.delimiter == ";" and _commas(seen.rows[header.rows :]):
            fill("decimal", ",", "numbers such as 3,5 between semicolons")
    zones = dict.fromkeys(
        (*header.time_zones, *(z for c, z in preset.time_zone.items() if c in header.names))
    )
    if len(zones) == 1:
        zone = next(iter(zones))
        fill("time_zone", zone, "as the export itself says")
        if source.time_zone not in (None, zone):
            told.append(
                f"preset {preset.name}, {role}: the export says its times are {zone}; "
                f"survey.yml says {source.time_zone}, which counts"
            )
    elif zones:
        told.append(f"preset {preset.name}, {role}: the export names several zones ({', '.join(zones)})")
    changed: dict[str, Any] = {role: source.model_copy(update=updates)}
    ruled = {rule.column for rule in d.set_aside}
    rules = [
        SetAside(column=aside.column, values=aside.values, reason=aside.reason, place=role)
        for aside in preset.asides
        if aside.column in header.names and aside.column not in ruled
    ]
    changed["set_aside"] = (*d.set_aside, *rules)
    told += [f"preset {preset.name}, {role}: set_aside: {rule.reason}" for rule in rules]
    if d.invited is None and d.responded is None and d.frame is None:
        for name, column in preset.times.items():
            if column in header.names:
                changed[name] = Column(column=column)
                told.append(f"preset {preset.name}, {role}: {name}: {column}")
    notes += told
    return d.model_copy(update=changed)


def _fill_text(seen: Peek, fill: Any) -> None:
    if seen.encoding != "utf-8":
        why = "not UTF-8; what Windows programs write" if seen.encoding == "cp1252" else "by its first bytes"
        fill("encoding", seen.encoding, why)
    fill("delimiter", seen.delimiter, "the one that splits every row alike")


def _commas(rows: Sequence[Sequence[str]]) -> bool:
    cells = [cell.strip() for row in rows for cell in row]
    comma = sum("," in c and c.replace(",", "", 1).lstrip("+-").isdigit() for c in cells)
    point = sum("." in c and c.replace(".", "", 1).lstrip("+-").isdigit() for c in cells)
    return comma > point


def _identifiers(d: Description, role: str, preset: Preset, header: Header | None) -> list[Problem]:
    """Who somebody is can join files, and is never counted or shown."""
    if header is None:
        return []
    return [
        Problem(
            f"column {quoted(column)} says who somebody is ({preset.title}); it can be customer:, and nothing else",
            d.where(path),
            fix="leave it out",
        )
        for path, column in columns_by_role(d)
        if path[0] not in ("customer", "set_aside")
        and column in header.names
        and column.casefold() in preset.identifiers
    ]


# ------------------------------------------------------------------- the rows


class PresetReader:
    """A reader whose answers carry words, or groups of the tool's own.

    "10 - Extremely likely" is read as 10; where the tool groups a score itself (Detractor, Passive, Promoter),
    groups that disagree with the score are counted and said. The score counts.
    """

    def __init__(self, inner: Reader, preset: Preset, header: Header, d: Description) -> None:
        self.inner, self._preset, self._header, self._d = inner, preset, header, d
        self.where, self.columns, self.columnar = inner.where, inner.columns, inner.columnar
        self.notes = inner.notes
        if hasattr(inner, "types"):
            self.types = inner.types

    @property
    def n_rows(self) -> int | None:
        """Number of rows, once it is known."""
        return self.inner.n_rows

    def digest(self) -> bytes:
        """A fingerprint of the data."""
        return self.inner.digest()

    def load(
        self, engine: Engine, name: str, columns: Sequence[str], problems: list[Problem]
    ) -> dict[str, str]:
        """As the inner reader, with words taken off the answers."""
        groups = dict(self._groups(columns))
        extra = [group for group in groups.values() if group not in columns]
        idents = self.inner.load(engine, name, [*columns, *extra], problems)
        if not self.columnar:
            for column, codes in self._asked(columns).items():
                self._take_off_words(engine, name, column, idents[column], codes)
        for key, group in groups.items():
            self._compare(engine, name, key, idents[self._d.scores[key].column or ""], idents[group], group)
        return {column: idents[column] for column in columns}

    def _asked(self, columns: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Columns of answers -> texts that survey.yml gives a meaning of their own."""
        d = self._d
        own = d.responses.missing if d.responses is not None else ()
        out: dict[str, tuple[str, ...]] = {}
        for score in d.scores.values():
            if score.column in columns:
                out[score.column] = (*own, *score.missing, *score.codes)
        for rated in (*d.items, *d.vignettes):
            if rated.column in columns:
                out[rated.column] = (*own, *rated.missing)
        if d.responses is not None and d.responses.score in columns:
            out[d.responses.score or ""] = own
        return out

    def _groups(self, columns: Sequence[str]) -> list[tuple[str, str]]:
        found = []
        for key, score in self._d.scores.items():
            group = self._preset.group(score.column or "", self._header) if score.column in columns else None
            if group in self.columns and score.kind_for(key) in self._preset.bands:
                found.append((key, group))
        return found

    def _take_off_words(
        self, engine: Engine, name: str, column: str, ident: str, codes: Sequence[str]
    ) -> None:
        kept = f" AND trim({ident}) NOT IN ({', '.join(map(literal, codes))})" if codes else ""
        hit = f"regexp_full_match({ident}, {literal(NUMBERED)}, 's'){kept}"
        number, sample = engine.run(f"SELECT count(*), min({ident}) FROM {name} WHERE {hit}")[0]
        if number:
            engine.run(
                f"UPDATE {name} SET {ident} = regexp_extract({ident}, {literal(NUMBERED)}, 1, 's') WHERE {hit}"
            )
            answers = "1 answer" if number == 1 else f"{number:,} answers"
            self.notes.append(f"{column}: {answers} such as {quoted(sample)} read as the number in front")

    def _compare(self, engine: Engine, name: str, key: str, score: str, group: str, column: str) -> None:
        bands = self._preset.bands[self._d.scores[key].kind_for(key)]
        row = "min(_row)" if "_row" in engine.columns(name) else "NULL"
        wrong = []
        known = unknown = 0
        for answer, told, n, at in engine.run(
            f"SELECT trim({score}::VARCHAR), trim({group}::VARCHAR), count(*), {row} FROM {name} "
            f"WHERE {score} IS NOT NULL AND {group} IS NOT NULL GROUP BY ALL"
        ):
            band = bands.get(told.casefold())
            if band is None or not answer.lstrip("-").isdigit():
                unknown += n
                continue
            known += n
            if not band[0] <= int(answer) <= band[1]:
                wrong.append((at or 0, answer, told, n))
        if wrong:
            at, answer, told, _ = min(wrong)
            place = f"row {at:,}: " if at else ""
            self.notes.append(
                f"{column}: {sum(w[3] for w in wrong):,} of {known:,} groups disagree with the score "
                f"({place}{answer} is called {quoted(told)}); the score counts"
            )
        if unknown and not known:
            self.notes.append(f"{column}: its groups are not understood, so they were not compared")
