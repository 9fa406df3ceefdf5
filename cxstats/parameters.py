"""Types of the parameters that notebooks, the catalogue and the command line share.

A notebook annotates its parameters with these names (``level: "Level" = 0.95``). The
command line reads the annotations and checks values before anything runs; the study checks
them again with :func:`checked`, so that a notebook run by hand gives the same message.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

__all__ = ["Count", "Level", "Margin", "Power", "Seed", "Share", "checked"]

Level = Annotated[float, Field(ge=0.5, lt=1, description="a share from 0.5 to below 1, such as 0.95")]
Power = Annotated[float, Field(ge=0.5, lt=1, description="a share from 0.5 to below 1, such as 0.8")]
Share = Annotated[float, Field(gt=0, le=1, description="a share above 0 and at most 1, such as 0.2")]
Margin = Annotated[
    float, Field(gt=0, allow_inf_nan=False, description="a number above 0, in the metric's unit")
]
Count = Annotated[int, Field(ge=1, description="a whole number, 1 or more")]
Seed = Annotated[int, Field(ge=0, le=2**63 - 1, description="a whole number, 0 or more")]


def checked(name: str, value: Any, kind: Any) -> Any:
    """``value`` as the type ``kind`` says, or a ValueError in the user's terms.

    >>> checked("level", 0.9, Level)
    0.9
    """
    if isinstance(value, bool) and kind is not bool:
        raise ValueError(f"{name} is {value!r}, but must be {_wanted(kind)}")
    try:
        return _adapter(kind).validate_python(value)
    except ValidationError as error:
        hint = ""
        if kind in (Level, Power, Share) and isinstance(value, int | float) and 1 < value <= 100:
            hint = f" Did you mean {value / 100:g}?"
        raise ValueError(f"{name} is {value!r}, but must be {_wanted(kind)}.{hint}") from error


@lru_cache(maxsize=64)
def _adapter(kind: Any) -> TypeAdapter:
    return TypeAdapter(kind)  # building one takes 100 times as long as checking a value


def _wanted(kind: Any) -> str:
    for note in getattr(kind, "__metadata__", ()):
        if getattr(note, "description", None):
            return note.description
    return f"of type {getattr(kind, '__name__', kind)}"
