"""One row per unit (hospital, store, branch): response rate, number of answers, shares in bands.

Units are few, so they are read as texts and looked at in Python, rule by rule: every row read is used
or set aside for a reason that the ledger counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from .engine import Engine, spellings
from .errors import Problem, quoted
from .ledger import LedgerLine, section
from .marks import unused_values_problem
from .model import Description, Source, UnitFact, Units
from .readers import Reader
from .small_files import SmallFiles, is_plain_number

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["UnitRows", "read_units"]

_ROUNDING = 2.0
_MOST = 0.5


@dataclass
class UnitRows:
    """The units in use.

    Attributes
    ----------
    table : one row per unit, see :attr:`Survey.units`.
    lines : what became of every row read.
    readers : the opened files, "units" first.
    """

    table: pd.DataFrame
    lines: list[LedgerLine] = field(default_factory=list)
    readers: dict[str, Reader] = field(default_factory=dict)


def read_units(
    d: Description, folder: FilePath, engine: Engine, problems: list[Problem], notes: list[str]
) -> UnitRows | None:
    """Read the units of ``d``; what is wrong is added to ``problems``. None where nothing can be read."""
    assert d.units is not None
    work = _Work(d, folder, engine, problems, notes)
    raw = work.read("units", d.units, _columns(d))
    if raw is None:
        return None
    facts = {
        (part, key): work.fact(part, key, fact, raw)
        for part in ("adjust", "outcomes")
        for key, fact in getattr(d.units, part).items()
    }
    if problems:
        return None
    return _judge(work, raw, facts)


def _columns(d: Description) -> dict[tuple[str | int, ...], str]:
    """The columns of the units' own file by the path that names them."""
    units = d.units
    assert units is not None
    named: dict[tuple[str | int, ...], str | None] = {
        ("units", "unit"): units.unit,
        ("units", "response_rate"): units.response_rate.column,
        ("units", "completed"): units.completed.column if units.completed else None,
        ("units", "sampled"): units.sampled.column if units.sampled else None,
        ("units", "bands", "low"): units.bands.low,
        ("units", "bands", "middle"): units.bands.middle,
        ("units", "bands", "top"): units.bands.top,
    }
    for part in ("adjust", "outcomes"):
        for key, fact in getattr(units, part).items():
            if fact.source is None:
                named[("units", part, key)] = fact.column
    named |= {("units", "set_aside", i): rule.column for i, rule in enumerate(units.set_aside)}
    named |= {("set_aside", i): rule.column for i, rule in enumerate(d.set_aside)}
    return {path: column for path, column in named.items() if column is not None}


class _Work(SmallFiles):
    """Reading units, and facts about them from other files."""

    @property
    def units(self) -> Units:
        assert self.d.units is not None
        return self.d.units

    def fact(self, part: str, key: str, fact: UnitFact, raw: pd.DataFrame) -> pd.Series | None:
        """A fact about every unit, as numbers or texts, aligned with ``raw``."""
        import pandas as pd

        path: tuple[str | int, ...] = ("units", part, key)
        source, role, rows = self.units, "units", raw["_row"]
        if fact.source is None:
            texts = raw[fact.column].copy()
        else:
            source, role = fact.source, f"units.{part}.{key}"
            found = self._elsewhere(path, fact, role)
            if found is None:
                return None
            placed = found.set_index(fact.source.key).reindex(raw[self.units.unit])
            texts = placed[fact.column].astype(object).where(placed[fact.column].notna(), None)
            texts = texts.reset_index(drop=True)
            rows = placed["_row"].fillna(0).astype(int).reset_index(drop=True)
            matched = int(placed["_row"].notna().sum())
            self.notes.append(f"{'.'.join(map(str, path))}: {matched:,} of {len(raw):,} units found")
            if not matched and len(raw) and len(found):
                self.add(
                    path,
                    f"not one of the units stands in column {fact.source.key} of {self.readers[role].where}",
                    expected='the same ids in both files, compared as texts: "001" is not "1"',
                )
        texts = texts.where(~texts.isin(spellings(fact.missing)), None)
        kind = fact.kind or ("number" if part == "outcomes" else self._guessed(texts, source))
        if fact.kind is None and part == "adjust":
            read = "numbers" if kind == "number" else "categories"
            self.notes.append(f"{'.'.join(map(str, path))}: read as {read}")
        if kind == "category":
            return texts.astype("string").rename(key)
        values = self.numbers(path, texts, rows, source, role)
        return pd.Series(values, dtype="float64").astype("Float64").rename(key)

    def _guessed(self, texts: pd.Series, source: Source) -> str:
        known = [t.replace(",", ".") if source.decimal == "," else t for t in texts.dropna().tolist()]
        numbers = sum(map(is_plain_number, known))
        return "number" if 2 * numbers > len(known) else "category"

    def _elsewhere(self, path: tuple[str | int, ...], fact: UnitFact, role: str) -> pd.DataFrame | None:
        """The rows of another file that count, one per unit."""
        assert fact.source is not None
        assert fact.source.key is not None
        named = {(*path, "from", "key"): fact.source.key, path: fact.column}
        if fact.only is not None:
            named[(*path, "only")] = fact.only.column
        found = self.read(role, fact.source, named)
        if found is None:
            return None
        if fact.only is not None:
            tally = found[fact.only.column].value_counts().to_dict()
            problem = unused_values_problem(
                tally, fact.only.values, (), column=fact.only.column, where=self.d.where((*path, "only"))
            )
            if problem is not None:
                self.problems.append(problem)
            found = found[found[fact.only.column].isin(spellings(fact.only.values))]
        found = found[found[fact.source.key].notna()]
        found = found.drop_duplicates([fact.source.key, fact.column]).reset_index(drop=True)
        again = found[found[fact.source.key].duplicated()]
        if len(again):
            first = again.iloc[0]
            self.add(
                path,
                f"{len(again):,} units have several values in {self.readers[role].where} "
                f"(first: {quoted(first[fact.source.key], 30)} in row {first['_row']:,})",
                expected="one row per unit",
                fix="say with only: which rows count, such as only: {column: measure, values: [readmission]}",
            )
        return found.drop_duplicates(fact.source.key)


