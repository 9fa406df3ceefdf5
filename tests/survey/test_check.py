"""cxstats check as a conversation: what each study will be able to say, and what to add; the same as a page."""

from __future__ import annotations

import re
import sys

import pytest

import cxstats as cx
from cxstats import cli
from cxstats.check_page import check_page
from cxstats.studies.requirements import missing, readiness, told
from cxstats.survey import check

GROUPS = "groups: {country: country}\n"


def answers(n: int = 90, *, silent: int = 0) -> str:
    """Answers of n customers in two countries; of the silent only the id and the country is known."""
    rows = [
        f"c{i},{i % 11},{('DE', 'FR')[i % 2]},2025-01-{1 + i % 28:02d},{int(i % 3 == 0)}" for i in range(n)
    ]
    rows += [f"s{i},,{('DE', 'FR')[i % 2]},2025-01-01,0" for i in range(silent)]
    return "id,ltr,country,sent,left\n" + "\n".join(rows) + "\n"


def line(survey: cx.Survey, study: str) -> str:
    """What is said of one study, all its lines."""
    text = next("\n".join(s.lines()) for s in readiness(survey) if s.study == study)
    assert text in told(readiness(survey)).replace("\n  ", "\n")
    return text


def test_without_a_list_of_those_invited_response_bias_cannot_be_told(folder):
    folder.file("data.csv", answers())
    said = line(folder.open("customer: id\n"), "Response-rate bias")
    assert said.startswith(
        "Response-rate bias: This data cannot say, because there is no list of those invited: add that list with frame:"
    )


def test_with_a_list_but_no_facts_of_the_silent_it_cannot_either(folder):
    folder.file("data.csv", answers(silent=60))
    said = line(folder.open("customer: id\ninvited: sent\n"), "Response-rate bias")
    assert "nothing is known of those who did not answer" in said
    folder.file("frame.csv", "id\n" + "".join(f"c{i}\n" for i in range(200)))
    survey = folder.open("customer: id\nframe: {file: frame.csv}\n" + GROUPS)
    assert "country is not known of those who did not answer: add facts" in line(survey, "Response-rate bias")


def test_with_both_it_says_what_will_be_answered_and_what_not(folder):
    folder.file("data.csv", answers(silent=60))
    survey = folder.open("customer: id\ninvited: sent\n" + GROUPS)
    said = line(survey, "Response-rate bias")
    assert said.startswith(
        "Response-rate bias: yes: how far NPS would move if all 150 invited had answered (60\xa0% did)"
    )
    assert "not what the silent would have said" in said
    assert "follow_up:" in said


def test_the_other_studies_name_what_they_need(folder):
    folder.file("data.csv", answers())
    survey = folder.open("customer: id\n")
    assert line(survey, "Sample size").startswith(
        "Sample size: yes: how far chance alone could have moved NPS"
    )
    assert "not whether the score changed, because the answers do not say their wave" in line(
        survey, "Sample size"
    )
    assert "This data cannot say, because there are no groups to compare: add groups:" in line(
        survey, "Response style"
    )
    said = line(survey, "Predictive validity")
    assert "This data cannot say, because nothing is recorded of what customers did later" in said
    with pytest.raises(ValueError, match="no outcomes"):  # the study itself says the same
        cx.predictive_validity(survey)


def test_events_are_counted_among_those_who_answered(folder):
    outcome = 'outcomes: {left: {column: left, event: "1", label: Left}}\n'
    folder.file("data.csv", answers(90, silent=60))
    assert "yes: how much NPS tells beforehand about “Left”" in line(
        folder.open(outcome + GROUPS), "Predictive validity"
    )
    folder.file("data.csv", answers(30, silent=60))
    said = line(folder.open(outcome + GROUPS), "Predictive validity")
    assert "known to have happened to 10 and not to 20, and 20 of each are needed" in said


def test_two_points_show_no_style(folder):
    folder.file("data.csv", "good,country\n" + "1,DE\n0,FR\n" * 9)
    survey = folder.open(GROUPS, scores="scores: {csat: {column: good, scale: 0-1}}\n")
    assert "two points show no habit" in line(survey, "Response style")


def test_where_nobody_answered_nothing_can_be_said(folder):
    folder.file("data.csv", "id,ltr\na,\nb,\n")
    studies = readiness(folder.open("customer: id\n"))
    assert not any(study.answers for study in studies)


