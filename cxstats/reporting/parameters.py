"""Parameters: what a notebook declares, and whether given values fit.

A notebook declares its parameters in the one cell tagged ``parameters``, a typed line each::

    survey: str = "demo"  # "demo", or the path of a survey.yml
    margin: "Optional[Margin]" = None  # smallest change that matters; None takes the metric's own

A type is a name, of Python or of :mod:`cxstats.parameters`, and stands in quotes where the notebook has
imported no such name. ``cx.Margin | None`` is the same type, but ``papermill --help-notebook`` lists no
parameter of which the type holds a full stop or a bar, and none with a second equals sign in its line.

The cell is read, never run. A value given on the command line or in the catalogue is checked against
the annotation before anything is rendered, and what goes on to the notebook is plain JSON: papermill
writes other types as strings without a word, and writes parameter *names* into the notebook as code.
"""

from __future__ import annotations

import ast
import datetime as dt
import io
import itertools
import json
import keyword
import math
import re
import tokenize
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Union

from pydantic import TypeAdapter, ValidationError

from cxstats import parameters as kinds
from cxstats.reporting.errors import UsageError, did_you_mean
from cxstats.reporting.scan import secret_kind

__all__ = ["Parameter", "check_name", "declared", "effective", "parse_assignment"]

_PLAIN = {"str": str, "int": int, "float": float, "bool": bool, "date": dt.date, "None": None}
_SECRET_WORDS = {
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "credential",
    "credentials",
    "apikey",
}
_SECRET_PAIRS = {"api_key", "access_key", "private_key", "secret_key", "auth_key", "connection_string"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One declared parameter.

    Attributes
    ----------
    name : the Python name.
    annotation : its type as the notebook writes it, without quotes ("Level").
    kind : the type that checks values.
    default : the literal the notebook gives it.
    help : the comment on its line.
    """

    name: str
    annotation: str
    kind: Any = field(repr=False)
    default: Any
    help: str = ""

    def check(self, value: Any) -> Any:
        """``value`` (text from a command line, or a plain value) as JSON-plain data.

        Raises ValueError in the user's terms where it does not fit.
        """
        return _plain(_fitted(self.name, value, self.kind))


# What a notebook declares -------------------------------------------------------------------------


def declared(notebook: Path) -> dict[str, Parameter]:
    """The parameters of a notebook, by name, in its order; empty where it declares none.

    Raises UsageError naming every line of the cell that is not of the form
    ``name: type = literal  # help``.
    """
    cells = [cell for cell in _read(notebook).get("cells", []) if "parameters" in _tags(cell)]
    if not cells:
        return {}
    if len(cells) > 1:
        raise UsageError(f"{notebook.name}: {len(cells)} cells are tagged 'parameters'; there must be one")
    source = cells[0].get("source", "")
    source = source if isinstance(source, str) else "".join(source)
    return _declarations(source, notebook.name)


def _read(notebook: Path) -> dict[str, Any]:
    try:
        content = json.loads(notebook.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UsageError(f"{notebook}: not a notebook that can be read ({_reason(error)})") from error
    if not isinstance(content, dict) or not isinstance(content.get("cells"), list):
        raise UsageError(f"{notebook}: not a notebook (no cells; notebook format 4 is needed)")
    return content


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def _tags(cell: Mapping[str, Any]) -> list[str]:
    return cell.get("metadata", {}).get("tags", []) if cell.get("cell_type") == "code" else []


def _declarations(source: str, where: str) -> dict[str, Parameter]:
    try:
        body = ast.parse(source).body
    except SyntaxError as error:
        raise UsageError(f"{where}: the parameters cell is not Python (line {error.lineno})") from error
    helps = _comments(source)
    found: dict[str, Parameter] = {}
    problems: list[str] = []
    for statement in body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue  # a docstring
        try:
            parameter = _declaration(statement, helps.get(statement.end_lineno or 0, ""))
            if parameter.name in found:
                raise ValueError(f"{parameter.name} is declared twice")
            found[parameter.name] = parameter
        except ValueError as error:
            problems.append(f"{where}: parameters cell, line {statement.lineno}: {error}")
    if problems:
        raise UsageError(problems)
    return found


def _declaration(statement: ast.stmt, help_text: str) -> Parameter:
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value:
        target, written = statement.target.id, statement.annotation
    elif (
        isinstance(statement, ast.Assign)
        and len(statement.targets) == 1
        and isinstance(statement.targets[0], ast.Name)
    ):
        target, written = statement.targets[0].id, None
    else:
        raise ValueError(f"{ast.unparse(statement)!r} is not 'name: type = value'")
    try:
        default = ast.literal_eval(statement.value)  # type: ignore[arg-type]
    except ValueError as error:
        raise ValueError(f"the default of {target} must be a plain value, not an expression") from error
    if secret := _secret_word(target):
        raise ValueError(f"{target} looks like a {secret}: read it from an environment variable instead")
    if written is not None:
        written = _unquoted(written)
        kind, annotation = _kind(written), ast.unparse(written)
    elif default is None:
        raise ValueError(f"{target} needs a type: '{target}: ... = None'")
    else:
        kind, annotation = type(default), type(default).__name__
    parameter = Parameter(target, annotation, kind, default, help_text)
    parameter.check(default)  # a default its own type refuses would fail on every run
    return parameter


def _comments(source: str) -> dict[int, str]:
    """Comment text by line number."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {
        token.start[0]: token.string.lstrip("#").strip() for token in tokens if token.type == tokenize.COMMENT
    }


