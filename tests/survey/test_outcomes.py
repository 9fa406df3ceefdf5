"""What customers did later: within its window, after how many days, why, and what is not known yet."""

import datetime as dt

import duckdb
import numpy as np
import pandas as pd
import pytest

from cxstats.survey import check, parse_description

from .conftest import line

DATED = (
    "customer: id\ninvited: sent\nresponded: at\ndata_as_of: 2025-06-30\n"
    'outcomes: {left: {column: left, event: "1", on: on, window_days: 90, label: Left}}\n'
)
HEAD = "id,ltr,sent,at,left,on\n"


def told(survey, *columns):
    """The columns of the rows, missing values as None."""
    rows = survey.rows(list(columns)).astype(object)
    return rows.where(rows.notna(), None).values.tolist()


# ------------------------------------------------------------------ windows


def test_a_window_that_has_not_ended_says_nothing(folder):
    folder.file(
        "data.csv",
        HEAD + "1,9,2025-01-01,2025-01-02,1,2025-02-01\n"  # within the window
        "2,8,2025-01-01,,1,2025-05-01\n"  # after it
        "3,8,2025-01-01,,0,\n"  # stayed
        "4,8,2025-04-01,,0,\n"  # 1 April + 90 days is 30 June: just ended
        "5,8,2025-04-02,,0,\n"  # still open
        "6,8,2025-04-02,,1,2025-04-03\n"  # open too: else the late would look like leaving more
        "7,8,2025-01-10,,1,2025-01-01\n"  # had left before
        "8,8,2025-01-10,,1,\n"  # left on a day nobody knows
        "9,8,2025-01-10,,,\n"  # not known whether
        "10,8,2025-01-10,,1,2025-07-15\n",  # gave notice for a day after the end of the data
    )
    survey = folder.open(DATED)
    assert told(survey, "left", "left_days", "left_observed_days", "observed_days") == [
        [True, 31, 31, 180],
        [False, 120, 120, 180],
        [False, None, 180, 180],
        [False, None, 90, 90],
        [None, None, 89, 89],
        [None, 1, 1, 89],
        [None, None, None, 171],
        [None, None, None, 171],
        [None, None, None, 171],
        [False, None, 171, 171],
    ]
    types = survey.rows(["left", "left_days", "left_observed_days", "observed_days"]).dtypes.astype(str)
    assert types.tolist() == ["boolean", "Int64", "Int64", "Int64"]
    assert line(survey, "Left: not known yet, its 90 days end after 30 June 2025") == 2
    assert line(survey, "happened before the survey") == 1
    assert line(survey, "happened on a day not stated") == 1
    assert line(survey, "not known, blank or coded so") == 1
    assert line(survey, "dated after 30 June 2025, counted as not happened") == 1
    assert survey.cells("left")["n"].tolist() == [4, 1, 5]
    # durations in whole days are exact as counts
    assert survey.cells(["left_days"])["n"].sum() == 10


def test_without_a_stated_end_the_data_stands_at_its_last_day(folder):
    folder.file(
        "data.csv", HEAD + "1,9,2025-01-01,2025-01-02,1,2025-03-31\n2,8,2025-01-01,,0,\n3,8,2025-01-03,,0,\n"
    )
    survey = folder.open(DATED.replace("data_as_of: 2025-06-30\n", ""))
    assert survey.data_as_of == dt.date(2025, 3, 31)
    assert any("data_as_of: not stated; taken as 2025-03-31" in note for note in survey.notes)
    # 1 January + 90 days is 1 April: no window has ended, and nothing is known
    assert survey.cells("left")["n"].tolist() == [3]
    assert survey.cells("left")["left"].isna().all()
    assert line(survey, "not known yet") == 3


def test_a_date_without_its_event_tells_nothing_of_the_datas_end(folder):
    # contracts of those who stayed end in 2030: the data does not
    folder.file("data.csv", HEAD + "1,9,2025-01-01,2025-01-02,1,2025-03-31\n2,8,2025-01-01,,0,2030-01-01\n")
    survey = folder.open(DATED.replace("data_as_of: 2025-06-30\n", ""))
    assert survey.data_as_of == dt.date(2025, 3, 31)


