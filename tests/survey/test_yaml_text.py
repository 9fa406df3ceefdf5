import pytest

from cxstats.survey.errors import SurveyError
from cxstats.survey.yaml_text import load


def said(text: str) -> str:
    with pytest.raises(SurveyError) as error:
        load(text, "survey.yml")
    return str(error.value)


def test_every_scalar_is_the_text_that_was_written():
    value, _ = load(
        "a: no\nb: 012\nc: 1:30\nd: 2025-01-01\ne: 1e3\nf: ~\ng: [yes, 0x1F, .5]\nno: Norway", "s"
    )
    assert value == {
        "a": "no",
        "b": "012",
        "c": "1:30",
        "d": "2025-01-01",
        "e": "1e3",
        "f": "~",
        "g": ["yes", "0x1F", ".5"],
        "no": "Norway",
    }


def test_lines_are_known():
    _, places = load("a:\n  b: 1\n  c: [x,\n    y]\n", "s")
    assert places[("a", "b")] == 2
    assert places[("a", "c", 1)] == 4


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system [ls]", "!!int 3", "!mine x", "!!binary aGk="]
)
def test_tags_are_refused(tag):
    assert "line 2: the tag" in said(f"a: x\nb: {tag}\n")


def test_an_alias_bomb_is_refused_before_it_is_built():
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n"
    for this, before in zip("bcdefghi", "abcdefgh", strict=True):
        bomb += f"{this}: &{this} [{','.join([f'*{before}'] * 9)}]\n"
    text = said(bomb)
    assert "the anchor &a is not accepted" in text
    assert "the alias *a is not accepted" in text


def test_merge_keys_are_refused_with_their_anchor():
    assert "anchor &base" in said("base: &base {x: 1}\nother: {<<: *base}\n")


def test_a_key_given_twice_is_refused():
    assert 'line 3: "a" is given twice (first in line 1)' in said("a: 1\nb: 2\na: 3\n")


def test_depth_and_size_are_limited():
    assert "deeper than 20 levels" in said("a: " + "[" * 30 + "]" * 30)
    assert "longer than" in said("a: " + "x" * 1_100_000)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("- a\n- b\n", "is not a mapping"),
        ("just words", "is not a mapping"),
        ("a: [1, 2\nb: 3\n", "line 2: this is not YAML"),
        ("a:\n\tb: 1\n", "indent with spaces"),
        ("a: 1\n---\nb: 2\n", "this is not YAML"),
        ("? [1]\n: x\n", "a key must be a text"),
        ("a: \x07", "this is not YAML"),
    ],
)
def test_what_is_no_description(text, words):
    assert words in said(text)
