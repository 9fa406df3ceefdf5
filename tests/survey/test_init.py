"""cxstats init: every guess marked, nothing guessed that data cannot show, nothing written over."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from cxstats import cli
from cxstats.survey import SurveyError, check, open_survey
from cxstats.survey.init import OPEN, Question, init, propose
from cxstats.survey.init_columns import mask

from .exports import make

FILLED = {
    "scale": {"csat": "1-5", "ces": "1-7"},
    "high_is": "easy",
    "time_zone": "UTC",
    "date_format": "%d/%m/%Y",
    "holds": "invited",
}


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("init")
    make.main(folder)
    return folder


def answer(question: Question) -> str:
    """What somebody who knows would say."""
    *_, key, last = question.where.split(".")
    told = FILLED[last]
    return told[key.split("_")[0]] if isinstance(told, dict) else told


def fill(path: Path, left: tuple[Question, ...]) -> None:
    """Fill the open lines with an editor, so to say."""
    text = path.read_text(encoding="utf-8")
    for question in left:
        last = question.where.split(".")[-1]
        text, n = re.subn(
            rf'(\b{last}: )"{OPEN}"', lambda m, q=question: f'{m[1]}"{answer(q)}"', text, count=1
        )
        assert n == 1
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "open_lines", "answered"),
    [
        ("qualtrics.csv", {"scores.csat.scale", "scores.ces.scale", "scores.ces.high_is"}, 295),
        ("qualtrics.xlsx", {"scores.csat.scale", "scores.ces.scale", "scores.ces.high_is"}, 295),
        ("surveymonkey.csv", {"responses.time_zone", "scores.csat.scale"}, 295),
        ("typeform.csv", {"scores.csat.scale"}, 295),
        ("zendesk.csv", set(), None),
        ("medallia.csv", set(), None),
        ("hubspot.csv", {"responses.time_zone"}, 295),
        ("german.csv", set(), 295),
    ],
)
def test_once_the_open_lines_are_filled_the_description_passes_check(
    exports, tmp_path, name, open_lines, answered
):
    out = exports / f"{name}-{tmp_path.name}.yml"
    written = init([exports / name], out)
    assert {question.where for question in written.open} == open_lines
    text = out.read_text(encoding="utf-8")
    assert text.count(f'"{OPEN}"  # open: ') == len(open_lines)
    if open_lines:
        refused = check(out)
        assert [p.what for p in refused.problems] == ["is still open"] * len(open_lines)
        assert all(re.search(r"line \d+", p.where) for p in refused.problems)
    fill(out, written.open)
    report = check(out)
    assert report.ok, str(report)
    if answered is not None:
        total = int(report.survey.counts("nps").sum())
        assert (
            answered <= total <= answered + 1
        )  # one stands before its invitation, which these files do not know


def test_every_proposed_line_is_marked_as_a_guess(exports):
    text, _ = propose([exports / "qualtrics.csv"], exports)
    body = [line for line in text.splitlines() if line and not line.lstrip().startswith(("#", "- "))]
    plain = {"responses:", "scores:", "nps:", "csat:", "ces:", "groups:"}
    assert [
        line
        for line in body
        if "# guess: " not in line
        and "# open: " not in line
        and line.strip() not in plain
        and "file: " not in line
    ] == []


@pytest.mark.parametrize(
    "tool", ["qualtrics.csv", "surveymonkey.csv", "typeform.csv", "medallia.csv", "hubspot.csv"]
)
def test_no_value_that_says_who_somebody_is_is_written(exports, tool):
    text, _ = propose([exports / tool], exports)
    for row in make.answers().head(20).to_dict("records"):
        assert row["customer_id"] not in text
    assert not re.search(r"jo\d+@|203\.0\.113|\bDoe\b", text)
    for column in ("country",):
        assert column in text


def test_a_mask_keeps_the_shape_and_nothing_else():
    assert mask("Ångström-42 東京") == "Xxxxxxxx-99 xx"
    assert mask("a" * 40) == "x" * 24 + "…"


def test_three_files_are_joined_by_a_proposed_key(exports):
    out = exports / "three.yml"
    files = [exports / name for name in ("crm.csv", "invited.csv", "qualtrics.csv")]  # in any order
    written = init(files, out, ask=answer)
    assert written.open == ()
    report = check(out)
    assert report.ok
    survey = report.survey
    d = survey.description
    assert (d.responses.file, d.frame.file, d.outcomes_from.file) == (
        "qualtrics.csv",
        "invited.csv",
        "crm.csv",
    )
    assert (d.customer.column, d.frame.key, d.outcomes_from.key) == ("ExternalReference", "id", "number")
    assert (d.invited.column, d.responded.column) == ("sent_at", "EndDate")
    assert d.outcomes["churned"].event == ("1",)
    assert survey.n_invited == make.N_CUSTOMERS


def test_the_direction_the_scale_and_the_zone_are_asked_and_answers_used(exports, tmp_path):
    asked: list[str] = []

    def say(question: Question) -> str | None:
        asked.append(question.where)
        return None if question.where.endswith("scale") else answer(question)

    text, left = propose([exports / "qualtrics.csv"], tmp_path, ask=say)
    assert asked == ["scores.csat.scale", "scores.ces.scale", "scores.ces.high_is"]
    assert [q.where for q in left] == ["scores.csat.scale", "scores.ces.scale"]
    assert "high_is: easy  # your answer" in text


def test_it_never_writes_over_a_file(exports, tmp_path):
    out = tmp_path / "survey.yml"
    out.write_text("mine", encoding="utf-8")
    with pytest.raises(SurveyError, match="not written over"):
        init([exports / "zendesk.csv"], out)
    assert out.read_text(encoding="utf-8") == "mine"


def test_days_or_months_first_is_asked_where_both_fit(tmp_path):
    rows = "".join(f"c{i},{i % 11},0{1 + i % 9}/0{1 + i % 7}/2025\n" for i in range(80))
    (tmp_path / "a.csv").write_text("customer,nps,answered\n" + rows, encoding="utf-8")
    _, left = propose([tmp_path / "a.csv"], tmp_path)
    assert [q.where for q in left] == ["responses.date_format"]
    assert set(left[0].known) == {"%d/%m/%Y", "%m/%d/%Y"}
    written = init([tmp_path / "a.csv"], tmp_path / "s.yml", ask=lambda q: "%d/%m/%Y")
    assert check(written.path).ok


def test_headers_of_every_kind_stay_on_their_line(tmp_path):
    heads = [
        "id",
        '"How likely, <b>really</b>,\nto recommend? 🙂"',
        '"a: b # c"',
        "'x'",
        '"- y"',
        '"say ""hi"""',
    ]
    more = [f"v{i}" for i in range(294)]
    rows = [
        [f"c{i}", str(i % 11), "ab"[i % 2], "cd"[i % 2], "ef"[i % 2], "gh"[i % 2], *["1"] * 294]
        for i in range(60)
    ]
    text = ",".join(heads + more) + "\n" + "".join(",".join(row) + "\n" for row in rows)
    (tmp_path / "wide.csv").write_text(text, encoding="utf-8")
    out = tmp_path / "s.yml"
    assert init([tmp_path / "wide.csv"], out).open == ()
    d = open_survey(out).description
    assert d.scores["nps"].column == "How likely, really, to recommend? 🙂"
    assert {group.column for group in d.groups.values()} == {"a: b # c", "'x'", "- y", 'say "hi"'}


