"""How far invitations got, what customers were given, what is known of them, and when they answered."""

import duckdb
import numpy as np
import pandas as pd
import pytest

import cxstats as cx
from cxstats.survey import check

WHO = "customer: id\n"
STAGES = (
    "stages:\n"
    "  completed: {column: stage, values: [completed]}\n"
    "  delivered: {column: stage, values: [not opened, opened, started, completed]}\n"
    "  opened: {column: stage, values: [opened, started, completed]}\n"
)


@pytest.fixture(params=["csv", "parquet"])
def table(request, folder):
    """Writes rows as CSV (read row by row) or as Parquet (counted as it is)."""

    def write(text: str) -> str:
        folder.file("data.csv", text)
        if request.param == "csv":
            return "{file: data.csv}"
        rows = f"read_csv('{folder.path / 'data.csv'}', all_varchar=true)"
        duckdb.sql(f"COPY (FROM {rows}) TO '{folder.path / 'data.parquet'}'")
        return "{file: data.parquet}"

    return write


# ------------------------------------------------------------------ stages


def test_stages_from_one_column(folder, table):
    source = table("ltr,stage\n9,completed\n8,completed\n,opened\n,not opened\n,bounced\n,\n")
    survey = folder.open(STAGES, responses=source)
    assert survey.stages == ("delivered", "opened", "completed")
    cells = survey.cells(survey.stages)
    assert cells.values.tolist() == [
        [False, False, False, 2],
        [True, False, False, 1],
        [True, True, False, 1],
        [True, True, True, 2],
    ]
    assert set(cells.dtypes.astype(str)[:3]) == {"boolean"}
    assert survey.rows(["completed"])["completed"].tolist() == [True, True, False, False, False, False]
    assert survey.group_labels["completed"] == "Completed"


def test_stages_from_columns_of_times_and_of_flags(folder, table):
    source = table(
        "ltr,delivered,opened_at,done\n9,1,2025-01-01 10:00,yes\n8,1,,yes\n,1, ,no\n,0,,no\n,True,NaT,\n"
    )
    survey = folder.open(
        "stages: {delivered: delivered, opened: opened_at, completed: done}\n", responses=source
    )
    # who completed has opened the message, although a mail program hid it from the second
    assert survey.cells(survey.stages).values.tolist() == [
        [False, False, False, 1],
        [True, False, False, 2],
        [True, True, True, 2],
    ]


def test_flags_stored_as_numbers_and_truth_values(folder):
    duckdb.sql(
        "COPY (SELECT 9 AS ltr, 1.0::DOUBLE AS d, true AS o UNION ALL SELECT 8, 0.0, false UNION ALL SELECT 7, NULL, NULL) "
        f"TO '{folder.path / 'data.parquet'}'"
    )
    for who in ("", "responded: ltr\n"):  # as it is, and row by row
        source = "{file: data.parquet, date_format: '%d'}" if who else "{file: data.parquet}"
        survey = folder.open(who + "stages: {delivered: d, opened: o}\n", responses=source)
        assert survey.cells(["delivered", "opened"]).values.tolist() == [[False, False, 2], [True, True, 1]]


def test_mistyped_values_of_stages_are_refused(folder, table):
    source = table("ltr,stage\n9,completed\n,opened\n,Not opened\n,bounced\n")
    text = folder.refused(
        "stages:\n  delivered: {column: stage, values: [not opened, opened, completed]}\n"
        "  completed: {column: stage, values: [done]}\n",
        responses=source,
    )
    assert text.startswith("2 problems:")
    assert 'for stages.delivered: no row of column stage says "not opened"' in text
    assert 'Did you mean "Not opened"?' in text
    assert 'for stages.completed: no row of column stage says "done"; it holds' in text
    assert '"bounced"' in text


def test_a_stage_that_nobody_reached_is_no_mistake_where_others_were_named(folder, table):
    # nobody clicked this time; "opened" and "not opened" are not taken for one another
    source = table("ltr,stage\n9,completed\n,not opened\n")
    survey = folder.open(STAGES, responses=source)
    assert survey.cells("opened")["n"].tolist() == [1, 1]


