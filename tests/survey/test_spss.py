"""SPSS files: numbers where numbers count, labels elsewhere, declared missing values blank and counted."""

from __future__ import annotations

import datetime as dt
import sys

import pandas as pd
import pytest

from cxstats.survey import check, open_survey
from cxstats.survey.init import init, propose

from .conftest import line

N = 60
TEXT = "How likely are you to recommend us to a friend or colleague?"
NPS = "scores: {nps: {column: Q1}, csat: {column: Q2, scale: 1-5}}\n"
MORE = "customer: id\nresponded: {column: when}\ngroups: {land: land, town: town}\n"


@pytest.fixture
def spss():
    return pytest.importorskip(
        "pyreadstat",
        reason='PYREADSTAT ABSENT: SPSS files were not tested; pip install "cxstats[spss]"',
    )


def answers() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": [f"k{i:03d}" for i in range(N)],
            "Q1": [float([10, 9, 8, 0, 99, None][i % 6] if i % 6 != 5 else "nan") for i in range(N)],
            "Q2": [float(1 + i % 5) for i in range(N)],
            "land": [float(1 + i % 4) for i in range(N)],
            "town": [["Köln", "東京", ""][i % 3] for i in range(N)],
            "when": [dt.date(2025, 1, 1 + i % 28) for i in range(N)],
            "seen": [pd.Timestamp(2025, 1, 1 + i % 28, 9, 30) for i in range(N)],
            "tenure": [float(i) + 0.5 for i in range(N)],
            "left": [float(i % 2) for i in range(N)],
        }
    )


LABELS = {
    "Q1": {0: "Not at all likely", 10: "Extremely likely", 99: "Don't know"},
    "Q2": {
        i: f"{word} satisfied" for i, word in enumerate(["Not", "Hardly", "Partly", "Quite", "Very"], start=1)
    },
    "land": {1: "Germany", 2: "Japan", 3: "Other", 4: "Other"},
    "left": {0: "No", 1: "Yes"},
}


def write(spss, path, **changes) -> None:
    options = {
        "column_labels": {"Q1": TEXT, "Q2": "How satisfied are you?"},
        "variable_value_labels": LABELS,
        "missing_ranges": {"Q1": [99]},
    }
    spss.write_sav(answers(), str(path), **{**options, **changes})


