"""The same survey, whatever holds it."""

import os

import duckdb
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cxstats.survey import SurveyError, check, open_survey
from cxstats.survey.survey import EAGER_ROWS

from .conftest import line

ROWS = [
    ("001", "9", "NA"),
    ("002", "11", "DE"),
    ("12345678901234567890", "0", None),
    ("004", None, "日本"),
    ("005", "9", "DE"),
]
ROLES = "groups: {country: land}\n"
WHO = ROLES + "customer: id\n"


def expected(survey):
    assert [
        ["-" if pd.isna(x) else str(x) for x in row]
        for row in survey.cells(["country", "nps"]).values.tolist()
    ] == [
        ["DE", "9", "1"],
        ["DE", "-", "1"],
        ["NA", "9", "1"],
        ["日本", "-", "1"],
        ["-", "0", "1"],
    ]
    assert survey.counts("nps").tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0]
    assert line(survey, "not an answer from 0 to 10 (11)") == 1
    assert line(survey, "Left blank") == 1
    assert survey.ledger.rows_read == 5
    assert survey.cells("responded").values.tolist() == [[False, 1], [True, 4]]


def table(score=None, text=None):
    ids, scores, lands = zip(*ROWS, strict=True)
    if score is not None:
        scores = [None if s is None else int(s) for s in scores]
    columns = {"id": pa.array(ids), "ltr": pa.array(scores, score), "land": pa.array(lands, text)}
    return pa.table({**columns, "extra": pa.array(range(5))})


@pytest.mark.parametrize("who", [ROLES, WHO])
def test_csv(folder, who):
    folder.file("data.csv", "id,ltr,land\n" + "".join(",".join(x or "" for x in row) + "\n" for row in ROWS))
    expected(folder.open(who))


@pytest.mark.parametrize("who", [ROLES, WHO])
@pytest.mark.parametrize(
    ("score", "text"),
    [
        (None, None),
        (pa.int8(), pa.large_string()),
        (pa.int64(), pa.dictionary(pa.int32(), pa.string())),
        (pa.float64(), pa.string()),
        (pa.decimal128(4, 0), pa.string()),
    ],
)
def test_parquet_of_any_type(folder, who, score, text):
    columns = table(score if score is None or not pa.types.is_decimal(score) else pa.int8())
    if score is not None and pa.types.is_decimal(score):
        columns = columns.set_column(1, "ltr", columns["ltr"].cast(pa.int64()).cast(pa.decimal128(19, 0)))
    if text is not None:
        at = columns.column_names.index("land")
        columns = columns.set_column(at, "land", columns["land"].combine_chunks().cast(pa.string()))
        columns = columns.set_column(
            at,
            "land",
            columns["land"].dictionary_encode()
            if pa.types.is_dictionary(text)
            else columns["land"].cast(text),
        )
    pq.write_table(columns, folder.path / "data.parquet")
    expected(folder.open(who, responses="{file: data.parquet}"))


def test_parquet_in_several_files(folder):
    (folder.path / "parts").mkdir()
    pq.write_table(table().slice(0, 2), folder.path / "parts" / "a.parquet")
    pq.write_table(table().slice(2), folder.path / "parts" / "b.parquet")
    expected(folder.open(WHO, responses="{file: 'parts/*.parquet'}"))
    assert "no file matches" in folder.refused(responses="{file: 'parts/*.pq'}")
    pq.write_table(table().drop_columns("ltr"), folder.path / "parts" / "c.parquet")
    text = folder.refused(responses="{file: 'parts/*.parquet'}")
    assert 'c.parquet: lacks the columns "ltr"' in text or "ltr" in text


def test_a_large_parquet_file_is_not_read_on_opening(folder):
    rows = EAGER_ROWS + 1
    pq.write_table(pa.table({"ltr": pa.array([9] * rows, pa.int8())}), folder.path / "data.parquet")
    survey = folder.open(responses="{file: data.parquet}")
    assert survey._built is None
    assert survey.n_rows == rows == survey.counts("nps").sum()


