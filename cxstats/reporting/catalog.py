"""The catalogue: which notebook, for which survey, with which parameters.

``reports/catalog.yml``::

    keep: {records: 60, failed: 5}    # of every report (optional)
    downloads: [tables, findings]     # of every report (optional): also slides, pdf; or all, or none
    reports:
      sample-size-ces:
        notebook: sample_size         # notebooks/sample_size.ipynb
        title: Sample size · CES
        survey: demo                  # or the path of a survey.yml, from this file's folder
        parameters: {metric: ces}
        needs: [ces]                  # scores and outcomes without which the report is not rendered
        audience: Service managers
        period: 2025-Q1               # named, never counted from today; --period takes its place
        compare_with: 2024-Q4         # the period, the survey or the report that came before

``for_each`` makes many reports of one entry: see :mod:`.expand`. Every value is read as text and converted
by the model, so ``no``, ``012`` and ``1:30`` mean what they say.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from cxstats.reporting.downloads import KINDS, Kind
from cxstats.reporting.errors import UsageError, did_you_mean
from cxstats.reporting.expand import MOST, expand
from cxstats.reporting.parameters import check_name
from cxstats.reporting.periods import parse_period

__all__ = ["Before", "Catalog", "Entry", "Keep", "find", "load", "notebook_path"]

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_SHARED = ("keep", "downloads")  # stated once for every report that does not say otherwise
_LARGEST = 1_000_000  # bytes: a catalogue is a page of text
_PACKAGE = Path(__file__).resolve().parents[1]
BUNDLED = _PACKAGE / "_bundled"


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _a_period(text: str) -> str:
    return parse_period(text).text


PeriodText = Annotated[str, BeforeValidator(lambda text: _a_period(text) if isinstance(text, str) else text)]


class Keep(BaseModel):
    """How many records of past runs, and notebooks of failed ones, are kept of a report."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    records: int = Field(default=60, ge=2, le=10_000)
    failed: int = Field(default=5, ge=0, le=1_000)


class Before(BaseModel):
    """What a report is compared with: the same report of another period, or another report or survey."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    period: PeriodText | None = None
    survey: str | None = Field(default=None, min_length=1, description="demo, or the path of a survey.yml")
    report: str | None = Field(default=None, min_length=1)
    customers: Literal["different", "same", "unknown"] = "unknown"

    @model_validator(mode="after")
    def _says_what(self) -> Before:
        if self.period is None and self.survey is None and self.report is None:
            raise ValueError("must name a period, a survey or a report")
        return self


def _as_keep(value: Any) -> Any:
    return {"records": value} if isinstance(value, str) else value


def _as_downloads(value: Any) -> Any:
    words = {"all": list(KINDS), "none": []}
    return words.get(value, [value]) if isinstance(value, str) else value


def _as_before(value: Any) -> Any:
    return {"period": value} if isinstance(value, str) else value


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
    period: PeriodText | None = None
    compare_with: Annotated[Before | None, BeforeValidator(_as_before)] = None
    keep: Annotated[Keep, BeforeValidator(_as_keep)] = Keep()
    downloads: Annotated[list[Kind], BeforeValidator(_as_downloads)] = Field(
        default=["tables", "findings"], description="files beside the page"
    )
    reads: Annotated[list[str] | None, BeforeValidator(_listed)] = Field(
        default=None, description="other files that the notebook reads, from the catalogue's folder"
    )


class Catalog(BaseModel):
    """The reports by name, every for_each filled in, and the file they were read from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reports: dict[str, Entry] = Field(min_length=1)
    path: Path = Field(default=Path(), exclude=True)

    def unknown(self, names: Sequence[str]) -> list[str]:
        """A problem for every name that is no report's, and every pattern that fits none."""
        return [
            f"there is no report {name!r}.{did_you_mean(name, self.reports)}"
            for name in names
            if not any(fnmatchcase(report, name) for report in self.reports)
        ]

    def select(self, names: Sequence[str]) -> dict[str, Entry]:
        """The named reports (``nps-*`` names several), or all of them without names, in the catalogue's order."""
        return {
            report: entry
            for report, entry in self.reports.items()
            if not names or any(fnmatchcase(report, name) for name in names)
        }


def find(folder: Path | None = None) -> Path:
    """The catalogue to use: ``reports/catalog.yml`` here, else the one that came with the package."""
    here = (folder or Path.cwd()) / "reports" / "catalog.yml"
    for path in (here, BUNDLED / "catalog.yml", _PACKAGE.parent / "reports" / "catalog.yml"):
        if path.is_file():
            return path
    raise UsageError(f"there is no catalogue: {here} does not exist, and none came with the package")


