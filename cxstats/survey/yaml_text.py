"""YAML in which every scalar is the text that was written.

``no`` stays "no", ``012`` stays "012", ``1:30`` stays "1:30": the description's typed model decides
what a value means. Nothing but mappings, lists and texts is accepted: no tags, no anchors and
aliases (a few hundred bytes of them can expand to gigabytes), no key given twice.
"""

from __future__ import annotations

from typing import Any

import yaml

from .errors import Problem, SurveyError, quoted

__all__ = ["Place", "load"]

MAX_CHARACTERS = 1_000_000
MAX_DEPTH = 20

Place = dict[tuple[str | int, ...], int]
"""Line number of every key and item, by its path."""


def load(text: str, source: str) -> tuple[dict[str, Any], Place]:
    """The mapping that ``text`` holds, every scalar a str, and the line of every entry.

    Raises
    ------
    SurveyError : not YAML, not a mapping, too large or too deep, or holding tags, anchors, aliases
        or a key twice; all of these at once, with their lines.
    """
    if len(text) > MAX_CHARACTERS:
        raise SurveyError(
            Problem(f"the description is longer than {MAX_CHARACTERS:,} characters", where=source)
        )
    problems: list[Problem] = []
    places: Place = {}
    try:
        _refuse_magic(text, source, problems)
        node = None if problems else yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        raise SurveyError(_not_yaml(error, source)) from None
    if problems:
        raise SurveyError(problems)
    if not isinstance(node, yaml.MappingNode):
        raise SurveyError(
            Problem(
                "the description is empty" if node is None else "the description is not a mapping",
                where=source,
                expected='lines such as "title: Contoso relationship survey"',
            )
        )
    value = _plain(node, (), source, places, problems)
    if problems:
        raise SurveyError(problems)
    return value, places


def _refuse_magic(text: str, source: str, problems: list[Problem]) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.BaseLoader):
        where = f"{source}, line {event.start_mark.line + 1}"
        if isinstance(event, yaml.AliasEvent):
            problems.append(
                Problem(f"the alias *{event.anchor} is not accepted", where, fix="write the value out")
            )
            continue
        if getattr(event, "anchor", None):
            problems.append(Problem(f"the anchor &{event.anchor} is not accepted", where, fix="leave it out"))
        # a quoted text has no tag of its own; "!!int", "!python/object" have one
        tag = getattr(event, "tag", None)
        if tag is not None:
            problems.append(
                Problem(f"the tag {quoted(tag)} is not accepted", where, fix="write the value without a tag")
            )
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise SurveyError(Problem(f"entries are nested deeper than {MAX_DEPTH} levels", where))
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if len(problems) >= 20:
            return


def _plain(node: yaml.Node, path: tuple, source: str, places: Place, problems: list[Problem]) -> Any:
    places.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.ScalarNode):
        return node.value
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*path, i), source, places, problems) for i, item in enumerate(node.value)]
    result: dict[str, Any] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            problems.append(Problem("a key must be a text", where=f"{source}, line {line}"))
            continue
        if key.value in result:
            first = places[(*path, key.value)]
            problems.append(
                Problem(
                    f"{quoted(key.value)} is given twice (first in line {first})",
                    where=f"{source}, line {line}",
                    fix="keep one of them",
                )
            )
            continue
        places[(*path, key.value)] = line
        result[key.value] = _plain(value, (*path, key.value), source, places, problems)
    return result


def _not_yaml(error: yaml.YAMLError, source: str) -> Problem:
    mark = getattr(error, "problem_mark", None)
    detail = getattr(error, "problem", None) or "characters that no text has"
    if "found character '\\t'" in str(detail):
        detail = "a tab; indent with spaces"
    line = f", line {mark.line + 1}" if mark else ""
    return Problem(f"this is not YAML: {detail}", where=f"{source}{line}")