def test_a_large_parquet_file_is_checked_when_counted(folder):
    rows = EAGER_ROWS + 1
    columns = {"ltr": pa.array([9] * rows, pa.int8()), "w": pa.array([1.0] * (rows - 1) + [0.0])}
    pq.write_table(pa.table(columns), folder.path / "data.parquet")
    survey = folder.open("weight: w\n", responses="{file: data.parquet}")
    for ask in (lambda: survey.counts("nps"), lambda: survey.cells([]), lambda: survey.ledger):
        with pytest.raises(SurveyError, match="1 row has no usable weight in column w"):
            ask()
    assert not check(folder.path / "survey.yml").ok


def test_rules_set_rows_aside_without_reading_them(folder):
    pq.write_table(pa.table({"ltr": [9, 8, 7], "kind": ["test", None, "x"]}), folder.path / "data.parquet")
    survey = folder.open(
        "set_aside: [{column: kind, values: [test], reason: previews}]\n", responses="{file: data.parquet}"
    )
    assert (survey.n_rows, line(survey, "previews"), survey.counts("nps").sum()) == (2, 1, 2)


@pytest.mark.parametrize("more", ["", "customer: id\n"])
def test_codes_fit_numbers_however_they_are_stored(folder, more):
    columns = {
        "id": ["a", "b", "c", "d"],
        "ltr": [9.0, 8.0, 7.0, 11.0],
        "kind": [1.0, None, 2.0, 2.0],
        "left": [1.0, 1.0, 0.0, 9.0],
    }
    pq.write_table(pa.table(columns), folder.path / "data.parquet")
    survey = folder.open(
        more + "set_aside: [{column: kind, values: ['1'], reason: previews}]\n"
        "outcomes: {left: {column: left, event: '1', missing: ['9']}}\n",
        responses="{file: data.parquet}",
        scores="scores: {nps: {column: ltr, missing: ['11']}}\n",
    )
    assert line(survey, "previews") == 1
    assert line(survey, "coded as no answer (11)") == 1
    assert survey.cells("responded")["n"].tolist() == [1, 2]
    assert survey.cells("left")["left"].astype(object).where(lambda x: x.notna(), None).tolist() == [
        False,
        True,
        None,
    ]


def test_ids_that_lost_their_digits_are_refused(folder):
    pq.write_table(pa.table({"id": [1.0, 2.0], "ltr": [9, 8]}), folder.path / "data.parquet")
    assert "stored as decimal numbers" in folder.refused("customer: id\n", responses="{file: data.parquet}")


def workbook(path, rows, sheet="Answers"):
    book = openpyxl.Workbook()
    book.active.title = "Notes"
    page = book.create_sheet(sheet)
    for row in rows:
        page.append(row)
    book.save(path)


@pytest.mark.parametrize("who", [ROLES, WHO])
def test_excel(folder, who):
    rows = [(i, None if s is None else int(s), c) for i, s, c in ROWS]
    workbook(folder.path / "data.xlsx", [("id", "ltr", "land"), *rows])
    expected(folder.open(who, responses="{file: data.xlsx, sheet: Answers}"))


def test_excel_says_which_sheet(folder):
    workbook(folder.path / "data.xlsx", [("ltr",), (9,)])
    assert 'there is no sheet "Answer"' in (
        text := folder.refused(responses="{file: data.xlsx, sheet: Answer}")
    )
    assert 'Did you mean "Answers"?' in text
    assert "there is no header" in folder.refused(responses="{file: data.xlsx}")


def test_excel_dates_and_long_numbers(folder):
    import datetime as dt

    head = ("id", "ltr", "sent", "at")
    when = dt.datetime(2025, 1, 3, 14, 30)  # noqa: DTZ001 (a sheet has no zones)
    workbook(
        folder.path / "data.xlsx",
        [head, ("1", 9, dt.date(2025, 1, 2), when), ("2", 8, dt.date(2025, 1, 4), when)],
    )
    roles = "customer: id\ninvited: sent\nresponded: at\n"
    survey = folder.open(roles, responses="{file: data.xlsx, sheet: Answers}")
    assert line(survey, "answered before being invited") == 1
    workbook(folder.path / "data.xlsx", [head, (12345678901234567890, 9, None, None)])
    assert "more than 15 digits" in folder.refused(roles, responses="{file: data.xlsx, sheet: Answers}")


