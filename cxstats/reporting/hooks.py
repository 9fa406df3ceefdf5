"""Commands of the user's that are run when a report was published, or failed: a mail, a message, a copy.

A command is started without a shell, with the path of the run's record as its last argument, and with what it is
about in its environment: ``CXSTATS_STATUS`` ("ok" or "failed"), ``CXSTATS_SURVEY``, ``CXSTATS_REPORT``,
``CXSTATS_RECORD``, ``CXSTATS_PAGE`` (the page that lies there; may be empty) and ``CXSTATS_CAUSE``. What it does
cannot change what was published.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

from cxstats.reporting import record
from cxstats.reporting.errors import UsageError

__all__ = ["command", "run_hook"]

TIMEOUT = 60.0  # seconds: a hook that waits for an answer must not hold up the reports


def command(option: str, text: str | None) -> list[str] | None:
    """A hook's command and its arguments, checked; None for none.

    Raises UsageError where it cannot be read, or where there is no such program.

    >>> command("--on-success", "true --quiet 'two words'")
    ['true', '--quiet', 'two words']
    """
    if text is None:
        return None
    try:
        parts = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"{option} {text!r}: {str(error).lower()}") from error
    if not parts:
        raise UsageError(f"{option}: is empty: name a command, or leave the option away")
    if shutil.which(parts[0]) is None:
        raise UsageError(
            f"{option}: there is no program {parts[0]!r}. It is started without a shell: put what needs one "
            "(pipes, variables) into a script and name that"
        )
    return parts


def run_hook(parts: list[str], out: Path, survey: str, report: str, *, timeout: float = TIMEOUT) -> str:
    """Start a hook for the last run of a report; returns what went wrong, empty where nothing did."""
    records = record.load_all(out, survey, report).get((survey, report), [])
    if not records:
        return f"{parts[0]}: not started, since the run of {survey}/{report} left no record"
    last = records[-1]
    path = record.folder(out, survey, report) / f"{last['run']}.json"
    page = out / survey / report / "index.html"
    about = {
        "CXSTATS_STATUS": last["status"],
        "CXSTATS_SURVEY": survey,
        "CXSTATS_REPORT": report,
        "CXSTATS_RECORD": str(path),
        "CXSTATS_PAGE": str(page) if page.is_file() else "",
        "CXSTATS_CAUSE": (last.get("error") or {}).get("cause", ""),
    }
    try:
        done = subprocess.run(
            [*parts, str(path)],
            env=os.environ | about,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"{parts[0]}: stopped after {timeout:g} seconds"
    except OSError as error:
        return f"{parts[0]}: {error.strerror or error}"
    if done.returncode == 0:
        return ""
    words = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()
    return f"{parts[0]}: exit code {done.returncode}{f' ({words[-1][:200]})' if words else ''}"
