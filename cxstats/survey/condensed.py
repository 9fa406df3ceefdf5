"""Large Parquet files read once: counts of every combination of their categories, and rows drawn by lot.

A survey of a billion answers has a few hundred thousand combinations of scores, groups and waves. They are counted
in one pass over the files, in which a simple random sample of rows is drawn as well, for what looks at customers one
by one. Every question that is asked later is answered from these. The reports of one run share them through the folder
in the environment variable ``CXSTATS_COUNTS``, which the run makes for itself and removes; no customer id is in them,
because surveys with ids are not condensed.

The counts are exact: the same numbers as a query over all rows, which they stand in for.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import local
from typing import TYPE_CHECKING, Any

import numpy as np

from ..digests import SHARED, file_state

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Condensed", "N", "condense", "condensed"]

N = "_n"
"""Name of the column that says for how many rows a row of :attr:`Condensed.counts` stands."""

MOST_CELLS = 1 << 23
"""Combinations that are counted at most (64 MB of counts per thread); columns of too many values are left out."""

BATCH = 1 << 19
SLICE = 1 << 15
"""Rows counted at a time: their codes and counts stay in the processor's cache."""

FIRST = 1 << 17
"""Rows looked at for how many values each column has, before anything is counted."""

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Condensed:
    """What one pass over the files tells.

    Attributes
    ----------
    counts : every combination that occurs of the columns counted, with "_n", its number of rows.
    alone : for each column looked at by itself, its values with "_n".
    sample : rows drawn by lot without replacement, each as likely as any other, in the order of the files.
    n_rows : number of all rows.
    """

    counts: pa.Table
    alone: dict[str, pa.Table]
    sample: pa.Table
    n_rows: int


def condensed(
    files: Sequence[Path], together: Sequence[str], alone: Sequence[str], sampled: Sequence[str], *, most: int
) -> Condensed | None:
    """As :func:`condense`, from the run's folder where another report of this run has done it already.

    None where there are more combinations than the first rows let expect: then every question reads the rows.
    """
    try:
        return _once(files, together, alone, sampled, most)
    except TooManyCells:
        return None


def _once(
    files: Sequence[Path], together: Sequence[str], alone: Sequence[str], sampled: Sequence[str], most: int
) -> Condensed:
    folder = os.environ.get(SHARED)
    if not folder:
        return condense(files, together, alone, sampled, most=most)
    from filelock import FileLock

    asked = [_FORMAT, list(together), list(alone), list(sampled), most]
    states = [(str(path.absolute()), *file_state(path)) for path in files]
    name = hashlib.sha256(json.dumps([asked, states]).encode()).hexdigest()[:24]
    home = Path(folder) / name
    home.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with FileLock(f"{home}.lock"):  # reports of one run start at the same time: one counts, the others wait
        if not home.is_dir():
            found = condense(files, together, alone, sampled, most=most)
            _write(found, home)
            return found
    return _read(home, alone)


def _write(found: Condensed, home: Path) -> None:
    import pyarrow.parquet as pq

    half = home.with_suffix(".part")
    half.mkdir(mode=0o700)
    tables = {"counts": found.counts, "sample": found.sample}
    tables |= {f"alone-{i}": table for i, table in enumerate(found.alone.values())}
    for name, table in tables.items():
        pq.write_table(table, half / f"{name}.parquet")
    (half / "rows").write_text(str(found.n_rows))
    half.rename(home)


def _read(home: Path, alone: Sequence[str]) -> Condensed:
    import pyarrow.parquet as pq

    named = {column: pq.read_table(home / f"alone-{i}.parquet") for i, column in enumerate(alone)}
    counts, sample = (pq.read_table(home / f"{name}.parquet") for name in ("counts", "sample"))
    return Condensed(counts, named, sample, int((home / "rows").read_text()))


