"""Names of a package that load the module they live in when they are first asked for."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ["on_demand"]


def on_demand(package: str, rooms: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """The ``__getattr__`` of ``package``, whose ``rooms`` are its modules and the names each holds.

    >>> on_demand("cxstats", {"metrics": ["NPS"]})("NPS").short
    'NPS'
    """
    home = {name: room for room, names in rooms.items() for name in names}

    def find(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{package}.{home[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return find
