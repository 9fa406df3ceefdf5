"""The page on paper: a PDF printed by Chromium, where it is installed.

Chromium prints what a reader would print: the page's own style sheet makes the pages. It runs without network
or profile, in a private folder; the page's own policy lets no script run. The times of day that it writes are
taken out, so that one version of Chromium gives the same bytes for the same page.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

__all__ = ["BROWSER_VARIABLE", "NoPaper", "browser", "pdf"]

BROWSER_VARIABLE = "CXSTATS_CHROMIUM"
"""Environment variable that names the browser's program where it is not found by itself."""

_PROGRAMS = (
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
    "chrome",
    "microsoft-edge",
)
_OPTIONS = (
    "--headless",
    "--disable-gpu",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",  # containers give little of it
    "--disable-sync",
    "--no-default-browser-check",
    "--no-first-run",
    "--no-pdf-header-footer",
    "--proxy-server=127.0.0.1:9",  # nothing answers there: not even by mistake is anything fetched
    "--lang=en",
)
_CLOCK = re.compile(rb"/(CreationDate|ModDate) \(D:\d{14}([^)]*)\)")

_NODE = re.compile(rb"(?<=\()node\d{8}(?=\))")


class NoPaper(RuntimeError):
    """No PDF could be made; the message says why."""


def browser() -> str | None:
    """The program that prints, or None where there is none."""
    named = os.environ.get(BROWSER_VARIABLE)
    if named is not None:
        return shutil.which(named)
    return next((found for name in _PROGRAMS if (found := shutil.which(name))), None)


def pdf(html: str, *, seconds: float = 90) -> bytes:
    """``html`` printed as a tagged PDF on the paper that its style sheet asks for.

    Raises
    ------
    NoPaper : there is no Chromium here, it failed, or it took longer than ``seconds``.
    """
    program = browser()
    if program is None:
        raise NoPaper(f"Chromium is not installed ({BROWSER_VARIABLE} can name its program)")
    with tempfile.TemporaryDirectory(prefix="cx-paper-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        page, made = folder / "page.html", folder / "page.pdf"
        page.write_text(html, encoding="utf-8")
        _print(program, page, made, folder, seconds)
        try:
            content = made.read_bytes()
        except OSError:
            content = b""
    if not content.startswith(b"%PDF-"):
        raise NoPaper("Chromium ended without a PDF")
    return _settled(content)


def _settled(content: bytes) -> bytes:
    """The PDF without the time of day, and with the parts of its structure numbered from 1 in their order.

    Every replacement is as long as what it stands for: a PDF knows where each of its objects begins.
    """
    nodes = sorted(set(_NODE.findall(content)))
    numbers = {node: b"node%08d" % i for i, node in enumerate(nodes, start=1)}
    content = _NODE.sub(lambda found: numbers[found[0]], content)
    return _CLOCK.sub(rb"/\1 (D:19800101000000\2)", content)


def _print(program: str, page: Path, made: Path, folder: Path, seconds: float) -> None:
    command = [program, *_OPTIONS, f"--user-data-dir={folder / 'profile'}", f"--print-to-pdf={made}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--no-sandbox")  # Chromium refuses to run as root otherwise; the page runs no script
    # nothing of the user's environment: it may hold secrets, and a browser reads much of it
    seen = {
        "HOME": str(folder),
        "PATH": os.environ.get("PATH", os.defpath),
        "TMPDIR": str(folder),
        "TZ": "UTC",
    }
    seen |= {
        key: os.environ[key]
        for key in ("SYSTEMROOT", "FONTCONFIG_PATH", "LD_LIBRARY_PATH")
        if key in os.environ
    }
    process = subprocess.Popen(
        [*command, page.as_uri()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=seen,
        cwd=folder,
        start_new_session=True,
    )
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired as error:
        raise NoPaper(f"Chromium took longer than {seconds:.0f} s") from error
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError, AttributeError):
            os.killpg(process.pid, signal.SIGKILL)  # whatever it started goes with it
        process.wait()