def condense(
    files: Sequence[Path],
    together: Sequence[str],
    alone: Sequence[str],
    sampled: Sequence[str],
    *,
    most: int,
    seed: int = 0,
) -> Condensed:
    """Read ``files`` once.

    Parameters
    ----------
    files : Parquet files with the same columns.
    together : columns whose combinations are counted. A column of so many values that there would be more than
        :data:`MOST_CELLS` combinations is left out of them.
    alone : columns whose values are counted each by itself.
    sampled : columns of the rows drawn.
    most : number of rows drawn; all where there are fewer.
    """
    import pyarrow.parquet as pq

    groups = [
        (path, group, pq_rows)
        for path in files
        for group, pq_rows in enumerate(_group_sizes(pq.ParquetFile(path)))
    ]
    starts = np.concatenate([[0], np.cumsum([rows for _, _, rows in groups], dtype=np.int64)])
    n_rows = int(starts[-1])
    if n_rows > most:  # never all row numbers: those of a billion rows are 10 GB
        wanted = np.sort(np.random.default_rng(seed).choice(n_rows, most, replace=False, shuffle=False))
    else:
        wanted = np.arange(n_rows)
    kept = _countable(files, together)
    columns = list(dict.fromkeys([*kept, *alone, *sampled]))
    opened = local()

    def one(index: int) -> tuple[int, pa.Table]:
        """Count a row group into this thread's tallies; its rows that were drawn."""
        path, group, _ = groups[index]
        if getattr(opened, "path", None) != path:
            opened.path, opened.file = path, _open(path, columns)
        if not hasattr(opened, "tally"):
            opened.tally = _Tally(kept)
            opened.single = {name: _Tally([name]) for name in alone}
            tallies.append((opened.tally, opened.single))
        at, drawn = int(starts[index]), []
        mine = wanted[np.searchsorted(wanted, starts[index]) : np.searchsorted(wanted, starts[index + 1])]
        for batch in opened.file.iter_batches(BATCH, row_groups=[group], columns=columns, use_threads=False):
            codes = {name: _codes(batch.column(name)) for name in dict.fromkeys([*kept, *alone])}
            opened.tally.add(codes, len(batch))
            for single in opened.single.values():
                single.add(codes, len(batch))
            here = mine[(mine >= at) & (mine < at + len(batch))] - at
            drawn.append(_plain(batch.select(list(sampled)).take(pa.array(here))))
            at += len(batch)
        return index, pa.Table.from_batches(drawn) if drawn else None

    import pyarrow as pa

    tallies: list[tuple[_Tally, dict[str, _Tally]]] = []
    said = os.environ.get("CXSTATS_THREADS", "")
    threads = int(said) if said.isdigit() and int(said) else (os.cpu_count() or 1)
    with ThreadPoolExecutor(threads) as pool:
        drawn = [table for _, table in pool.map(one, range(len(groups))) if table is not None]
    schema = pq.ParquetFile(files[0]).schema_arrow
    types = {name: _value_type(schema.field(name).type) for name in columns}
    whole = _merged([tally for tally, _ in tallies], kept)
    each = {name: _merged([single[name] for _, single in tallies], [name]) for name in alone}
    return Condensed(
        whole.table(types),
        {name: tally.table(types) for name, tally in each.items()},
        pa.concat_tables(drawn) if drawn else pa.table({name: pa.array([], types[name]) for name in sampled}),
        n_rows,
    )


def _group_sizes(file: Any) -> list[int]:
    return [file.metadata.row_group(i).num_rows for i in range(file.metadata.num_row_groups)]


def _open(path: Path, columns: Sequence[str]) -> Any:
    """The file, with its texts as the dictionaries in which they are stored."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pq.read_schema(path)
    texts = [
        n
        for n in columns
        if pa.types.is_string(schema.field(n).type) or pa.types.is_large_string(schema.field(n).type)
    ]
    return pq.ParquetFile(path, read_dictionary=texts)


def _countable(files: Sequence[Path], together: Sequence[str]) -> list[str]:
    """Of the columns those whose combinations are few enough, by a look at the first rows of some files."""
    sizes: dict[str, set[Any]] = {name: set() for name in together}
    for path in {files[0], files[len(files) // 2], files[-1]}:
        batch = next(iter(_open(path, together).iter_batches(FIRST, columns=list(together))), None)
        if batch is not None:
            for name in together:
                sizes[name] |= set(_codes(batch.column(name))[1])
    kept = sorted(together, key=lambda name: len(sizes[name]))
    while kept and math.prod(len(sizes[name]) for name in kept) > MOST_CELLS // 4:
        kept.pop()
    return [name for name in together if name in kept]


def _value_type(kind: Any) -> Any:
    import pyarrow as pa

    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _plain(batch: Any) -> Any:
    """Rows with texts in place of dictionaries, which differ from file to file."""
    import pyarrow as pa

    columns = [
        column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _codes(column: Any) -> tuple[np.ndarray, list[Any]]:
    """Whole numbers that stand for the values of a column, and the values."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_boolean(column.type):
        codes = column.cast(pa.uint8()).fill_null(2).to_numpy(zero_copy_only=False)
        return codes, [False, True, *([None] if column.null_count else [])]
    if pa.types.is_integer(column.type) and not pa.types.is_dictionary(column.type):
        ends = pc.min_max(column)
        low, high = ends["min"].as_py(), ends["max"].as_py()
        if low is None:
            return np.zeros(len(column), np.uint8), [None]
        if high - low < 1 << 12 and high < np.iinfo(column.type.to_pandas_dtype()).max:
            # what is missing is the number above the highest
            filled = column.fill_null(high + 1) if column.null_count else column
            codes = filled.to_numpy(zero_copy_only=False)
            labels = [*range(low, high + 1), *([None] if column.null_count else [])]
            return (codes if low == 0 else codes - codes.dtype.type(low)), labels
    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    labels, indices = coded.dictionary.to_pylist(), coded.indices
    # NaN is equal to nothing, itself included: it is a missing value
    labels = [None if isinstance(value, float) and math.isnan(value) else value for value in labels]
    if indices.null_count:
        wide = pa.int16() if len(labels) < 1 << 14 else pa.int64()
        indices, labels = indices.cast(wide).fill_null(len(labels)), [*labels, None]
    return indices.to_numpy(zero_copy_only=False), labels