@pytest.mark.parametrize("name", ["data.sav", "data.zsav"])
def test_scores_are_numbers_and_groups_are_labels(folder, spss, name):
    write(spss, folder.path / name, compress=name.endswith("zsav"))
    survey = folder.open(MORE + "behaviour: {tenure: tenure}\n", responses=f"{{file: {name}}}", scores=NPS)
    frame = answers()
    said = frame["Q1"].isin(range(11))
    assert survey.n_answered("nps") == said.sum()
    assert list(survey.counts("nps")[[0, 8, 9, 10]]) == [10, 10, 10, 10]
    assert list(survey.counts("csat")) == [N // 5] * 5
    cells = survey.cells(["land"]).set_index("land")["n"].to_dict()
    assert cells == {"Germany": N // 4, "Japan": N // 4, "Other": N // 2}
    towns = survey.cells(["town"]).dropna().set_index("town")["n"].to_dict()
    assert towns == {"Köln": N // 3, "東京": N // 3}
    assert str(survey.data_as_of) == "2025-01-28"
    assert sorted(survey.rows(["tenure"])["tenure"]) == sorted(frame["tenure"])
    assert line(survey, "Rows used") == N


def test_values_declared_as_missing_are_blank_and_counted(folder, spss):
    write(spss, folder.path / "data.sav")
    survey = folder.open(MORE, responses="{file: data.sav}", scores=NPS)
    notes = "\n".join(survey.readers["responses"].notes)
    assert 'Q1: 10 values that the file declares as missing are blank (99 "Don\'t know")' in notes
    assert 'land: 2 values have the label "Other" and count as one' in notes
    write(spss, folder.path / "data.sav", missing_ranges={"Q1": [{"lo": 90, "hi": 99}, 0]})
    survey = folder.open(MORE, responses="{file: data.sav}", scores=NPS)
    assert survey.counts("nps")[0] == 0
    assert "20 values that the file declares as missing" in "\n".join(survey.readers["responses"].notes)


def test_a_value_that_is_not_declared_as_missing_is_set_aside_like_any_other(folder, spss):
    write(spss, folder.path / "data.sav", missing_ranges=None)
    survey = folder.open(
        MORE, responses="{file: data.sav}", scores="scores: {nps: {column: Q1, missing: '99'}}\n"
    )
    assert survey.n_answered("nps") == 40


def test_rows_are_read_in_pieces_and_keep_their_numbers(folder, spss, monkeypatch):
    from cxstats.survey import spss as module

    monkeypatch.setattr(module, "_ROWS", 7)
    write(spss, folder.path / "data.sav")
    said = folder.refused(
        "groups: {land: land}\nbehaviour: {town: town}\n", responses="{file: data.sav}", scores=NPS
    )
    assert '"Köln"' in said
    assert "row 1" in said
    survey = folder.open(MORE, responses="{file: data.sav}", scores=NPS)
    assert survey.n_answered("nps") == 40


def test_init_makes_out_questions_labels_and_dates(folder, spss, tmp_path):
    write(spss, folder.path / "data.sav")
    text, left = propose([folder.path / "data.sav"], tmp_path)
    assert f"Q1 “{TEXT}”" in text
    assert {q.where for q in left} == {"scores.csat.scale"}
    assert "preset" not in text
    written = init([folder.path / "data.sav"], folder.path / "mine.yml", ask=lambda q: "1-5")
    assert written.open == ()
    survey = open_survey(written.path)
    d = survey.description
    assert (d.scores["nps"].column, d.scores["csat"].column, d.customer.column) == ("Q1", "Q2", "id")
    assert d.outcomes["left"].event == ("Yes",)
    assert set(survey.cells(["land"])["land"].dropna()) == {"Germany", "Japan", "Other"}
    assert check(written.path).ok


def test_previews_in_a_qualtrics_export_for_spss_are_set_aside(folder, spss):
    n = 40
    frame = pd.DataFrame(
        {
            "StartDate": [pd.Timestamp(2025, 1, 1, 9, i) for i in range(n)],
            "EndDate": [pd.Timestamp(2025, 1, 1, 10, i) for i in range(n)],
            "Status": [1.0 if i < 3 else 0.0 for i in range(n)],
            "Finished": [float(i >= 5) for i in range(n)],
            "ResponseId": [f"R_{i}" for i in range(n)],
            "Q1": [float(i % 11) for i in range(n)],
        }
    )
    labels = {"Status": {0: "IP Address", 1: "Survey Preview"}, "Finished": {0: "False", 1: "True"}}
    spss.write_sav(
        frame, str(folder.path / "data.sav"), variable_value_labels=labels, column_labels={"Q1": TEXT}
    )
    written = init([folder.path / "data.sav"], folder.path / "mine.yml", ask=lambda q: "UTC")
    survey = open_survey(written.path)
    assert line(survey, "Set aside: previews (Status)") == 3
    assert line(survey, "Set aside: partial responses (Finished)") == 2
    assert survey.counts("nps").sum() == n - 5


def test_long_numbers_are_refused_like_those_of_excel(folder, spss):
    frame = answers().assign(number=[1e17 + i for i in range(N)])
    spss.write_sav(frame, str(folder.path / "data.sav"))
    said = folder.refused(
        "groups: {number: number}\n", responses="{file: data.sav}", scores="scores: {nps: {column: Q1}}\n"
    )
    assert "longer than the 15 digits that SPSS keeps" in said


def test_half_a_file_is_said_to_be_one(folder, spss):
    write(spss, folder.path / "whole.sav")
    whole = (folder.path / "whole.sav").read_bytes()
    for size in (30, 400, len(whole) - 200):
        folder.file("data.sav", whole[:size])
        assert "damaged, or still being written" in folder.refused(responses="{file: data.sav}", scores=NPS)


def test_without_the_library_the_cure_is_named(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyreadstat", None)
    folder.file("data.sav", b"$FL2" + b"x" * 200)
    assert 'pip install "cxstats[spss]"' in folder.refused(responses="{file: data.sav}", scores=NPS)
