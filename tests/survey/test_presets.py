"""Exports of survey tools, read through their presets, give the demo company's cells exactly."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import pytest

from cxstats.survey import Survey, SurveyError, check, open_survey, parse_description
from cxstats.survey.presets import PRESETS, recognise
from cxstats.survey.presets.qualtrics import header as qualtrics_header

from .conftest import line
from .exports import make

SCORES = {
    "nps": {"column": "ltr", "missing": ["11", "Blank"]},
    "csat": {"column": "sat", "scale": "1-5"},
    "ces": {"column": "ease", "scale": "1-7", "high_is": "easy"},
}
MISSING = "missing: ['11', Blank]"


def reference(rows: pd.DataFrame, **more) -> Survey:
    """The same customers, read from the company's own rows under its own names."""
    rows = rows.replace("", None).infer_objects()
    for name in ("sent_at", "answered_at"):
        rows[name] = pd.to_datetime(rows[name], utc=True)
    plain = {"title": "Reference", "responses": {"file": "rows"}, "customer": "customer_id", "scores": SCORES}
    plain |= {"groups": {"country": "country", "segment": "segment"}, **more}
    survey = Survey(parse_description(plain), Path(), frames={"responses": rows})
    survey.check()
    return survey


@pytest.fixture(scope="module")
def answered() -> Survey:
    return reference(make.answers(), items=list(make.ITEMS))


@pytest.fixture(scope="module")
def invited() -> Survey:
    return reference(make.company(), invited="sent_at", responded="answered_at", items=list(make.ITEMS))


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exports")
    make.main(folder)
    return folder


def opened(folder: Path, name: str, text: str) -> Survey:
    path = folder / f"{name}.yml"
    path.write_text("title: Test\n" + text, encoding="utf-8")
    return open_survey(path)


def same(one: Survey, other: Survey, *by: str) -> None:
    """The cells of both are the same, and not empty."""
    cells = one.cells(by)
    assert len(cells) > 5
    pd.testing.assert_frame_equal(cells, other.cells(by))


QUALTRICS = f"""
customer: ExternalReference
scores:
  nps: {{column: Q1, {MISSING}}}
  csat: {{column: Q2, scale: 1-5}}
  ces: {{column: Q3, scale: 1-7, high_is: easy}}
groups: {{country: country, segment: segment}}
items: [{", ".join(f"{{column: Q4_{i}, name: q{i}}}" for i in range(1, 7))}]
"""


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("answers.csv", {}),
        ("answers.xlsx", {}),
        ("answers.tsv", {}),
        ("numbers.csv", {"choice_text": False}),
        ("older.csv", {"header_rows": 2}),
        ("four.csv", {"header_rows": 4}),
    ],
)
def test_qualtrics_gives_the_companys_cells(tmp_path, answered, name, options):
    make.qualtrics(tmp_path / name, **options)
    survey = opened(tmp_path, "q", f"responses: {{file: {name}, preset: qualtrics}}" + QUALTRICS)
    same(survey, answered, "nps", "csat", "ces", "country", "segment", *make.ITEMS)
    assert line(survey, "Set aside: previews (Status)") == 1
    assert line(survey, "Set aside: tests (Status)") == 1
    assert line(survey, "Set aside: spam (Status)") == 1
    assert line(survey, "Set aside: partial responses (Finished)") == 2
    rows = options.get("header_rows", 3)
    notes = "\n".join([*survey.notes, *survey.readers["responses"].notes])
    assert f"header_rows: {rows} " in notes
    assert "Q1_NPS_GROUP: 3 of " in notes
    if options.get("choice_text", True):
        assert "read as the number in front" in notes
    assert survey.description.responses.time_zone == ("America/Denver" if rows > 2 else None)


def test_qualtrics_times_are_in_the_zone_of_its_third_row(exports, invited):
    files = "responses: {file: qualtrics.csv, preset: qualtrics%s}\nframe: {file: invited.csv, key: id}\n"
    roles = "invited: sent_at\nresponded: EndDate\n"
    survey = opened(exports, "zone", files % "" + roles + QUALTRICS)
    same(survey, invited, "nps", "csat", "responded", "country")
    # read as UTC, answers of the first hours would stand before their invitations
    other = opened(exports, "utc", files % ", time_zone: UTC" + roles + QUALTRICS)
    assert not other.cells("nps").equals(invited.cells("nps"))
    assert any("survey.yml says UTC, which counts" in note for note in other.notes)


