"""Many reports from one entry: for_each, placeholders, periods; everything odd is refused before anything runs."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from cxstats.reporting import catalog as catalogs
from cxstats.reporting.errors import UsageError
from cxstats.reporting.expand import expand, slug
from cxstats.reporting.periods import parse_period
from cxstats.reporting.plan import Earlier, SurveyRef, plan

PARAMETERS = 'survey: str = "demo"\nmetric: str = "nps"\nwave: str | None = None\nlevel: cx.Level = 0.95'


def load(tmp_path: Path, reports: dict, **more) -> catalogs.Catalog:
    path = tmp_path / "catalog.yml"
    options = {key: more.pop(key) for key in ("period", "compare_with") if key in more}
    path.write_text(json.dumps({"reports": reports, **more}), encoding="utf-8")
    return catalogs.load(path, **options)


def refused(tmp_path: Path, reports: dict, **more) -> str:
    with pytest.raises(UsageError) as refusal:
        load(tmp_path, reports, **more)
    return str(refusal.value)


def entry(**more):
    return {"notebook": "size", "title": "t"} | more


# for_each ------------------------------------------------------------------------------------------


def test_every_combination_is_a_report_with_its_own_title_survey_and_typed_parameters(workshop) -> None:
    workshop.add("size", "1", parameters=PARAMETERS)
    workshop.entries = {
        "size-{metric}-{brand}": entry(
            for_each={"metric": ["nps", "ces"], "brand": {"acme": "ACME & Söhne", "zenith": "Zenith"}},
            title="{metric} of {brand} {{brand}}",
            survey="../{brand}/survey.yml",
            parameters={"metric": "{metric}", "level": "0.9"},
            needs=["{metric}"],
        )
    }
    described = []

    def describe(path: str) -> SurveyRef:
        described.append(path)
        return SurveyRef(Path(path).parent.name, path, path)

    jobs, _ = plan(catalogs.load(workshop.catalog), describe=describe)
    assert [job.report for job in jobs] == [
        "size-nps-acme",
        "size-nps-zenith",
        "size-ces-acme",
        "size-ces-zenith",
    ]
    assert jobs[2].title == "ces of ACME & Söhne {brand}"
    assert jobs[2].parameters["metric"] == "ces"
    assert jobs[2].parameters["level"] == 0.9
    assert [Path(path).parent.name for path in described] == ["acme", "zenith"]
    workshop.entries["size-{metric}-{brand}"]["parameters"]["level"] = "{metric}"
    with pytest.raises(UsageError, match="level is 'nps', but must be"):
        plan(catalogs.load(workshop.catalog), describe=describe)


def test_rows_say_what_belongs_together(tmp_path: Path) -> None:
    rows = [{"brand": "ACME", "wave": "W1"}, {"brand": "Zenith", "wave": "W7"}]
    found = load(
        tmp_path, {"nps-{brand}": entry(for_each=rows, survey="{brand}.yml", parameters={"wave": "{wave}"})}
    )
    assert {name: (one.survey, one.parameters) for name, one in found.reports.items()} == {
        "nps-acme": ("acme.yml", {"wave": "W1"}),
        "nps-zenith": ("zenith.yml", {"wave": "W7"}),
    }


@pytest.mark.parametrize(
    ("name", "more", "words"),
    [
        ("nps-{brnd}", {"for_each": {"brand": ["a", "b"]}}, "in the place of {brnd}. Did you mean brand?"),
        ("nps", {"for_each": {"brand": ["a", "b"]}}, "Put every placeholder of for_each into the name"),
        ("nps-{brand}", {"for_each": {"brand": ["São Paulo", "Sao-Paulo"]}}, "both brand São Paulo and brand Sao-Paulo"),
        ("nps-{brand}", {"for_each": {"brand": ["日本"]}}, "give it a short name"),
        ("nps-{brand}", {"for_each": {"brand": {"../up": "x"}}}, "'../up' becomes part of an address"),
        ("nps-{brand}", {"for_each": {"brand": ["a\nb"]}}, "line breaks"),
        ("nps-{brand}", {"for_each": {"brand": ["a", "a"]}}, "a stands twice"),
        ("nps-{brand}", {"for_each": {"brand": []}}, "has no values"),
        ("nps-{brand}", {"for_each": {"brand": "acme"}}, "must be a list of values"),
        ("nps-{brand}", {"for_each": {}}, "must name what changes"),
        ("nps-{brand}", {"for_each": {"Brand; x": ["a"]}}, "cannot be the name of a placeholder"),
        ("nps-{brand}", {"for_each": [{"brand": "a"}, {"brnd": "b"}]}, "item 2 differs from the first"),
        ("nps-{brand}", {"for_each": {"brand": [{"x": "y"}]}}, "no plain text"),
        ("{brand}", {"for_each": {key: [str(i) for i in range(71)] for key in ("brand", "x")}}, "5,041 reports"),
        ("Nps-{brand}", {"for_each": {"brand": ["a"]}}, "its name becomes a folder"),
        ("nps-{period}", {}, "{period} needs a period"),
        ("nps", {"title": "{contry}"}, "nothing to put in the place of {contry}"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_with_a_way_out(tmp_path: Path, name, more, words) -> None:
    assert words in refused(
        tmp_path, {name: entry(survey="{brand}.yml" if "for_each" in more else "demo") | more}
    )


def test_a_placeholder_that_changes_nothing_but_the_title_is_refused(tmp_path: Path) -> None:
    """Forty pages of the same numbers, each under another country's name, would be forty lies."""
    said = refused(
        tmp_path, {"nps-{country}": entry(for_each={"country": ["de", "jp"]}, title="NPS in {country}")}
    )
    assert "every report would show the same numbers" in said