@dataclass
class _Tally:
    """Counts of combinations, in an array with an axis per column that grows when a new value is met."""

    columns: Sequence[str]
    labels: list[dict[Any, int]] = field(default_factory=list)
    counts: np.ndarray = field(default_factory=lambda: np.zeros((), np.int64))

    def __post_init__(self) -> None:
        self.labels = [{} for _ in self.columns]
        self.counts = np.zeros((0,) * len(self.columns), np.int64)

    def add(self, codes: dict[str, tuple[np.ndarray, list[Any]]], n: int) -> None:
        """Count a batch of ``n`` rows."""
        places = [
            [known.setdefault(value, len(known)) for value in codes[name][1]]
            for name, known in zip(self.columns, self.labels, strict=True)
        ]
        self._grow()
        given = [codes[name][0] for name in self.columns]
        own = tuple(len(place) for place in places)
        if math.prod(own) <= 2 * n and all(len(set(place)) == len(place) for place in places):
            # in the batch's own order, so that only its combinations, not its rows, are put into ours
            self.counts[np.ix_(*places)] += _combinations(given, own, n)
        else:
            ours = [
                np.array(place, np.int32).take(code, mode="clip")
                for place, code in zip(places, given, strict=True)
            ]
            self.counts += _combinations(ours, self.counts.shape, n)

    def _grow(self) -> None:
        shape = tuple(len(known) for known in self.labels)
        if shape != self.counts.shape:
            if math.prod(shape) > MOST_CELLS:
                raise TooManyCells(list(self.columns))
            grown = np.zeros(shape, np.int64)
            grown[tuple(slice(0, size) for size in self.counts.shape)] = self.counts
            self.counts = grown

    def merge(self, other: _Tally) -> None:
        """Add another thread's counts."""
        for known, theirs in zip(self.labels, other.labels, strict=True):
            for value in theirs:
                known.setdefault(value, len(known))
        self._grow()
        place = [
            np.array([known[value] for value in theirs], np.int64)
            for known, theirs in zip(self.labels, other.labels, strict=True)
        ]
        self.counts[np.ix_(*place)] += other.counts

    def table(self, types: dict[str, Any]) -> Any:
        """The combinations that occur, with their number of rows."""
        import pyarrow as pa

        at = np.nonzero(self.counts)
        columns = {
            name: pa.array(list(known), types[name]).take(pa.array(index))
            for name, known, index in zip(self.columns, self.labels, at, strict=True)
        }
        return pa.table(columns | {N: pa.array(self.counts[at], pa.int64())})


def _combinations(codes: Sequence[np.ndarray], shape: tuple[int, ...], n: int) -> np.ndarray:
    """How often each combination of codes occurs in ``n`` rows, an axis per column.

    Rows are taken a slice at a time that stays in the processor's cache.
    """
    cells = math.prod(shape)
    step = min(n, max(SLICE, 4 * cells))
    found = np.zeros(cells, np.int64)
    key = np.empty(step, np.int32)
    for start in range(0, n, max(step, 1)):
        part = key[: min(step, n - start)]
        part.fill(0)
        for code, size in zip(codes, shape, strict=True):
            part *= np.int32(size)
            np.add(part, code[start : start + len(part)], out=part, casting="unsafe")
        found += np.bincount(part, minlength=cells)
    return found.reshape(shape)


class TooManyCells(Exception):
    """There are more combinations than the first rows let expect."""


def _merged(tallies: Sequence[_Tally], columns: Sequence[str]) -> _Tally:
    whole = _Tally(columns)
    for tally in tallies:
        whole.merge(tally)
    return whole
