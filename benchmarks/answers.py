"""Answers to count: Parquet files of any length, as pandas would write them.

Three ways in which the same text can stand in a file:

* ``categorical``: a pandas categorical (dictionary-encoded type), read back as one;
* ``text``: a text column as nearly every writer stores it (dictionary pages, of plain type);
* ``undictionaried``: text with every value written out, which writers do when asked to.

    python benchmarks/answers.py FOLDER ROWS [ENCODING...]

writes them, with a survey.yml each, and prints where they are. No value is missing, in the peer's favour:
pandas would have to make whole numbers floating.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ENCODINGS = ("categorical", "text", "undictionaried")
SCORE_SHARES = np.array([3, 1, 1, 2, 2, 5, 6, 12, 22, 20, 26]) / 100
GROUPS = {
    "country": (
        "Australia", "Austria", "Belgium", "Brazil", "Canada", "China", "Denmark", "France", "Germany",
        "India", "Italy", "Japan", "Mexico", "Netherlands", "Poland", "Spain", "Sweden", "Switzerland",
        "United Kingdom", "United States",
    ),
    "segment": ("Consumer", "Small business", "Corporate", "Public sector", "Partner"),
    "wave": ("2023-Q1", "2023-Q2", "2023-Q3", "2023-Q4", "2024-Q1", "2024-Q2", "2024-Q3", "2024-Q4"),
}  # fmt: skip
CHUNK = 1_000_000


def _chunk(random: np.random.Generator, rows: int) -> pa.Table:
    columns = {"score": pa.array(random.choice(11, size=rows, p=SCORE_SHARES).astype(np.int8))}
    for name, labels in GROUPS.items():
        # unequal groups, as in life: the last has twice the share of the first
        shares = np.linspace(1, 2, len(labels))
        codes = random.choice(len(labels), size=rows, p=shares / shares.sum()).astype(np.int8)
        columns[name] = pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(labels))
    return pa.table(columns)


def write(
    folder: Path, rows: int, encodings: tuple[str, ...] = ENCODINGS, seed: int = 20250101
) -> dict[str, Path]:
    """The same answers in each of the encodings; files that are there already are kept."""
    paths = {encoding: folder / f"{encoding}_{rows}.parquet" for encoding in encodings}
    missing = [encoding for encoding in encodings if not paths[encoding].exists()]
    if not missing:
        return paths
    random = np.random.default_rng(seed)
    writers: dict[str, pq.ParquetWriter] = {}
    for start in range(0, rows, CHUNK):
        categorical = _chunk(random, min(CHUNK, rows - start))
        text = categorical.cast(pa.schema([("score", pa.int8()), *((name, pa.string()) for name in GROUPS)]))
        for encoding in missing:
            part = categorical if encoding == "categorical" else text
            if encoding not in writers:
                options = {"use_dictionary": ["score"]} if encoding == "undictionaried" else {}
                # a name of its own until it is whole: a stopped run leaves no half file to be measured
                writers[encoding] = pq.ParquetWriter(f"{paths[encoding]}.part", part.schema, **options)
            writers[encoding].write_table(part)
    for encoding, writer in writers.items():
        writer.close()
        Path(f"{paths[encoding]}.part").rename(paths[encoding])
    return paths


def describe(path: Path) -> Path:
    """A survey.yml beside a file of answers."""
    waves = ", ".join(f'"{wave}"' for wave in GROUPS["wave"])
    description = path.with_suffix(".yml")
    description.write_text(
        f"""title: Benchmark answers
population: Nobody, these answers are drawn at random
simulated: true
responses: {{file: {path.name}}}
scores:
  nps: {{column: score, scale: 0-10}}
groups:
  country: {{column: country}}
  segment: {{column: segment}}
wave: {{column: wave, order: [{waves}]}}
""",
        encoding="utf-8",
    )
    return description


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("rows", type=int)
    parser.add_argument("encodings", nargs="*", default=list(ENCODINGS), metavar="encoding")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    paths = write(options.folder, options.rows, tuple(options.encodings))
    print(
        json.dumps({name: {"data": str(path), "survey": str(describe(path))} for name, path in paths.items()})
    )


if __name__ == "__main__":
    main()
