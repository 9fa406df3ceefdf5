"""What people bring: workbooks nobody can open, headers in two rows, files that Excel has saved, half a file."""

from __future__ import annotations

import openpyxl
import pytest

from cxstats.survey import check

from .conftest import line
from .exports import make

KEYED = "frame: {file: frame.csv}\ncustomer: email\ngroups: {country: country}\n"


def workbook(folder, name: str, **sheets: list[list[object]]):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(folder.path / name)
    return book


TABLE = [["id", "ltr"], *[[f"c{i}", i % 11] for i in range(30)]]


def test_a_workbook_with_a_password_is_said_to_have_one(folder):
    folder.file("data.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 2000)
    said = folder.refused(responses="{file: data.xlsx}")
    assert "protected by a password" in said
    assert "save it without a password" in said


def test_a_workbook_cut_off_while_it_was_copied_is_refused(folder):
    workbook(folder, "data.xlsx", Data=TABLE)
    whole = (folder.path / "data.xlsx").read_bytes()
    folder.file("data.xlsx", whole[: len(whole) // 2])
    assert "still being written" in folder.refused(responses="{file: data.xlsx}")


def test_macros_of_a_workbook_are_not_run_and_its_rows_read(folder):
    workbook(folder, "data.xlsx", Data=TABLE)
    (folder.path / "data.xlsx").rename(folder.path / "data.xlsm")
    survey = folder.open(responses="{file: data.xlsm}")
    assert survey.counts("nps").sum() == 30
    assert "the workbook's macros are not run" in survey.readers["responses"].notes


def test_two_sheets_that_both_look_like_data_are_not_guessed_between(folder):
    workbook(folder, "data.xlsx", January=TABLE, February=TABLE, Notes=[["made by Jo"]])
    said = folder.refused(responses="{file: data.xlsx}")
    assert '2 sheets look like data: "January", "February"' in said
    assert "sheet: January" in said
    assert folder.open(responses="{file: data.xlsx, sheet: February}").counts("nps").sum() == 30


def test_the_only_sheet_with_a_table_is_taken_and_said(folder):
    workbook(folder, "data.xlsx", Cover=[["Contoso"], ["2025"]], Data=TABLE)
    survey = folder.open(responses="{file: data.xlsx}")
    assert survey.counts("nps").sum() == 30
    assert any('sheet: "Data" (proposed' in note for note in survey.readers["responses"].notes)


def test_columns_under_a_merged_header_are_named_as_unusable(folder):
    workbook(folder, "data.xlsx", Data=[["id", "ltr", None, "country"], *[["a", 9, 4, "DE"]] * 3])
    notes = folder.open(responses="{file: data.xlsx}").readers["responses"].notes
    assert any("column 3 has no name and cannot be used (merged cells" in note for note in notes)


def test_ids_that_excel_has_cut_off_are_flagged_with_their_row(folder):
    rows = "".join(
        f"{'R_1' + str(i) if i < 3 else '1.23E+15'},{i % 11},2025-01-{i + 1:02d}\n" for i in range(9)
    )
    folder.file("data.csv", "id,ltr,at\n" + rows)
    said = folder.refused("customer: id\nresponded: at\n")
    assert "6 ids have a form such as 1.23E+15 (first: row 5)" in said
    assert "do not save it in Excel" in said


def test_a_qualtrics_file_saved_again_by_excel_is_refused_for_ids_and_dates(folder):
    make.qualtrics(folder.path / "q.csv")
    text = (folder.path / "q.csv").read_text(encoding="utf-8-sig")
    head, body = text[: text.index("R_0000") - 200], text[text.index("R_0000") - 200 :]
    ids = make.answers()["customer_id"].tolist()
    for number, customer in enumerate(ids):
        body = body.replace(f",{customer},", f",{1 + number % 9}.2{number % 10}E+15,")
    folder.file("q.csv", head + body)
    said = folder.refused(
        "customer: ExternalReference\nresponded: EndDate\n",
        responses="{file: q.csv, preset: qualtrics}",
        scores="scores: {nps: {column: Q1, missing: ['11', Blank]}}\n",
    )
    assert "a form such as 1.23E+15" in said


def test_day_numbers_of_excel_are_recognised(folder):
    folder.file("data.csv", "id,ltr,at\n" + "".join(f"c{i},{i % 11},{45689 + i}.5\n" for i in range(5)))
    assert "Excel's day numbers" in folder.refused("customer: id\nresponded: at\n")


def test_a_file_that_breaks_off_is_said_to_be_incomplete(folder):
    folder.file("data.csv", "id,ltr,country\na,9,DE\nb,8,DE\nc,")
    said = folder.refused()
    assert "row 4 has fewer than the header's 3 fields and is the last one: the file breaks off there" in said


def test_a_short_row_in_the_middle_is_another_matter(folder):
    folder.file("data.csv", "id,ltr,country\na,9,DE\nb,8\nc,7,FR\n")
    said = folder.refused()
    assert "row 3 has fewer" in said
    assert "breaks off" not in said


def test_a_file_that_grows_while_it_is_read_is_refused(folder, monkeypatch):
    from cxstats.survey.csv_text import CsvReader

    path = folder.file("data.csv", "id,ltr\n" + "a,9\n" * 50)
    read = CsvReader._read

    def meanwhile(*given):
        with path.open("a") as file:
            file.write("b,8\n")
        return read(*given)

    monkeypatch.setattr(CsvReader, "_read", meanwhile)
    assert "another program is still writing it" in folder.refused()


def frame_and_answers(folder, n: int = 30) -> None:
    folder.file("frame.csv", "email,country\n" + "".join(f"Ann{i}@Example.com,DE\n" for i in range(n)))
    folder.file("data.csv", "email,ltr\n" + "".join(f"ann{i}@example.com ,{i % 11}\n" for i in range(n - 5)))


def test_addresses_in_mixed_case_are_not_joined_in_silence(folder):
    frame_and_answers(folder)
    said = folder.refused(KEYED)
    assert (
        "25 of 25 answers belong to somebody on the frame (frame.csv) but for capital letters or spaces"
        in said
    )
    assert 'customer: {column: "email", ignore_case: true}' in said
    assert "ann3@" not in said.lower()


def test_addresses_in_mixed_case_are_joined_where_the_description_says_so(folder):
    frame_and_answers(folder)
    survey = folder.open(KEYED.replace("customer: email", "customer: {column: email, ignore_case: true}"))
    assert survey.n_invited == 30
    assert survey.counts("nps").sum() == 25


def test_customers_listed_twice_count_once_and_contradictions_are_refused(folder):
    folder.file("data.csv", "email,ltr\na@x.org,9\n")
    folder.file("frame.csv", "email,country\na@x.org,DE\na@x.org,DE\nb@x.org,FR\n")
    survey = folder.open(KEYED)
    assert survey.n_invited == 2
    assert line(survey, "listed twice") == 1
    folder.file("frame.csv", "email,country\na@x.org,DE\na@x.org,FR\n")
    assert "lists a customer twice with different facts" in folder.refused(KEYED)


def test_answers_of_nobody_on_the_list_are_counted(folder):
    folder.file("data.csv", "email,ltr\na@x.org,9\nz@x.org,0\n")
    folder.file("frame.csv", "email,country\na@x.org,DE\nb@x.org,FR\n")
    survey = folder.open(KEYED)
    assert survey.counts("nps").sum() == 1
    assert line(survey, "Not matched: nobody in use on the survey's list has this id") == 1


def test_a_german_csv_without_a_preset_is_refused_with_a_cure(folder):
    make.german(folder.path / "data.csv")
    said = str(check(folder.describe("", scores="scores: {nps: {column: Bewertung}}\n")))
    assert "say how the file is encoded" in said or "encoding: cp1252" in said or "there is no column" in said


@pytest.mark.parametrize("preset", ["qualtrics", "surveymonkey", "typeform", "generic"])
def test_a_wrong_preset_is_said_by_what_is_missing(folder, preset):
    folder.file("data.csv", "customer,score\n" + "".join(f"c{i},{i % 11}\n" for i in range(20)))
    said = folder.refused(responses=f"{{file: data.csv, preset: {preset}}}")
    assert 'there is no column "ltr"' in said
