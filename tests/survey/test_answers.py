"""Answers: what is set aside and counted, what is refused, what is accepted and kept exact."""

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cxstats.survey import check
from cxstats.survey.recode import judge_answers, other_scale

from .conftest import line

CSAT = "scores: {csat: {column: sat, scale: 1-5}}\n"


def scores(survey, name="nps"):
    cells = survey.cells(name).dropna()
    return dict(zip(cells[name].tolist(), cells["n"].tolist(), strict=True))


# ------------------------------------------------------------------ set aside and counted


def test_scores_off_the_scale_are_set_aside_and_counted(folder):
    folder.file("data.csv", "ltr\n10\n9\n11\n-1\n3.5\n11\nten\n8\n")
    survey = folder.open()
    assert scores(survey) == {8: 1, 9: 1, 10: 1}
    assert line(survey, "not an answer from 0 to 10 (11, -1, 3.5, other text)") == 5
    assert line(survey, "Answered NPS") == 3
    assert survey.ledger.rows_read == survey.n_rows == 8


def test_declared_codes_are_no_answers(folder):
    folder.file("data.csv", "ltr,country\n10,x\n11,n/a\nBlank,y\n,\n")
    survey = folder.open(
        "groups: {country: country}\n",
        scores='scores: {nps: {column: ltr, missing: ["11", Blank]}}\n',
        responses='{file: data.csv, missing: ["n/a"]}',
    )
    assert line(survey, 'coded as no answer (11, "Blank")') == 2
    assert line(survey, "Left blank") == 1
    assert survey.cells("country").fillna("missing").values.tolist() == [["x", 1], ["y", 1], ["missing", 2]]


def test_ways_to_write_a_whole_number(folder):
    folder.file("data.csv", "ltr\n9\n9.0\n09\n+9\n 9 \n9.00\n")
    assert scores(folder.open()) == {9: 6}


@pytest.mark.parametrize("text", ["9,0", "1e1", "0x9", "٩", "9 points", "1_0", "nan", "inf", "True"])
def test_what_is_no_whole_number(folder, text):
    folder.file("data.csv", f'ltr\n"{text}"\n8\n')
    survey = folder.open()
    assert scores(survey) == {8: 1}
    assert line(survey, "not an answer") == 1


def test_codes_translate_answers(folder):
    folder.file("data.csv", "sat\ngood\nbad\noffered\ngood\n")
    survey = folder.open(
        scores="scores: {csat: {column: sat, scale: 0-1, codes: {good: 1, bad: 0}, missing: [offered]}}\n"
    )
    assert survey.counts("csat").tolist() == [1, 2]


# ------------------------------------------------------------------ refused: another scale


@pytest.mark.parametrize("answers", [[1, 5, 4, 80, 100], [4, 3, 90], [5] * 500 + [100], [0, 25, 50, 75, 100]])
def test_two_scales_mixed_are_refused(folder, answers):
    folder.file("data.csv", "sat\n" + "\n".join(map(str, answers)) + "\n")
    assert "two scales seem to be mixed" in folder.refused(scores=CSAT)


def test_a_longer_scale_is_refused(folder):
    folder.file("data.csv", "sat\n" + "\n".join(str(1 + i % 10) for i in range(100)) + "\n")
    assert "answers of 5 kinds are above 1–5" in folder.refused(scores=CSAT)


def test_a_wrong_column_is_refused(folder):
    folder.file("data.csv", "sat\n" + "some text\n" * 50 + "4\n")
    assert 'are not on the scale 1–5 ("some text")' in folder.refused(scores=CSAT)


@pytest.mark.parametrize("codes", [["99"], ["98", "99"], ["77", "88"], ["999"], ["6", "0"], ["55"]])
def test_undeclared_codes_are_set_aside_not_refused(folder, codes):
    folder.file("data.csv", "sat\n" + "4\n5\n" * 50 + "\n".join(codes) + "\n")
    assert scores(folder.open(scores=CSAT), "csat") == {4: 50, 5: 50}


def test_a_single_slip_in_many_answers_is_set_aside():
    tally = {"9": 100_000, "100": 1}
    from cxstats.metrics import Scale

    assert other_scale(tally, judge_answers(list(tally), Scale(0, 10), [], {}), Scale(0, 10)) == ""


# ------------------------------------------------------------------ accepted and kept exact


