"""``import cxstats`` is quick because nothing heavy comes with it; benchmarks/ measures the seconds."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {
    "duckdb",
    "ibis",
    "jinja2",
    "matplotlib",
    "nbclient",
    "nbconvert",
    "nbformat",
    "numpy",
    "openpyxl",
    "pandas",
    "papermill",
    "pyarrow",
    "pydantic",
    "scipy",
    "seaborn",
    "statsmodels",
    "typer",
    "yaml",
}


def _loaded(statement: str) -> set[str]:
    """Top-level modules in a fresh interpreter after ``statement``."""
    program = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in json.loads(done.stdout)}


def test_import_loads_nothing_heavy():
    # what an interpreter of this environment loads by itself (a .pth file, say) is not ours
    assert not (_loaded("import cxstats") - _loaded("pass")) & HEAVY


@pytest.mark.parametrize(
    ("statement", "spared"),
    [
        # a metric needs numbers, not engines, models or figures
        ("import cxstats as cx; cx.NPS.value([20, 30, 50])", HEAVY - {"numpy"}),
        ("import cxstats as cx; cx.suppress", HEAVY - {"numpy", "pandas", "pyarrow"}),
        ("import cxstats as cx; cx.judge, cx.Finding", HEAVY - {"numpy", "pandas", "pyarrow", "pydantic"}),
    ],
)
def test_a_name_loads_only_its_own_room(statement, spared):
    assert not (_loaded(statement) - _loaded("pass")) & spared


def test_every_public_name_is_there():
    import cxstats

    assert [name for name in cxstats.__all__ if not hasattr(cxstats, name)] == []


def test_unknown_name_is_an_attribute_error():
    import cxstats

    with pytest.raises(AttributeError, match="no attribute 'nsp'"):
        cxstats.nsp  # noqa: B018