def test_two_entries_may_not_come_out_with_one_name(tmp_path: Path) -> None:
    made = entry(for_each={"m": ["nps"]}, parameters={"metric": "{m}"})
    assert "size-{m} and size-nps both come out" in refused(tmp_path, {"size-{m}": made, "size-nps": entry()})


def test_a_mistake_in_a_template_is_told_once(tmp_path: Path) -> None:
    made = entry(for_each={"m": ["nps", "ces", "csat"]}, parameters={"metric": "{m}"}, audiance="x")
    assert refused(tmp_path, {"size-{m}": made}).count("Did you mean audience?") == 1


def test_reports_are_chosen_by_pattern(tmp_path: Path) -> None:
    found = load(tmp_path, {name: entry() for name in ("nps-de", "nps-jp", "ces-de")})
    assert list(found.select(["nps-*"])) == ["nps-de", "nps-jp"]
    assert found.unknown(["npss-*", "ces-de"])[0].startswith("there is no report 'npss-*'")


def test_braces_of_other_kinds_are_left_alone() -> None:
    made = expand("r", {"parameters": {"weights": '{"a": 1, "b": {"c": 2}}', "list": ["{{x}}"]}})
    assert made["r"]["parameters"] == {"weights": '{"a": 1, "b": {"c": 2}}', "list": ["{x}"]}


@pytest.mark.parametrize(
    ("text", "name"), [("Ærø Straße", "aero-strasse"), ("A  &  B", "a-b"), ("Москва", "")]
)
def test_short_names(text, name) -> None:
    assert slug(text) == name


# Periods -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "start", "end", "before"),
    [
        ("2024", "2024-01-01", "2024-12-31", "2023"),
        ("2025-Q1", "2025-01-01", "2025-03-31", "2024-Q4"),
        ("2024-02", "2024-02-01", "2024-02-29", "2024-01"),
        ("2025-W01", "2024-12-30", "2025-01-05", "2024-W52"),
        ("2021-W01", "2021-01-04", "2021-01-10", "2020-W53"),
        ("2025-03-01", "2025-03-01", "2025-03-01", "2025-02-28"),
        ("2025-01-06/2025-01-12", "2025-01-06", "2025-01-12", "2024-12-30/2025-01-05"),
    ],
)
def test_periods_are_whole_days_and_follow_each_other(text, start, end, before) -> None:
    period = parse_period(text)
    assert (str(period.start), str(period.end), period.before().text) == (start, end, before)
    assert period.before().end + dt.timedelta(days=1) == period.start


@pytest.mark.parametrize(
    "text", ["now", "last month", "2025-13", "2025-W54", "2025-02-30", "25-Q1", "", "2025-Q5"]
)
def test_what_names_no_period_is_refused(text) -> None:
    with pytest.raises(ValueError, match="is no period"):
        parse_period(text)
    if text == "now":
        with pytest.raises(ValueError, match="always named"):
            parse_period(text)


def test_the_command_lines_period_fills_the_catalogue(tmp_path: Path) -> None:
    reports = {
        "nps": entry(
            survey="{period}/survey.yml", parameters={"wave": "{period}"}, compare_with="{previous_period}"
        ),
        "ces": entry(period="2020"),
    }
    found = load(tmp_path, reports, period="2025-Q2").reports
    assert found["nps"].survey == "2025-q2/survey.yml"
    assert found["nps"].parameters == {"wave": "2025-Q2"}
    assert found["nps"].compare_with.period == "2025-Q1"
    assert found["ces"].period == "2025-Q2"
    assert (
        load(tmp_path, reports, period="2025-Q2", compare_with="2024-Q2").reports["nps"].compare_with.period
        == "2024-Q2"
    )
    assert "--period: 'today' is no period" in refused(tmp_path, reports, period="today")


