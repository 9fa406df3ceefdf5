"""What is refused before any row is read, and what is refused in the rows of a file."""

import gzip
import os

import pytest

from cxstats.survey import SurveyError, check, open_survey

ROWS = "ltr,country\n10,DE\n9,JP\n0,DE\n"


def counts(survey):
    return {i: n for i, n in enumerate(survey.counts("nps").tolist()) if n}


# ------------------------------------------------------------------ is it a data file at all


def test_no_such_file_names_near_misses(folder):
    folder.file("dat.csv", ROWS)
    assert 'there is no file "data.csv"' in (text := folder.refused())
    assert 'Did you mean "dat.csv"?' in text


def test_an_empty_file_is_refused(folder):
    folder.file("data.csv", "")
    assert '"data.csv" is empty' in folder.refused()


@pytest.mark.parametrize("content", ["\n\n", "   \n", "\ufeff", '""\n'])
def test_a_file_without_a_header_is_refused(folder, content):
    folder.file("data.csv", content)
    assert "there is no header" in folder.refused()


def test_a_folder_is_refused(folder):
    (folder.path / "data.csv").mkdir()
    (folder.path / "data.csv" / "part.csv").write_text(ROWS)
    assert "is a folder, not a data file" in (text := folder.refused())
    assert '"part.csv"' in text


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
def test_a_pipe_is_refused_without_waiting_for_it(folder):
    os.mkfifo(folder.path / "data.csv")
    assert "is a pipe (FIFO), not a data file" in folder.refused()


def test_a_device_is_refused(folder):
    if not os.path.exists("/dev/null"):
        pytest.skip("this system has no /dev/null")
    assert "a device" in folder.refused(responses="{file: /dev/null}")


@pytest.mark.parametrize(
    "page", ["<!DOCTYPE html><html>", "\ufeff\n  <html><body>Log in", "<?xml version='1.0'?>"]
)
def test_a_web_page_is_refused(folder, page):
    folder.file("data.csv", page)
    assert "is a web page, not data" in folder.refused()


def test_an_address_is_not_a_file(folder):
    text = folder.refused(responses="{file: 'https://user:secret@example.com/data.csv'}")
    assert "is an address, not a file" in text
    assert "secret" not in text


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("data.csv", b"PAR1" + b"x" * 20, "say format: parquet"),
        ("data.csv", b"PK\x03\x04" + b"x" * 20, "say format: excel"),
        ("data.parquet", b"ltr,country\n", "is not a Parquet file"),
        ("data.xlsx", b"ltr,country\n", "is not an Excel workbook"),
        ("data.duckdb", b"ltr,country\n", "is not a DuckDB file"),
        ("data.xls", b"\xd0\xcf\x11\xe0", "an old Excel file; save it as .xlsx"),
        ("data.por", b"ASCII SPSS", "a portable SPSS file; save it as .sav or CSV"),
        ("data.sav", b"id,ltr\n1,9\n", "is not an SPSS file"),
        ("data.csv", b"$FL2" + b"x" * 40, "say format: spss"),
        ("data.pkl", b"\x80\x04", "a pickle, which is never read"),
        ("data.parquet", b"PAR1" + b"x" * 40 + b"PAR1", "the file is damaged"),
        ("data.xlsx", b"PK\x03\x04" + b"x" * 40, "not an Excel workbook that can be read"),
    ],
)
def test_files_of_another_kind(folder, name, content, words):
    folder.file(name, content)
    assert words in folder.refused(responses=f"{{file: {name}}}")


def test_options_of_another_format_are_refused(folder):
    folder.file("data.csv", ROWS)
    assert "sheet: has no meaning for a csv file" in folder.refused(responses="{file: data.csv, sheet: One}")


@pytest.mark.parametrize("cut", [5, 30, -9])
def test_a_damaged_gzip_file(folder, cut):
    folder.file("data.csv.gz", gzip.compress((ROWS * 500).encode())[:cut])
    assert any(
        words in folder.refused(responses="{file: data.csv.gz}")
        for words in ("damaged or cut off", "not a whole gzip file")
    )


# ------------------------------------------------------------------ bytes and names


def test_gzip_is_seen_by_its_bytes(folder):
    folder.file("data.csv", gzip.compress(ROWS[:20].encode()) + gzip.compress(ROWS[20:].encode()))
    assert counts(folder.open()) == {0: 1, 9: 1, 10: 1}
    folder.file("plain.csv.gz", ROWS)
    assert counts(folder.open(responses="{file: plain.csv.gz}")) == {0: 1, 9: 1, 10: 1}


def test_a_byte_order_mark_is_no_part_of_the_first_name(folder):
    folder.file("data.csv", b"\xef\xbb\xbf" + ROWS.encode())
    assert counts(folder.open()) == {0: 1, 9: 1, 10: 1}


