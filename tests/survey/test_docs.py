"""docs/own_data.md names every key a survey.yml may have."""

import re

import pytest

from cxstats.survey import model, parse_description
from cxstats.survey.yaml_text import load


@pytest.mark.parametrize(
    "part",
    [
        model.Description,
        model.Source,
        model.Customer,
        model.Score,
        model.Group,
        model.Wave,
        model.Reached,
        model.Instrument,
        model.Behaviour,
        model.Mark,
        model.Vignette,
        model.GroupFacts,
        model.Units,
        model.Rate,
        model.Completed,
        model.Bands,
        model.Measure,
        model.UnitFact,
        model.Only,
        model.Item,
        model.Outcome,
        model.Cause,
        model.Period,
        model.SetAside,
    ],
)
def test_every_key_is_documented(root, part):
    text = (root / "docs" / "own_data.md").read_text(encoding="utf-8")
    keys = [field.alias or name for name, field in part.model_fields.items()]
    assert [key for key in keys if f"`{key}" not in text and f"{key}:" not in text] == []


LEAST = {"title": "T", "responses": {"file": "a.csv"}, "scores": {"nps": {"column": "ltr"}}, "customer": "id"}


def test_every_example_of_the_page_is_a_description(root):
    text = (root / "docs" / "own_data.md").read_text(encoding="utf-8")
    examples = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert len(examples) >= 6
    for example in examples:
        told, _ = load(example, "own_data.md")
        given = told if "units" in told else {**LEAST, "invited": "sent", **told}
        parse_description(given, source="own_data.md")
