"""Customers, times, weights and joins: what needs a look at every row."""

import datetime as dt

import numpy as np
import pytest

from .conftest import line

WHO = "customer: id\n"


# ------------------------------------------------------------------ one customer, one answer at a time


def test_the_same_answer_twice_is_set_aside(folder):
    folder.file("data.csv", "id,ltr,at\n1,9,2025-01-01\n1,9.0,2025-01-01\n1,3,2025-02-01\n2,8,2025-01-01\n")
    survey = folder.open(WHO + "responded: at\n")
    assert survey.counts("nps").tolist() == [0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0]
    assert line(survey, "the same answer twice") == 1
    assert (survey.n_rows, survey.repeats, survey.n_customers()) == (3, True, 2)


def test_two_answers_at_one_time_are_refused(folder):
    folder.file("data.csv", "id,ltr,at\n007,9,2025-01-01\n8,8,2025-01-01\n007,3,2025-01-01\n")
    text = folder.refused(WHO + "responded: at\n")
    assert 'two different answers at one time (rows 2 and 4, ltr: "9" and "3")' in text
    assert "007" not in text  # rows are named, customers are not


def test_without_a_time_one_customer_has_one_answer(folder):
    folder.file("data.csv", "id,ltr\n1,9\n1,3\n")
    assert "say responded: (when they answered) or wave:" in folder.refused(WHO)
    folder.file("data.csv", "id,ltr,w\n1,9,a\n1,3,b\n")
    assert folder.open(WHO + "wave: w\n").repeats


def test_a_repeat_that_lacks_an_answer_gives_way(folder):
    folder.file("data.csv", "id,ltr,sat\n1,,4\n1,9,4\n2,8,\n")
    survey = folder.open(WHO, scores="scores: {nps: {column: ltr}, csat: {column: sat, scale: 1-5}}\n")
    assert (survey.n_answered("nps"), survey.n_answered("csat"), survey.n_rows) == (2, 1, 2)


def test_answers_in_pieces_are_refused(folder):
    folder.file("data.csv", "id,ltr,sat\n1,,4\n1,9,\n")
    scores = "scores: {nps: {column: ltr}, csat: {column: sat, scale: 1-5}}\n"
    assert "two different answers at one time" in folder.refused(WHO, scores=scores)


def test_ids_are_texts(folder):
    ids = ["1", "01", "001", "1.0", "12345678901234567890", "12345678901234567891", "NA", "1e3"]
    folder.file("data.csv", "id,ltr\n" + "".join(f"{i},9\n" for i in ids))
    survey = folder.open(WHO)
    assert survey.n_customers() == len(ids)
    assert not survey.repeats


def test_rows_without_an_id_are_set_aside(folder):
    folder.file("data.csv", "id,ltr\n1,9\n,8\n,7\n")
    survey = folder.open(WHO)
    assert line(survey, "no customer id") == 2
    assert survey.n_rows == 1


def test_rules_set_rows_aside_first(folder):
    folder.file("data.csv", "id,ltr,kind\n1,9,real\n2,9,test\n3,9,staff\n4,9,\n,9,test\n")
    survey = folder.open(
        WHO
        + "set_aside: [{column: kind, values: [test], reason: previews}, {column: kind, values: [staff], reason: staff}]\n"
    )
    assert line(survey, "Set aside: previews") == 2
    assert line(survey, "Set aside: staff") == 1
    assert survey.n_rows == 2


# ------------------------------------------------------------------ times


def test_answered_before_invited(folder):
    folder.file(
        "data.csv",
        "id,ltr,sent,at\n1,9,2025-01-02,2025-01-01\n2,8,2025-01-02,2025-01-02\n3,,2025-01-02,\n4,10,,2025-01-03\n",
    )
    survey = folder.open(WHO + "invited: sent\nresponded: at\n")
    assert line(survey, "answered before being invited") == 1
    assert line(survey, "not invited") == 1
    assert line(survey, "Did not answer") == 1
    assert (survey.n_invited, survey.n_answered("nps")) == (3, 1)
    assert survey.response_rate("nps") == pytest.approx(1 / 3)
    assert survey.cells("responded")["n"].tolist() == [2, 1]
    assert survey.data_as_of == dt.date(2025, 1, 2)