def test_what_survey_yml_says_goes_before_the_preset(exports):
    text = "responses: {file: qualtrics.csv, preset: qualtrics}" + QUALTRICS
    kept = opened(exports, "kept", text + "set_aside: [{column: Finished, values: [], reason: none}]\n")
    assert line(kept, "Set aside: previews (Status)") == 1
    plain = opened(exports, "plain", text)
    assert kept.n_rows == plain.n_rows + 2


@pytest.mark.parametrize("column", ["IPAddress", "RecipientEmail", "ResponseId"])
def test_who_somebody_is_is_never_a_group(exports, column):
    text = (
        "responses: {file: qualtrics.csv, preset: qualtrics}\nscores: {nps: {column: Q1, missing: Blank}}\n"
    )
    with pytest.raises(SurveyError, match=f'column "{column}" says who somebody is'):
        opened(exports, "who", text + f"groups: {{who: {column}}}\n")


def test_blank_answers_are_no_header():
    names = ["StartDate", "EndDate", "Finished", "ResponseId", "Q1"]
    labels = ["Start Date", "End Date", "Finished", "Response ID", "How likely?"]
    imports = ['{"ImportId":"startDate","timeZone":"Europe/Oslo"}', *['{"ImportId":"x"}'] * 4]
    found = qualtrics_header([names, labels, imports])
    assert (found.rows, found.time_zones, found.texts["Q1"]) == (3, ("Europe/Oslo",), "How likely?")
    assert qualtrics_header([names, labels, ["", "", "", "R_1", ""]]).rows == 2
    # without a column that shows where the answers begin, they begin below the import ids
    assert qualtrics_header([["Q1"], ["How likely?"], ['{"ImportId":"QID1"}'], ["9"], ["8"], ["7"]]).rows == 3


def test_surveymonkey_gives_the_companys_cells(exports, answered):
    matrix = "Please rate each statement, 1 to 5 - Statement"
    survey = opened(
        exports,
        "sm",
        f"""
responses: {{file: surveymonkey.csv, preset: surveymonkey, date_format: "%m/%d/%Y %I:%M:%S %p", time_zone: UTC}}
customer: Custom Data 1
responded: End Date
scores:
  nps: {{column: "How likely are you to recommend Contoso, all in all?", {MISSING}}}
  csat: {{column: "How satisfied are you?", scale: 1-5}}
groups: {{country: country}}
items: [{", ".join(f'{{column: "{matrix} {i}", name: q{i}}}' for i in range(1, 7))}]
""",
    )
    same(survey, answered, "nps", "csat", "country", *make.ITEMS)


def test_typeform_gives_the_companys_cells(exports, answered):
    survey = opened(
        exports,
        "tf",
        f"""
responses: {{file: typeform.csv, preset: typeform}}
customer: customer_id
responded: Submit Date (UTC)
scores:
  nps: {{column: "How likely are you to recommend us?", {MISSING}}}
  csat: {{column: "How satisfied are you?", scale: 1-5}}
groups: {{country: country}}
""",
    )
    same(survey, answered, "nps", "csat", "country")
    assert survey.description.responses.time_zone == "UTC"
    assert line(survey, "Set aside: partial responses (Response Type)") == 2


def test_in_zendesk_offered_is_an_invitation_and_no_bad_answer(exports):
    survey = opened(
        exports,
        "zd",
        "responses: {file: zendesk.csv, preset: zendesk}\ncustomer: requester_id\n"
        "scores: {csat: {column: score}}\ngroups: {country: country}\n",
    )
    rows = make.company().assign(
        sat=lambda r: [{"good": "1", "bad": "0"}.get(make.good_or_bad(s), "") for s in r["sat"]]
    )
    expected = reference(
        rows,
        scores={"csat": {"column": "sat", "scale": "0-1"}},
        responses={"file": "rows", "holds": "invited"},
    )
    same(survey, expected, "csat", "country")
    assert survey.n_invited == make.N_CUSTOMERS
    assert survey.response_rate("csat") == expected.response_rate("csat")
    counts = survey.counts("csat")
    assert survey.metric("csat").value(counts) == 100 * counts[1] / counts.sum()
    assert line(survey, "Set aside: nobody was asked (unoffered)") == 7


