"""Facts of the frame: known before the invitation, known of everyone; who was never invited; marks of rows."""

import shutil

import duckdb
import numpy as np
import pandas as pd
import pytest

import cxstats as cx
from cxstats.survey.known import known

from .conftest import line

WHO = "customer: id\ninvited: sent\n"


# ------------------------------------------------------------------ dated facts


def test_facts_from_before_the_invitation(folder):
    folder.file(
        "data.csv",
        "id,ltr,sent,seg,since,tenure,asof\n1,9,2025-01-10,a,2025-01-09,12,2025-01-10\n2,8,2025-01-10,b,,3,2025-01-01\n"
        "3,8,2025-01-10,,2025-02-01,,2025-03-01\n",
    )
    survey = folder.open(
        WHO + "groups: {seg: {column: seg, as_of: since, label: Segment}}\n"
        "behaviour: {tenure: {column: tenure, as_of: asof}}\n"
    )
    # a blank is no fact, whenever it is dated
    assert line(survey, "Segment: known, but not since when") == 1
    assert survey.cells("seg")["n"].sum() == 3


def test_facts_from_after_the_invitation_are_refused(folder):
    folder.file(
        "data.csv",
        "id,ltr,sent,seg,since,tenure,asof\n1,9,2025-01-10,a,2025-01-09,12,2025-01-11\n2,8,2025-01-10,b,2025-01-12,3,2025-02-01\n",
    )
    text = folder.refused(
        WHO
        + "groups: {seg: {column: seg, as_of: since}}\nbehaviour: {tenure: {column: tenure, as_of: asof}}\n"
    )
    assert text.startswith("2 problems:")
    assert (
        "for groups.seg.as_of: 1 fact is dated after the invitation (first: row 3, 2025-01-12, invited 2025-01-10)"
        in text
    )
    assert "for behaviour.tenure.as_of: 2 facts are dated after the invitation (first: row 2" in text
    assert "leave groups.seg out" in text


def test_facts_and_invitations_on_one_day_are_compared_by_the_clock_where_both_have_one(folder):
    rows = "id,ltr,sent,seg,since\n1,9,2025-01-10 12:00,a,2025-01-10 12:01\n"
    text = WHO + "groups: {seg: {column: seg, as_of: since}}\n"
    folder.file("data.csv", rows)
    assert "1 fact is dated after the invitation" in folder.refused(text)
    folder.file("data.csv", rows.replace("2025-01-10 12:01", "2025-01-10"))
    assert folder.open(text).n_rows == 1
    # one clock with a zone, one without: only days can be compared
    folder.file("data.csv", rows.replace("12:01", "12:01:00Z"))
    assert folder.open(text).n_rows == 1


def test_facts_of_a_frame_of_its_own(folder):
    folder.file("data.csv", "id,ltr,since\n1,9,2025-06-01\n")
    folder.file("frame.csv", "id,sent,seg,since\n1,2025-01-10,a,2025-01-01\n2,2025-01-10,b,2025-01-20\n")
    text = folder.refused(WHO + "frame: {file: frame.csv}\ngroups: {seg: {column: seg, as_of: since}}\n")
    # the date stands beside the fact, in the frame, not in the answers' column of the same name
    assert "frame.csv, for groups.seg.as_of: 1 fact is dated after the invitation (first: row 3" in text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("groups: {seg: {column: seg, as_of: since}}\n", "groups.seg.as_of: needs invited:"),
        (WHO + "groups: {seg: {column: seg, as_of: sinze}}\n", 'Did you mean "since"?'),
        (WHO + "groups: {seg: {column: seg, as_of: seg}}\n", "are no dates"),
        (
            "customer: id\ninvited: ltr\ngroups: {seg: {column: seg, as_of: since}}\n",
            "invited: holds yes or no",
        ),
        (WHO + "behaviour: {ltr2: {column: ltr, as_off: since}}\n", 'Did you mean "as_of"?'),
    ],
)
def test_dates_of_facts_that_are_none(folder, text, words):
    folder.file(
        "data.csv", "id,ltr,sent,seg,since\n1,1,2025-01-10,a,2025-01-01\n2,0,2025-01-10,b,2025-01-01\n"
    )
    assert words in folder.refused(text)