def _judge(
    work: _Work, raw: pd.DataFrame, facts: Mapping[tuple[str, str], pd.Series | None]
) -> UnitRows | None:
    """Rows in use with their numbers, and the reason of every other row."""
    import numpy as np
    import pandas as pd

    units, d = work.units, work.d
    status = np.full(len(raw), "", dtype=object)
    reasons: list[str] = []

    def aside(reason: str, hit: Any) -> None:
        if reason not in reasons:
            reasons.append(reason)
        status[np.asarray(hit, dtype=bool) & (status == "")] = reason

    rules = [*((("units", "set_aside", i), r) for i, r in enumerate(units.set_aside))]
    rules += [(("set_aside", i), r) for i, r in enumerate(d.set_aside)]
    for path, rule in rules:
        tally = raw[rule.column].value_counts().to_dict()
        problem = unused_values_problem(
            tally, rule.values, (), column=rule.column, where=d.where(path), needed=False
        )
        if problem is not None:
            work.problems.append(problem)
        aside(rule.reason, raw[rule.column].isin(spellings(rule.values)))
    aside("no id", raw[units.unit].isna())
    _once(work, raw, status, aside)

    def numbers(path: tuple[str | int, ...], column: str, keep: Sequence[str] = ()) -> np.ndarray:
        # rows set aside may hold anything
        texts = raw[column].where((status == "") & ~raw[column].isin(spellings(keep)), None)
        hint = ", and what means a small number under completed.few:" if path[-1] == "completed" else ""
        return work.numbers(path, texts, raw["_row"], units, "units", hint=hint)

    out: dict[str, Any] = {"unit": raw[units.unit].astype("string")}
    rate = numbers(("units", "response_rate"), units.response_rate.column)
    out["response_rate"] = _rate(work, rate, status, aside)
    few = np.zeros(len(raw), dtype=bool)
    if units.completed is not None:
        column = units.completed.column
        number = numbers(("units", "completed"), column, units.completed.few)
        worded = raw[column].isin(spellings(units.completed.few)).to_numpy()
        aside("number of answers not published", np.isnan(number) & ~worded)
        aside("number of answers not a whole number from 0", (number < 0) | (number % 1 > 0))
        few = worded | (number < (units.completed.fewest or 0))
        if not units.completed.keep_few:
            aside(_few_words(units), few)
        out["completed"] = pd.Series(np.where(worded, np.nan, number)).astype("Float64")
    if units.sampled is not None:
        asked = numbers(("units", "sampled"), units.sampled.column)
        aside("number of people asked not a whole number from 0", (asked < 0) | (asked % 1 > 0))
        out["sampled"] = pd.Series(asked).astype("Float64")
    out |= _bands(work, numbers, status, aside)
    out["few"] = pd.Series(few, dtype="boolean")
    out |= {key: series for (_, key), series in facts.items() if series is not None}
    if work.problems:
        return None
    table = pd.DataFrame({name: pd.Series(values).reset_index(drop=True) for name, values in out.items()})
    table = table[status == ""].reset_index(drop=True)
    for name in ("completed", "sampled"):
        if name in table:
            table[name] = table[name].astype("Int64")
    reader = work.readers["units"]
    parts = [(f"Set aside: {reason}", int((status == reason).sum()), "set aside") for reason in reasons]
    label = f"Read from the file of {units.called} ({reader.where})"
    used = f"{units.called[:1].upper()}{units.called[1:]} used"
    lines = section("responses", (label, len(raw)), parts, used)
    if units.completed is not None and units.completed.keep_few and table["few"].any():
        n = int(table["few"].sum())
        lines.append(LedgerLine(f"{_few_words(units).capitalize()}, kept", n, "note", "responses", len(raw)))
    return UnitRows(table, lines, work.readers)