def test_stages_have_five_names(folder):
    folder.file("data.csv", "ltr,a\n9,1\n")
    text = folder.refused("stages: {opend: a, sent: a}\n")
    assert 'stages.opend: there is no stage "opend"' in text
    assert 'Did you mean "opened"?' in text
    assert 'there is no stage "sent"' in text
    assert 'there is no column "b"' in folder.refused("stages: {opened: b}\n")


def test_names_are_used_once(folder):
    folder.file("data.csv", "ltr,a\n9,1\n")
    text = folder.refused(
        "stages: {opened: a}\ngroups: {opened: a, days_to_answer: a}\nbehaviour: {nps: a}\n"
    )
    assert 'the name "opened" is already used by groups.opened' in text
    assert '"days_to_answer" is already a name with a meaning of its own' in text
    assert '"nps" is already used by scores.nps' in text


@pytest.mark.parametrize(
    "text",
    [
        "stages: {opened: {column: id, values: [opened]}}\n",
        "groups: {who: id}\n",
        "behaviour: {who: id}\n",
        "instruments: {who: id}\n",
        "invited: id\n",
        "outcomes: {left: {column: id, event: gone}}\n",
        "items: [{column: id, scale: 1-5}]\n",
        "vignettes: [{column: id, scale: 1-5}]\n",
        "recovery: id\n",
        "wave: id\n",
    ],
)
def test_a_column_of_ids_is_nothing_else_and_never_quoted(folder, text):
    folder.file("data.csv", "id,ltr\nann@example.com,9\nbob@example.com,8\n")
    said = folder.refused(WHO + text)
    assert said.startswith("1 problem:")
    assert 'column "id" holds the customers' in said
    assert "example.com" not in said
    # rows may be set aside by their ids
    survey = folder.open(WHO + "set_aside: [{column: id, values: [ann@example.com], reason: staff}]\n")
    assert survey.n_rows == 1


def test_words_that_may_mean_no_are_refused(folder, table):
    source = table("ltr,opened_at,done\n9,2025-01-01 10:00,yes\n8,never,no\n7,,maybe\n")
    text = folder.refused("stages: {opened: opened_at, completed: done}\n", responses=source)
    assert text.startswith("2 problems:")
    assert 'for stages.opened: column opened_at holds "never", which are neither times nor yes or no' in text
    assert 'column done holds "maybe"' in text
    told = folder.open(
        "stages: {opened: opened_at, completed: {column: done, values: yes}}\n",
        responses=source.replace("}", ", missing: never}"),
    )
    assert told.cells(["opened", "completed"])["n"].tolist() == [2, 1]


def test_rare_values_among_very_many_are_found(folder):
    # of 2,000 different values not all are tallied: that is no reason to say that one is not there
    duckdb.sql(
        "COPY (SELECT 9 AS ltr, CASE WHEN i = 1999 THEN 'zz done' ELSE 'step ' || i END AS stage FROM range(2000) t(i)) "
        f"TO '{folder.path / 'data.parquet'}'"
    )
    survey = folder.open(
        "stages: {completed: {column: stage, values: [zz done]}}\n", responses="{file: data.parquet}"
    )
    assert survey.cells("completed")["n"].tolist() == [1999, 1]


def test_a_database_counts_stages_and_knows_numbers(folder, monkeypatch):
    path = folder.path / "data.duckdb"
    with duckdb.connect(str(path)) as con:
        con.sql(
            "CREATE TABLE answers AS SELECT * FROM (VALUES (9, 'done', 1, 1.5::DOUBLE, 'a', '1', 'x'), "
            "(8, 'sent', 0, 'nan'::DOUBLE, 'b', '0', 'y'), (NULL, NULL, NULL, 2.5, 'c', '0', NULL)) "
            "t(ltr, stage, opened, spent, word, gone, why)"
        )
    monkeypatch.setenv("CX_DB", f"duckdb://{path}")
    source = "{table: answers, url_env: CX_DB}"
    stages = "stages: {delivered: {column: stage, values: [sent, done]}, opened: opened}\n"
    described = (
        stages + "behaviour: {spent: spent, ltr2: ltr}\nrecovery: {column: gone, values: '1'}\n"
        "outcomes: {left: {column: gone, event: '1', cause: why}}\n"
    )
    survey = folder.open(described, responses=source)
    assert survey._built is None  # nothing is read before something is counted
    assert survey.cells(survey.stages).values.tolist() == [
        [False, False, 1],
        [True, False, 1],
        [True, True, 1],
    ]
    assert survey.cells("recovery")["n"].tolist() == [2, 1]
    with pytest.raises(cx.SurveyError, match="rows are to stay in the database"):
        survey.rows("spent")
    copied = folder.open(described, responses=source.replace("}", ", copy_rows: true}"))
    assert copied.rows("spent")["spent"].fillna(-1).tolist() == [1.5, -1, 2.5]
    assert copied.rows("left_cause")["left_cause"].fillna("-").tolist() == ["x", "-", "-"]
    assert copied.cells("recovery")["n"].tolist() == [2, 1]
    wrong = folder.describe(
        stages.replace("done", "finished")
        + "behaviour: {word: word}\noutcomes: {left: {column: gone, event: J}}\n",
        responses=source,
    )
    said = str(check(wrong))
    assert "column word holds string, not numbers" in said
    assert 'the event never occurs: no row in use says "J" in column gone' in said