def _unquoted(node: ast.expr) -> ast.expr:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            return ast.parse(node.value, mode="eval").body
        except SyntaxError:
            raise ValueError(f"{node.value!r} is not a type for parameters") from None
    return node


def _kind(node: ast.expr) -> Any:
    """The type an annotation names. Only names known here count: nothing is evaluated."""
    node = _unquoted(node)
    if isinstance(node, ast.Constant) and node.value is None:
        return None
    if isinstance(node, ast.Name) and node.id in _PLAIN:
        return _PLAIN[node.id]
    if isinstance(node, ast.Attribute | ast.Name):
        name = node.attr if isinstance(node, ast.Attribute) else node.id
        if name in kinds.__all__ and name[0].isupper():
            return getattr(kinds, name)
        if name == "date":
            return dt.date
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return Union[_kind(node.left), _kind(node.right)]  # noqa: UP007  (the kinds are values here)
    if isinstance(node, ast.Subscript):
        outer = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if outer == "Literal":
            return Literal[tuple(ast.literal_eval(item) for item in inner)]
        if outer == "Optional" and len(inner) == 1:
            return Union[_kind(inner[0]), None]  # noqa: UP007
        if outer == "list" and len(inner) == 1:
            return list[_kind(inner[0])]
        if outer == "dict" and len(inner) == 2:
            return dict[_kind(inner[0]), _kind(inner[1])]
    known = ", ".join([*(name for name in kinds.__all__ if name[0].isupper()), *_PLAIN])
    raise ValueError(
        f"{ast.unparse(node)} is not a type for parameters. There are: {known}, Optional, list, dict, Literal"
    )


# What is given -----------------------------------------------------------------------------------


def parse_assignment(text: str) -> tuple[str, str]:
    """``name=value`` of the command line as its two parts; the value may hold further ``=``.

    >>> parse_assignment("metric=nps")
    ('metric', 'nps')
    """
    name, sign, value = text.partition("=")
    name = name.strip()
    if not sign:
        raise UsageError(f"-p {text!r}: write it as name=value, such as -p level=0.9")
    check_name(name)
    return name, value


def check_name(name: str) -> None:
    """Refuse a parameter name that is not a plain Python name, or that asks for a secret.

    papermill pastes names into the notebook as code, so anything else would be run.
    """
    if not (name.isascii() and name.isidentifier()) or keyword.iskeyword(name) or name.startswith("_"):
        raise UsageError(
            f"{name!r} cannot be a parameter name: letters, digits and underscores only, a letter first"
        )
    if secret := _secret_word(name):
        raise UsageError(
            f"parameter {name} looks like a {secret}. Parameters are printed in the report: "
            "put it into an environment variable and let survey.yml name that (url_env: ...)"
        )


def _secret_word(name: str) -> str:
    words = re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower().split("_")
    pairs = {"_".join(pair) for pair in itertools.pairwise(words)}
    found = sorted(_SECRET_WORDS & set(words)) or sorted(_SECRET_PAIRS & pairs)
    return found[0].replace("_", " ") if found else ""