def load(path: Path, *, period: str | None = None, compare_with: str | None = None) -> Catalog:
    """The catalogue in ``path``; raises UsageError with every problem in it.

    ``period`` and ``compare_with`` (periods) take the place of what the reports state themselves; reports
    that a for_each makes for several periods keep theirs.
    """
    content = _read(path)
    listed = content.get("reports")
    problems: list[str] = _wrong_periods(period, compare_with)
    made: dict[str, Any] = {}
    template: dict[str, str] = {}
    for name, entry in listed.items() if isinstance(listed, dict) and not problems else ():
        for report, one in _expanded(name, entry, period, problems).items():
            if report in made:
                problems.append(
                    f"report {report}: {template[report]} and {name} both come out with this name"
                )
            if compare_with and isinstance(one, dict):
                one["compare_with"] = _other_period(one.get("compare_with"), compare_with)
            for shared in _SHARED:
                if isinstance(one, dict) and shared in content:
                    one.setdefault(shared, content[shared])
            made.setdefault(report, one)
            template.setdefault(report, name)
            problems += _name_problems(report, one)
    if len(made) > MOST:
        problems.append(f"lists {len(made):,} reports; at most {MOST:,} are meant")
    content = {key: value for key, value in content.items() if key not in _SHARED}
    try:
        catalog = Catalog.model_validate(content | ({"reports": made} if made else {}))
    except ValidationError as error:
        problems += [_said(item, template) for item in error.errors()] if made or not problems else []
        catalog = None
    if catalog is not None and not problems:
        problems += _strangers(catalog, template)
    if problems or catalog is None:
        raise UsageError([f"{path}: {problem}" for problem in dict.fromkeys(problems)])
    return catalog.model_copy(update={"path": path})


def _wrong_periods(period: str | None, compare_with: str | None) -> list[str]:
    problems = []
    for option, text in (("--period", period), ("--compare-with", compare_with)):
        try:
            if text is not None:
                parse_period(text)
        except ValueError as error:
            problems.append(f"{option}: {error}")
    return problems


def _expanded(name: str, entry: Any, period: str | None, problems: list[str]) -> dict[str, Any]:
    if not isinstance(entry, dict):
        return {name: entry}  # refused below, with its name
    try:
        return expand(name, entry, period=period)
    except UsageError as error:
        problems += error.problems
        return {}


def _other_period(before: Any, period: str) -> dict[str, Any]:
    """What a report is compared with, in another period."""
    return (dict(before) if isinstance(before, dict) else {}) | {"period": period}


def _strangers(catalog: Catalog, template: dict[str, str]) -> list[str]:
    """Reports to compare with that are not there, that are the report itself, or that come later."""
    problems = []
    for name, entry in catalog.reports.items():
        before, where = entry.compare_with, f"report {template[name]}: compare_with"
        if before is None:
            continue
        if before.report is not None and before.report not in catalog.reports:
            near = did_you_mean(before.report, catalog.reports)
            problems.append(f"{where}: there is no report {before.report!r}.{near}")
        if before.period is None and before.survey is None and before.report == name:
            problems.append(f"{where}: is the report itself; name the period before, such as 2024-Q4")
        if before.period is not None and entry.period is not None:
            now, then = parse_period(entry.period), parse_period(before.period)
            if then.start >= now.start:
                problems.append(f"{where}: {then.text} does not come before the report's period, {now.text}")
    return problems


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


def _said(item: Any, template: dict[str, str]) -> str:
    place = [str(part) for part in item["loc"]]
    where = f"report {template.get(place[1], place[1])}: " if len(place) > 1 and place[0] == "reports" else ""
    last = ".".join(place[2:]) if where else ".".join(place)
    if item["type"] == "extra_forbidden":
        known: Any = {"reports": None} | dict.fromkeys(_SHARED)
        if where:
            inner = {"keep": Keep, "compare_with": Before}.get(place[2]) if len(place) > 3 else None
            known = inner.model_fields if inner else {**Entry.model_fields, "for_each": None}
        return f"{where}there is no key {last}.{did_you_mean(place[-1], known)}"
    if item["type"] == "missing":
        return f"{where}{last} is missing"
    if item["type"] == "too_short" and not where:
        return "no reports are listed"
    message = item["msg"].removeprefix("Value error, ")
    return f"{where}{last}: {message[0].lower()}{message[1:]}" if last else f"{where}{message}"
