"""The catalogue: which notebook, for which survey, with which parameters.

``reports/catalog.yml``::

    reports:
      sample-size-ces:
        notebook: sample_size         # notebooks/sample_size.ipynb
        title: Sample size · CES
        survey: demo                  # or the path of a survey.yml, from this file's folder
        parameters: {metric: ces}
        needs: [ces]                  # scores and outcomes without which the report is not rendered
        audience: Service managers

Every value is read as text and converted by the model, so ``no``, ``012`` and ``1:30`` mean what they say.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from cxstats.reporting.errors import UsageError, did_you_mean
from cxstats.reporting.parameters import check_name

__all__ = ["Catalog", "Entry", "find", "load", "notebook_path"]

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LARGEST = 1_000_000  # bytes: a catalogue is a page of text
_PACKAGE = Path(__file__).resolve().parents[1]
BUNDLED = _PACKAGE / "_bundled"


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class Entry(BaseModel):
    """One report of the catalogue."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    notebook: str = Field(
        min_length=1, description="name of a notebook, or a path from the catalogue's folder"
    )
    title: str = Field(min_length=1, max_length=200)
    survey: str = Field(default="demo", min_length=1, description="demo, or the path of a survey.yml")
    parameters: dict[str, Any] = Field(default_factory=dict)
    needs: Annotated[list[str], BeforeValidator(_listed)] = Field(default_factory=list)
    audience: str = ""


class Catalog(BaseModel):
    """The reports by id, and the file they were read from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reports: dict[str, Entry] = Field(min_length=1)
    path: Path = Field(default=Path(), exclude=True)

    def unknown(self, names: Sequence[str]) -> list[str]:
        """A problem for every name that is no report's."""
        return [
            f"there is no report {name!r}.{did_you_mean(name, self.reports)}"
            for name in names
            if name not in self.reports
        ]

    def select(self, names: Sequence[str]) -> dict[str, Entry]:
        """The named reports, or all of them without names, in the catalogue's order."""
        return {name: entry for name, entry in self.reports.items() if not names or name in names}


def find(folder: Path | None = None) -> Path:
    """The catalogue to use: ``reports/catalog.yml`` here, else the one that came with the package."""
    here = (folder or Path.cwd()) / "reports" / "catalog.yml"
    for path in (here, BUNDLED / "catalog.yml", _PACKAGE.parent / "reports" / "catalog.yml"):
        if path.is_file():
            return path
    raise UsageError(f"there is no catalogue: {here} does not exist, and none came with the package")


def load(path: Path) -> Catalog:
    """The catalogue in ``path``; raises UsageError with every problem in it."""
    content = _read(path)
    problems: list[str] = []
    if isinstance(content, dict):
        for name, entry in (
            (content.get("reports") or {}).items() if isinstance(content.get("reports"), dict) else ()
        ):
            problems += _name_problems(name, entry)
    try:
        catalog = Catalog.model_validate(content)
    except ValidationError as error:
        problems += [_said(item) for item in error.errors()]
        catalog = None
    if problems or catalog is None:
        raise UsageError([f"{path}: {problem}" for problem in problems])
    return catalog.model_copy(update={"path": path})


def notebook_path(catalog: Path, notebook: str) -> Path:
    """Where an entry's notebook is; raises UsageError naming the places looked in."""
    if "/" in notebook or "\\" in notebook or notebook.endswith(".ipynb"):
        places = [catalog.parent / notebook]
    else:
        folders = (catalog.parent / "notebooks", catalog.parent.parent / "notebooks", BUNDLED / "notebooks")
        places = [folder / f"{notebook}.ipynb" for folder in folders]
    for place in places:
        if place.is_file():
            return place.resolve()
    others = {path.stem for place in places if place.parent.is_dir() for path in place.parent.glob("*.ipynb")}
    near = did_you_mean(notebook, others)
    looked = " or ".join(str(place) for place in places if place.parent.is_dir()) or str(places[0])
    raise UsageError(f"{catalog}: there is no notebook {notebook!r} (looked for {looked}).{near}")


# Reading ------------------------------------------------------------------------------------------


class _TextLoader(yaml.SafeLoader):
    """Safe YAML in which every scalar is text and a key may stand once."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            # an alias of an alias of an alias: a few bytes that grow to gigabytes when walked
            mark = self.peek_event().start_mark
            raise yaml.MarkedYAMLError(problem="aliases (*name) are not used here", problem_mark=mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a name must be plain text", problem_mark=key.start_mark)
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value} stands twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


# No implicit types: null is left, so that an empty value can be told from text.
_TextLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag == "tag:yaml.org,2002:null"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _read(path: Path) -> Any:
    try:
        if path.stat().st_size > _LARGEST:
            raise UsageError(f"{path}: larger than {_LARGEST:,} bytes; is this a catalogue?")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 text") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror or error})") from error
    try:
        content = yaml.load(text, Loader=_TextLoader)
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise UsageError(f"{path}: {line}{error.problem}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise UsageError(f"{path}: not YAML that can be read ({type(error).__name__})") from error
    if not isinstance(content, dict):
        raise UsageError(f"{path}: must start with 'reports:' and list the reports below it")
    return content


def _name_problems(name: str, entry: Any) -> list[str]:
    problems = []
    if not _SLUG.fullmatch(name) or len(name) > 80:
        problems.append(
            f"report {name!r}: its name becomes a folder, so it may hold a–z, 0–9 and single hyphens only"
        )
    given = entry.get("parameters") if isinstance(entry, dict) else None
    for parameter in given if isinstance(given, dict) else ():
        try:
            check_name(parameter)
        except UsageError as error:
            problems.append(f"report {name}: {error}")
    return problems


def _said(item: Any) -> str:
    place = [str(part) for part in item["loc"]]
    where = f"report {place[1]}: " if len(place) > 1 and place[0] == "reports" else ""
    last = ".".join(place[2:]) if where else ".".join(place)
    if item["type"] == "extra_forbidden":
        known = Entry.model_fields if where else {"reports": None}
        return f"{where}there is no key {last}.{did_you_mean(place[-1], known)}"
    if item["type"] == "missing":
        return f"{where}{last} is missing"
    if item["type"] == "too_short" and not where:
        return "no reports are listed"
    return f"{where}{last}: {item['msg'][0].lower()}{item['msg'][1:]}" if last else f"{where}{item['msg']}"
