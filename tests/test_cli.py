"""The command line: what to do first, refusals in the user's words, exit codes, never a traceback."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from cxstats import __version__, cli
from cxstats.reporting import catalog as catalogs

PARAMETERS = 'survey: str = "demo"\nmetric: str = "nps"\nlevel: cx.Level = 0.95  # confidence level'

SURVEY = """
title: Our survey
population: Customers
responses: {file: answers.csv, delimiter: ",", encoding: utf-8}
scores:
  nps: {column: ltr, scale: 0-10}
"""


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """Runs the command in this process: exit code, standard output, standard error."""

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["cxstats", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        said = capsys.readouterr()
        return int(end.value.code or 0), said.out, said.err

    return call


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a catalogue, a notebook and a survey."""
    (tmp_path / "reports").mkdir()
    (tmp_path / "notebooks").mkdir()
    entry = {"notebook": "size", "title": "Size"}
    reports = {
        "size-nps": entry | {"parameters": {"metric": "nps"}, "needs": ["nps"]},
        "size-ces": entry | {"parameters": {"metric": "ces"}, "needs": ["ces"]},
    }
    (tmp_path / "reports" / "catalog.yml").write_text(json.dumps({"reports": reports}), encoding="utf-8")
    cells = [
        nbformat.v4.new_code_cell("import cxstats as cx"),
        nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("print('metric is', metric)"),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "notebooks" / "size.ipynb")
    (tmp_path / "survey.yml").write_text(SURVEY, encoding="utf-8")
    (tmp_path / "answers.csv").write_text("id,ltr\n1,10\n2,9\n3,3\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_bare_command_says_what_to_do_first(run) -> None:
    code, out, _ = run()
    assert code == 0
    for words in ("cxstats demo", "cxstats check", "cxstats render --survey"):
        assert words in out


def test_version(run) -> None:
    assert run("--version")[:2] == (0, f"cxstats {__version__}\n")


def test_unknown_command_and_option_are_refused(run) -> None:
    for arguments in (["rendr"], ["render", "--ouch"], ["check"]):
        code, _, err = run(*arguments)
        assert code == 2
        assert "Traceback" not in err


def test_every_problem_is_refused_at_once_before_anything_runs(run, project) -> None:
    code, out, err = run(
        "render", "size-npss", "size-ces", "-p", "x;print(1)=3", "-p", "level=95", "-p", "levle=0.9"
    )
    assert code == 2
    assert not out
    assert "'x;print(1)' cannot be a parameter name" in err
    assert "there is no report 'size-npss'. Did you mean size-nps?" in err
    assert "Did you mean 0.95?" in err
    assert "there is no parameter levle. Did you mean level?" in err
    assert not (project / "reports" / "published").exists()


def test_parameters_are_given_once_and_as_name_and_value(run, project) -> None:
    assert "given twice" in run("render", "-p", "level=0.9", "-p", "level=0.8")[2]
    assert "name=value" in run("render", "-p", "level")[2]
    assert "environment variable" in run("render", "-p", "db_password=x")[2]


@pytest.mark.parametrize(
    ("survey", "words"),
    [
        ("gone.yml", "there is no such file"),
        (".", "a folder"),
        ("answers.csv", "not"),
        ("broken.yml", "Did you mean"),
    ],
)
def test_a_survey_that_cannot_be_described_is_refused(run, project, survey, words) -> None:
    (project / "broken.yml").write_text(SURVEY.replace("population", "populaton"), encoding="utf-8")
    code, _, err = run("render", "--survey", survey)
    assert code == 2
    assert words in err
    assert "Traceback" not in err


def test_problems_of_survey_and_parameters_come_together(run, project) -> None:
    (project / "broken.yml").write_text(SURVEY.replace("population", "populaton"), encoding="utf-8")
    code, _, err = run("render", "--survey", "broken.yml", "-p", "level=95")
    assert code == 2
    assert 'Did you mean "population"?' in err
    assert "Did you mean 0.95?" in err


@pytest.mark.parametrize("survey", ["demo", "survey.yml"])
def test_a_mistyped_score_is_refused_before_anything_runs(run, project, survey) -> None:
    code, _, err = run("render", "size-nps", "--survey", survey, "-p", "metric=npss")
    assert code == 2
    assert "metric is 'npss', but this survey has no such score. Did you mean nps?" in err
    assert not (project / "reports" / "published").exists()


def test_a_group_or_wave_that_the_survey_lacks_is_refused_before_anything_runs(run, project) -> None:
    notebook = project / "notebooks" / "size.ipynb"
    more = '\\nwave: str | None = None\\ngroup: str | None = None"'
    notebook.write_text(
        notebook.read_text(encoding="utf-8").replace('# confidence level"', "# confidence level" + more),
        encoding="utf-8",
    )
    (project / "survey.yml").write_text(SURVEY + "groups: {country: id}\n", encoding="utf-8")
    code, _, err = run(
        "render", "size-nps", "--survey", "survey.yml", "-p", "group=contry", "-p", "wave=2025-Q1"
    )
    assert code == 2
    assert "group is 'contry', but this survey has no such group. Did you mean country?" in err
    assert "wave is '2025-Q1', but this survey has no waves" in err


def test_the_demo_companys_scores_are_known_without_making_it() -> None:
    from cxstats.survey import open_survey

    company = open_survey("demo")
    assert set(company.metrics) == cli.DEMO_SCORES
    assert set(company.outcomes) == cli.DEMO_OUTCOMES
    assert company.period == cli.DEMO_PERIOD


@pytest.mark.parametrize("command", ["check", "render", "debug"])
def test_an_address_in_place_of_a_survey_is_not_repeated(run, project, command) -> None:
    address = "postgres://ann:hunter2pw@host/crm"
    options = {"check": ["check"], "render": ["render", "--survey"], "debug": ["--debug", "check"]}[command]
    code, out, err = run(*options, address)
    assert code == (2 if command == "render" else 1)
    assert "url_env" in out + err
    assert "hunter2pw" not in out + err


def test_an_empty_output_folder_is_not_the_one_at_hand(run, project) -> None:
    code, _, err = run("render", "--out", "")
    assert code == 2
    assert "is empty: name a folder" in err
    assert not (project / "index.html").exists()


def test_an_output_folder_that_cannot_be_used_is_refused(run, project) -> None:
    code, _, err = run("render", "--out", "survey.yml")
    assert code == 2
    assert "a folder is needed" in err


def test_no_catalogue_is_said(run, project, monkeypatch) -> None:
    code, _, err = run("render", "--catalog", "gone.yml")
    assert code == 2
    assert "gone.yml: cannot be read" in err
    monkeypatch.chdir(project / "notebooks")
    monkeypatch.setattr(catalogs, "BUNDLED", project / "nowhere")
    monkeypatch.setattr(catalogs, "_PACKAGE", project / "nowhere" / "cxstats")
    assert "there is no catalogue" in run("list")[2]


def test_render_list_and_a_score_the_survey_lacks(run, project) -> None:
    code, out, _ = run("list")
    assert code == 0
    assert out.count("never rendered") == 2
    code, out, err = run("render", "--survey", "survey.yml", "--out", "out")
    assert code == 0, err
    assert "size-ces" not in err  # the survey has no such score: there is nothing to leave out
    assert f"1 of 1 report rendered. Open {(project / 'out' / 'index.html').resolve()}" in out
    page = (project / "out" / "our-survey" / "size-nps" / "index.html").read_text(encoding="utf-8")
    assert "metric is nps" in page
    steps = re.findall(r"report=our-survey/size-nps step=(\w+)", err)
    assert steps == ["execute", "executed", "convert", "scan", "publish", "published"]
    assert "last good run" in run("list", "--out", "out")[1]


def test_a_report_is_listed_with_its_parameters(run, project) -> None:
    code, out, _ = run("list", "size-ces")
    assert code == 0
    assert "metric: str = ces" in out
    assert "level: Level = 0.95\n        confidence level" in out
    assert "size-nps" not in out
    code, _, err = run("list", "size-cse")
    assert code == 2
    assert "Did you mean size-ces?" in err


def test_nothing_to_render_is_not_success(run, project) -> None:
    code, _, err = run("render", "size-ces", "--survey", "survey.yml")
    assert code == 2
    assert "no ces score" in err
    assert "nothing was rendered" in err


def test_check_reads_and_judges(run, project) -> None:
    code, out, _ = run("check", "survey.yml")
    assert code == 0
    assert "Our survey" in out
    (project / "answers.csv").write_text("id,ltr,ltr\n", encoding="utf-8")
    code, out, err = run("check", "survey.yml")
    assert code == 1
    assert "ltr" in out + err
    assert "Traceback" not in err


def test_a_fault_of_ours_is_told_without_a_traceback(run, project, monkeypatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a wheel came off")

    monkeypatch.setattr(catalogs, "load", broken)
    code, _, err = run("list")
    assert code == 1
    assert "a wheel came off" in err
    assert "Traceback" not in err
    monkeypatch.setattr(sys, "argv", ["cxstats", "--debug", "list"])
    with pytest.raises(RuntimeError):
        cli.main()


def test_the_command_starts_without_loading_what_it_does_not_need() -> None:
    heavy = ("papermill", "pandas", "numpy", "matplotlib", "duckdb", "nbconvert")
    script = f"import sys, cxstats.cli; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_console_without_unicode_gets_the_words_it_can_print(project) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cxstats.cli", "render", "-p", "metric=“x”", "-p", "ü=1"],
        capture_output=True,
        env={"PYTHONIOENCODING": "ascii", "PATH": "", "LC_ALL": "C"},
        check=False,
    )
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