def test_medallia_gives_invitations_and_answers(exports, invited):
    survey = opened(
        exports,
        "md",
        "responses: {file: medallia.csv, preset: medallia_agent_connect}\ncustomer: ext_interaction_id\n"
        "scores: {csat: {column: star_rating}}\ngroups: {country: country}\n",
    )
    same(survey, invited, "csat", "country", "responded")
    same(survey, invited, "days_to_answer", "invited_weekday", "invited_hour")
    assert any("invited: request_sent_at" in note for note in survey.notes)


@pytest.mark.parametrize(
    ("metric", "score"),
    [("ltr", f"nps: {{column: Rating, {MISSING}}}"), ("ease", "ces: {column: Rating, high_is: easy}")],
)
def test_hubspot_has_bands_of_its_own(tmp_path, answered, metric, score):
    make.hubspot(tmp_path / "hubspot.csv", metric)
    survey = opened(
        tmp_path,
        "hs",
        f"responses: {{file: hubspot.csv, preset: hubspot}}\ncustomer: customer_id\nscores: {{{score}}}\n"
        "groups: {country: country}\n",
    )
    same(survey, answered, score[:3], "country")
    assert any("Sentiment: 2 of " in note for note in survey.readers["responses"].notes)


def test_hubspot_leaves_the_direction_of_effort_open(tmp_path):
    make.hubspot(tmp_path / "hubspot.csv", "ease")
    with pytest.raises(SurveyError, match="high_is"):
        opened(
            tmp_path,
            "hs",
            "responses: {file: hubspot.csv, preset: hubspot}\nscores: {ces: {column: Rating}}\n",
        )


def test_a_german_csv_is_read_as_it_is_and_said(exports, answered):
    survey = opened(
        exports,
        "de",
        f"""
responses: {{file: german.csv, preset: generic}}
customer: Kundennummer
scores: {{nps: {{column: "Würden Sie uns weiterempfehlen, alles in allem?", {MISSING}}}}}
groups: {{country: Land}}
behaviour: {{revenue: Umsatz}}
""",
    )
    same(survey, answered, "nps", "country")
    got = survey.rows(["revenue"])["revenue"].sort_values().round(2).tolist()
    assert got == sorted(round(x, 2) for x in make.answers()["annual_revenue"])
    told = "\n".join(survey.notes)
    assert all(word in told for word in ("encoding: cp1252", "delimiter: ;", "decimal: ,"))


@pytest.mark.parametrize(
    ("name", "tool"),
    [
        ("qualtrics", "qualtrics"),
        ("surveymonkey", "surveymonkey"),
        ("typeform", "typeform"),
        ("zendesk", "zendesk"),
        ("medallia", "medallia_agent_connect"),
        ("hubspot", "hubspot"),
        ("german", "generic"),
    ],
)
def test_every_tool_is_recognised_by_its_header(exports, name, tool):
    encoding = "cp1252" if name == "german" else "utf-8-sig"
    head = (exports / f"{name}.csv").read_text(encoding=encoding).splitlines()[0]
    assert recognise(head.split(";" if name == "german" else ",")).name == tool
    assert tool in PRESETS


def test_a_preset_that_does_not_exist_is_refused(folder):
    said = folder.refused(responses="{file: data.csv, preset: qualtrix}")
    assert "qualtrix" in said
    assert "qualtrics" in said


def test_a_preset_needs_the_tools_own_export(folder):
    folder.file("data.csv", "ltr\n9\n8\n")
    duckdb.sql(f"COPY (FROM read_csv('{folder.path / 'data.csv'}')) TO '{folder.path / 'data.parquet'}'")
    said = folder.refused(responses="{file: data.parquet, preset: qualtrics}")
    assert "qualtrics is for the tool's own exports" in said
    units = "units: {file: a.csv, preset: generic, unit: u, response_rate: r, bands: {low: l, top: t}}\n"
    with pytest.raises(SurveyError, match="has no meaning here"):
        open_survey(folder.file("units.yml", "title: T\n" + units))


def test_check_says_what_the_preset_filled(exports):
    (exports / "told.yml").write_text(
        "title: T\nresponses: {file: qualtrics.csv, preset: qualtrics}" + QUALTRICS, encoding="utf-8"
    )
    text = str(check(exports / "told.yml"))
    assert "time_zone: America/Denver (as the export itself says)" in text
    assert "set_aside: previews (Status)" in text