def test_latin_1_bytes_are_refused_unless_declared(folder):
    folder.file("data.csv", "ltr,country\n10,DE\n9,España\n".encode("latin-1"))
    assert "row 3 has bytes that are not UTF-8" in (text := folder.refused())
    assert "encoding: cp1252" in text
    survey = folder.open("groups: {country: country}\n", responses="{file: data.csv, encoding: latin-1}")
    assert survey.cells("country")["country"].tolist() == ["DE", "España"]


def test_latin_1_bytes_in_the_header_are_refused_too(folder):
    folder.file("data.csv", "ltr,país\n10,DE\n".encode("latin-1"))
    assert "row 1" in folder.refused() or "not UTF-8" in folder.refused()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf_16_is_refused_unless_declared(folder, encoding):
    folder.file("data.csv", ROWS.encode(encoding))
    assert "not UTF-8, and the description does not say so" in (text := folder.refused())
    assert "add encoding: utf-" in text
    assert counts(folder.open(responses=f"{{file: data.csv, encoding: {encoding}}}")) == {0: 1, 9: 1, 10: 1}


@pytest.mark.parametrize("encoding", ["shift_jis", "gb18030", "utf-8", "utf-16"])
def test_the_worlds_texts_arrive(folder, encoding):
    folder.file("data.csv", "ltr,country\r\n10,日本\r\n9,中国\r\n".encode(encoding))
    survey = folder.open(
        "groups: {country: country}\n", responses=f"{{file: data.csv, encoding: {encoding}}}"
    )
    assert set(survey.cells("country")["country"]) == {"日本", "中国"}


def test_a_wrong_declaration_is_refused(folder):
    folder.file("data.csv", b"\xef\xbb\xbf" + ROWS.encode())
    assert "say encoding: utf-8" in folder.refused(responses="{file: data.csv, encoding: latin-1}")
    folder.file("data.csv", "ltr,country\n10,DE\n9,Größe\n" * 3)
    assert "not utf-16" in folder.refused(responses="{file: data.csv, encoding: utf-16}")


def test_a_missing_column_names_near_misses(folder):
    folder.file("data.csv", "LTR ,country\n10,DE\n")
    assert 'there is no column "ltr" in data.csv' in (text := folder.refused())
    assert 'Did you mean "LTR "?' in text
    assert "survey.yml, line 3, scores.nps" in text


def test_every_missing_column_is_listed(folder):
    folder.file("data.csv", "a,b\n1,2\n")
    text = folder.refused("groups: {x: c, y: d}\nweight: w\n")
    assert text.startswith("4 problems:")


def test_duplicate_columns_are_refused(folder):
    folder.file("data.csv", "ltr,country,ltr\n10,DE,9\n")
    assert 'the column name "ltr" stands in the header 2 times (columns 1, 3)' in folder.refused()


def test_a_wrong_delimiter_is_refused(folder):
    folder.file("data.csv", "ltr;country\n10;DE\n")
    text = folder.refused(responses="{file: data.csv, delimiter: ','}")
    assert 'split at the comma, the header is a single name: "ltr;country"' in text
    assert 'say delimiter: ";" (semicolon)' in text


@pytest.mark.parametrize(
    ("delimiter", "word"), [(",", "comma"), (";", "semicolon"), ("\t", "tab"), ("|", "bar")]
)
def test_a_delimiter_is_proposed_and_said(folder, delimiter, word):
    folder.file("data.csv", ROWS.replace(",", delimiter))
    report = check(folder.describe(""))
    assert report.ok
    assert f"delimiter: {word} (proposed: the description names none)" in report.text


# ------------------------------------------------------------------ rows


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("10,DE\n9,JP,x\n8,DE\n", "row 3 has more than the header's 2 fields"),
        (
            "10,DE\n9,JP,\n8,DE\n",
            "row 3 has more than",
        ),  # an extra blank field shifts the ones before it as well
        ("9,JP,x\n10,DE\n8,DE\n", "row 2 has more than"),
        ("10,DE\n9\n8,DE\n", "row 3 has fewer than the header's 2 fields"),
        ("10,DE\n9,JP,x,y,z\n", "row 3 has more than"),
        ('10,"D\nE"\n9\n', "row 3 has fewer"),  # the row, not the line of the file
        ('10,DE\n9,"JP\n8,DE\n', "a quote that is never closed"),
        ('10,DE\n9,"J"P"\n8,DE\n', "row 3 has quotes that do not fit"),
    ],
)
def test_rows_that_do_not_fit_the_header(folder, rows, words):
    folder.file("data.csv", "ltr,country\n" + rows)
    assert words in folder.refused()


def test_all_bad_rows_are_counted(folder):
    good = "10,DE\n" * 3000
    folder.file("data.csv", "ltr,country\n" + ("1\n" + good) * 7 + "1,2,3,4\n")
    text = folder.refused()
    assert "rows 2, 3,003, 6,004, 9,005, 12,006 and 2 others have fewer" in text
    assert "row 21,009 has more" in text