def effective(parameters: Mapping[str, Parameter], given: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """Every declared parameter with its value: what is given, checked, over the defaults.

    Raises UsageError with every problem: unknown names (with the nearest known one), values of the
    wrong type or outside their range.
    """
    problems: list[str] = []
    values = {name: _plain(parameter.default) for name, parameter in parameters.items()}
    for name, value in given.items():
        try:
            check_name(name)
            if name not in parameters:
                raise ValueError(f"there is no parameter {name}.{did_you_mean(name, parameters)}")
            if secret := _holds_secret(value):
                raise ValueError(
                    f"{name} holds {secret}. Parameters are printed in the report: put it into an "
                    "environment variable and let survey.yml name that (url_env: ...)"
                )
            values[name] = parameters[name].check(value)
        except (ValueError, UsageError) as error:
            problems.append(f"{where}: {error}")
    if problems:
        raise UsageError(problems)
    return values


def _holds_secret(value: Any) -> str:
    """What kind of secret a value, or anything within it, has the form of; it is never repeated."""
    if isinstance(value, str):
        return secret_kind(value)
    within = (*value, *value.values()) if isinstance(value, Mapping) else value
    if isinstance(within, list | tuple):
        return next((found for item in within if (found := _holds_secret(item))), "")
    return ""


def _fitted(name: str, value: Any, kind: Any) -> Any:
    """``value`` as ``kind``; text is read as the type asks."""
    options = _options(kind)
    if None in options:
        if value is None or (isinstance(value, str) and _is_null(value, options)):
            return None
        options = [option for option in options if option is not None]
    if len(options) > 1:
        for option in options:
            try:
                return _fitted(name, value, option)
            except ValueError:
                continue
        raise ValueError(f"{name} is {value!r}, but must be {' or '.join(map(_wanted, options))}")
    (kind,) = options
    if typing.get_origin(kind) is Literal:
        return _choice(name, value, typing.get_args(kind))
    if typing.get_origin(kind) in (list, dict) and isinstance(value, str):
        value = _collection(value, typing.get_origin(kind))
    if isinstance(value, str) and _base(kind) in (int, float):
        value = _number(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name} is {value!r}, but must be a finite number")
    if kind in (bool, str, int, float, dt.date) or typing.get_origin(kind) in (list, dict):
        return _simple(name, value, kind)
    try:
        return kinds.checked(name, value, kind)
    except ValueError as error:
        hint = (
            " Did you mean 0.95?"
            if kind is kinds.Level and value == 1 and "Did you" not in str(error)
            else ""
        )
        raise ValueError(f"{error}{hint}") from None


def _options(kind: Any) -> list[Any]:
    if typing.get_origin(kind) in (Union, types.UnionType):
        return [None if option is type(None) else option for option in typing.get_args(kind)]
    return [kind]


def _is_null(text: str, options: list[Any]) -> bool:
    # "None" is a legal name of a group, so where text is wanted only YAML's own word means nothing
    return text == "null" or (str not in options and text.strip().lower() in ("", "none"))


def _base(kind: Any) -> Any:
    return typing.get_args(kind)[0] if hasattr(kind, "__metadata__") else kind


def _number(text: str) -> Any:
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text


def _collection(text: str, origin: type) -> Any:
    if text.strip().startswith(("[", "{")):
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text
    return [part.strip() for part in text.split(",") if part.strip()] if origin is list else text


def _choice(name: str, value: Any, choices: tuple[Any, ...]) -> Any:
    for choice in choices:
        if value == choice or (isinstance(value, str) and value == str(choice)):
            return choice
    words = [str(choice) for choice in choices]
    near = did_you_mean(str(value), words, list_all=False)
    raise ValueError(f"{name} is {value!r}, but must be one of {', '.join(words)}.{near}")


def _simple(name: str, value: Any, kind: Any) -> Any:
    if kind is str and not isinstance(value, str):
        raise ValueError(f"{name} is {value!r}, but must be text")
    if kind in (int, float) and isinstance(value, bool):
        raise ValueError(f"{name} is {value!r}, but must be {_wanted(kind)}")
    if kind is bool and isinstance(value, int) and not isinstance(value, bool):
        raise ValueError(f"{name} is {value!r}, but must be true or false")
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        raise ValueError(f"{name} is {value!r}, but must be {_wanted(kind)}") from error


def _wanted(kind: Any) -> str:
    words = {
        bool: "true or false",
        str: "text",
        int: "a whole number",
        float: "a number",
        dt.date: "a date such as 2025-03-31",
    }
    for note in getattr(kind, "__metadata__", ()):
        if getattr(note, "description", None):
            return note.description
    if typing.get_origin(kind) is list:
        return f"a list ({_wanted(typing.get_args(kind)[0])} each), separated by commas"
    if typing.get_origin(kind) is dict:
        return "a mapping, written as JSON"
    return words.get(kind, f"of type {getattr(kind, '__name__', kind)}")


def _plain(value: Any) -> Any:
    """JSON-plain: papermill writes any other type as a string without a word."""
    return TypeAdapter(Any).dump_python(value, mode="json")
