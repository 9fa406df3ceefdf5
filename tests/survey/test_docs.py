"""docs/own_data.md names every key a survey.yml may have."""

import pytest

from cxstats.survey import model


@pytest.mark.parametrize(
    "part",
    [
        model.Description,
        model.Source,
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
