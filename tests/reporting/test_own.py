"""A survey of one's own: every study it can have, and a page that says what is missing for the others."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cxstats import cli
from cxstats.reporting import catalog as catalogs
from cxstats.reporting import record
from cxstats.reporting.errors import UsageError
from cxstats.reporting.lock import held
from cxstats.reporting.own import own_reports
from cxstats.reporting.plan import SurveyRef, plan
from cxstats.reporting.publish import open_out, target
from cxstats.reporting.run import withdraw

from .conftest import write_notebook

HEAD = 'survey: str = "demo"\nwhere: "Optional[str]" = None\n'
METRIC = HEAD + 'metric: str = "nps"'
CATALOG = """
downloads: none
reports:
  sample-size-nps: {notebook: sample_size, title: Sample size · NPS, parameters: {metric: nps}, needs: [nps]}
  sample-size-csat: {notebook: sample_size, title: Sample size · CSAT, parameters: {metric: csat}, needs: [csat]}
  response-rate-bias-nps: {notebook: response_rate_bias, title: Response-rate bias · NPS, parameters: {metric: nps}}
  predictive-validity-churned: {notebook: predictive_validity, title: Predictive validity · who leaves,
    parameters: {outcome: churned}, needs: [churned]}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with studies as short as can be, under the names of the real ones, and a survey of (id, nps)."""
    for name in ("sample_size", "response_rate_bias"):
        write_notebook(
            tmp_path / "notebooks" / f"{name}.ipynb", f"print('{name} of', metric)", parameters=METRIC
        )
    write_notebook(
        tmp_path / "notebooks" / "predictive_validity.ipynb",
        "print('predicts', outcome)",
        parameters=HEAD + 'outcome: "Optional[str]" = None',
    )
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "catalog.yml").write_text(CATALOG, encoding="utf-8")
    (tmp_path / "answers.csv").write_text("id,nps\n1,10\n2,9\n3,3\n", encoding="utf-8")
    describe(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def describe(folder: Path, more: str = "", scores: str = "{nps: {column: nps}}") -> None:
    text = f"title: Mine\nresponses: {{file: answers.csv}}\ncustomer: id\nscores: {scores}\n{more}"
    (folder / "survey.yml").write_text(text, encoding="utf-8")


def reports(folder: Path, *names: str) -> dict[str, tuple[str, str, str]]:
    """Report -> notebook, title, and what is lacking, as planned."""
    catalog = catalogs.load(folder / "reports" / "catalog.yml")
    survey = str(folder / "survey.yml")
    jobs, _ = plan(catalog, reports=names, survey=survey, describe=cli.describe)
    return {job.report: (job.notebook.stem, job.title, job.lacks) for job in jobs}


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["cxstats", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        said = capsys.readouterr()
        return int(end.value.code or 0), said.out, said.err

    return call


def test_answers_alone_give_the_study_that_can_be_had_and_pages_that_say_what_is_missing(run, project):
    code, out, err = run("render", "--survey", "survey.yml", "--out", "out")
    assert code == 0, err
    assert "3 of 3 reports rendered (2 of them say what this data cannot answer, and why)" in out
    assert "response-rate-bias: this data cannot say, because there is no list of those invited" in err
    mine = project / "out" / "mine"
    assert {path.name for path in mine.iterdir()} == {
        "sample-size-nps",
        "response-rate-bias",
        "predictive-validity",
    }
    assert "sample_size of nps" in (mine / "sample-size-nps" / "index.html").read_text(encoding="utf-8")
    page = (mine / "response-rate-bias" / "index.html").read_text(encoding="utf-8")
    assert "This data cannot say" in page
    assert "There is no list of those invited." in page
    assert "frame:\n  file: invited.csv" in page  # the lines that would add it
    assert "key: id  # its column with the ids that the answers have in id" in page
    assert "Content-Security-Policy" in page
    assert "<script" not in page
    assert len(list((mine / "response-rate-bias").glob("run-*.json"))) == 1
    index = (project / "out" / "index.html").read_text(encoding="utf-8")
    assert index.count("This data cannot say") >= 2
    assert "Nothing is recorded of what customers did later" in index

    # nothing has changed: nothing is rendered
    code, out, _ = run("render", "--survey", "survey.yml", "--out", "out")
    assert (code, "0 of 3 reports rendered, 3 unchanged" in out) == (0, True)

    # a list of those invited, and what they did later, turn the pages into the studies
    (project / "invited.csv").write_text(
        "id,land\n" + "".join(f"{i},a\n" for i in range(1, 9)), encoding="utf-8"
    )
    (project / "crm.csv").write_text("id,gone\n1,yes\n2,no\n", encoding="utf-8")
    more = (
        "frame: {file: invited.csv, key: id}\noutcomes_from: {file: crm.csv, key: id}\n"
        'outcomes: {left_us: {column: gone, event: "yes"}}\n'
    )
    describe(project, more)
    code, out, err = run("render", "--survey", "survey.yml", "--out", "out")
    assert code == 0, err
    assert "3 of 3 reports rendered. Open" in out
    page = (mine / "response-rate-bias-nps" / "index.html").read_text(encoding="utf-8")
    assert "response_rate_bias of nps" in page
    assert "This data cannot say" not in page
    assert "predicts left_us" in (mine / "predictive-validity-left-us" / "index.html").read_text(
        encoding="utf-8"
    )
    # the page that held no finding is gone, with its card
    assert not (mine / "predictive-validity").exists()
    assert "nothing is recorded" not in (project / "out" / "index.html").read_text(encoding="utf-8").lower()

    # taken out of the description again, they are not written over, and the index says how old they are
    describe(project)
    code, out, err = run("render", "--survey", "survey.yml", "--out", "out")
    assert code == 0, err
    assert "response_rate_bias of nps" in (mine / "response-rate-bias-nps" / "index.html").read_text("utf-8")
    assert "This data cannot say" in (mine / "response-rate-bias" / "index.html").read_text("utf-8")
    index = (project / "out" / "index.html").read_text(encoding="utf-8")
    assert index.count("From an earlier description, of ") == 2
    assert "Two are from an earlier description of the survey" in index

    # and back: rendered or found unchanged, they are of today's description
    describe(project, more)
    code, out, err = run("render", "--survey", "survey.yml", "--out", "out")
    assert code == 0, err
    assert "earlier description" not in (project / "out" / "index.html").read_text(encoding="utf-8")
    assert not (mine / "response-rate-bias").exists()


def test_a_report_named_on_the_command_line_gives_the_page_of_what_its_study_misses(project):
    describe(project)
    found = reports(project, "response-rate-bias-nps")
    assert list(found) == ["response-rate-bias"]
    assert found["response-rate-bias"][2] == "there is no list of those invited"


def test_every_score_and_outcome_has_a_report_under_a_name_that_readers_know(project):
    describe(
        project,
        "frame: {file: i.csv, key: id}\ngroups: {g: g}\n"
        "outcomes: {churned: {column: c, event: x}, left_us: {column: d, event: x, label: Who left us}}\n",
        "{csat_food: {column: a, scale: 1-5}, nps: {column: b}, rating: {column: r, scale: 1-9}}",
    )
    found = reports(project)
    assert {report: title for report, (_, title, _) in found.items()} == {
        "sample-size-csat-food": "Sample size · CSAT (food)",
        "sample-size-nps": "Sample size · NPS",
        "sample-size-rating": "Sample size · rating",
        "response-rate-bias-csat-food": "Response-rate bias · CSAT (food)",
        "response-rate-bias-nps": "Response-rate bias · NPS",
        "response-rate-bias-rating": "Response-rate bias · rating",
        "predictive-validity-churned": "Predictive validity · who leaves",
        "predictive-validity-left-us": "Predictive validity · Who left us",
    }
    assert not any(lacks for *_, lacks in found.values())


def test_a_report_can_be_named(project):
    describe(project, scores="{csat_food: {column: a, scale: 1-5}, nps: {column: b}}")
    assert list(reports(project, "sample-size-csat-food")) == ["sample-size-csat-food"]
    with pytest.raises(UsageError, match="Did you mean sample-size-csat-food"):
        reports(project, "sample-size-csat-foot")


def test_one_page_stands_for_all_scores_that_lack_the_same(root, project):
    """With the real catalogue: two scores, no list, no groups, no outcomes."""
    describe(project, scores="{nps: {column: a}, ces: {column: b, scale: 1-7, high_is: easy}}")
    catalog = catalogs.load(root / "reports" / "catalog.yml")
    jobs, skipped = plan(catalog, survey=str(project / "survey.yml"), describe=cli.describe)
    told = {job.report: bool(job.lacks) for job in jobs}
    assert told == told | {
        "sample-size-nps": False,
        "sample-size-ces": False,
        "extreme-response-bias": True,
        "response-rate-bias": True,
        "predictive-validity": True,
    }
    assert sum(told.values()) == 3
    assert skipped == []
    titles = {job.report: job.title for job in jobs if job.lacks}
    assert titles["response-rate-bias"] == "Response-rate bias"
    assert [job.position for job in jobs] == sorted(job.position for job in jobs)


def test_a_score_of_two_points_alone_lacks_what_its_study_needs(root, project):
    describe(project, "groups: {g: g}\n", "{nps: {column: a}, csat: {column: b, scale: 0-1}}")
    catalog = catalogs.load(root / "reports" / "catalog.yml")
    jobs, _ = plan(catalog, reports=["extreme-*"], survey=str(project / "survey.yml"), describe=cli.describe)
    assert {job.report: job.lacks for job in jobs} == {
        "extreme-response-bias-nps": "",
        "extreme-response-bias-csat": "answers on two points show no habit of using the ends",
    }
    assert jobs[1].parameters["measure"] == "csat"


def test_a_survey_of_units_has_the_studies_of_units(root, project):
    (project / "survey.yml").write_text(
        "title: Hospitals\nunits: {file: h.csv, unit: id, response_rate: {column: rate}, bands: {low: a, top: b}}\n",
        encoding="utf-8",
    )
    catalog = catalogs.load(root / "reports" / "catalog.yml")
    jobs, _ = plan(catalog, survey=str(project / "survey.yml"), describe=cli.describe)
    told = {job.report: job.lacks for job in jobs}
    assert told["response-rate-bias-nps"] == ""
    assert told["score-overview"] == "there is one row per unit and no answers to sum up"
    assert told["sample-size"] == "there is one row per unit and no answers to draw from"
    assert told["predictive-validity"] == "nothing else is recorded of the units"


def test_a_special_entry_stays_as_it_is_or_is_left_out(tmp_path):
    write_notebook(tmp_path / "n.ipynb", "1", parameters=METRIC)
    write_notebook(tmp_path / "other.ipynb", "1", parameters=HEAD + 'metric: "Optional[str]" = None')
    (tmp_path / "catalog.yml").write_text(
        "reports:\n  part: {notebook: ./n.ipynb, title: P, parameters: {metric: nps, where: a = b}, needs: [nps]}\n"
        "  none: {notebook: ./n.ipynb, title: P, parameters: {metric: ces, where: a = b}, needs: [ces]}\n"
        "  all: {notebook: ./other.ipynb, title: All}\n",
        encoding="utf-8",
    )
    catalog = catalogs.load(tmp_path / "catalog.yml")
    names = {"nps": "NPS", "csat": "CSAT"}
    survey = SurveyRef("s", "s.yml", "s.yml", scores=frozenset(names), names=names)
    assert list(own_reports(catalog, survey).catalog.reports) == ["part", "all"]


def test_only_pages_without_a_finding_are_withdrawn(tmp_path):
    out = open_out(tmp_path / "out")

    def made(report: str, *notebooks: str) -> None:
        goal = target(out, "mine", report)
        goal.folder.mkdir(parents=True)
        for name in ("index.html", "analyst-16de9dfa1266.html"):
            (goal.folder / name).write_text("page", encoding="utf-8")
        for number, notebook in enumerate(notebooks, start=1):
            run = f"{number:06d}-20250401T000000Z-aaaaaa"
            base = {"run": run, "survey": "mine", "report": report, "status": "ok", "notebook": notebook}
            record.save(out, base | {"started": "", "header": {}, "answer": {}, "page": None})

    made("kept", "what_is_missing")
    made("old", "what_is_missing", "what_is_missing")
    made("found", "sample_size", "what_is_missing")
    (target(out, "mine", "old").folder / "notes.txt").write_text("mine", encoding="utf-8")
    with held(target(out, "mine", "old").lock):
        assert withdraw(out, "mine", keep={"kept"}) == []  # another run has it
    assert withdraw(out, "mine", keep={"kept"}) == ["old"]
    assert [path.name for path in target(out, "mine", "old").folder.iterdir()] == ["notes.txt"]
    assert {report for _, report in record.load_all(out)} == {"kept", "found"}
    assert target(out, "mine", "found").page.is_file()
