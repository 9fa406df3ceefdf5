"""What people bring: workbooks nobody can open, headers in two rows, files that Excel has saved, half a file."""

from __future__ import annotations

import os
import subprocess
import sys

import openpyxl
import pytest

from cxstats.survey import open_survey
from cxstats.survey.init import init

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


def merged(folder, rows: list[list[object]], *ranges: str) -> None:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for cells in ranges:
        book.active.merge_cells(cells)
    book.save(folder.path / "data.xlsx")


BODY = [[f"c{i}", i % 11, "because", "AB"[i % 2]] for i in range(40)]


def test_one_name_merged_over_two_columns_is_refused_where_one_of_them_is_used(folder):
    merged(folder, [["id", "ltr", None, "country"], *BODY], "B1:C1")
    said = folder.refused(responses="{file: data.xlsx}")
    assert 'data.xlsx, row 1: the name "ltr" stands in merged cells over columns B to C' in said
    assert "unmerge the cells in Excel and give every column a name of its own" in said
    other = folder.open(
        responses="{file: data.xlsx}", scores="scores: {nps: {column: country, codes: {A: 9, B: 2}}}\n"
    )
    assert any("columns B to C merged under one name" in note for note in other.readers["responses"].notes)


def test_headings_merged_above_the_names_are_skipped_by_init_and_said_by_check(folder):
    heads = [["Customer", None, "Scores", None], ["id", "ltr", "why", "country"]]
    merged(folder, [*heads, *BODY], "A1:B1", "C1:D1")
    said = folder.refused(
        "customer: Customer\n", responses="{file: data.xlsx}", scores="scores: {nps: {column: Scores}}\n"
    )
    assert "Where row 2 holds each column's own name, say skip_rows: 1" in said
    written = init([folder.path / "data.xlsx"], folder.path / "mine.yml")
    assert "skip_rows: 1  # guess: a heading stands above" in written.path.read_text(encoding="utf-8")
    survey = open_survey(written.path)
    assert survey.counts("nps").sum() == 40
    assert survey.description.customer.column == "id"


def test_a_title_and_blank_rows_above_the_names_are_skipped_by_init(folder):
    heads = [["Survey results, first quarter of 2025"], [], ["id", "ltr", "why", "country"]]
    merged(folder, [*heads, *BODY], "A1:D1")
    assert (
        open_survey(init([folder.path / "data.xlsx"], folder.path / "a.yml").path).counts("nps").sum() == 40
    )
    rows = "".join(";".join(map(str, row)) + "\n" for row in BODY)
    folder.file("data.csv", "Survey results, first quarter of 2025\n\nid;ltr;why;country\n" + rows)
    survey = open_survey(init([folder.path / "data.csv"], folder.path / "b.yml").path)
    assert survey.counts("nps").sum() == 40
    assert set(survey.groups) == {"country"}
    assert survey.title == "Survey results, first quarter of 2025"


