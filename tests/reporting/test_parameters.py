"""What a notebook declares, and what it takes."""

from __future__ import annotations

import ast
from pathlib import Path

import papermill
import pytest
from hypothesis import given
from hypothesis import strategies as st
from papermill.translators import PythonTranslator

from cxstats.reporting.errors import UsageError
from cxstats.reporting.parameters import check_name, declared, effective, parse_assignment

from .conftest import write_notebook

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
CELL = """survey: str = "demo"  # "demo", or the path of a survey.yml
level: cx.Level = 0.95  # confidence level
margin: cx.Margin | None = None
groups: list[str] = []
kind: Literal["total", "groups"] = "total"
n: int = 5
quick = True
until: date = "2025-03-31"  # last day
label: str | None = None
"""


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory):
    return declared(write_notebook(tmp_path_factory.mktemp("nb") / "n.ipynb", "1", parameters=CELL))


def test_a_cell_is_read_with_types_defaults_and_help(notebook) -> None:
    assert list(notebook) == ["survey", "level", "margin", "groups", "kind", "n", "quick", "until", "label"]
    assert notebook["level"].annotation == "cx.Level"
    assert notebook["level"].default == 0.95
    assert notebook["level"].help == "confidence level"
    assert notebook["survey"].help == '"demo", or the path of a survey.yml'
    assert notebook["margin"].default is None


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("level", "0.9", 0.9),
        ("margin", "none", None),
        ("margin", "2.5", 2.5),
        ("groups", "country, segment", ["country", "segment"]),
        ("groups", '["a,b"]', ["a,b"]),
        ("groups", "", []),
        ("kind", "groups", "groups"),
        ("n", "12", 12),
        ("quick", "no", False),
        ("until", "2025-06-30", "2025-06-30"),
        ("survey", "007", "007"),
        ("survey", "None", "None"),
        ("label", "None", "None"),  # a group may be called None
        ("label", "null", None),
    ],
)
def test_text_becomes_a_plain_value_of_the_declared_type(notebook, name, text, value) -> None:
    got = effective(notebook, {name: text}, where="report r")[name]
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        (
            "level",
            "95",
            "level is 95, but must be a share from 0.5 to below 1, such as 0.95. Did you mean 0.95?",
        ),
        ("level", "1.0", "Did you mean 0.95?"),
        ("level", "nan", "finite"),
        ("levle", "0.9", "there is no parameter levle. Did you mean level?"),
        ("margin", "-1", "a number above 0"),
        ("margin", "inf", "finite"),
        ("kind", "group", "one of total, groups. Did you mean groups?"),
        ("n", "5.5", "a whole number"),
        ("n", "abc", "n is 'abc', but must be a whole number"),
        ("n", "", "a whole number"),
        ("quick", "2", "true or false"),
        ("until", "2025-02-30", "a date such as"),
        ("groups", "[1, 2", "a list"),
    ],
)
def test_what_does_not_fit_is_refused_in_the_users_words(notebook, name, text, words) -> None:
    with pytest.raises(UsageError) as refusal:
        effective(notebook, {name: text}, where="report r")
    assert words in str(refusal.value)


def test_every_problem_is_told_at_once(notebook) -> None:
    with pytest.raises(UsageError) as refusal:
        effective(notebook, {"level": "95", "nn": "1", "n": "x"}, where="report r")
    assert len(refusal.value.problems) == 3


@pytest.mark.parametrize(
    "text",
    ["x;print(1)=3", "x\nprint(1)=3", "a b=1", "=1", "class=1", "_x=1", "x.y=1", "ｘ=1"],
)
def test_a_name_that_carries_code_is_refused(text) -> None:
    # papermill pastes names into the notebook unescaped: the code would run
    with pytest.raises(UsageError, match="cannot be a parameter name"):
        parse_assignment(text)


def test_a_value_may_hold_anything() -> None:
    assert parse_assignment("x=1;print('run');y") == ("x", "1;print('run');y")
    with pytest.raises(UsageError, match="name=value"):
        parse_assignment("level")