def test_excel_headers_and_stray_cells(folder):
    workbook(folder.path / "data.xlsx", [("ltr", "ltr"), (9, 8)])
    assert "stands in the header 2 times" in folder.refused(responses="{file: data.xlsx, sheet: Answers}")
    workbook(folder.path / "data.xlsx", [("ltr",), (9, None, "stray")])
    assert "to the right of the header's last column (first: row 2)" in folder.refused(
        responses="{file: data.xlsx, sheet: Answers}"
    )


@pytest.fixture
def database(folder):
    path = folder.path / "data.duckdb"
    with duckdb.connect(str(path)) as con:
        con.register("t", table())
        con.execute("CREATE TABLE answers AS SELECT * FROM t")
        con.execute("CREATE VIEW recent AS SELECT * FROM answers")
    return path


@pytest.mark.parametrize("who", [ROLES, WHO])
@pytest.mark.parametrize("name", ["answers", "recent"])
def test_a_duckdb_file(folder, database, who, name):
    expected(folder.open(who, responses=f"{{file: data.duckdb, table: {name}}}"))
    with duckdb.connect(str(database)):  # it was opened read-only and is not locked against its owner
        pass


def test_a_duckdb_file_names_its_tables(folder, database):
    assert 'Did you mean "answers"?' in folder.refused(responses="{file: data.duckdb, table: answer}")
    assert "needs table:" in folder.refused(responses="{file: data.duckdb}")


@pytest.mark.parametrize("who", [ROLES, WHO])
def test_a_database_by_its_address(folder, database, who, monkeypatch):
    monkeypatch.setenv("CX_DB", f"duckdb://{database}")
    survey = folder.open(who, responses="{table: answers, url_env: CX_DB}")
    assert survey._built is None  # nothing is read before something is counted
    expected(survey)
    assert len(survey.fingerprint) == 12


@pytest.mark.parametrize(
    "url",
    [
        "postgres://someone:hunter2@localhost:1/x",
        "nonsense://someone:hunter2@host/x",
        "hunter2",
        "duckdb:///no/such/folder/hunter2.duckdb",
        "sqlite:///no/such/folder/hunter2.db",
    ],
)
def test_an_address_is_never_shown(folder, monkeypatch, url, capfd):
    import traceback

    monkeypatch.setenv("CX_DB", url)
    path = folder.describe("", responses="{table: answers, url_env: CX_DB}")
    with pytest.raises(SurveyError) as error:
        open_survey(path)
    told = traceback.TracebackException.from_exception(error.value, capture_locals=True)
    told.stack = traceback.StackSummary.from_list([f for f in told.stack if f.filename != __file__])
    assert "survey.py" in "".join(told.format())
    assert "hunter2" not in "".join(told.format())
    assert error.value.__context__ is None
    assert "hunter2" not in check(path).text + "".join(capfd.readouterr())


def test_an_address_that_is_not_set(folder, monkeypatch):
    monkeypatch.delenv("CX_DB", raising=False)
    text = folder.refused(responses="{table: answers, url_env: CX_DB}")
    assert "the environment variable CX_DB is not set" in text


def test_the_fingerprint_follows_data_and_description(folder):
    folder.file("data.csv", "ltr\n9\n8\n")
    first = folder.open().fingerprint
    assert folder.open().fingerprint == first
    assert folder.open("population: Everyone\n").fingerprint != first
    folder.file("data.csv", "ltr\n8\n9\n")
    assert folder.open().fingerprint != first
    (folder.path / "moved").mkdir()
    os.rename(folder.path / "data.csv", folder.path / "moved" / "data.csv")
    moved = folder.open(responses="{file: moved/data.csv}").fingerprint
    os.rename(folder.path / "moved" / "data.csv", folder.path / "data.csv")
    assert moved == folder.open().fingerprint


def test_frames_of_pandas(folder):
    from cxstats.survey import Survey, parse_description

    d = parse_description(
        {
            "title": "T",
            "responses": {"file": "memory"},
            "scores": {"nps": {"column": "ltr"}},
            "groups": {"country": "land"},
        }
    )
    frame = pd.DataFrame({"ltr": [9, 11, 0, None, 9], "land": ["NA", "DE", None, "日本", "DE"]})
    expected(Survey(d, folder.path, frames={"responses": frame}))
