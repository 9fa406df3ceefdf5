"""A folder of Parquet files with as many people invited as asked for, and the survey.yml that describes them.

    python benchmarks/scale_data.py FOLDER 210000000

Everyone invited has a row; four of five answered six questions. Countries differ in how satisfied they are, in how
they use scales, and in how many answer; who is less satisfied leaves more often. There is no customer id: every row is
another customer. Columns are what a warehouse's export holds: small whole numbers and texts, dictionary-encoded as
writers do, ten million rows a file. Eight files are drawn, one for each wave; further files are links to these, because
drawing a billion rows takes an hour. A program that reads them does not know, and has the same work.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

PER_FILE, PER_GROUP = 10_000_000, 1_000_000
ANSWERED = 0.8
COUNTRIES = (
    "Australia", "Austria", "Belgium", "Brazil", "Canada", "China", "Denmark", "France", "Germany", "India",
    "Italy", "Japan", "Mexico", "Netherlands", "Poland", "Spain", "Sweden", "Switzerland", "United Kingdom",
    "United States",
)  # fmt: skip
SEGMENTS = ("Consumer", "Small business", "Corporate", "Public sector", "Partner")
CHANNELS = ("E-mail", "App", "Text message")
WAVES = tuple(f"{year}-Q{quarter}" for year in (2023, 2024) for quarter in (1, 2, 3, 4))
DRAWS = 1 << 16
NPS = np.array([3, 1, 1, 2, 2, 5, 6, 12, 22, 20, 26]) / 100
CSAT = np.array([5, 8, 17, 40, 30]) / 100


def _table(shares: np.ndarray) -> np.ndarray:
    """For each of 65,536 equally likely draws the category it means, so that categories have these shares."""
    edges = np.round(np.cumsum(shares / shares.sum()) * DRAWS).astype(int)
    return np.searchsorted(edges, np.arange(DRAWS), side="right").clip(0, len(shares) - 1).astype(np.uint8)


def _tilted(shares: np.ndarray, by: float) -> np.ndarray:
    """Shares moved towards the top (above 0) or the bottom."""
    moved = shares * np.exp(by * np.linspace(-1, 1, len(shares)))
    return moved / moved.sum()


def _spread(shares: np.ndarray, by: float) -> np.ndarray:
    """Shares moved towards both ends (above 0) or the middle: a style of answering."""
    ends = np.abs(np.linspace(-1, 1, len(shares)))
    moved = shares * np.exp(by * ends)
    return moved / moved.sum()


class Tables:
    """Lookups that make a row from a few draws of 16 bits."""

    def __init__(self) -> None:
        country = np.linspace(1, 2, len(COUNTRIES))
        self.country = _table(country)
        self.segment = _table(np.array([50, 20, 15, 10, 5]))
        self.channel = _table(np.array([60, 25, 15]))
        place = np.linspace(-1, 1, len(COUNTRIES))
        # 11 is "did not answer"
        self.nps = np.stack(
            [
                _table(
                    np.append(
                        _spread(_tilted(NPS, 0.3 * p), 0.4 * p * p) * (ANSWERED + 0.05 * p), 0.2 - 0.05 * p
                    )
                )
                for p in place
            ]
        )
        worth = np.append(np.linspace(-1, 1, 11), 0.0)
        self.csat = np.stack([_table(_tilted(CSAT, 1.5 * w)) for w in worth])
        self.churn = np.stack([_table(np.array([0.85 + 0.08 * w, 0.15 - 0.08 * w])) for w in worth])
        likert = np.array([8, 17, 30, 30, 15]) / 100
        self.item = np.stack([_table(_spread(likert, 0.5 * p)) for p in place])


def chunk(random: np.random.Generator, rows: int, wave: str, tables: Tables) -> pa.Table:
    """Answers of one wave."""

    def draw() -> np.ndarray:
        return random.integers(0, DRAWS, rows, dtype=np.uint16)

    def given(table: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """A draw whose shares depend on what the row is already."""
        return table.ravel().take((codes.astype(np.uint32) << 16) | draw())

    def text(codes: np.ndarray, labels: tuple[str, ...]) -> pa.Array:
        return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int8)), pa.array(labels))

    country, segment, channel = (
        table.take(draw()) for table in (tables.country, tables.segment, tables.channel)
    )
    nps = given(tables.nps, country)
    silent = nps == 11
    columns = {
        "country": text(country, COUNTRIES),
        "segment": text(segment, SEGMENTS),
        "channel": text(channel, CHANNELS),
        "wave": text(np.zeros(rows, dtype=np.int8), (wave,)),
        "ltr": pa.array(nps.astype(np.int8), mask=silent),
        "sat": pa.array((1 + given(tables.csat, nps)).astype(np.int8), mask=silent),
        "left": pa.array(given(tables.churn, nps).astype(bool)),
    }
    for i in range(1, 5):
        columns[f"q{i}"] = pa.array((1 + given(tables.item, country)).astype(np.int8), mask=silent)
    return pa.table(columns)


def write(folder: Path, people: int, seed: int = 20250101) -> Path:
    """Write the files that are not there yet; returns the survey.yml."""
    files = max(1, round(people / PER_FILE))
    rows = min(people, PER_FILE)
    data = folder / "answers"
    data.mkdir(parents=True, exist_ok=True)
    tables = Tables()
    for number in range(files):
        path = data / f"part-{number:04d}.parquet"
        if path.exists():
            continue
        if number >= len(WAVES):
            path.hardlink_to(data / f"part-{number % len(WAVES):04d}.parquet")
            continue
        random = np.random.default_rng([seed, number])
        wave = WAVES[number]
        part = path.with_suffix(".part")
        writer = None
        for start in range(0, rows, PER_GROUP):
            table = chunk(random, min(PER_GROUP, rows - start), wave, tables)
            writer = writer or pq.ParquetWriter(part, table.schema, compression="zstd")
            writer.write_table(table, row_group_size=PER_GROUP)
        if writer is not None:
            writer.close()
        part.rename(path)
    return describe(folder)


def describe(folder: Path) -> Path:
    """The survey.yml beside the folder of answers."""
    items = "\n".join(f"  - {{column: q{i}, scale: 1-5}}" for i in range(1, 5))
    path = folder / "survey.yml"
    path.write_text(
        f"""title: Benchmark answers
name: scale
population: Nobody, these answers are drawn at random
simulated: true
responses: {{file: "answers/*.parquet", holds: invited}}
scores:
  nps: {{column: ltr, scale: 0-10}}
  csat: {{column: sat, scale: 1-5}}
groups:
  country: {{column: country}}
  segment: {{column: segment}}
  channel: {{column: channel}}
wave: {{column: wave, order: [{", ".join(f'"{wave}"' for wave in WAVES)}]}}
items:
{items}
outcomes:
  churned: {{column: left, event: "true", label: Left within a year}}
""",
        encoding="utf-8",
    )
    return path


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("people", type=int)
    options = parser.parse_args()
    print(write(options.folder, options.people))


if __name__ == "__main__":
    main()
