"""The first notebook: what was read, what can be answered, and what every study finds, with links to them."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest

import cxstats as cx
from cxstats.findings import Verdict
from cxstats.reporting.execute import Limits, execute
from cxstats.survey import Survey, open_survey


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A survey of answers alone, and one with a list, groups and outcomes."""
    here = tmp_path_factory.mktemp("start")
    draw = random.Random(4)
    invited, answers = ["id,land,gone,tenure"], ["id,nps,ease"]
    for i in range(600):
        score = draw.choice([0, 3, 6, 7, 8, 8, 9, 9, 10, 10])
        gone = draw.random() < (0.4 if score < 7 else 0.15)
        invited.append(f"c{i},{draw.choice('AB')},{int(gone)},{draw.randrange(60)}")
        if draw.random() < 0.6:
            answers.append(f"c{i},{score},{draw.randrange(1, 8)}")
    (here / "invited.csv").write_text("\n".join(invited) + "\n", encoding="utf-8")
    (here / "answers.csv").write_text("\n".join(answers) + "\n", encoding="utf-8")
    alone = "title: Alone\nresponses: {file: answers.csv}\ncustomer: id\n"
    scores = "scores: {nps: {column: nps}, ces: {column: ease, scale: 1-7, high_is: easy}}\n"
    (here / "alone.yml").write_text(alone + "scores: {nps: {column: nps}}\n", encoding="utf-8")
    more = "frame: {file: invited.csv}\ngroups: {land: land}\nbehaviour: {tenure: tenure}\n"
    outcomes = 'outcomes: {gone: {column: gone, event: "1", label: Left us}}\n'
    (here / "full.yml").write_text(alone + scores + more + outcomes, encoding="utf-8")
    return here


@pytest.fixture(scope="module")
def full(folder: Path) -> Survey:
    return open_survey(folder / "full.yml")


@pytest.fixture(scope="module")
def found(full: Survey) -> cx.Headlines:
    return cx.headlines(full)


def test_every_study_gives_its_own_headline(full, found):
    one, two, three, four = found
    assert [h.notebook for h in found] == [
        "sample_size",
        "response_rate_bias",
        "extreme_response_bias",
        "predictive_validity",
    ]
    assert (one.measure, two.measure, three.measure, four.measure) == ("NPS", "NPS", "NPS", "Left us")
    assert one.finding == cx.sample_size(full, metric="nps").findings[0]
    assert three.finding == cx.extreme_response_bias(full, metric="nps").findings[0]
    assert "A" in three.finding.question
    assert all(not h.lines for h in found)


def test_headlines_say_verdict_and_interval_in_words_and_in_html(found):
    said, page = str(found), found._repr_mimebundle_()["text/html"]
    for headline in found:
        assert headline.finding.verdict.words in said
        assert headline.finding.verdict.words in page
        assert f'href="{headline.notebook}.ipynb"' in page
    assert re.search(r"true NPS against the published \S+: −\d+\.\d to \+\d+\.\d points", said)
    assert page.count('class="cx-strip cx-wide"') == sum(h.finding.low is not None for h in found) >= 2


def test_what_is_missing_is_said_with_the_lines_that_would_add_it(folder):
    found = cx.headlines(open_survey(folder / "alone.yml"))
    verdicts = [headline.finding.verdict for headline in found]
    assert verdicts[1:] == [Verdict.NOT_ANSWERABLE] * 3
    assert "This data cannot say. There is no list of those invited." in str(found)
    assert "Add that list with `frame:`, or say `invited:`" in str(found)
    assert "    frame:\n      file: invited.csv" in str(found)
    assert "<pre" in found._repr_mimebundle_()["text/html"]


def test_a_score_and_an_outcome_are_chosen_by_name(full):
    with pytest.raises(ValueError, match="outcomes are gone"):
        cx.headlines(full, outcome="left")
    with pytest.raises(ValueError, match="no metric"):
        cx.headlines(full, metric="csat")


def test_the_lines_that_are_proposed_are_lines_of_a_survey_yml(folder):
    """What the pages propose can be read as it stands, with the made-up names in it."""
    from cxstats.studies.requirements import STUDIES, missing
    from cxstats.survey import read_description

    text = (folder / "alone.yml").read_text(encoding="utf-8")
    d = read_description(folder / "alone.yml")
    for study in STUDIES:
        lack = missing(d, study)
        if lack is not None:
            path = folder / f"{study}.yml"
            path.write_text(text + "\n".join(lack.lines) + "\n", encoding="utf-8")
            assert missing(read_description(path), study) is None, study


def test_a_first_look_holds_what_was_read_and_what_can_be_said(full):
    look = cx.first_look(full)
    assert [row[:2] for row in look.sources.parts[0].rows] == [
        ("responses", "answers.csv"),
        ("frame", "invited.csv"),
    ]
    assert look.ledger.ledger is full.ledger
    assert [part.caption for part in look.answers.parts] == ["Answers to NPS", "Answers to CES"]
    assert sum(int(row[1]) for row in look.answers.parts[0].rows) == full.n_answered("nps")
    assert [row[0] for row in look.studies.parts[0].rows] == [
        "Score overview",
        "Sample size",
        "Response-rate bias",
        "Response style",
        "Predictive validity",
    ]


def test_the_notebook_runs_on_a_survey_of_ones_own_from_any_folder(root, folder, tmp_path):
    path = root / "notebooks" / "start_here.ipynb"
    parameters = {"survey": str(folder / "alone.yml")}
    done = execute(path, parameters, tmp_path, limits=Limits(start=300, cell=300))
    outputs = [out for cell in done.notebook.cells for out in cell.get("outputs", [])]
    parts = [out["data"].get("application/vnd.cxstats.part+json", {}).get("part") for out in outputs]
    assert parts == ["table", "table", "ledger", "table", "table", "table", None]
    assert "This data cannot say" in outputs[-1]["data"]["text/plain"]


@pytest.mark.simulation
def test_the_notebook_runs_on_the_demo_company_as_it_comes(root, tmp_path):
    done = execute(root / "notebooks" / "start_here.ipynb", {}, tmp_path, limits=Limits(start=300, cell=300))
    outputs = [out for cell in done.notebook.cells for out in cell.get("outputs", [])]
    headlines = outputs[-1]["data"]["text/plain"]
    assert "This data cannot say" not in headlines
    for name in ("Sample size", "Response-rate bias", "Response style", "Predictive validity"):
        assert name in headlines


def test_the_notebook_links_to_every_study(root):
    text = (root / "notebooks" / "start_here.ipynb").read_text(encoding="utf-8")
    prose = "".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
    from cxstats.studies.requirements import STUDIES

    for study in STUDIES:
        assert f"]({study}.ipynb)" in prose
        assert (root / "notebooks" / f"{study}.ipynb").is_file()


def test_a_survey_that_cannot_be_used_says_why_without_a_traceback(folder):
    (folder / "broken.yml").write_text("title: B\nresponses: {file: none.csv}\nscores: {nps: {column: n}}\n")
    with pytest.raises(cx.SurveyError) as refused:
        open_survey(folder / "broken.yml")
    assert refused.value._render_traceback_() == str(refused.value).splitlines()