# ------------------------------------------------------------------ known of everyone?


def test_facts_known_for_respondents_only(folder):
    rows = "".join(
        f"{i},{'9' if i % 4 == 0 else ''},2025-01-01,{'x' if i % 4 == 0 else ''},{i % 3},{i % 2 or ''},"
        f"{'gold' if i % 4 == 0 else 'unknown'},{i if i % 4 == 0 else ''}\n"
        for i in range(400)
    )
    folder.file("data.csv", "id,ltr,sent,told,fair,half,word,number\n" + rows)
    survey = folder.open(
        WHO + "groups: {told: told, fair: fair, half: half, word: word}\nbehaviour: {number: number}\n"
    )
    found = survey.known_for_respondents_only("told")
    assert (found.missing_respondents, found.missing_others, found.n_respondents) == (0.0, 1.0, 100)
    assert found
    assert survey.group_kind("fair") == "everyone"
    assert survey.group_kind("half") == "partly"  # blank for every respondent, for a third of the others
    assert survey.known_for_respondents_only("word").missing_others == 0
    assert survey.group_kind("word") == "respondents"  # a word for "not known" gives it away too
    assert survey.group_kind("number") == "respondents"
    with pytest.raises(ValueError, match='Did you mean "told"'):
        survey.known_for_respondents_only("tuld")


def test_many_small_categories_without_answers_are_chance():
    n = 3_000
    random = np.random.default_rng(1)
    frame = pd.DataFrame({"city": random.integers(0, 1_000, n), "responded": random.random(n) < 0.1})
    cells = frame.groupby(["city", "responded"]).size().rename("n").reset_index()
    found = known("city", cells)
    assert (found.kind, found.apart) == ("everyone", 0.0)


def test_everybody_answered_or_nobody():
    cells = pd.DataFrame({"g": ["a", None], "responded": [True, True], "n": [5, 5]})
    assert known("g", cells).kind == "everyone"
    assert np.isnan(known("g", cells).missing_others)
    assert not known("g", cells.assign(responded=False))
    assert not known("g", cells.head(0))


# ------------------------------------------------------------------ a frame of all customers

ALL = (
    "customer: id\ninvited: sent\nframe: {file: customers.csv, holds: customers}\n"
    "groups: {country: country}\nweight: w\n"
)


def test_customers_who_were_never_invited_count_for_coverage_only(folder):
    folder.file(
        "customers.csv",
        "id,country,sent,w\n1,DE,2025-01-01,2\n2,DE,2025-01-01,2\n3,JP,2025-01-01,1\n4,JP,,\n5,,,7\n6,JP,,1\n",
    )
    folder.file("data.csv", "id,ltr\n1,9\n3,3\n6,10\n7,1\n")
    survey = folder.open(ALL)
    assert survey.has_coverage
    assert (survey.n_invited, survey.n_answered("nps"), survey.n_customers()) == (3, 2, 3)
    assert survey.cells("country").values.tolist() == [["DE", 2, 4.0, 8.0], ["JP", 1, 1.0, 1.0]]
    covered = survey.cells(["country", "invited"])
    assert covered[["country", "invited", "n"]].fillna("?").values.tolist() == [
        ["DE", True, 2],
        ["JP", False, 2],
        ["JP", True, 1],
        ["?", False, 1],
    ]
    assert covered["w"].sum() == 5 + 8  # a weight that was given is kept, a blank counts nothing
    assert covered["invited"].dtype == "boolean"
    assert len(survey.rows(["invited", "part"])) == 6
    assert len(survey.rows(["part"])) == 3
    assert survey.cluster_matrix(["country", "invited"]).shape == (4, 4)
    assert line(survey, "Not invited: listed for coverage only") == 3
    assert line(survey, "Not matched") == 1
    assert survey.ledger.rows_used == 3


