"""What is known of the exports of survey tools; a preset fills what survey.yml leaves open, and says so."""

from __future__ import annotations

from collections.abc import Sequence

from .base import Aside, Header, Preset
from .qualtrics import QUALTRICS
from .tools import GENERIC, HUBSPOT, MEDALLIA, SURVEYMONKEY, TYPEFORM, ZENDESK

__all__ = ["PRESETS", "Aside", "Header", "Preset", "recognise"]

PRESETS: dict[str, Preset] = {
    preset.name: preset for preset in (QUALTRICS, SURVEYMONKEY, TYPEFORM, ZENDESK, MEDALLIA, HUBSPOT, GENERIC)
}


def recognise(names: Sequence[str]) -> Preset:
    """The preset of a file with this first header row; the generic one where no tool's columns are there.

    >>> recognise(["StartDate", "EndDate", "Finished", "ResponseId", "Q1"]).title
    'Qualtrics'
    """
    return next((preset for preset in PRESETS.values() if preset.knows(names)), GENERIC)