def test_an_end_of_the_data_before_its_last_answer_is_said(folder):
    folder.file("data.csv", HEAD + "1,9,2025-01-01,2025-07-02,1,2025-03-31\n2,8,2025-01-01,,0,\n")
    survey = folder.open(DATED)
    assert any("2025-06-30 is before the last answer, of 2025-07-02" in note for note in survey.notes)
    # who left before answering may have answered because of it
    assert line(survey, "Left: happened before the answer") == 1


def test_the_check_tells_what_happened(folder):
    folder.file("data.csv", HEAD + "1,9,2025-01-01,2025-01-02,1,2025-02-01\n2,8,2025-06-01,,0,\n")
    report = check(folder.describe(DATED + "recovery: left\n"))
    assert "left: happened 1, did not 0, not known 1" in report.text
    assert "recovery: 1 of 2 (50.0" in report.text


def test_invited_after_the_data_ends(folder):
    folder.file("data.csv", HEAD + "1,9,2025-01-01,2025-01-02,1,2025-03-31\n2,8,2025-07-02,,0,\n")
    survey = folder.open(DATED.replace(", window_days: 90", ""))
    assert told(survey, "left", "left_observed_days", "observed_days") == [
        [True, 89, 180],
        [None, None, None],
    ]
    assert line(survey, "not known yet, asked after 30 June 2025") == 1


def test_an_outcome_may_be_a_date_alone(folder):
    folder.file("data.csv", "id,ltr,at\n1,9,2025-01-01\n2,8,2025-01-01\n3,7,2025-01-01\n4,7,2025-01-01\n")
    folder.file("crm.csv", "id,left_on\n1,2025-02-01\n2,\n4,2024-01-01\n")
    survey = folder.open(
        "customer: id\nresponded: at\noutcomes_from: {file: crm.csv}\ndata_as_of: 2025-12-31\n"
        "outcomes: {left: {on: left_on, window_days: 100}}\n"
    )
    # 2 stayed; of 3, who is not in the file, nothing is known; 4 had left before
    assert told(survey, "left", "left_days", "left_observed_days") == [
        [True, 31, 31],
        [False, None, 364],
        [None, None, None],
        [None, None, None],
    ]


def test_repeated_customers_count_from_each_invitation(folder):
    folder.file(
        "data.csv",
        "id,w,ltr,sent,at,left,on\n1,a,9,2025-01-01,2025-01-01,1,2025-02-10\n1,b,9,2025-02-01,2025-02-01,1,2025-02-10\n"
        "1,c,,2025-03-01,,1,2025-02-10\n2,a,5,2025-01-01,2025-01-01,0,\n",
    )
    survey = folder.open("wave: w\n" + DATED)
    assert [row[1] for row in told(survey, "left", "left_days")] == [40, 9, None, None]
    assert [row[0] for row in told(survey, "left", "left_days")] == [True, True, None, False]


def test_zones_and_days(folder):
    # 23:30 UTC is the next day in Berlin; the CRM's days are Berlin's
    folder.file(
        "data.csv",
        "id,ltr,sent\n1,9,2025-01-01T23:30:00Z\n2,8,2025-01-01T22:30:00Z\n3,8,2025-01-01T22:30:00Z\n",
    )
    folder.file("crm.csv", "id,left,on\n1,1,2025-01-02\n2,1,2025-01-02\n3,0,\n")
    text = (
        "customer: id\ninvited: sent\noutcomes_from: {file: crm.csv}\ndata_as_of: 2025-12-31\n"
        'outcomes: {left: {column: left, event: "1", on: on}}\n'
    )
    berlin = folder.open(text, responses="{file: data.csv, time_zone: Europe/Berlin}")
    assert told(berlin, "left_days") == [[0], [1], [None]]
    assert told(folder.open(text), "left_days") == [[1], [1], [None]]


def test_days_of_a_column_that_is_text_are_refused(folder):
    folder.file("data.csv", HEAD + "1,9,2025-01-01,2025-01-02,1,01.02.2025\n2,8,2025-01-01,,0,\n")
    text = folder.refused(DATED)
    assert 'column on has 1 values that are no dates ("01.02.2025" in row 2)' in text
    assert "say date_format: " in text