def test_units_are_asked_other_questions(folder):
    folder.file("data.csv", "id,rate,low,mid,top\n" + "".join(f"h{i},{i % 50},20,30,50\n" for i in range(60)))
    path = folder.file(
        "survey.yml",
        "title: T\nunits: {file: data.csv, unit: id, response_rate: rate, bands: {low: low, middle: mid, top: top}}\n",
    )
    survey = cx.open_survey(path)
    assert "from unit to unit" in line(survey, "Response-rate bias")
    assert "This data cannot say" in line(survey, "Sample size")


# ------------------------------------------------------------------ as a page


def run(monkeypatch, capsys, *arguments: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["cxstats", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    said = capsys.readouterr()
    return int(end.value.code or 0), said.out, said.err


def test_the_command_says_it_and_writes_it_as_a_page(folder, monkeypatch, capsys):
    folder.file("data.csv", answers(silent=60))
    path = folder.describe("customer: id\ninvited: sent\n" + GROUPS)
    page = folder.path / "check.html"
    code, said, _ = run(monkeypatch, capsys, "check", str(path), "--html", str(page))
    assert code == 0
    assert "What each study will be able to answer\n  Score overview: yes" in said
    html = page.read_text(encoding="utf-8")
    assert "Response-rate bias" in html
    assert "What became of every row" in html
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", html)  # nothing is fetched
    assert "<script" not in html
    for secret in ("c17", "s3"):
        assert not re.search(rf"\b{secret}\b", html)


def test_a_page_of_problems_names_them_and_escapes_what_files_say(folder, monkeypatch, capsys):
    folder.file("data.csv", "id,ltr\n1,9\n")
    path = folder.describe("groups: {x: '<script>alert(1)</script>'}\n")
    page = folder.path / "check.html"
    code, said, _ = run(monkeypatch, capsys, "check", str(path), "--html", str(page))
    assert code == 1
    assert "there is no column" in said
    html = page.read_text(encoding="utf-8")
    assert "What is wrong" in html
    assert "there is no column" in html
    assert "<script" not in html
    assert "What each study" not in html


def test_a_description_that_cannot_be_read_has_a_page_too(folder):
    path = folder.file("survey.yml", "title: T\nresponses: {file: none.csv}\n")
    html = check_page(check(path), "survey.yml", ())
    assert "scores: is missing" in html


def test_a_page_that_cannot_be_written_is_said(folder, monkeypatch, capsys):
    folder.file("data.csv", answers())
    path = folder.describe("customer: id\n")
    code, _, complaint = run(
        monkeypatch, capsys, "check", str(path), "--html", str(folder.path / "no" / "x.html")
    )
    assert code == 2
    assert "cannot be written" in complaint
    kept = path.read_text(encoding="utf-8")
    code, _, complaint = run(monkeypatch, capsys, "check", str(path), "--html", str(path))
    assert code == 2
    assert "ends in .html" in complaint
    assert path.read_text(encoding="utf-8") == kept


def test_groups_that_reports_hide_are_named_with_those_they_hide_too(tmp_path):
    rows = [f"{i},{i % 11},{'DE' if i < 60 else 'IT' if i < 85 else 'LI'}" for i in range(88)]
    (tmp_path / "data.csv").write_text("id,nps,land\n" + "\n".join(rows) + "\n", encoding="utf-8")
    (tmp_path / "survey.yml").write_text(
        "title: S\nresponses: {file: data.csv}\nscores: {nps: {column: nps}}\ngroups: {land: land}\n"
    )
    text = check(tmp_path / "survey.yml").text
    said = next(line for line in text.splitlines() if "not shown in reports" in line)
    assert '"LI" (3), with under 10 answers' in said
    # and the page says what the terminal does
    html = check_page(check(tmp_path / "survey.yml"), "survey.yml", ())
    assert "&#34;DE&#34; 60" in html or '"DE" 60' in html
    assert "with under 10 answers" in html
    assert '"IT" (25), from which it could be had' in said
    assert "labels:" in said


def test_a_score_nobody_was_asked_for_has_no_response_rate_study(folder):
    folder.file("data.csv", answers(60, silent=40))
    scores = "scores: {nps: {column: ltr}, rating: {column: ltr, scale: 0-10, kind: mean, asked: no}}\n"
    (folder.path / "survey.yml").write_text(
        f"title: T\nresponses: {{file: data.csv}}\ncustomer: id\ninvited: sent\n{scores}{GROUPS}"
    )
    survey = cx.open_survey(folder.path / "survey.yml")
    assert missing(survey.description, "response_rate_bias", "nps") is None
    assert missing(survey.description, "response_rate_bias") is None
    lack = missing(survey.description, "response_rate_bias", "rating")
    assert "nobody was asked for" in lack.why
    said = line(survey, "Response-rate bias")
    assert "how far NPS would move" in said
