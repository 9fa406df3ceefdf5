"""How a result shows itself in a notebook: a small table of names and values, escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

__all__ = ["definition_html"]


def definition_html(title: str, rows: Iterable[tuple[str, object]]) -> str:
    """An HTML table of name–value rows under a caption; every text is escaped.

    >>> definition_html("NPS", [("value", "<30>")]).count("&lt;30&gt;")
    1
    """
    body = "".join(
        f'<tr><th scope="row">{escape(str(name))}</th><td>{escape(str(value))}</td></tr>'
        for name, value in rows
    )
    return f'<table class="cx-result"><caption>{escape(title)}</caption>{body}</table>'