def test_without_it_they_are_set_aside(folder):
    folder.file("customers.csv", "id,country,sent,w\n1,DE,2025-01-01,2\n4,JP,,\n")
    folder.file("data.csv", "id,ltr\n1,9\n")
    survey = folder.open(ALL.replace(", holds: customers", ""))
    assert not survey.has_coverage
    assert "invited" not in survey.columns
    assert line(survey, "Set aside: not invited") == 1


def test_invitations_in_the_answers_file_beside_a_list_of_customers(folder):
    folder.file("customers.csv", "id,country\n1,DE\n2,JP\n3,JP\n")
    folder.file("data.csv", "id,ltr,sent\n1,9,2025-01-01\n2,,2025-01-01\n")
    survey = folder.open(ALL.replace("weight: w\n", ""))
    assert survey.cells(["invited", "responded"]).values.tolist() == [
        [False, False, 1],
        [True, False, 1],
        [True, True, 1],
    ]
    assert survey.n_invited == 2


def test_outcomes_of_the_never_invited_are_not_counted_as_unknown(folder):
    folder.file("customers.csv", "id,sent,left,on\n1,2025-01-01,1,2025-02-01\n2,,0,\n3,2025-01-01,0,\n")
    folder.file("data.csv", "id,ltr\n1,9\n")
    survey = folder.open(
        "customer: id\ninvited: sent\nframe: {file: customers.csv, holds: customers}\ndata_as_of: 2025-12-31\n"
        'outcomes: {left: {column: left, event: "1", on: on}}\n'
    )
    assert not [entry for entry in survey.ledger if entry.kind == "note" and "Left" in entry.label]
    assert survey.cells(["invited", "left"])["n"].tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("customer: id\nframe: {file: customers.csv, holds: customers}\n", "frame.holds: needs invited:"),
        ("customer: id\nframe: {file: customers.csv, holds: custommers}\n", "expected: invited or customers"),
    ],
)
def test_a_frame_of_customers_needs_invitations(folder, text, words):
    folder.file("customers.csv", "id,sent\n1,2025-01-01\n")
    folder.file("data.csv", "id,ltr\n1,9\n")
    assert words in folder.refused(text)
    said = folder.refused(
        "customer: id\nframe: {file: customers.csv}\n", responses="{file: data.csv, holds: invited}"
    )
    assert "responses.holds: has no meaning here: it is frame: that lists" in said


def test_one_file_of_everyone_invited_or_of_all_customers(folder):
    folder.file("data.csv", "id,ltr,sent\n1,9,2025-01-01\n2,,2025-01-01\n3,,\n")
    survey = folder.open(responses="{file: data.csv, holds: invited}")
    assert (survey.n_invited, survey.response_rate("nps")) == (3, pytest.approx(1 / 3))
    assert line(survey, "Invited") == 3
    assert line(survey, "Did not answer") == 2
    survey = folder.open("invited: sent\n", responses="{file: data.csv, holds: customers}")
    assert survey.n_invited == 2
    assert survey.cells("invited").values.tolist() == [[False, 1], [True, 2]]
    duckdb.sql(f"COPY (SELECT 9 AS ltr UNION ALL SELECT NULL) TO '{folder.path / 'data.parquet'}'")
    survey = folder.open(responses="{file: data.parquet, holds: invited}")
    assert (survey.n_invited, survey.n_answered("nps")) == (2, 1)
    assert line(survey, "Invited") == 2