def test_several_kinds_of_answers_in_one_file_are_one_row_each(tmp_path):
    make.hubspot(tmp_path / "hubspot.csv", "ltr", "ease")
    written = init([tmp_path / "hubspot.csv"], tmp_path / "s.yml")
    assert [q.where for q in written.open] == ["responses.time_zone", "scores.ces.high_is"]
    fill(written.path, written.open)
    survey = open_survey(written.path)
    assert survey.description.responses.shape == "long"
    assert survey.counts("nps").sum() == sum(r.isdigit() and int(r) <= 10 for r in make.answers()["ltr"])
    assert survey.counts("ces").sum() == sum(r.isdigit() for r in make.answers()["ease"])


def test_a_file_without_a_score_leaves_its_column_open(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n" + "foo,bar\n" * 9, encoding="utf-8")
    _, left = propose([tmp_path / "x.csv"], tmp_path)
    assert [q.where for q in left] == ["scores.nps.column"]


def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["cxstats", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    said = capsys.readouterr()
    return int(end.value.code or 0), said.out, said.err


def test_the_command_says_what_it_wrote_and_what_is_open(exports, tmp_path, monkeypatch, capsys):
    out = tmp_path / "survey.yml"
    command = ("init", str(exports / "surveymonkey.csv"), "--out", str(out), "--no-input")
    code, said, _ = run(monkeypatch, capsys, *command)
    assert code == 0
    assert "responses.time_zone: which clock" in said
    assert f"cxstats check {out}" in said
    code, _, complaint = run(monkeypatch, capsys, *command)
    assert code == 2
    assert "not written over" in complaint
    code, _, complaint = run(monkeypatch, capsys, "init", str(tmp_path / "none.csv"), "--no-input")
    assert code == 2
    assert "there is no file" in complaint


def test_the_dialogue_asks_again_until_an_answer_fits(monkeypatch, capsys):
    answers = iter(["hard", "effort"])
    monkeypatch.setattr(cli.typer, "prompt", lambda *a, **k: next(answers))
    assert cli._ask(Question("scores.ces.high_is", "easy or effort?", ("easy", "effort"))) == "effort"
    assert "Not one of easy, effort" in capsys.readouterr().out
    answers = iter(["five", "1-5", "CET-ish", "Europe/Berlin"])
    assert cli._ask(Question("scores.csat.scale", "scale?")) == "1-5"
    assert cli._ask(Question("responses.time_zone", "zone?")) == "Europe/Berlin"
    told = capsys.readouterr().out
    assert "A scale is two whole numbers" in told
    assert 'There is no time zone "CET-ish"' in told


def rows(path: Path, head: str, *lines: str) -> Path:
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    return path


def test_whether_a_list_holds_those_asked_or_all_customers_is_asked(tmp_path):
    answers = rows(tmp_path / "a.csv", "client,nps", *(f"c{i},{i % 11}" for i in range(40)))
    bare = rows(tmp_path / "list.csv", "number,land", *(f"c{i},{'ab'[i % 2]}" for i in range(90)))
    _, left = propose([answers, bare], tmp_path)
    assert [(q.where, q.known) for q in left] == [("frame.holds", ("invited", "customers"))]
    dated = rows(
        tmp_path / "dated.csv", "number,sent", *(f"c{i},2025-01-{1 + i % 28:02d}" for i in range(90))
    )
    text, left = propose([answers, dated], tmp_path)
    assert left == ()
    assert "invited: sent" in text
    some = rows(
        tmp_path / "some.csv", "number,sent", *(f"c{i},{'2025-01-05' if i < 60 else ''}" for i in range(90))
    )
    text, left = propose([answers, some], tmp_path)
    assert left == ()
    assert "holds: customers  # guess: " in text


def test_the_day_of_invitation_among_answers_alone_is_no_list_of_those_asked(tmp_path):
    head = "client,Date d'envoi,Date de réponse,Recommanderiez-vous ?"
    answered = [f"c{i},2025-03-{1 + i % 9:02d},2025-03-{10 + i % 9},{i % 11}" for i in range(60)]
    text, _ = propose([rows(tmp_path / "a.csv", head, *answered)], tmp_path)
    assert "responded: Date de réponse" in text.replace('"', "")
    assert "\ninvited:" not in text
    silent = [f"s{i},2025-03-{1 + i % 9:02d},," for i in range(60)]
    text, _ = propose([rows(tmp_path / "b.csv", head, *answered, *silent)], tmp_path)
    assert '\ninvited: "Date d\'envoi"' in text


SATISFIED = [
    "Very dissatisfied",
    "Somewhat dissatisfied",
    "Neither satisfied nor dissatisfied",
    "Somewhat satisfied",
    "Very satisfied",
]
AGREE = ["Strongly disagree", "Disagree", "Neither agree nor disagree", "Agree", "Strongly agree"]


def write_csv(path: Path, header: list[str], rows: list[list[object]], mark: str = ",") -> Path:
    path.write_text("\n".join(mark.join(map(str, row)) for row in [header, *rows]) + "\n", encoding="utf-8")
    return path


def test_answers_in_words_are_scores_with_their_order_and_no_groups(tmp_path):
    header = ["id", "recommend", "Q2_1", "Q2_2", "It was easy to get help", "Anything else?"]
    rows = [
        [f"c{i}", i % 11, SATISFIED[i % 5], SATISFIED[(i + 1) % 4], AGREE[i % 5], ["ok", "fine", "no"][i % 3]]
        for i in range(60)
    ]
    text, left = propose([write_csv(tmp_path / "a.csv", header, rows)], tmp_path)
    assert f'answers: ["{SATISFIED[0]}", "{SATISFIED[1]}"' in text
    assert "4 of these 5 were given" in text  # what nobody chose is part of the scale all the same
    # that an agreement means ease is for somebody who read the question to say; its scale stands in its words
    assert [question.where for question in left] == ["scores.ces.high_is"]
    assert "\ngroups:" not in text
    path = tmp_path / "survey.yml"
    path.write_text(text.replace(f'"{OPEN}"', "easy"), encoding="utf-8")
    survey = open_survey(path)
    assert set(survey.metrics) == {"nps", "csat", "csat_2", "ces"}
    assert survey.counts("csat").tolist() == [12] * 5
    assert survey.counts("csat_2").tolist() == [15, 15, 15, 15, 0]


def test_four_faces_lead_to_a_top_box_share_with_the_faces_listed(tmp_path):
    faces = ["😀", "😡", "🙂", "🙁"]
    rows = [[f"2026-01-{1 + i % 28:02d}", faces[i % 4], "Berlin" if i % 2 else "Köln"] for i in range(80)]
    text, left = propose([write_csv(tmp_path / "a.csv", ["date", "smiley", "store"], rows)], tmp_path)
    assert "kind: top_box" in text
    assert 'answers: ["😡", "🙁", "🙂", "😀"]' in text
    assert "top: [3, 4]" in text
    assert not left
    (tmp_path / "survey.yml").write_text(text, encoding="utf-8")
    survey = open_survey(tmp_path / "survey.yml")
    assert survey.metrics["csat"].value(survey.counts("csat")) == 50
    assert check(tmp_path / "survey.yml").ok


def test_a_scale_of_four_points_is_told_what_to_say_instead(tmp_path):
    write_csv(tmp_path / "a.csv", ["id", "smile"], [[i, 1 + i % 4] for i in range(40)])
    (tmp_path / "survey.yml").write_text(
        "title: Faces\nresponses: {file: a.csv}\nscores: {csat: {column: smile, scale: 1-4}}\n"
    )
    with pytest.raises(SurveyError, match=r"kind: top_box, and under top: .* such as top: \[3, 4\]"):
        open_survey(tmp_path / "survey.yml")


def customers(tmp_path: Path) -> list[Path]:
    answers = [[f"P{i}@x.org", i % 11, "2026-02-01"] for i in range(0, 90, 3)]
    listed = [
        [
            f"p{i}@X.org",
            ["DE", "FR", "IT"][i % 3],
            "Yes" if i % 9 == 0 else "No",
            "2026-05-01" if i % 9 == 0 else "",
        ]
        for i in range(90)
    ]
    return [
        write_csv(tmp_path / "answers.csv", ["email", "recommend", "date"], answers),
        write_csv(tmp_path / "list.csv", ["E-Mail", "Country", "Churned", "Churn date"], listed),
    ]


def test_a_customer_list_that_says_who_left_is_the_list_of_those_asked(tmp_path):
    text, left = propose(customers(tmp_path), tmp_path)
    assert "\nframe:\n  file: list.csv" in text
    assert "outcomes_from" not in text
    assert "country: Country" in text
    assert "column: Churned" in text
    # without a day of invitation, an event with a day would be known of those who answered alone
    assert "    # on: Churn date" in text
    assert [question.where for question in left] == ["frame.holds"]


def test_german_days_are_read_and_the_period_seen_is_shown(tmp_path):
    rows = [[f"{1 + i % 28:02d}.02.2026 10:{i:02d}", i % 11, "Österreich"] for i in range(50)]
    path = write_csv(tmp_path / "a.csv", ["Übermittelt am", "Weiterempfehlung", "Land"], rows, ";")
    text, left = propose([path], tmp_path)
    assert "responded: " in text
    assert 'date_format: "%d.%m.%Y %H:%M"' in text
    assert "from: 2026-02-01, to: 2026-02-28" in text
    assert [question.where for question in left] == ["responses.time_zone"]


def test_the_minute_of_an_export_is_no_part_of_the_title(tmp_path):
    path = tmp_path / "Relationship Survey_June 30, 2026_14.05.csv"
    text, _ = propose([write_csv(path, ["id", "recommend"], [[i, i % 11] for i in range(30)])], tmp_path)
    assert "title: Relationship Survey  #" in text
