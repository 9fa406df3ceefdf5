import datetime as dt

import pytest

from cxstats.metrics import NPS, Scale
from cxstats.survey import SurveyError, check, parse_description, read_description

LEAST = {"title": "T", "responses": {"file": "a.csv"}, "scores": {"nps": {"column": "ltr"}}}


def said(**changed) -> str:
    with pytest.raises(SurveyError) as error:
        parse_description({**LEAST, **changed})
    return str(error.value)


def metric(key="csat", **score):
    return parse_description({**LEAST, "scores": {key: {"column": "c", **score}}}).metrics()[key]


def test_the_example_of_the_house_is_accepted(tmp_path):
    path = tmp_path / "survey.yml"
    path.write_text(
        """
title: Contoso relationship survey
population: Retail customers
period: {from: 2025-01-01, to: 2025-03-31}
responses: {file: export.csv}
frame:     {file: customers.xlsx, sheet: Invited, key: customer_id}
outcomes_from: {file: crm.parquet, key: customer_id}
customer: customer_id
invited: sent_at
responded: answered_at
scores:
  nps:  {column: ltr,  scale: 0-10, missing: ["11", "Blank"]}
  csat: {column: sat,  scale: 1-5,  top: [4, 5]}
  ces:  {column: ease, scale: 1-7,  high_is: easy}
groups:
  country: {column: Q7, labels: {"1": Germany, "2": Japan}}
  segment: {column: seg}
items: [{column: q1}, {column: q2, keyed: reversed}]
outcomes:
  churned:     {column: churn, event: "1", on: churn_date, window_days: 180}
  repurchased: {column: rebought, event: "true"}
value: {column: annual_revenue}
weight: {column: design_weight}
"""
    )
    d = read_description(path)
    assert d.slug == "contoso-relationship-survey"
    assert d.period.end == dt.date(2025, 3, 31)
    assert d.metrics()["nps"] == NPS
    assert d.scores["nps"].missing == ("11", "Blank")
    assert d.groups["country"].labels == {"1": "Germany", "2": "Japan"}
    assert d.outcomes["churned"].event == ("1",)
    assert [item.keyed for item in d.items] == ["straight", "reversed"]


def test_every_problem_is_listed_at_once_with_its_place(tmp_path):
    path = tmp_path / "survey.yml"
    path.write_text(
        "title: T\nrespones: {file: x}\nresponses: {file: a.csv, delimeter: ';'}\nperiod: {from: 2025-13-01}\n"
        "scores:\n  nps: {column: ltr, scale: 1-10}\n  ces: {column: e, scale: 1-7}\n  csat: {scale: 1-5}\n"
        "groups: {n: a}\ncustomer: [a]\n"
    )
    with pytest.raises(SurveyError) as error:
        read_description(path)
    text = str(error.value)
    for words in [
        'line 2, respones: there is no key "respones" here',
        'Did you mean "responses"',
        'line 3, responses.delimeter: there is no key "delimeter" here',
        'Did you mean "delimiter"?',
        'line 4, period.from: is "2025-13-01"',
        "line 6, scores.nps: NPS is asked on 0-10",
        "line 7, scores.ces: CES needs high_is: easy or high_is: effort",
        'line 9, groups.n: the name "n" is already',
        "line 10, customer: is a list",
    ]:
        assert words in text


@pytest.mark.parametrize("points", [2, 3, 5, 7, 10])
def test_csat_scales(points):
    assert metric(scale=f"1-{points}").scale == Scale(1, points)


def test_csat_that_counts_from_zero():
    # HubSpot's three-point scale is 0, 1, 2
    assert metric(scale="0-2").values == (0.0, 0.0, 100.0)


@pytest.mark.parametrize("scale", ["1-4", "5-1", "1-", "one to five", "0-100"])
def test_csat_scales_that_are_none(scale):
    with pytest.raises(SurveyError, match=r"scores\.csat"):
        metric(scale=scale)


def test_ces_directions():
    assert metric("ces", scale="1-7", high_is="effort").high_is == "effort"
    assert metric("ces", scale="1-5", high_is="easy").margin == 0.1
    with pytest.raises(SurveyError, match="no default is safe"):
        metric("ces", scale="1-7")


def test_metrics_of_other_names_and_kinds():
    assert metric("csat_food", scale="1-5").short == "CSAT (food)"
    assert metric("effort", kind="ces", scale="1-7", high_is="effort", label="Effort").label == "Effort"
    assert metric("trust", scale="1-5").unit == "scale points"
    assert metric("trust", scale="1-5", top=[5]).unit == "%"
    assert metric("trust", scale="1-5", top=[5], bottom=[1, 2]).unit == "points"
    assert metric("trust", scale="1-5", margin=0.3).margin == 0.3