def test_a_report_for_each_month_is_compared_with_the_one_before_but_the_first(tmp_path: Path) -> None:
    made = entry(
        for_each={"period": ["2025-01", "2025-02", "2025-03"]},
        survey="{period}.yml",
        compare_with={"report": "nps-{previous_period}"},
    )
    found = load(tmp_path, {"nps-{period}": made}).reports
    assert [one.compare_with and one.compare_with.report for one in found.values()] == [
        None,
        "nps-2025-01",
        "nps-2025-02",
    ]
    assert [one.period for one in found.values()] == ["2025-01", "2025-02", "2025-03"]
    made["for_each"]["period"] = ["2025-01", "2025-03"]  # a gap is a mistake, not a first period
    assert "there is no report 'nps-2025-02'" in refused(tmp_path, {"nps-{period}": made})


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"compare_with": {"report": "npss"}}, "there is no report 'npss'. Did you mean nps?"),
        ({"compare_with": {"report": "nps"}}, "is the report itself"),
        ({"compare_with": {"raport": "nps"}}, "Did you mean report?"),
        ({"compare_with": {}}, "must name a period, a survey or a report"),
        ({"compare_with": "before"}, "is no period"),
        ({"compare_with": "2025-Q2", "period": "2025-Q1"}, "does not come before"),
        ({"period": "yesterday"}, "is no period"),
        ({"keep": {"recods": "3"}}, "Did you mean records?"),
        ({"keep": "many"}, "valid integer"),
    ],
)
def test_comparisons_periods_and_retention_that_make_no_sense_are_refused(
    tmp_path: Path, more, words
) -> None:
    assert words in refused(tmp_path, {"nps": entry(**more)})


def test_what_is_kept_is_said_once_or_for_a_report(tmp_path: Path) -> None:
    found = load(tmp_path, {"a": entry(), "b": entry(keep={"failed": "0"})}, keep="12").reports
    assert (found["a"].keep.records, found["a"].keep.failed) == (12, 5)
    assert (found["b"].keep.records, found["b"].keep.failed) == (60, 0)


# The plan ------------------------------------------------------------------------------------------


def quarters(path: str) -> SurveyRef:
    """Surveys called q4 and q1, each of its quarter."""
    name = Path(path).stem
    days = {"q4": "2024-Q4", "q1": "2025-Q1"}.get(name)
    period = (parse_period(days).start, parse_period(days).end) if days else (None, None)
    return SurveyRef(name, path, name, period=period)


def test_the_report_before_is_found_by_its_survey(workshop) -> None:
    workshop.add(
        "size",
        "1",
        parameters=PARAMETERS,
        survey="q1.yml",
        compare_with={"survey": "q4.yml", "customers": "same"},
    )
    (job,), _ = plan(catalogs.load(workshop.catalog), describe=quarters)
    assert job.earlier == Earlier("q4", "size", None, "same")
    assert job.period.iso == "2025-01-01/2025-03-31"  # as the survey's description says
    workshop.entries["size"]["compare_with"] = {"survey": "q1.yml"}
    with pytest.raises(UsageError, match="it is the report itself"):
        plan(catalogs.load(workshop.catalog), describe=quarters)


def test_a_period_that_the_survey_does_not_cover_is_refused(workshop) -> None:
    workshop.add("size", "1", parameters=PARAMETERS, survey="q1.yml", period="2025-Q2")
    with pytest.raises(
        UsageError, match="is for 2025-Q2, but q1 holds answers from 2025-01-01 to 2025-03-31"
    ):
        plan(catalogs.load(workshop.catalog), describe=quarters)


def test_reports_compared_in_a_circle_are_refused(workshop) -> None:
    workshop.add("a", "1", parameters=PARAMETERS, survey="q1.yml", compare_with={"report": "b"})
    workshop.add("b", "1", parameters=PARAMETERS, survey="q1.yml", compare_with={"report": "a"})
    with pytest.raises(UsageError, match="in a circle: a, b"):
        plan(catalogs.load(workshop.catalog), describe=quarters)


def test_files_that_a_notebook_reads_must_be_there(workshop) -> None:
    workshop.add("a", "1", parameters=PARAMETERS, reads=["../targets.csv"])
    with pytest.raises(UsageError, match=r"reads: there is no file .*targets\.csv"):
        workshop.plan()
    (workshop.folder / "targets.csv").write_text("x")
    (job,) = workshop.plan()
    assert job.reads == ((workshop.folder / "targets.csv").resolve(),)