def test_days_need_a_day_to_count_from(folder):
    folder.file("data.csv", HEAD + "1,9,1,1,1,2025-02-01\n2,8,1,0,0,\n")
    text = folder.refused(DATED)
    assert "for outcomes.left.on: invited: and responded: hold yes or no, so there is no day" in text


def test_invitations_as_flags_count_from_the_answer(folder):
    folder.file("data.csv", HEAD + "1,9,1,2025-01-01,1,2025-02-01\n2,,1,,0,\n3,3,1,2025-01-01,0,\n")
    assert told(folder.open(DATED), "left", "left_days") == [[True, 31], [None, None], [False, None]]


# ------------------------------------------------------------------ events


@pytest.mark.parametrize("dated", [True, False])
def test_an_event_that_never_occurs_is_refused(folder, dated):
    folder.file(
        "data.csv", HEAD + "1,9,2025-01-01,2025-01-02,Y,2025-02-01\n2,8,2025-01-01,,N,\n3,8,2025-01-01,,N,\n"
    )
    text = folder.refused(DATED if dated else DATED.replace(", on: on, window_days: 90", ""))
    assert text.startswith("1 problem:")
    assert 'for outcomes.left: the event never occurs: no row in use says "1" in column left' in text
    assert '(there are: "N", "Y")' in text


def test_an_event_that_never_occurs_in_a_table_counted_as_it_is(folder):
    duckdb.sql(
        f"COPY (SELECT 9 AS ltr, true AS left_ UNION ALL SELECT 8, false) TO '{folder.path / 'data.parquet'}'"
    )
    text = folder.refused('outcomes: {left: {column: left_, event: "1"}}\n', responses="{file: data.parquet}")
    assert 'no row in use says "1" in column left_ (there are: "false", "true")' in text
    survey = folder.open(
        "outcomes: {left: {column: left_, event: 'true'}}\n", responses="{file: data.parquet}"
    )
    assert survey.cells("left")["n"].tolist() == [1, 1]


def test_a_large_file_is_refused_when_it_is_counted(folder, monkeypatch):
    monkeypatch.setattr("cxstats.survey.survey.EAGER_ROWS", 1)
    duckdb.sql(
        f"COPY (SELECT 9 AS ltr, 'no' AS l UNION ALL SELECT 8, 'no') TO '{folder.path / 'data.parquet'}'"
    )
    survey = folder.open("outcomes: {left: {column: l, event: yes}}\n", responses="{file: data.parquet}")
    assert survey.counts("nps").sum() == 2
    with pytest.raises(ValueError, match="the event never occurs"):
        survey.cells(["nps", "left"])


def test_one_of_several_events_is_enough_and_blanks_are_no_mistake(folder):
    folder.file("data.csv", "ltr,l,m\n9,gone,\n8,here,\n7,?,\n")
    survey = folder.open(
        'outcomes: {left: {column: l, event: [gone, lost], missing: "?"}, moved: {column: m, event: "1"}}\n'
    )
    assert survey.cells("left")["n"].tolist() == [1, 1, 1]
    assert survey.cells("moved")["moved"].isna().all()


def test_events_stored_as_decimal_numbers(folder):
    duckdb.sql(
        "COPY (SELECT * FROM (VALUES (1, DATE '2025-01-01', 1.0::DOUBLE, DATE '2025-01-05'), "
        f"(2, DATE '2025-01-01', 0.0, NULL)) t(ltr, sent, l, on_)) TO '{folder.path / 'data.parquet'}'"
    )
    survey = folder.open(
        'invited: sent\noutcomes: {left: {column: l, event: "1", on: on_}}\n',
        responses="{file: data.parquet}",
    )
    assert told(survey, "left", "left_days") == [[True, 4], [False, None]]


