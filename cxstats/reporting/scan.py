"""The last look before a page is published: would it run anything, fetch anything, or give anything away?

It reads the finished HTML as a browser would, pictures included, and knows nothing of how it was made,
so that a slip in a template, a study or a survey's text stops here instead of at a reader.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from urllib.parse import unquote_to_bytes

__all__ = ["SIZE_LIMIT", "problems", "redact", "without_folders"]

SIZE_LIMIT = 2_000_000  # bytes of one page: it must open from a mail on a phone

_SECRET_NAME = re.compile(
    r"token|secret|passw|passphrase|api_?key|access_?key|private_?key|credential|_(dsn|url_env|pwd)$",
    re.IGNORECASE,
)
_URL_PASSWORD = re.compile(r"[a-z][a-z0-9+.-]*://[^\s:/@]+:([^\s@/]{3,})@", re.IGNORECASE)
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{2,63})+", re.ASCII)
# International form only, with its separators: scores, intervals and dates must not look like telephones.
_PHONE = re.compile(r"(?<![\w.,])\+\d{1,3}[ \-/]?\(?\d{2,5}\)?(?:[ \-/]\d{2,8}){1,4}(?![\w.,]\d)", re.ASCII)
_IP = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\d)", re.ASCII)


def _is_phone(text: str) -> bool:
    return sum(letter.isdigit() for letter in text) >= 9


def _is_address(text: str) -> bool:
    numbers = [int(number) for number in text.split(".")]
    return max(numbers) <= 255 and sum(number >= 10 for number in numbers) >= 2  # 2.0.0.1 is a version


_IDENTIFIERS: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = (
    ("an e-mail address", _EMAIL, bool),
    ("a telephone number", _PHONE, _is_phone),
    ("an IP address", _IP, _is_address),
)

_RUNS = {"script", "iframe", "object", "embed", "applet", "base", "form", "frame", "portal"}
_FETCHES = {
    "src",
    "srcset",
    "data",
    "poster",
    "background",
    "action",
    "formaction",
    "xlink:href",
    "ping",
    "manifest",
}


def problems(html: str, *, environ: Mapping[str, str] | None = None, limit: int = SIZE_LIMIT) -> list[str]:
    """Why this page must not be published; empty when it may.

    >>> problems("<p>NPS +26</p>", environ={})
    []
    >>> problems("<script>alert(1)</script>", environ={})
    ['the page holds a <script> element']
    """
    found: list[str] = []
    size = len(html.encode("utf-8", "surrogatepass"))
    if size > limit:
        found.append(
            f"the page is {size / 1e6:.1f} MB, above the {limit / 1e6:.1f} MB that still open anywhere "
            "(does a table or a cell print rows instead of results?)"
        )
    reader = _Reader()
    reader.feed(html)
    reader.close()
    found += reader.problems
    text = "\n".join([*reader.texts, *reader.pictures])
    for name, value in _secrets(os.environ if environ is None else environ).items():
        if value in text or value in html:
            found.append(f"the page holds the value of the environment variable {name}")
    for kind, pattern, sure in _IDENTIFIERS:
        if hit := next((hit[0] for hit in pattern.finditer(text) if sure(hit[0])), None):
            found.append(f"the page holds {kind} ({_masked(hit)})")
    return list(dict.fromkeys(found))


def redact(text: str, *, environ: Mapping[str, str] | None = None) -> str:
    """``text`` with secrets and personal identifiers blanked: for messages that leave the machine.

    >>> redact("no row for ann@example.com", environ={})
    'no row for […]'
    """
    for value in _secrets(os.environ if environ is None else environ).values():
        text = text.replace(value, "[…]")
    text = re.sub(r"(://[^\s:/@]+:)[^\s@/]+@", r"\1[…]@", text)
    for _, pattern, sure in _IDENTIFIERS:
        text = pattern.sub(lambda hit, sure=sure: "[…]" if sure(hit[0]) else hit[0], text)
    return text


_FOLDERS = re.compile(r"""(?<![\w:/.…])(?:/|~/|[A-Za-z]:\\)(?:[^\s/\\"'<>,;:()]+[/\\])+(?=[^\s/\\"'])""")


def without_folders(text: str) -> str:
    """``text`` with full paths cut to their last name.

    >>> without_folders("there is no file a.csv in /home/ann/surveys, and none like it")
    'there is no file a.csv in …/surveys, and none like it'
    >>> without_folders("12 and/or 13 of 1/2")
    '12 and/or 13 of 1/2'
    """
    return _FOLDERS.sub("…/", text)


def _secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """Values worth hiding, by the name that holds them; short ones would match by chance."""
    found = {}
    for name, value in environ.items():
        if len(value) >= 8 and _SECRET_NAME.search(name):
            found[name] = value
        elif hit := _URL_PASSWORD.search(value):
            found[name] = hit[1]
    return {name: value for name, value in found.items() if not value.isdigit() and not os.path.exists(value)}


def _masked(text: str) -> str:
    return f"{text[:2]}…{text[-3:]}"


class _Reader(HTMLParser):
    """Collects visible and hidden text, the text of embedded pictures, and everything that could act."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.problems: list[str] = []
        self.texts: list[str] = []
        self.pictures: list[str] = []
        self._style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _RUNS:
            self.problems.append(f"the page holds a <{tag}> element")
        self._style = tag == "style"
        values = {name: value or "" for name, value in attrs}
        if tag == "meta" and values.get("http-equiv", "").lower() == "refresh":
            self.problems.append("the page would send its reader elsewhere (meta refresh)")
        for name, value in values.items():
            self._attribute(tag, name, value)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self._style = False

    def handle_endtag(self, tag: str) -> None:
        self._style = False

    def handle_data(self, data: str) -> None:
        if self._style:
            self._css(data)
        else:
            self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.texts.append(data)

    def _attribute(self, tag: str, name: str, value: str) -> None:
        address = re.sub(r"[\x00-\x20]", "", value).lower()
        if name.startswith("on"):
            self.problems.append(f"the page holds a script in an attribute ({name})")
        elif name in _FETCHES or (name == "href" and tag in {"link", "image", "use"}):
            self._fetched(tag, value, address)
        elif name in {"href", "xlink:href"} and address.startswith(("javascript:", "data:", "vbscript:")):
            self.problems.append("the page holds a link that would run a script")
        elif name == "style":
            self._css(value)
        elif name == "srcdoc":
            self.problems.append("the page holds a page of its own (srcdoc)")
        else:
            self.texts.append(value)

    def _fetched(self, tag: str, value: str, address: str) -> None:
        if not address or address.startswith("#"):
            return
        if not address.startswith(("data:image/", "data:font/")):
            self.problems.append(f"the page would fetch {value[:60]!r} (<{tag}>)")
            return
        picture, acts = _decoded(value)
        self.pictures.append(picture)
        if acts:
            self.problems.append("a picture holds a script")

    def _css(self, text: str) -> None:
        for address in re.findall(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)", text, re.IGNORECASE):
            target = "".join(address).strip().lower()
            if not target.startswith(("data:", "#")):
                self.problems.append(f"the page's style would fetch {target[:60]!r}")


def _decoded(address: str) -> tuple[str, bool]:
    """The text of a ``data:`` SVG, and whether it could act; nothing for pictures made of pixels."""
    head, _, body = address.partition(",")
    if "svg" not in head.lower():
        return "", False
    try:
        data = base64.b64decode(body) if ";base64" in head.lower() else unquote_to_bytes(body)
    except (binascii.Error, ValueError):
        return "", False
    picture = _Picture()
    picture.feed(data.decode("utf-8", "replace"))
    picture.close()
    return "\n".join(picture.texts), picture.acts


class _Picture(HTMLParser):
    """Text of an SVG, and whether an element or an attribute of it could act.

    What acts is an element, not a word: a label may read ``<script>``, escaped, as a group is called.
    """

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self.acts = False

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.acts |= tag.rpartition(":")[2] in _RUNS | {"foreignobject"}
        for name, value in attrs:
            address = re.sub(r"[\x00-\x20]", "", value or "").lower()
            self.acts |= name.startswith("on") or "javascript:" in address
