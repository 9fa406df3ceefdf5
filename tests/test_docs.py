"""What the README and the docs say is there, is there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

import cxstats as cx

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "examples").rglob("*.md")),
]
STUDIES = sorted(
    path.name for path in (ROOT / "cxstats" / "studies").iterdir() if (path / "study.py").is_file()
)


def _headings(page: Path) -> set[str]:
    """Anchors as GitHub makes them of a page's headings."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        to = (page.parent / name).resolve() if name else page
        assert to.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in _headings(to), f"{page.name} links to {target}"


@pytest.mark.parametrize("study", STUDIES)
def test_every_study_has_its_page_picture_and_error_rates(study: str) -> None:
    text = (ROOT / "docs" / "studies" / f"{study}.md").read_text(encoding="utf-8")
    assert f"](../images/{study}.png)" in text
    assert f"`notebooks/{study}.ipynb`" in text
    assert f"cx.{study}(" in text
    for heading in (
        "What it answers.",
        "What it needs.",
        "What it assumes.",
        "When it declines.",
        "How often it is wrong.",
    ):
        assert f"**{heading}**" in text
    assert f"docs/studies/{study}.md" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_what_the_readme_calls_exists() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    called = set(re.findall(r"\bcx\.([a-z_]+)\(", text))
    assert called
    assert {name for name in called if not callable(getattr(cx, name, None))} == set()


def test_it_is_cited_by_its_own_version() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert cited["version"] == project["version"] == cx.__version__
    assert cited["license"] == project["license"]