def test_a_day_and_a_time_are_compared_as_days(folder):
    folder.file(
        "data.csv", "id,ltr,sent,at\n1,9,2025-01-02,2025-01-02 00:00:01\n2,8,2025-01-02,2025-01-01 23:59\n"
    )
    survey = folder.open(WHO + "invited: sent\nresponded: at\n")
    assert line(survey, "answered before being invited") == 1


def test_zones_are_compared_as_instants(folder):
    folder.file(
        "data.csv",
        "id,ltr,sent,at\n1,9,2025-01-02T10:00:00+02:00,2025-01-02T08:30:00Z\n2,8,2025-01-02T10:00:00Z,2025-01-02T10:30:00+01:00\n",
    )
    survey = folder.open(WHO + "invited: sent\nresponded: at\n")
    assert line(survey, "answered before being invited") == 1
    assert survey.n_answered("nps") == 1


def test_times_with_and_without_a_zone_do_not_mix(folder):
    folder.file("data.csv", "id,ltr,at\n1,9,2025-01-02T10:00:00Z\n2,9,2025-01-02T10:00:00\n")
    assert "has 1 times without a zone among 1 with one (first: row 3)" in folder.refused(
        WHO + "responded: at\n"
    )
    assert (
        folder.open(WHO + "responded: at\n", responses="{file: data.csv, time_zone: Europe/Berlin}").n_rows
        == 2
    )
    folder.file("data.csv", "id,ltr,sent,at\n1,9,2025-01-02 10:00,2025-01-02T10:00:00Z\n")
    assert "invited: has times without a zone" in folder.refused(WHO + "invited: sent\nresponded: at\n")


GAP = "id,ltr,at\n1,9,2026-03-29 01:30\n2,8,2026-03-29 00:30\n"
FOLD = "id,ltr,at\n1,9,2026-10-25 01:30\n2,8,2026-10-25 03:30\n"


def london(more=""):
    return f"{{file: data.csv, time_zone: Europe/London{more}}}"


def test_a_time_that_never_was_is_refused_without_a_policy(folder):
    folder.file("data.csv", GAP)
    text = folder.refused(WHO + "responded: at\n", responses=london())
    assert (
        "has 1 time that the clock change in Europe/London skipped (first: 2026-03-29 01:30:00 in row 2)"
        in text
    )
    assert "nonexistent: shift_forward" in text
    survey = folder.open(WHO + "responded: at\n", responses=london(", nonexistent: shift_forward"))
    assert survey.n_rows == 2
    assert any("shifted forward" in note for note in survey.notes)


def test_a_time_that_was_twice_is_refused_without_a_policy(folder):
    folder.file("data.csv", FOLD)
    assert "repeats (first: 2026-10-25 01:30:00 in row 2)" in folder.refused(
        WHO + "responded: at\n", responses=london()
    )


@pytest.mark.parametrize(("policy", "early"), [("earlier", 1), ("later", 0)])
def test_the_policy_decides_which_of_two_times_it_was(folder, policy, early):
    # invited at 01:10 UTC, which in London is 01:10 after the clock went back
    folder.file("data.csv", "id,ltr,sent,at\n1,9,2026-10-25T01:10:00Z,2026-10-25 01:30\n")
    survey = folder.open(WHO + "invited: sent\nresponded: at\n", responses=london(f", ambiguous: {policy}"))
    assert survey._rows.n_early == early


def test_a_fold_of_half_an_hour(folder):
    folder.file("data.csv", "id,ltr,at\n1,9,2026-04-05 01:45\n2,8,2026-04-05 02:15\n")
    text = folder.refused(
        WHO + "responded: at\n", responses="{file: data.csv, time_zone: Australia/Lord_Howe}"
    )
    assert "repeats (first: 2026-04-05 01:45:00 in row 2)" in text


def test_dates_of_another_form_need_a_format(folder):
    folder.file("data.csv", "id,ltr,at\n1,9,03/04/2025\n2,8,05/04/2025\n")
    text = folder.refused(WHO + "responded: at\n")
    assert 'column at has 2 values that are no dates ("03/04/2025" in row 2, "05/04/2025" in row 3)' in text
    assert 'say date_format: "%d/%m/%Y" or "%m/%d/%Y"' in text
    survey = folder.open(WHO + "responded: at\n", responses='{file: data.csv, date_format: "%d/%m/%Y"}')
    assert survey.data_as_of == dt.date(2025, 4, 5)


