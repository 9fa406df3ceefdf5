"""Which column of which source plays which role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .errors import Problem, did_you_mean, quoted
from .model import Description, columns_by_role
from .readers import Reader

__all__ = ["Path", "Place", "Roles", "find_roles"]

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A column of a source: ``source`` is "responses", "frame" or "outcomes_from"."""

    source: str
    column: str


@dataclass(frozen=True, slots=True)
class Roles:
    """Where each role's column is. Paths are those of the description: ("scores", "nps")."""

    places: Mapping[Path, Place]
    keys: Mapping[str, str]

    def column(self, path: Path, source: str) -> str | None:
        """The column that plays ``path`` if it stands in ``source``."""
        place = self.places.get(path)
        return place.column if place is not None and place.source == source else None

    def has(self, *path: str | int) -> bool:
        """Whether some source has the column of this role."""
        return path in self.places

    def needed(self, source: str) -> list[str]:
        """The columns of ``source`` that play a role, each once."""
        columns = [place.column for place in self.places.values() if place.source == source]
        if source in self.keys:
            columns.insert(0, self.keys[source])
        return list(dict.fromkeys(columns))


_ORDER = {
    "scores": ("responses",),
    "items": ("responses", "frame"),
    "vignettes": ("responses", "frame"),
    "responded": ("responses", "frame"),
    "long": ("responses",),
    "outcomes": ("outcomes_from", "frame", "responses"),
    "value": ("frame", "outcomes_from", "responses"),
    "behaviour": ("frame", "responses", "outcomes_from"),
    "recovery": ("responses", "frame", "outcomes_from"),
}
_FRAME_FIRST = ("frame", "responses")


def find_roles(d: Description, readers: Mapping[str, Reader], problems: list[Problem]) -> Roles:
    """Look every described column up in the sources; what is missing is added to ``problems``.

    Facts about customers (groups, weights, invitations) are taken from the frame where it has them,
    answers from the responses, outcomes from their own file.
    """
    places: dict[Path, Place] = {}
    named = [(path, column) for path, column in columns_by_role(d) if path != ("customer",)]
    if d.responses.shape == "long":
        named += [
            (("long", "metric"), d.responses.metric or ""),
            (("long", "score"), d.responses.score or ""),
        ]
    for path, column in named:
        order = _ORDER.get(str(path[0]), _FRAME_FIRST)
        if path[0] == "set_aside" and (place := d.set_aside[int(path[1])].place) is not None:
            order = (place,)
        if path[-1] == "as_of" and path[:2] in places:
            # the date of a fact stands beside the fact
            order = tuple(dict.fromkeys((places[path[:2]].source, *order)))
        source = next((role for role in order if role in readers and column in readers[role].columns), None)
        if source is not None:
            places[path] = Place(source, column)
        elif all(role in readers for role in d.sources() if role in order):
            problems.append(_missing(d, path, column, [readers[r] for r in order if r in readers]))
    both = [role for role in ("frame", "responses") if role in readers]
    if d.wave is not None and len(both) == 2 and all(d.wave.column in readers[role].columns for role in both):
        # where both files name the wave, an answer belongs to the invitation of its own wave
        places[("wave", "responses")] = Place("responses", d.wave.column)
    keys: dict[str, str] = {}
    if d.customer is not None:
        for role, source in d.sources().items():
            column = source.key or d.customer.column
            if role not in readers:
                continue
            if column in readers[role].columns:
                keys[role] = column
            else:
                path = (role, "key") if source.key else ("customer",)
                problems.append(_missing(d, path, column, [readers[role]]))
    for path, place in places.items():
        if place.column == keys.get(place.source) and path[0] != "set_aside":
            # ids never leave the engine: not as groups, and not in what is said about a column's values
            problems.append(
                Problem(
                    f"column {quoted(place.column)} holds the customers' ids, and can be nothing else",
                    d.where(path),
                    fix="name another column",
                )
            )
    return Roles({path: place for path, place in places.items() if _is_open(path, place, keys)}, keys)


def _is_open(path: Path, place: Place, keys: Mapping[str, str]) -> bool:
    return path[0] == "set_aside" or place.column != keys.get(place.source)


def _missing(d: Description, path: Path, column: str, readers: list[Reader]) -> Problem:
    known = [name for reader in readers for name in reader.columns if name.strip()]
    files = " or ".join(dict.fromkeys(reader.where for reader in readers))
    return Problem(
        f"there is no column {quoted(column)} in {files}", d.where(path), fix=did_you_mean(column, known)
    )
