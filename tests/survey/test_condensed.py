"""Large files read once: every count is that of all rows, and rows drawn by lot stand for all."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import cxstats as cx
from cxstats.digests import SHARED
from cxstats.survey import condensed as module
from cxstats.survey import open_survey
from cxstats.survey.condensed import condense

FILES, EACH = 4, 6_000
DESCRIBED = """title: Test
responses: {file: "part-*.parquet", holds: invited}
scores:
  nps: {column: ltr, scale: 0-10, missing: ["99"]}
  csat: {column: sat, scale: 1-5}
groups: {country: {column: country}, segment: {column: segment}}
wave: {column: wave}
items: [{column: q1, scale: 1-5}, {column: q2, scale: 1-5}]
stages: {opened: {column: stage, values: [opened, done]}, completed: {column: stage, values: [done]}}
outcomes: {churned: {column: left, event: "true"}}
"""
BY = (
    ["nps"], ["nps", "country", "wave"], ["responded"], ["responded", "segment", "churned"], ["csat", "nps"],
    ["opened", "completed"], ["q1"], ["q1", "q2"], ["q1", "country"], ["country", "responded", "q2"],
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files whose dictionaries differ, with blanks everywhere, numbers as texts, and a value only the last one has."""
    folder = tmp_path_factory.mktemp("parts")
    random = np.random.default_rng(3)
    for part in range(FILES):
        labels = ["Österreich", "NA", "Deutschland", "日本", ""][part % 2 :]
        country = random.integers(0, len(labels), EACH)
        score = random.integers(0, 11, EACH).astype(float)
        score[random.random(EACH) < 0.3] = np.nan
        score[:5] = 99
        table = {
            "ltr": pa.array(["" if np.isnan(s) else f"{s:.0f}" for s in score] if part == 9 else score),
            "sat": pa.array(random.integers(1, 6, EACH).astype(np.int8), mask=random.random(EACH) < 0.4),
            "country": pa.DictionaryArray.from_arrays(pa.array(country, pa.int8()), pa.array(labels)),
            "segment": pa.array(
                [None if c == 1 else f"segment {c % 3}" for c in random.integers(0, 9, EACH)], pa.string()
            ),
            "wave": pa.array([f"2025-{part:02d}"] * EACH),
            "left": pa.array(random.random(EACH) < 0.2, mask=random.random(EACH) < 0.1),
            "stage": pa.array(random.choice(["sent", "opened", "done"], EACH)),
            "staff": pa.array(random.choice(["yes", "no"], EACH, p=[0.1, 0.9])),
            "q1": pa.array(random.integers(1, 6 + (part == FILES - 1), EACH).astype(np.int16)),
            "q2": pa.array(random.integers(1, 6, EACH).astype(str)),
        }
        pq.write_table(pa.table(table), folder / f"part-{part}.parquet", row_group_size=2_500)
    return folder


@pytest.fixture
def opened(folder, monkeypatch):
    def made(more: str = "", *, condensing: bool):
        limit = EACH if condensing else 10**9
        monkeypatch.setattr("cxstats.survey.rows.CONDENSED_ROWS", limit)
        monkeypatch.setattr("cxstats.survey.rows.SAMPLE_ROWS", 3_000)
        (folder / "survey.yml").write_text(DESCRIBED + more, encoding="utf-8")
        return open_survey(folder / "survey.yml")

    return made


@pytest.mark.parametrize(
    "more", ["", "set_aside: [{column: staff, values: ['yes'], reason: staff}]\n"], ids=["all", "set aside"]
)
def test_every_count_is_that_of_all_rows(opened, more):
    whole, condensing = opened(more, condensing=False), opened(more, condensing=True)
    for by in BY:
        pd.testing.assert_frame_equal(condensing.cells(by), whole.cells(by))
    lines = [line for line in condensing.ledger if "Drawn by lot" not in line.label]
    assert lines == list(whole.ledger)
    assert condensing.n_rows == whole.n_rows
    assert whole.n_drawn is None
    assert condensing.n_drawn == len(condensing.rows("nps")) <= 3_000
    assert f"{condensing.n_drawn:,}" in str(condensing.ledger)


def test_a_page_says_that_rows_were_drawn_and_only_where_they_were(opened):
    said = {}
    for condensing in (False, True):
        survey = opened(condensing=condensing)
        study = cx.sample_size(survey, metric=next(iter(survey.metrics)))
        said[condensing] = study.need_to_know.to_text()
    assert f"Of {survey.n_rows:,} rows, {survey.n_drawn:,} were drawn at random" in said[True]
    assert "drawn at random" not in said[False]