def test_dates_that_are_none(folder):
    folder.file("data.csv", "id,ltr,at\n1,9,2025-02-30\n2,8,soon\n3,8,2025-01-01\n")
    assert '("2025-02-30" in row 2, "soon" in row 3)' in folder.refused(WHO + "responded: at\n")
    assert "is not a format" in folder.refused(
        WHO + "responded: at\n", responses='{file: data.csv, date_format: "%Q"}'
    )


def test_flags_in_place_of_dates(folder):
    folder.file("data.csv", "id,ltr,sent,did\n1,9,1,yes\n2,,1,no\n3,,0,\n")
    survey = folder.open(WHO + "invited: sent\nresponded: did\n")
    assert (survey.n_invited, survey.n_answered("nps")) == (2, 1)
    assert survey.cells("responded")["n"].tolist() == [1, 1]


def test_the_period_bounds_invitations(folder):
    folder.file(
        "data.csv",
        "id,ltr,sent,at\n1,9,2024-12-31,2025-01-02\n2,8,2025-01-01,2025-01-02\n3,7,2025-03-31,2025-04-02\n4,6,2025-04-01,\n",
    )
    survey = folder.open(WHO + "invited: sent\nresponded: at\nperiod: {from: 2025-01-01, to: 2025-03-31}\n")
    assert line(survey, "outside the period") == 2
    assert survey.n_invited == 2
    assert survey.period_text == "January–March 2025"


# ------------------------------------------------------------------ weights


@pytest.mark.parametrize("value", ["0", "-1", "", "abc", "nan", "inf", "1,5"])
def test_weights_that_are_none_are_refused(folder, value):
    folder.file("data.csv", f'ltr,w\n10,1\n9,"{value}"\n')
    shown = "blank" if value == "" else f'"{value}"'
    text = folder.refused("weight: w\n")
    assert f"1 row has no usable weight in column w (first: {shown} in row 3)" in text


def test_weights_of_rows_set_aside_do_not_matter(folder):
    folder.file("data.csv", "id,ltr,w\n1,10,0.5\n1,10,\n,9,0\n")
    survey = folder.open(WHO + "weight: w\n")
    assert survey.cells("nps")[["n", "w", "w2"]].values.tolist() == [[1, 0.5, 0.25]]


# ------------------------------------------------------------------ the frame and the outcomes


FRAME = "cust,country,sent\n001,DE,2025-01-01\n002,JP,2025-01-01\n003,DE,2025-01-01\n003,DE,2025-01-01\n,JP,2025-01-01\n"
ANSWERS = "id,ltr,at\n001,9,2025-01-03\n1,8,2025-01-03\n003,7,2025-01-03\n003,2,2025-01-09\n"
JOINED = (
    WHO + "invited: sent\nresponded: at\nframe: {file: frame.csv, key: cust}\ngroups: {country: country}\n"
)


def test_answers_join_the_frame_by_their_key(folder):
    folder.file("frame.csv", FRAME)
    folder.file("data.csv", ANSWERS)
    survey = folder.open(JOINED)
    assert survey.n_invited == 3
    assert survey.cells(["country", "nps"]).fillna(-1).values.tolist() == [
        ["DE", 7, 1],
        ["DE", 9, 1],
        ["JP", -1, 1],
    ]
    assert line(survey, "Read from the frame") == survey.ledger.rows_read == 5
    assert line(survey, "listed twice") == 1
    assert line(survey, "no customer id") == 1
    assert line(survey, "Not matched") == 1  # "1" is not "001"
    assert line(survey, "answered again") == 1
    assert line(survey, "Answers matched to the frame") == 2
    assert line(survey, "Did not answer") == 1


def test_a_frame_that_contradicts_itself_is_refused(folder):
    folder.file("frame.csv", FRAME + "001,JP,2025-01-01\n")
    folder.file("data.csv", ANSWERS)
    assert (
        'lists a customer twice with different facts (rows 2 and 7, country: "DE" and "JP")'
        in folder.refused(JOINED)
    )


def test_how_often_a_frame_contradicts_itself_is_said(folder):
    rows = "".join(
        f"{i},{country},2025-01-01,{plan}\n" for i in range(9) for country, plan in (("DE", "a"), ("JP", "b"))
    )
    folder.file("frame.csv", "id,land,invited,tariff\n" + rows)
    folder.file("data.csv", "id,ltr,at\n1,9,2025-01-02\n")
    said = folder.refused(
        WHO + "frame: {file: frame.csv}\ngroups: {country: {column: land}, plan: {column: tariff}}\n"
        "invited: invited\nresponded: at\n"
    )
    assert 'facts (rows 2 and 3, land: "DE" and "JP"; rows 2 and 3, tariff: "a" and "b"; and 16 more)' in said