@pytest.mark.parametrize("rows", ["", "10\n"])
def test_header_only_or_one_answer(folder, rows):
    folder.file("data.csv", "ltr\n" + rows)
    survey = folder.open()
    assert survey.counts("nps").sum() == len(rows) // 3
    assert survey.cells([])["n"].tolist() == [len(rows) // 3]
    assert survey.ledger.rows_read == len(rows) // 3
    assert check(folder.path / "survey.yml").ok


@pytest.mark.parametrize("value", ["7", ""])
def test_all_scores_equal_or_missing(folder, value):
    folder.file("data.csv", "ltr,x\n" + f"{value},a\n" * 12)
    survey = folder.open()
    assert survey.counts("nps").sum() == (12 if value else 0)
    assert check(folder.path / "survey.yml").ok


ODD = [
    "NA",
    "None",
    "null",
    "nan",
    "<script>alert(1)</script>",
    "no",
    "007",
    "-",
    "#N/A",
    "=1+1",
    " spaced ",
    "ß",
    "🙂",
    "1.0",
    "TRUE",
]


def test_odd_labels_are_texts(folder):
    folder.file("data.csv", "ltr,seg\n" + "".join(f'9,"{label}"\n' for label in ODD))
    survey = folder.open("groups: {seg: seg}\n")
    cells = survey.cells("seg")
    assert set(cells["seg"]) == set(ODD)
    assert cells["seg"].notna().all()
    assert survey.cells(["seg", "nps"])["n"].tolist() == [1] * len(ODD)


def test_blank_labels_are_missing_and_shown_so(folder):
    folder.file("data.csv", 'ltr,seg\n9,\n9,""\n8,NA\n')
    cells = folder.open("groups: {seg: seg}\n").cells("seg")
    assert cells["n"].tolist() == [1, 2]
    assert cells["seg"][0] == "NA"
    assert cells["seg"][1] is pd.NA


def test_yaml_words_as_labels(folder):
    folder.file("data.csv", "ltr,seg\n9,no\n8,012\n")
    survey = folder.open("groups: {seg: {column: seg, labels: {no: yes, 012: 1:30}}}\n")
    assert survey.cells("seg")["seg"].tolist() == ["1:30", "yes"]


def test_labels_merge_groups(folder):
    folder.file("data.csv", "ltr,seg\n9,AT\n8,DE\n7,JP\n6,XX\n5,\n")
    survey = folder.open(
        "groups: {seg: {column: seg, labels: {AT: DACH, DE: DACH, JP: Japan}, other: Elsewhere}}\n"
    )
    assert survey.cells("seg").fillna("-").values.tolist() == [
        ["DACH", 2],
        ["Elsewhere", 1],
        ["Japan", 1],
        ["-", 1],
    ]


def test_quoted_line_breaks_and_quotes(folder):
    folder.file("data.csv", 'ltr,"se\ng",comment\r\n9,"a\nb","say ""hi"", he said"\r\n8,"a\r\nb",x\r\n')
    survey = folder.open('groups: {seg: {column: "se\\ng"}}\n')
    assert set(survey.cells("seg")["seg"]) == {"a\nb", "a\r\nb"}


def test_no_locale_changes_what_is_read(folder):
    import os
    import subprocess
    import sys

    folder.file("data.csv", "ltr,seg\n9,Größe\n8,日本\n")
    path = folder.describe("groups: {seg: seg}\n")
    code = f"import cxstats as cx; print(ascii(cx.open_survey({str(path)!r}).cells('seg').values.tolist()))"
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PATH": os.environ["PATH"], "LC_ALL": locale, "HOME": str(folder.path), "PYTHONUTF8": "0"},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for locale in ("C", "tr_TR.UTF-8")  # ASCII by default; an i without a dot
    }
    assert said == {ascii([["Größe", 1], ["日本", 1]]) + "\n"}


TEXT = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"), min_size=1, max_size=12
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    labels=st.lists(TEXT, min_size=1, max_size=8),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    ends=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([0, 1]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_any_text_survives_the_way_through_csv(folder, labels, delimiter, ends, quoting, encoding):
    import csv
    import io

    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=ends, quoting=quoting)
    writer.writerow(["seg", "ltr"])
    writer.writerows([label, 9] for label in labels)
    # Python's writer leaves a lone carriage return unquoted where lines end otherwise, its reader splits there
    if quoting == 0 and any("\r" in label for label in labels):
        return
    folder.file("data.csv", out.getvalue().encode(encoding))
    survey = folder.open(
        "groups: {seg: seg}\n",
        responses=f"{{file: data.csv, delimiter: {delimiter!r}, encoding: {encoding}}}".replace(
            "'\\t'", '"\\t"'
        ),
    )
    cells = survey.cells("seg")
    assert dict(zip(cells["seg"].tolist(), cells["n"].tolist(), strict=True)) == {
        x: labels.count(x) for x in labels
    }
