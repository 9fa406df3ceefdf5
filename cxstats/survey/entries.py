"""What every entry of survey.yml is made of: names, texts, scales."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field

from ..metrics import Scale

__all__ = ["STRICT", "Name", "ScaleText", "Text", "Texts", "as_column"]

Name = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_]*$",
        description="a name of letters, digits and _ that starts with a letter",
    ),
]
Text = Annotated[str, Field(min_length=1, description="a text")]


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def as_column(value: Any) -> Any:
    """The name of a column alone, as the mapping it stands for."""
    return {"column": value} if isinstance(value, str) else value


def _scale(value: Any) -> Any:
    if isinstance(value, Scale):
        return value
    match = re.fullmatch(
        r"\s*(-?\d{1,4})\s*(?:-|–|to|\.\.)\s*(-?\d{1,4})\s*", value if isinstance(value, str) else ""
    )
    if not match:
        raise ValueError("must be two whole numbers such as 0-10 or 1-5")
    low, high = int(match[1]), int(match[2])
    if not low < high:
        raise ValueError(f"must run from low to high, such as {high}-{low}")
    if high - low > 1000:
        raise ValueError("has more than 1,000 categories")
    return Scale(low, high)


Texts = Annotated[tuple[str, ...], BeforeValidator(_as_list)]
ScaleText = Annotated[Scale, BeforeValidator(_scale)]


STRICT = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, populate_by_name=True)
"""Of every entry: unknown keys are refused, and nothing changes after it was read."""