def test_waves_join_by_customer_and_wave(folder):
    folder.file("frame.csv", "id,wave\n1,a\n1,b\n2,a\n")
    folder.file("data.csv", "id,wave,ltr\n1,a,9\n1,b,3\n2,b,8\n")
    survey = folder.open(WHO + "wave: {column: wave, order: [b, a]}\nframe: {file: frame.csv}\n")
    assert survey.cells(["wave", "nps"]).fillna(-1).values.tolist() == [
        ["b", 3, 1],
        ["a", 9, 1],
        ["a", -1, 1],
    ]
    assert survey.wave_order == ("b", "a")
    assert line(survey, "Not matched") == 1
    folder.file("data.csv", "id,ltr\n1,9\n")
    assert "the answers do not say their wave" in folder.refused(
        WHO + "wave: wave\nframe: {file: frame.csv}\n"
    )


def test_outcomes_join_by_customer(folder):
    folder.file(
        "data.csv",
        "id,ltr,at\n1,9,2025-01-01\n2,8,2025-01-01\n3,7,2025-01-01\n4,6,2025-01-01\n5,5,2025-01-01\n",
    )
    folder.file(
        "crm.csv",
        "key,left,on\n1,1,2025-02-01\n2,1,2025-09-01\n3,0,\n4,1,2024-12-31\n9,1,2025-02-01\n9,1,2025-02-01\n",
    )
    survey = folder.open(
        WHO + "responded: at\noutcomes_from: {file: crm.csv, key: key}\n"
        'outcomes: {left: {column: left, event: "1", on: on, window_days: 180}}\n'
    )
    # 1 left within the window, 2 after it, 3 stayed, 4 had left before, 5 is not in the file
    found = survey.cells(["nps", "left"])
    assert found["nps"].tolist() == [5, 6, 7, 8, 9]
    assert [
        None if x is None or x != x else x
        for x in found["left"].astype(object).where(found["left"].notna(), None)
    ] == [
        None,
        None,
        False,
        False,
        True,
    ]
    assert line(survey, "Rows of the survey without an outcome") == 1
    assert line(survey, "Not matched") == 1
    folder.file("crm.csv", "key,left,on\n1,1,2025-02-01\n1,0,\n")
    assert "the outcomes list a customer twice" in folder.refused(
        WHO + "responded: at\noutcomes_from: {file: crm.csv, key: key}\n"
        'outcomes: {left: {column: left, event: "1", on: on}}\n'
    )


def test_a_missing_key_is_named(folder):
    folder.file("frame.csv", FRAME)
    folder.file("data.csv", ANSWERS)
    text = folder.refused(JOINED.replace("key: cust", "key: customer"))
    assert 'frame.key: there is no column "customer" in frame.csv' in text
    assert 'Did you mean "cust"' in text


@pytest.mark.parametrize("wrong", ["frame", "responses"])
def test_a_missing_key_is_the_only_problem_named(folder, wrong):
    folder.file("frame.csv", FRAME)
    folder.file("data.csv", ANSWERS)
    text = (
        JOINED.replace("key: cust", "key: customer")
        if wrong == "frame"
        else JOINED.replace("customer: id", "customer: idd")
    )
    said = folder.refused(text)
    assert "cannot be read" not in said
    assert said.startswith("1 problem:"), said


def test_a_frame_that_knows_none_of_the_answers_is_refused(folder):
    folder.file("frame.csv", "cust,country\n" + "".join(f"{i},DE\n" for i in range(30)))
    ids = [f"{i:05d}" for i in range(20)]
    folder.file("data.csv", "id,ltr\n" + "".join(f"{i},9\n" for i in ids))
    text = "customer: id\nframe: {file: frame.csv, key: cust}\n"
    said = folder.refused(text)
    assert "not one of the 20 answers belongs to anyone on the frame (frame.csv)" in said
    assert '"001" is not "1"' in said
    # fewer are what they are; one that is known shows that the ids are of one form
    folder.file("data.csv", "id,ltr\n" + "".join(f"{i},9\n" for i in ids[1:]))
    assert line(folder.open(text), "Not matched") == 19
    folder.file("data.csv", "id,ltr\n" + "".join(f"{i},9\n" for i in [*ids, "7"]))
    assert line(folder.open(text), "Not matched") == 20