@pytest.mark.parametrize("name", ["api_token", "password", "dbPassword", "secret", "aws_access_key", "pwd"])
def test_secrets_are_no_parameters(name) -> None:
    with pytest.raises(UsageError, match="environment variable"):
        check_name(name)


@pytest.mark.parametrize("name", ["key_driver", "keyword", "passive_share", "n_tokens_seen"])
def test_harmless_names_pass(name) -> None:
    check_name(name)


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("a: foo = 3", "foo is not a type"),
        ("a: int = 'x'", "must be a whole number"),
        ("for a in b: pass", "is not 'name: type = value'"),
        ("a: int = 1 + n", "must be a plain value"),
        ("a = None", "needs a type"),
        ("password: str = ''", "looks like a password"),
        ("level: cx.Level = 95", "Did you mean 0.95?"),
        ("a: int = 1\na: int = 2", "twice"),
        ("a: int = = 2", "not Python"),
        ("a: __import__('os').system('true') = 1", "is not a type"),
        ("a: \"__import__('os').system('true')\" = 1", "is not a type"),
        ("a: 'whole number' = 1", "'whole number' is not a type"),
        ("level: 'Level' = 95", "Did you mean 0.95?"),
        ("n: 'Optional[Count]' = 0", "a whole number, 1 or more"),
    ],
)
def test_a_cell_that_is_no_list_of_parameters_is_refused(tmp_path: Path, cell, words) -> None:
    with pytest.raises(UsageError) as refusal:
        declared(write_notebook(tmp_path / "n.ipynb", "1", parameters=cell))
    assert words in str(refusal.value)
    assert "n.ipynb" in str(refusal.value)


@pytest.mark.parametrize(
    ("quoted", "plain"),
    [
        ('"Level"', "cx.Level"),
        ('"Optional[Margin]"', "cx.Margin | None"),
        ("'Optional[list[float]]'", "list[float] | None"),
        ('"dict[str, Count]"', "dict[str, cx.Count]"),
    ],
)
def test_a_type_in_quotes_is_the_type(tmp_path: Path, quoted, plain) -> None:
    default = "{}" if "dict" in plain else "0.9" if plain == "cx.Level" else "None"
    kinds = []
    for number, annotation in enumerate((quoted, plain)):
        cell = f"x: {annotation} = {default}"
        kinds.append(declared(write_notebook(tmp_path / f"{number}.ipynb", "1", parameters=cell))["x"])
    assert kinds[0].kind == kinds[1].kind
    assert kinds[0].annotation == quoted.strip("\"'")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_papermill_lists_every_parameter_with_type_default_and_help(path: Path) -> None:
    ours, theirs = declared(path), papermill.inspect_notebook(path)
    assert len(ours) >= 4
    assert list(theirs) == list(ours)
    for name, parameter in ours.items():
        listed = theirs[name]
        assert listed["inferred_type_name"] == parameter.annotation
        assert ast.literal_eval(listed["default"]) == parameter.default
        assert listed["help"] == parameter.help != ""


def test_files_that_are_no_notebooks_are_refused(tmp_path: Path) -> None:
    (tmp_path / "n.ipynb").write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match="not a notebook"):
        declared(tmp_path / "n.ipynb")
    (tmp_path / "n.ipynb").write_text("[]", encoding="utf-8")
    with pytest.raises(UsageError, match="not a notebook"):
        declared(tmp_path / "n.ipynb")
    with pytest.raises(UsageError, match="No such file"):
        declared(tmp_path / "gone.ipynb")


@given(st.text(), st.lists(st.text()), st.floats(0.5, 0.9999))
def test_values_arrive_in_the_notebook_as_they_were_given(notebook, text, texts, level) -> None:
    values = effective(notebook, {"survey": text, "groups": texts, "level": level}, where="r")
    namespace: dict[str, object] = {}
    exec(PythonTranslator.codify(values), namespace)  # what papermill writes into the notebook
    assert namespace["survey"] == text
    assert namespace["groups"] == texts
    assert namespace["level"] == level
