"""A survey in a folder of its own, from a few lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from cxstats.survey import Survey, SurveyError, open_survey

NPS = "scores: {nps: {column: ltr, scale: 0-10}}\n"


class Folder:
    """Writes data files and a survey.yml, opens them, and collects what is refused."""

    def __init__(self, path: Path):
        self.path = path

    def file(self, name: str, content: str | bytes) -> Path:
        target = self.path / name
        if isinstance(content, str):
            content = content.encode()
        target.write_bytes(content)
        return target

    def describe(self, text: str, *, responses: str = "{file: data.csv}", scores: str = NPS) -> Path:
        return self.file("survey.yml", f"title: Test\nresponses: {responses}\n{scores}{text}")

    def open(self, text: str = "", **parts: str) -> Survey:
        return open_survey(self.describe(text, **parts))

    def refused(self, text: str = "", **parts: str) -> str:
        """What the refusal says; every problem is on it."""
        with pytest.raises(SurveyError) as error:
            self.open(text, **parts)
        said = str(error.value)
        assert "Traceback" not in said
        assert "Error" not in said
        return said


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def line(survey: Survey, words: str) -> int:
    """The number on the ledger's only line that holds these words."""
    found = [entry.n for entry in survey.ledger if words in entry.label]
    assert len(found) == 1, f"{words!r} stands on {len(found)} lines of\n{survey.ledger}"
    return found[0]