# ------------------------------------------------------------------ long data

LONG = "{file: data.csv, shape: long, metric: question, score: answer}"
TWO = "scores: {nps: {column: ltr}, csat: {scale: 1-5}}\n"


def test_long_answers_become_wide(folder):
    folder.file(
        "data.csv",
        "id,question,answer,country\n1,ltr,9,DE\n1,csat,4,DE\n2,ltr,3,JP\n2,ltr,3,JP\n3,comment,hello,JP\n,ltr,5,DE\n",
    )
    survey = folder.open(WHO + "groups: {country: country}\n", responses=LONG, scores=TWO)
    assert survey.cells(["country", "nps", "csat"]).fillna(-1).values.tolist() == [
        ["DE", 9, 4, 1],
        ["JP", 3, -1, 1],
    ]
    assert line(survey, "one row per answer") == 6
    assert line(survey, "the same answer twice") == 1
    assert line(survey, "a question the description does not name") == 1
    assert line(survey, "no customer id") == 1
    assert line(survey, "Answers used") == 3
    assert survey.n_rows == 2


def test_long_answers_that_contradict_each_other_are_refused(folder):
    folder.file("data.csv", "id,question,answer\n1,ltr,9\n1,csat,4\n1,ltr,8\n")
    text = folder.refused(WHO, responses=LONG, scores=TWO)
    assert 'two different answers to one question at one time (rows 2 and 4, answer: "9" and "8")' in text


def test_a_question_that_no_row_asks_names_near_misses(folder):
    folder.file("data.csv", "id,question,answer\n1,LTR,9\n1,csat,4\n2,why,slow\n")
    said = folder.refused(WHO, responses=LONG, scores=TWO)
    assert 'for scores.nps: there is no question "ltr" in column question' in said
    assert 'Did you mean "LTR"?' in said
    # a question nobody was asked is no mistake
    folder.file("data.csv", "id,question,answer\n1,csat,4\n2,why,slow\n")
    assert folder.open(WHO, responses=LONG, scores=TWO).n_answered("nps") == 0


def test_long_answers_without_ids_stand_alone(folder):
    folder.file("data.csv", "question,answer\nltr,9\ncsat,4\nltr,8\nother,1\n")
    survey = folder.open(responses=LONG, scores=TWO)
    assert (survey.n_answered("nps"), survey.n_answered("csat"), survey.n_rows) == (2, 1, 3)


# ------------------------------------------------------------------ repeated customers


def test_the_matrix_of_repeated_customers_against_rows(folder):
    random = np.random.default_rng(5)
    rows = [
        (who, wave, int(score), round(float(weight), 2))
        for who, wave, score, weight in zip(
            random.integers(0, 40, 60),
            random.integers(0, 2, 60),
            random.integers(0, 11, 60),
            random.uniform(0.5, 2, 60),
            strict=True,
        )
    ]
    rows = list({(who, wave): (who, wave, score, weight) for who, wave, score, weight in rows}.values())
    folder.file("data.csv", "id,wave,ltr,w\n" + "".join(f"{a},{b},{c},{d}\n" for a, b, c, d in rows))
    survey = folder.open(
        WHO + "wave: {column: wave, order: ['1', '0'], labels: {'0': zero, '1': one}}\nweight: w\n"
    )
    for weighted in (False, True):
        cells = survey.cells(["wave", "nps"])
        names = [(wave, score) for wave, score in cells[["wave", "nps"]].values.tolist()]
        falls = np.zeros((40, len(names)))
        for who, wave, score, weight in rows:
            falls[who, names.index((["zero", "one"][wave], score))] += weight if weighted else 1
        np.testing.assert_allclose(
            survey.cluster_matrix(["wave", "nps"], weighted=weighted), falls.T @ falls, atol=1e-12
        )
        np.testing.assert_allclose(cells["w" if weighted else "n"], falls.sum(axis=0))
    assert list(dict.fromkeys(cells["wave"])) == ["one", "zero"]


def test_without_ids_the_matrix_is_diagonal(folder):
    folder.file("data.csv", "ltr\n9\n9\n8\n")
    survey = folder.open()
    assert survey.cluster_matrix("nps").tolist() == [[1, 0], [0, 2]]
    with pytest.raises(ValueError, match="no weights"):
        survey.cluster_matrix("nps", weighted=True)