def test_keys_that_mean_nothing_for_a_kind_are_refused():
    with pytest.raises(SurveyError, match="top has no meaning for NPS"):
        metric("nps", top=[9, 10])


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"title": ""}, 'title: is ""'),
        ({"scores": {}}, "names no score"),
        ({"scores": {"nps": {"scale": "0-10"}}}, "column: is missing"),
        ({"responses": {}}, "says neither file: nor table:"),
        ({"responses": {"table": "t"}}, "names a table, but neither file:"),
        ({"responses": {"url_env": "CX_DB"}}, "needs table:"),
        (
            {"responses": {"table": "t", "url_env": "postgres://u:secret@h/d"}},
            "the name of an environment variable",
        ),
        ({"responses": {"file": "a", "shape": "long"}}, "needs metric:"),
        ({"responses": {"file": "a", "metric": "m"}}, "belong to shape: long"),
        ({"responses": {"file": "a", "decimal": ";"}}, "expected: . or ,"),
        ({"responses": {"file": "a", "encoding": "utf-9"}}, "is not an encoding"),
        ({"responses": {"file": "a", "encoding": "rot13"}}, "is not an encoding"),
        ({"responses": {"file": "a", "time_zone": "Europe/Berlyn"}}, 'Did you mean "Europe/Berlin"'),
        ({"responses": {"file": "a", "skip_rows": "many"}}, "expected: a whole number"),
        ({"frame": {"file": "f.csv"}}, "frame: needs customer:"),
        ({"period": {"from": "2025-03-01", "to": "2025-01-01"}}, "but ends before"),
        ({"groups": {"a b": "x"}}, "a name of letters"),
        ({"groups": {"nps": "x"}}, "is already used by scores.nps"),
        ({"groups": {"NPS": "x"}}, "is already used by scores.nps"),
        ({"groups": {"part": "x"}}, "a name with a meaning of its own"),
        ({"groups": {"x": {"column": "a", "lables": {}}}}, 'Did you mean "labels"'),
        ({"outcomes": {"left": {"column": "c"}}}, "event: is missing"),
        ({"outcomes": {"left": {"column": "c", "event": "1", "window_days": 30}}}, "no on:"),
        ({"outcomes": {"left": {"column": "c", "event": "1", "on": "d"}}}, "needs invited: or responded:"),
        ({"name": "Not A Slug"}, "small letters, digits and single hyphens"),
        ({"name": "../up"}, "small letters, digits and single hyphens"),
        ({"simulated": "maybe"}, "expected: true or false"),
        ({"preset": "qualtrics"}, 'there is no key "preset" here'),
    ],
)
def test_what_a_description_must_not_say(changed, words):
    assert words in said(**changed)


def test_a_secret_in_place_of_a_variable_is_not_repeated():
    # who writes the address where its variable's name belongs must not find it in a log
    text = said(responses={"table": "t", "url_env": "postgres://u:secret@h/d"})
    assert "secret" not in text


def test_yaml_words_stay_words(tmp_path):
    path = tmp_path / "survey.yml"
    path.write_text(
        "title: 012\nresponses: {file: a.csv}\nscores: {nps: {column: no}}\n"
        "groups: {country: {column: 1:30, labels: {no: Norway, on: Ontario}}}\n"
    )
    d = read_description(path)
    assert (d.title, d.scores["nps"].column) == ("012", "no")
    assert d.groups["country"].labels == {"no": "Norway", "on": "Ontario"}


def test_paths_that_are_no_description(tmp_path):
    (tmp_path / "survey.yml").write_bytes(b"title: caf\xe9\n")
    for path, words in [
        (tmp_path, "a folder"),
        (tmp_path / "surwey.yml", 'Did you mean "survey.yml"?'),
        (tmp_path / "survey.yml", "line 1: this is not UTF-8 text"),
    ]:
        with pytest.raises(SurveyError, match=words.replace("?", r"\?")):
            read_description(path)


@pytest.mark.parametrize(
    ("title", "slug"), [("Zürich, Größe!", "zurich-groe"), ("日本", "survey-cf2abf"), ("../../etc", "etc")]
)
def test_slugs_are_safe_names(title, slug):
    assert parse_description({**LEAST, "title": title}).slug == slug


@pytest.mark.parametrize(
    "address", ["postgres://ann:hunter2pw@host/crm", "mysql://ann:hunter2pw@host/crm?x=1"]
)
def test_an_address_in_place_of_a_path_is_not_repeated(address):
    said = str(check(address))
    assert "is an address, not a survey's description" in said
    assert "url_env" in said
    assert "hunter2pw" not in said
    assert "host" not in said


@pytest.mark.parametrize("name", ["answers.csv", "answers.parquet", "answers.csv.gz", "Answers.XLSX"])
def test_a_data_file_in_place_of_its_description(tmp_path, name):
    (tmp_path / name).write_bytes(b"PAR1\xff\xfe")
    with pytest.raises(SurveyError, match="a data file, not a survey's description"):
        read_description(tmp_path / name)


def test_no_description_and_none_like_it(tmp_path):
    with pytest.raises(SurveyError) as error:
        read_description(tmp_path / "survey.yml")
    assert "no such file" in str(error.value)
    assert "to fix it" not in str(error.value)