def test_everyone_in_the_sample_of_the_health_interview_survey(shared_data, tmp_path):
    data = shared_data / "nhis_nonresponse" / "nhis.csv.gz"
    if not data.is_file():
        pytest.skip("PUBLIC DATA ABSENT: the health interview survey of 2003; this test did not run")
    shutil.copy(data, tmp_path)
    (tmp_path / "survey.yml").write_text(
        "title: T\nresponses: {file: nhis.csv.gz, holds: invited}\ncustomer: ID\nresponded: resp\n"
        "scores: {answered: {column: resp, scale: 0-1, missing: '0'}}\nbehaviour: {age: age}\n"
        "groups: {sex: sex, hisp: hisp, marital: marital, parents: parents_r, educ: educ_r, race: race}\n"
    )
    survey = cx.open_survey(tmp_path / "survey.yml")
    raw = pd.read_csv(data)
    assert survey.n_invited == len(raw) == 3911
    assert survey.response_rate("answered") == raw["resp"].mean()
    assert survey.cells("responded")["n"].tolist() == [(raw["resp"] == 0).sum(), raw["resp"].sum()]
    assert {survey.group_kind(name) for name in (*survey.groups, "age")} == {"everyone"}


# ------------------------------------------------------------------ marks


def test_follow_up_and_recovery(folder):
    folder.file(
        "data.csv",
        "id,ltr,sent,fu,called\n1,9,2025-01-01,,1\n2,3,2025-01-01,selected,\n"
        "3,,2025-01-01,selected,0\n4,,2025-01-01,,\n",
    )
    survey = folder.open(
        WHO + 'follow_up: {column: fu, values: [selected]}\nrecovery: {column: called, values: ["1"]}\n'
    )
    assert survey.has_follow_up
    assert survey.has_recovery
    assert survey.cells(["follow_up", "responded"])["n"].tolist() == [1, 1, 1, 1]
    assert survey.rows(["recovery"])["recovery"].tolist() == [True, False, False, False]
    assert survey.rows(["follow_up"])["follow_up"].dtype == "boolean"
    text = folder.refused(WHO + "follow_up: {column: fu, values: [chosen]}\n")
    assert 'for follow_up: no row of column fu says "chosen"; it holds "selected"' in text


def test_marks_in_other_files_and_as_flags(folder):
    folder.file("frame.csv", "id,sent,fu\n1,2025-01-01,0\n2,2025-01-01,1\n3,2025-01-01,1\n")
    folder.file("data.csv", "id,ltr,stage\n1,9,done\n2,8,opened\n")
    folder.file("crm.csv", "id,called,left\n1,yes,1\n2,no,0\n")
    survey = folder.open(
        WHO + "frame: {file: frame.csv}\noutcomes_from: {file: crm.csv}\nfollow_up: fu\nrecovery: called\n"
        'outcomes: {left: {column: left, event: "1"}}\n'
        "stages: {opened: {column: stage, values: [opened, done]}, completed: {column: stage, values: done}}\n"
    )
    rows = survey.rows(["follow_up", "recovery", "opened", "completed"])
    assert rows.isna().sum().sum() == 0  # nobody without an answer has an unknown stage
    assert rows.values.tolist() == [
        [False, True, True, True],
        [True, False, True, False],
        [True, False, False, False],
    ]


def test_marks_of_a_table_counted_as_it_is(folder):
    duckdb.sql(
        "COPY (SELECT 9 AS ltr, 'x' AS fu UNION ALL SELECT 8, NULL UNION ALL SELECT 7, 'f') "
        f"TO '{folder.path / 'data.parquet'}'"
    )
    survey = folder.open("follow_up: fu\n", responses="{file: data.parquet}")
    assert survey.cells("follow_up").values.tolist() == [[False, 2], [True, 1]]


def test_the_demo_tells_nothing_of_respondents_alone():
    demo = cx.open_survey("demo")
    facts = (*demo.groups, *demo.instruments, *demo.behaviour)
    assert {demo.group_kind(name) for name in facts} == {"everyone"}