def test_what_an_outcome_must_say():
    def said(**outcome):
        with pytest.raises(ValueError) as error:  # noqa: PT011 (the message is what is looked at)
            parse_description(
                {
                    "title": "T",
                    "responses": {"file": "a"},
                    "scores": {"nps": {"column": "l"}},
                    "invited": "sent",
                    "outcomes": {"left": outcome},
                    "groups": {"left_days": "x"} if "cause" in outcome else {},
                }
            )
        return str(error.value)

    assert "outcomes.left: has event: but no column: in which it stands" in said(event="1")
    assert "outcomes.left: column: is missing" in said(label="Left")
    assert "outcomes.left: event: is missing" in said(column="c")
    assert 'Did you mean "column"' in said(column="c", event="1", cause={"colunm": "why"})
    assert "is already a column made of outcomes.left" in said(column="c", event="1", on="d", cause="why")
    assert "window_days" in said(column="c", event="1", on="d", window_days=-5)


# ------------------------------------------------------------------ causes


def test_causes_of_events(folder):
    folder.file(
        "data.csv",
        HEAD.strip() + ",why\n1,9,2025-01-01,2025-01-02,1,2025-02-01,p\n2,8,2025-01-01,,1,2025-02-01,\n"
        "3,8,2025-01-01,,0,,p\n4,8,2025-01-01,,1,2024-02-01,p\n5,8,2025-01-01,,1,2025-03-01,m\n",
    )
    survey = folder.open(
        DATED.replace("label: Left", "label: Left, cause: {column: why, labels: {p: price}, other: another}")
    )
    assert told(survey, "left_cause") == [["price"], [None], [None], [None], ["another"]]
    assert survey.rows("left_cause")["left_cause"].dtype == "string"
    assert line(survey, "Left: happened, but the cause is not stated") == 1
    assert line(survey, "Left: a cause, but no event after the survey") == 2
    assert 'no column "reason" in data.csv' in folder.refused(DATED.replace("label: Left", "cause: reason"))


def test_causes_without_days(folder):
    for suffix, source in (("csv", "{file: data.csv}"), ("parquet", "{file: data.parquet}")):
        folder.file("data.csv", "ltr,left,why\n9,1,price\n8,0,price\n7,1,\n")
        if suffix == "parquet":
            rows = f"read_csv('{folder.path / 'data.csv'}', all_varchar=true)"
            duckdb.sql(f"COPY (FROM {rows}) TO '{folder.path / 'data.parquet'}'")
        survey = folder.open('outcomes: {left: {column: left, event: "1", cause: why}}\n', responses=source)
        assert told(survey, "left_cause") == [["price"], [None], [None]]
        assert "left_days" not in survey.columns


# ------------------------------------------------------------------ against rows, by hand


def test_outcomes_against_pandas(folder):
    random = np.random.default_rng(11)
    n, day = 400, pd.Timestamp("2025-01-01")
    sent = day + pd.to_timedelta(random.integers(0, 150, n), unit="D")
    on = sent + pd.to_timedelta(random.integers(-20, 250, n), unit="D")
    left = random.choice(["1", "0", "?"], n, p=[0.5, 0.4, 0.1])
    frame = pd.DataFrame({"id": range(n), "ltr": 9, "sent": sent, "left": left, "on": on})
    frame.loc[frame["left"] != "1", "on"] = pd.NaT
    frame.loc[::17, "on"] = pd.NaT
    folder.file("data.csv", frame.to_csv(index=False, date_format="%Y-%m-%d"))
    survey = folder.open(DATED.replace("responded: at\n", "").replace("event:", "missing: '?', event:"))
    end = pd.Timestamp("2025-06-30")
    days = (frame["on"] - frame["sent"]).dt.days
    known = (frame["left"] != "?") & ~((frame["left"] == "1") & (frame["on"].isna() | (days < 0)))
    seen = (frame["left"] == "1") & (days >= 0) & (frame["on"] <= end)
    ended = frame["sent"] + pd.Timedelta(days=90) <= end
    truth = (seen & (days <= 90)).where(known & ended)
    rows = survey.rows(["left", "left_days", "left_observed_days"])
    pd.testing.assert_series_equal(rows["left"], truth.astype("boolean"), check_names=False)
    pd.testing.assert_series_equal(rows["left_days"], days.where(seen).astype("Int64"), check_names=False)
    observed = (end - frame["sent"]).dt.days.where(~seen, days).where(known)
    pd.testing.assert_series_equal(rows["left_observed_days"], observed.astype("Int64"), check_names=False)