def test_who_was_invited_and_who_answered_are_counted_in_all_rows(opened, folder):
    rows = pd.concat([pd.read_parquet(file) for file in sorted(folder.glob("*.parquet"))])
    answered = (pd.to_numeric(rows["ltr"], errors="coerce") <= 10) | rows["sat"].notna()
    known, left = rows["left"].notna(), rows["left"].fillna(False).astype(bool)
    study = cx.predictive_validity(opened(condensing=True))
    base = study.numbers.base
    assert (base.invited, base.answered) == (FILES * EACH, answered.sum())
    assert (base.known, base.unknown, base.events) == (known.sum(), (~known).sum(), left.sum())
    assert (base.respondents, base.respondent_events) == ((known & answered).sum(), (left & answered).sum())
    assert base.drawn == 3_000
    assert study.numbers.race.n < 3_000
    said = study.header.n_text + study.need_to_know.to_text() + study.limits.to_text()
    assert f"{base.answered:,} of {base.invited:,} answered" in said
    assert "of the 3,000 rows drawn by lot" in said
    assert "Rules are trained and judged on the rows drawn" in said


def test_who_answered_is_counted_in_the_wave_asked_for(opened):
    study = cx.predictive_validity(opened(condensing=True), wave="2025-01")
    assert study.numbers.base.invited == EACH
    assert study.numbers.base.drawn < 1_000


def test_what_is_condensed_is_not_read_again(opened, folder, monkeypatch):
    condensing = opened(condensing=True)
    condensing.counts("nps")
    monkeypatch.setattr(condensing._readers["responses"], "files", ())
    condensing._engine.run("CREATE OR REPLACE TEMP VIEW rows AS SELECT error('read again')")
    assert condensing.cells(["nps", "country", "responded"])["n"].sum() == FILES * EACH
    assert len(condensing.rows(["nps", "q1", "q2", "country"])) == 3_000


def test_a_column_of_many_values_is_counted_by_itself(opened, monkeypatch):
    monkeypatch.setattr(module, "MOST_CELLS", 4 * 3_000)
    whole, condensing = opened(condensing=False), opened(condensing=True)
    assert {"nps", "country", "wave", "csat"} - set(condensing._rows.counted[0].columns) != set()
    for by in BY[:6]:
        pd.testing.assert_frame_equal(condensing.cells(by), whole.cells(by))


def test_reports_of_one_run_read_once(opened, tmp_path, monkeypatch):
    monkeypatch.setenv(SHARED, str(tmp_path / "counts"))
    first = opened(condensing=True).cells(["nps", "country"])
    monkeypatch.setattr(module, "condense", None)
    again = opened(condensing=True)
    pd.testing.assert_frame_equal(again.cells(["nps", "country"]), first)
    assert (tmp_path / "counts").stat().st_mode & 0o77 == 0
    assert len(again.rows(["q1", "nps"])) == 3_000


def test_rows_are_drawn_by_lot(folder):
    files = sorted(folder.glob("*.parquet"))
    whole = pd.concat([pd.read_parquet(file) for file in files])
    drawn = [
        condense(files, ["wave"], [], ["wave", "country", "sat"], most=6_000, seed=seed).sample.to_pandas()
        for seed in range(3)
    ]
    for sample in drawn:
        assert len(sample) == 6_000
        # the number per wave is hypergeometric: of 6,000 of each of four, a quarter of 6,000 drawn
        spread = (6_000 * 0.25 * 0.75 * 0.75) ** 0.5
        assert (sample["wave"].value_counts() - 1_500).abs().max() < 4.5 * spread
        error = whole["sat"].std() * (1 / 6_000 - 1 / 24_000) ** 0.5
        assert abs(sample["sat"].mean() - whole["sat"].mean()) < 4.5 * error * 1.3
    assert not drawn[0].equals(drawn[1])
    again = condense(files, ["wave"], [], ["wave", "country", "sat"], most=6_000, seed=0).sample.to_pandas()
    pd.testing.assert_frame_equal(drawn[0], again)
    everything = condense(files, ["wave"], [], ["sat"], most=10**6).sample
    assert everything["sat"].to_pandas().equals(whole["sat"].reset_index(drop=True))


@pytest.mark.parametrize("n", [0, 1, 99_999])
def test_rows_counted_in_slices_are_the_rows_counted_by_pandas(n):
    rng, shape = np.random.default_rng(n), (3, 1, 7)
    kinds = (np.int8, np.int64, np.uint16)
    codes = [rng.integers(0, size, n).astype(kind) for size, kind in zip(shape, kinds, strict=True)]
    found = module._combinations(codes, shape, n)
    by_hand = pd.DataFrame(dict(enumerate(codes))).groupby([0, 1, 2]).size()
    assert found.shape == shape
    assert found.sum() == n
    assert {place: found[place] for place in zip(*np.nonzero(found), strict=True)} == by_hand.to_dict()