def test_problems_of_description_rows_and_scores_come_together(folder):
    folder.file("data.csv", "ltr,sat,w\n10,5,1\n9,80,1\n9\n8,4,0\n")
    scores = (
        "scores: {nps: {column: ltr}, csat: {column: sat, scale: 1-5}, trust: {column: trst, scale: 1-5}}\n"
    )
    text = folder.refused("weight: w\n", scores=scores)
    assert text.startswith("4 problems:")
    for words in ["row 4 has fewer", "no usable weight", "two scales seem to be mixed", 'no column "trst"']:
        assert words in text


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_line_ends(folder, ends):
    folder.file("data.csv", ROWS.replace("\n", ends))
    assert counts(folder.open()) == {0: 1, 9: 1, 10: 1}


def test_line_ends_of_two_kinds(folder):
    folder.file("data.csv", 'ltr,country\r\n10,"D\nE"\n9,JP\r\n0,"q""q"\n')
    survey = folder.open("groups: {country: country}\n")
    assert survey.cells("country")["country"].tolist() == ["D\nE", "JP", 'q"q']
    folder.file("data.csv", "ltr,country\r\n10,DE\n9\r\n")
    assert "row 3 has fewer" in folder.refused()


def test_rows_before_and_below_the_names(folder):
    folder.file(
        "data.csv",
        'Exported on,1 May,x,y,z\n\nltr,country\n"How likely?",Where?\n{ImportId},{}\n10,DE\n9,JP\n',
    )
    survey = folder.open(responses="{file: data.csv, skip_rows: 1, header_rows: 3}")
    assert counts(survey) == {9: 1, 10: 1}
    folder.file("data.csv", "Exported on,1 May,x,y,z\nltr,country\n10,DE\n9\n")
    assert "row 4 has fewer" in folder.refused(responses="{file: data.csv, skip_rows: 1}")


def test_decimal_commas(folder):
    folder.file("data.csv", "ltr;w\n10,0;0,5\n9;1,5\n")
    survey = folder.open("weight: w\n", responses="{file: data.csv, delimiter: ';', decimal: ','}")
    assert survey.cells([])["w"].tolist() == [2.0]
    assert counts(survey) == {9: 1, 10: 1}


def test_names_that_look_like_patterns(folder):
    folder.file("data[1].csv", ROWS)
    folder.file("data1.csv", "ltr,country\n5,XX\n")
    assert counts(folder.open(responses="{file: 'data[1].csv'}")) == {0: 1, 9: 1, 10: 1}
    folder.file("it's.csv", ROWS)
    assert counts(folder.open(responses='{file: "it\'s.csv"}')) == {0: 1, 9: 1, 10: 1}


def test_a_path_is_read_from_the_file_that_states_it(folder, monkeypatch, tmp_path_factory):
    folder.file("data.csv", ROWS)
    path = folder.describe("")
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert counts(open_survey(path)) == {0: 1, 9: 1, 10: 1}


@pytest.mark.parametrize("damage", ["cut", "scrambled"])
def test_a_damaged_parquet_file(folder, damage):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder.path / "data.parquet"
    pq.write_table(pa.table({"ltr": [9, 10] * 500, "id": [str(i) for i in range(1000)]}), path)
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2] if damage == "cut" else raw[:20] + b"\x55" * 2000 + raw[2020:])
    said = folder.refused("customer: id\n", responses="{file: data.parquet}")
    assert "data.parquet: the file is damaged or cut off" in said
    assert "export it again" in said
    assert str(folder.path) not in said


def test_a_duckdb_file_in_use(folder):
    import subprocess
    import sys

    path = folder.path / "data.duckdb"
    hold = (
        f"import duckdb, sys; con = duckdb.connect({str(path)!r}); con.execute('create table a as select 9 as ltr');"
        "con.execute('checkpoint'); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "held\n"
        said = folder.refused(responses="{file: data.duckdb, table: a}")
        other.communicate()
    assert "data.duckdb: another program has this file open for writing" in said


def test_a_pattern_in_a_folder_that_cannot_be_entered(folder, monkeypatch):
    def denied(*_: object, **__: object) -> bool:
        raise PermissionError(13, "Permission denied")

    folder.describe("", responses='{file: "parts/*.parquet"}')
    monkeypatch.setattr(type(folder.path), "exists", denied)
    said = str(check(folder.path / "survey.yml"))
    assert '"parts/*.parquet" cannot be read: Permission denied' in said


def test_no_permission(folder):
    path = folder.file("data.csv", ROWS)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    assert "Permission denied" in folder.refused()


def test_errors_are_survey_errors_and_pickle(folder):
    import pickle

    folder.file("data.csv", "")
    with pytest.raises(SurveyError) as error:
        folder.open()
    again = pickle.loads(pickle.dumps(error.value))
    assert str(again) == str(error.value)