def _few_words(units: Units) -> str:
    assert units.completed is not None
    if units.completed.fewest:
        return f"fewer than {units.completed.fewest} answers"
    return f"few answers ({', '.join(units.completed.few[:3])})"


def _once(work: _Work, raw: pd.DataFrame, status: np.ndarray, aside: Callable[[str, Any], None]) -> None:
    """A unit listed twice alike is set aside once; with different numbers it is refused."""
    unit = work.units.unit
    live = raw[status == ""]
    columns = [column for column in raw.columns if column != "_row"]
    alike = live.duplicated(columns)
    again = live[~alike & live[unit].duplicated(keep="first")]
    if len(again):
        first = again.iloc[0]
        work.add(
            ("units", "unit"),
            f"{len(again):,} units are listed twice with different values "
            f"(first: {quoted(first[unit], 30)} in row {first['_row']:,})",
            expected="one row per unit",
            fix="name the column that tells units apart, or set the other rows aside",
        )
    import numpy as np

    hit = np.zeros(len(raw), dtype=bool)
    hit[live.index[alike]] = True
    aside("listed twice", hit)


def _rate(work: _Work, rate: np.ndarray, status: np.ndarray, aside: Callable[[str, Any], None]) -> pd.Series:
    """The response rate as a share in [0, 1]."""
    import numpy as np
    import pandas as pd

    units = work.units
    whole = 100.0 if units.response_rate.unit == "percent" else 1.0
    known = rate[(status == "") & ~np.isnan(rate)]
    other = "share" if whole == 100 else "percent"
    looks = len(known) and (
        known.max() <= 1 and known.max() > 0 if whole == 100 else (known > 1).mean() > _MOST
    )
    if looks:
        work.add(
            ("units", "response_rate"),
            f"column {units.response_rate.column} runs from {known.min():g} to {known.max():g}: "
            f"these are no {'percentages' if whole == 100 else 'shares'}",
            fix=f"say unit: {other}",
        )
    aside("response rate not published", np.isnan(rate))
    aside(f"response rate not from 0 to {whole:g}", (rate < 0) | (rate > whole))
    return pd.Series(rate / whole).astype("Float64")


def _bands(
    work: _Work,
    numbers: Callable[..., np.ndarray],
    status: np.ndarray,
    aside: Callable[[str, Any], None],
) -> dict[str, pd.Series]:
    """Shares in percent and the score they make."""
    import numpy as np
    import pandas as pd

    bands = work.units.bands
    whole = 100.0 if bands.unit == "percent" else 1.0
    found = {
        name: numbers(("units", "bands", name), getattr(bands, name)) * (100.0 / whole)
        for name in ("low", "middle", "top")
        if getattr(bands, name) is not None
    }
    shares = np.column_stack(list(found.values()))
    total = shares.sum(axis=1)
    known = total[(status == "") & ~np.isnan(total)]
    complete = {"low", "middle", "top"} <= found.keys()
    off = (np.abs(known - 100) > _ROUNDING) if complete else (known > 100 + _ROUNDING)
    largest = float(np.nanmax(shares[status == ""])) if len(known) else np.nan
    tiny = bands.unit == "percent" and 0 < largest <= 1
    if tiny or (len(known) and off.mean() > _MOST):
        typical = float(np.median(known)) * (whole / 100.0)
        work.add(
            ("units", "bands"),
            f"the bands add up to {typical:.4g} in a typical row",
            expected=f"{whole:g}, up to rounding",
            fix="say unit: share" if tiny else "name the columns of one question's bands",
        )
    aside("bands not published", np.isnan(total))
    aside("bands not from 0 to 100 %", ((shares < 0) | (shares > 100)).any(axis=1))
    aside(
        "bands that do not add up to 100 %",
        np.abs(total - 100) > _ROUNDING if complete else total > 100 + _ROUNDING,
    )
    kind = work.units.as_metric().unit
    score = found["top"] - found["low"] if kind == "points" else found["top"]
    return {name: pd.Series(values).astype("Float64") for name, values in {**found, "score": score}.items()}