# ------------------------------------------------------------------ instruments


def test_instruments_are_texts_like_groups(folder, table):
    source = table("ltr,rem,offer\n9,1,none\n8,2,voucher\n,2,\n")
    survey = folder.open(
        "instruments:\n  reminders: {column: rem, randomised: true, labels: {'1': one, '2': two}}\n"
        "  offer: {column: offer, missing: none, label: Offered}\n",
        responses=source,
    )
    assert (survey.instruments, survey.randomised) == (("reminders", "offer"), ("reminders",))
    assert survey.cells(["reminders", "offer"]).fillna("?").values.tolist() == [
        ["one", "?", 1],
        ["two", "voucher", 1],
        ["two", "?", 1],
    ]
    assert survey.group_labels["offer"] == "Offered"
    assert "offer" not in survey.groups


def test_whether_something_was_drawn_by_lot_is_yes_or_no(folder):
    folder.file("data.csv", "ltr,rem\n9,1\n")
    assert "instruments.r.randomised" in folder.refused(
        "instruments: {r: {column: rem, randomised: perhaps}}\n"
    )


# ------------------------------------------------------------------ behaviour


def test_behaviour_is_numbers(folder, table):
    source = table("ltr,months,days\n9,12,1.5\n8, 3 ,\n7,-999,\n")
    survey = folder.open(
        "behaviour: {months: {column: months, missing: '-999', label: Tenure}, days: days}\n",
        responses=source,
    )
    assert survey.behaviour == ("months", "days")
    rows = survey.rows(["months", "nps", "days"])
    assert rows.dtypes.astype(str).tolist() == ["Float64", "Int64", "Float64"]
    assert rows["months"].tolist() == [12.0, 3.0, pd.NA]
    assert rows["days"].isna().tolist() == [False, True, True]
    assert survey.group_labels["months"] == "Tenure"
    with pytest.raises(ValueError, match='no column "months"'):
        survey.cells("months")  # numbers are no cells


def test_decimal_commas_in_behaviour(folder):
    folder.file("data.csv", "ltr;spent\n9;1,5\n8;2\n")
    survey = folder.open("behaviour: {spent: spent}\n", responses='{file: data.csv, decimal: ","}')
    assert survey.rows("spent")["spent"].tolist() == [1.5, 2.0]


def test_numbers_stay_numbers(folder):
    duckdb.sql(
        "COPY (SELECT 9 AS ltr, 2::DECIMAL(9,2) AS a, 7::BIGINT AS b, 'NaN'::DOUBLE AS c UNION ALL "
        f"SELECT 8, 3.25, 99, 0.1) TO '{folder.path / 'data.parquet'}'"
    )
    rows = folder.open(
        "behaviour: {a: a, b: {column: b, missing: '99'}, c: c}\n", responses="{file: data.parquet}"
    ).rows(["a", "b", "c"])
    assert rows.to_numpy(float, na_value=np.nan).tolist()[0][:2] == [2.0, 7.0]
    assert rows["c"].isna().tolist() == [True, False]
    assert rows["b"].isna().tolist() == [False, True]


def test_what_is_no_number_is_refused(folder, table):
    source = table("ltr,months,since\n9,12,2024-01-01\n8,two years,2023-05-01\n7,inf,2023-05-01\n")
    text = folder.refused("behaviour: {months: months, since: since}\n", responses=source)
    assert text.startswith("2 problems:")
    assert "for behaviour.months: column months has 2 values that are no numbers" in text
    assert '"two years"' in text
    assert '"inf"' in text
    assert "(a date as the days since)" in text


