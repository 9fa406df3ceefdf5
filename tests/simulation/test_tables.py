"""docs/demo_company.md prints what the simulation computes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cxstats.simulation import Model, added_value, demo_company
from cxstats.simulation.__main__ import main, realism_table, response_table, values_table
from cxstats.simulation.realism import compare_with_public_data


@pytest.fixture(scope="module")
def document(root: Path) -> str:
    return (root / "docs" / "demo_company.md").read_text(encoding="utf-8")


def test_true_values_in_the_document_are_computed(document):
    assert "<!-- values -->\n" + values_table(demo_company().truth) + "\n" in document


def test_response_rates_in_the_document_are_computed(document):
    truth = demo_company().truth
    assert "<!-- response -->\n" + response_table(truth) + "\n" in document
    assert f"R-indicator of the six facts is {truth.response.r_indicator:.3f}" in document


@pytest.mark.parametrize("outcome", ["churn", "repurchase"])
def test_added_values_in_the_document_are_computed(document, outcome):
    """From fewer customers than the document's table, so within the errors of both."""
    found = added_value(Model(), outcome, n=20_000)
    for rule, gain in found.gain.items():
        row = re.search(
            rf"\| {outcome}, respondents: {rule} \| ([\d.]+) \| \+([\d.]+) \| ([\d.]+) \|", document
        )
        alone, printed, error = map(float, row.groups())
        assert abs(printed - gain) < 4 * (error + found.gain_error[rule]), rule
        assert abs(alone - found.alone[rule]) < 4 * (0.001 + found.alone_error[rule]), rule


def test_distances_in_the_document_are_computed(document, shared_data):
    found = realism_table(compare_with_public_data(demo_company(), shared_data))
    assert "<!-- realism -->\n" + found + "\n" in document


def test_the_examples_of_the_document_run(document):
    code = re.findall(r"```python\n(.*?)```", document, flags=re.S)
    scope: dict[str, object] = {}
    exec(code[0], scope)
    exec(code[1].split("# what a score adds")[0], scope)  # the rest computes for seconds
    assert scope["drawn"].answers.shape == (5000, 2, 11)


def test_the_command_prints_the_tables(capsys, monkeypatch):
    import cxstats.simulation.__main__ as command

    monkeypatch.setattr(command, "added_value", lambda model, *rest, **named: added_value(model, n=20_000))
    main([])
    printed = capsys.readouterr().out
    assert "| NPS, all |" in printed
    assert "| churn, respondents: ces |" in printed
    assert "SFO" not in printed