def test_values_in_merged_cells_are_not_read_as_blank(folder):
    rows = [["id", "ltr", "country", "town"]]
    rows += [[f"c{i}", i % 11, "AB"[i // 20] if i % 20 == 0 else None, "X"] for i in range(40)]
    merged(folder, rows, "C2:C21", "C22:C41")
    said = folder.refused("groups: {country: country}\n", responses="{file: data.xlsx}")
    assert 'column "country" has merged cells (C2:C21 and another)' in said
    assert folder.open("groups: {town: town}\n", responses="{file: data.xlsx}").counts("nps").sum() == 40


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


GERMAN = [
    "Kundennummer;Weiterempfehlung (0-10);Zufriedenheit;Umsatz;Größe der Filiale;Antwortdatum;Gekündigt",
    *(
        f"{100 + i:05d};{i % 11};{1 + i % 5};{1000 + i},{i % 10}5;{['groß', 'klein'][i % 2]};{1 + i % 28:02d}.03.2025 08:15;"
        f"{['ja', 'nein'][i % 2]}"
        for i in range(110)
    ),
]


def test_a_german_export_goes_from_init_to_a_survey(folder):
    """Semicolons, decimal commas, days before months, and the bytes that Excel writes in Germany."""
    folder.file("antworten.csv", "\r\n".join(GERMAN).encode("cp1252"))
    told = {"responses.time_zone": "Europe/Berlin", "scores.csat.scale": "1-5"}
    written = init([folder.path / "antworten.csv"], folder.path / "mine.yml", ask=lambda q: told.pop(q.where))
    assert told == {}
    survey = open_survey(written.path)
    d = survey.description
    assert {key: score.column for key, score in d.scores.items()} == {
        "nps": "Weiterempfehlung (0-10)",
        "csat": "Zufriedenheit",
    }
    assert (d.customer.column, d.responded.column, d.value.column) == (
        "Kundennummer",
        "Antwortdatum",
        "Umsatz",
    )
    assert list(survey.counts("nps")) == [10] * 11
    assert survey.cells(["groesse_der_filiale"])["groesse_der_filiale"].tolist() == ["groß", "klein"]
    assert survey.group_labels["groesse_der_filiale"] == "Größe der Filiale"
    assert sum(survey.rows(["value"])["value"]) == pytest.approx(
        sum(1000 + i + (i % 10) / 10 + 0.05 for i in range(110))
    )
    assert d.outcomes["gekuendigt"].event == ("ja",)
    assert survey.group_labels["gekuendigt"] == "Gekündigt"
    assert str(survey.data_as_of) == "2025-03-28"
    notes = "\n".join(survey.notes)
    for words in ("encoding: cp1252", "delimiter: ;", "decimal: ,"):
        assert words in notes


def test_a_german_export_by_hand_is_refused_step_by_step_with_the_cure(folder):
    folder.file("data.csv", "\r\n".join(GERMAN).encode("cp1252"))
    scores = "scores: {nps: {column: Weiterempfehlung (0-10)}}\n"
    assert "encoding: cp1252" in folder.refused(scores=scores)
    more = "value: Umsatz\n"
    said = folder.refused(more, responses="{file: data.csv, encoding: cp1252}", scores=scores)
    assert 'data.csv, for value: column Umsatz has 110 values that are no numbers ("1000,05" in row 2' in said
    assert 'say decimal: "," for this file' in said
    # with dates and a customer rows are looked at one by one; the refusal is the same
    keyed = "customer: Kundennummer\n" + more
    assert "for value: column Umsatz has" in folder.refused(
        keyed, responses="{file: data.csv, encoding: cp1252}", scores=scores
    )
    assert (
        folder.open(more, responses="{file: data.csv, encoding: cp1252, decimal: ','}", scores=scores).n_rows
        == 110
    )


PEAK = """
import resource, sys
from cxstats.survey import open_survey
open_survey(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
survey = open_survey(sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, *survey.counts("nps"))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="peak memory is not told there")
def test_a_file_larger_than_the_memory_it_may_take_is_read_all_the_same(folder):
    """What is read goes to disk where it does not fit: memory follows the limit, not the file."""
    n, block = 400_000, 20_000
    for name, rows in (("small", block), ("large", n)):
        with (folder.path / f"{name}.csv").open("w", encoding="utf-8") as file:
            file.write("id,ltr,country,comment,at\n")
            for start in range(0, rows, block):
                file.write(
                    "".join(
                        f"customer-number-{i:024d},{i % 11},{'ABC'[i % 3]},{'words ' * 40},2025-01-{1 + i % 28:02d}\n"
                        for i in range(start, start + block)
                    )
                )
        folder.describe(
            "customer: id\nresponded: at\ngroups: {country: country}\n", responses=f"{{file: {name}.csv}}"
        )
        (folder.path / "survey.yml").rename(folder.path / f"{name}.yml")
    assert (folder.path / "large.csv").stat().st_size > 100e6
    done = subprocess.run(
        [sys.executable, "-c", PEAK, "small.yml", "large.yml"],
        cwd=folder.path,
        env={**os.environ, "CXSTATS_MEMORY": "100MB", "CXSTATS_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    grown, *counts = map(int, done.stdout.split())
    grown *= 1 if sys.platform == "darwin" else 1024
    assert counts == [n // 11 + (i < n % 11) for i in range(11)]
    assert grown < 140e6  # without a limit it is 180 MB


def test_an_amount_of_memory_is_checked(folder, monkeypatch):
    monkeypatch.setenv("CXSTATS_MEMORY", "much")
    folder.file("data.csv", "id,ltr\n1,9\n")
    assert "CXSTATS_MEMORY is 'much', which is no amount of memory" in folder.refused()


@pytest.mark.parametrize("preset", ["qualtrics", "surveymonkey", "typeform", "generic"])
def test_a_wrong_preset_is_said_by_what_is_missing(folder, preset):
    folder.file("data.csv", "customer,score\n" + "".join(f"c{i},{i % 11}\n" for i in range(20)))
    said = folder.refused(responses=f"{{file: data.csv, preset: {preset}}}")
    assert 'there is no column "ltr"' in said