def test_what_is_no_number_has_a_place(folder):
    folder.file("data.csv", "ltr,months\n9,12\n8,n/a\n")
    text = folder.refused("behaviour: {months: months}\n")
    assert 'column months has 1 value that is no number ("n/a" in row 3)' in text
    assert "declare the values that mean nothing under missing:" in text


# ------------------------------------------------------------------ when


def test_days_and_hours(folder):
    folder.file(
        "data.csv",
        "id,ltr,sent,at\n1,9,2025-01-06 23:30,2025-01-06 23:59\n2,8,2025-01-07 00:10,2025-01-09 00:00\n"
        "3,,2025-01-12 12:00,\n4,7,2025-01-12 12:00,2025-01-12 11:00\n",
    )
    survey = folder.open(WHO + "invited: sent\nresponded: at\n")
    rows = survey.rows(["days_to_answer", "invited_weekday", "invited_hour"])
    assert rows.dtypes.astype(str).tolist() == ["Int64"] * 3
    # the fourth answered before being invited: set aside and counted, no negative wait
    assert rows["days_to_answer"].fillna(-9).tolist() == [0, 2, -9, -9]
    assert rows["invited_weekday"].tolist() == [1, 2, 7, 7]
    assert rows["invited_hour"].tolist() == [23, 0, 12, 12]
    assert survey.cells("days_to_answer")["n"].tolist() == [1, 1, 2]


def test_hours_are_those_of_the_sources_zone(folder):
    folder.file("data.csv", "id,ltr,sent,at\n1,9,2025-01-06T23:30:00Z,2025-01-07T00:10:00Z\n")
    text = WHO + "invited: sent\nresponded: at\n"
    berlin = folder.open(text, responses="{file: data.csv, time_zone: Europe/Berlin}")
    utc = folder.open(text)
    columns = ["days_to_answer", "invited_weekday", "invited_hour"]
    assert berlin.rows(columns).values.tolist() == [[0, 2, 0]]
    assert utc.rows(columns).values.tolist() == [[1, 1, 23]]
    folder.file("data.csv", "id,ltr,sent,at\n1,9,2025-07-06 23:30,2025-07-07 00:10\n")
    naive = folder.open(text, responses="{file: data.csv, time_zone: Europe/Berlin}")
    assert naive.rows(columns).values.tolist() == [[1, 7, 23]]


def test_days_without_a_clock_and_flags_have_no_hour(folder):
    folder.file("data.csv", "id,ltr,sent,at\n1,9,2025-01-06,2025-01-08\n")
    survey = folder.open(WHO + "invited: sent\nresponded: at\n")
    assert "invited_hour" not in survey.columns
    assert survey.rows(["days_to_answer", "invited_weekday"]).values.tolist() == [[2, 1]]
    folder.file("data.csv", "id,ltr,sent,at\n1,9,1,1\n2,,1,0\n")
    survey = folder.open(WHO + "invited: sent\nresponded: at\n")
    assert not {"invited_hour", "invited_weekday", "days_to_answer"} & set(survey.columns)
    with pytest.raises(ValueError, match='no column "days_to_answer"'):
        survey.cells("days_to_answer")


# ------------------------------------------------------------------ the demo company


def test_the_demo_declares_what_it_knows():
    from cxstats.simulation import demo_company

    demo = cx.open_survey("demo")
    assert demo.stages == ("delivered", "opened", "started", "completed")
    assert demo.randomised == ("reminders",)
    assert demo.behaviour == ("tenure_months", "tickets_90d", "app_days_90d")
    company = demo_company()
    rows = company.rows.iloc[company.hidden["row"]]
    told = demo.cells(["delivered", "completed"])
    assert told[told["completed"]]["n"].sum() == (rows["stage"] == "completed").sum()
    assert told[~told["delivered"]]["n"].sum() == (rows["stage"] == "bounced").sum()
    assert demo.cells("reminders")["n"].tolist() == rows["reminders"].value_counts().sort_index().tolist()
    assert demo.rows("tenure_months")["tenure_months"].sum() == rows["tenure_months"].sum()
