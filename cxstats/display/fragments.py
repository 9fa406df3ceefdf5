"""Parts to HTML: one set of templates, autoescaped, for notebooks and for the page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from cxstats.display import marks, picture
from cxstats.display.plain import printable
from cxstats.display.theme import css
from cxstats.words import capitalised

__all__ = ["PART_MIME", "environment", "notebook_html", "part_html"]

PART_MIME = "application/vnd.cxstats.part+json"
KINDS = ("header", "answer", "points", "know", "figure", "table", "note", "limits", "method", "ledger")

_BOLD = re.compile(r"\*\*(.+?)\*\*")
_CODE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\[([^\]]+)\]\(#([A-Za-z][\w-]*)\)")


def inline(text: object) -> Markup:
    """Text with ``**bold**``, code in backticks and ``[words](#anchor)`` in the page; everything else is escaped.

    >>> str(inline("**Note.** <b> [see](#ledger), `wave:`"))
    '<strong>Note.</strong> &lt;b&gt; <a href="#ledger">see</a>, <code>wave:</code>'
    """
    html = _CODE.sub(r"<code>\1</code>", printable(str(escape(text))))
    html = _BOLD.sub(r"<strong>\1</strong>", html)
    return Markup(_LINK.sub(r'<a href="#\2">\1</a>', html))  # the text is escaped above


def _finished(value: Any) -> Any:
    """What a template prints: text without characters that act on what stands around them."""
    return printable(value) if type(value) is str else value


@cache
def environment() -> Environment:
    """The templates' environment: autoescaping, and an error for a name that is not there."""
    env = Environment(
        loader=PackageLoader("cxstats.display", "templates"),
        autoescape=True,
        finalize=_finished,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters["inline"] = inline
    env.filters["capitalised"] = capitalised
    env.filters["uri"] = picture.picture_uri
    # The drawings are ours and escape what they print
    env.globals["verdict_mark"] = lambda verdict: Markup(marks.verdict_mark(verdict))
    env.globals["key_sample"] = lambda mark: Markup(marks.key_sample(mark))
    env.globals["strip"] = _strip
    return env


def _strip(answer: Mapping[str, Any], width: int) -> Markup:
    if answer["low"] is None or answer["high"] is None:
        return Markup("")
    assumption = None
    if answer["assumption_low"] is not None and answer["assumption_high"] is not None:
        assumption = (answer["assumption_low"], answer["assumption_high"])
    drawing = marks.strip(
        low=answer["low"],
        high=answer["high"],
        margin=answer["margin"],
        unit=answer["unit"],
        value=answer["value"],
        digits=answer.get("digits"),  # answers on record from before have none
        assumption=assumption,
        width=width,
    )
    return Markup(drawing)


def part_html(part: Mapping[str, Any], **context: Any) -> Markup:
    """One part's HTML from its data.

    ``context`` may hold ``figure_numbers`` (key to number) and ``on_page`` (whether this is the page,
    where the title is the ``h1``, or a notebook), and ``ids`` (False where the part stands there already).

    Raises
    ------
    ValueError : data of an unknown kind of part.
    """
    kind = part.get("part")
    if kind not in KINDS:
        raise ValueError(f"unknown part {kind!r}; a page knows {', '.join(KINDS)}")
    template = environment().get_template("parts.html.j2")
    module = template.make_module({"figure_numbers": {}, "on_page": False, "ids": True, **context})
    return Markup(getattr(module, kind)(part))


def notebook_html(part: Mapping[str, Any]) -> str:
    """The fragment that JupyterLab shows: the part with its style."""
    number = part.get("number")
    numbers = {part["key"]: number} if part["part"] == "figure" and number else {}
    body = part_html(part, figure_numbers=numbers)
    return f'<style>{css("parts", "notebook")}</style><div class="cx cx-notebook">{body}</div>'
