"""Text that may stand anywhere: without characters that act on what stands around them."""

from __future__ import annotations

import re

__all__ = ["plain_text", "printable"]

# Left out: control characters (XML forbids them), and what turns the direction of the text that follows: a
# group called "gold\u202e" would print the rest of its sentence backwards. Marks that only help a right-to-left
# name, U+200E and U+200F, stay.
_ACTING = dict.fromkeys(
    code
    for first, last in (
        (0x00, 0x08),
        (0x0B, 0x0C),
        (0x0E, 0x1F),
        (0x7F, 0x9F),
        (0x202A, 0x202E),
        (0x2066, 0x2069),
    )
    for code in range(first, last + 1)
)
# Characters that no file may hold
_BROKEN = dict.fromkeys([*range(0xD800, 0xE000), 0xFFFE, 0xFFFF], "\ufffd")
_TABLE = {**_ACTING, **_BROKEN}

_MARKS = re.compile(r"\*\*(.+?)\*\*|`([^`]+)`|\[([^\]]+)\]\(#[A-Za-z][\w-]*\)")


def printable(text: str) -> str:
    r"""``text`` without control characters and without marks that turn the direction of what follows.

    Line breaks, tabs and letters of every script stay.

    >>> printable("gold\u202e\x00 日本 <b>")
    'gold 日本 <b>'
    """
    return text.translate(_TABLE)


def plain_text(text: str) -> str:
    """The words of a part's text, without the marks for bold, code and links.

    >>> plain_text("**Note.** [see](#ledger), `wave:` 2 ** 3")
    'Note. see, wave: 2 ** 3'
    """
    return printable(_MARKS.sub(lambda m: m[1] or m[2] or m[3], text))
