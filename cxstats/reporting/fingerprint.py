"""Whether a report would come out as it lies there: one fingerprint of everything it is made from.

It covers the notebook, the parameters as the page prints them, every byte of the survey's files, what the
catalogue says of the report, this package's own source, the versions of the libraries it stands on, and the
findings of the report it is compared with. What cannot be looked at without being read (a database), and
notebooks that may read anything, have no fingerprint, so they are always rendered.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import re
import time
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from cxstats import __version__
from cxstats.digests import FRESH, file_digest, file_state
from cxstats.reporting import paper
from cxstats.reporting.plan import Job
from cxstats.reporting.record import FOLDER, write_atomic

__all__ = ["Hashes", "fingerprint", "inputs"]

_PACKAGE = Path(__file__).resolve().parents[1]
_STANDS_ON = ("numpy", "pandas", "scipy", "statsmodels", "duckdb", "matplotlib", "papermill", "nbconvert")


def fingerprint(
    job: Job, *, hashes: Hashes | None = None, compared: Mapping[str, Any] | None = None
) -> str | None:
    """The fingerprint of everything ``job`` is made from, as 64 hexadecimal digits.

    Parameters
    ----------
    hashes : what is known of the files from earlier runs.
    compared : what is taken from the report it is compared with (:func:`.compare.taken`).

    Returns
    -------
    None where it cannot be known: the survey is read from a database, a file is not there, or the notebook
    takes no survey and the catalogue does not say what it reads.
    """
    found = inputs(job, hashes=hashes, compared=compared)
    return None if found is None else _digest(found)


def inputs(
    job: Job, *, hashes: Hashes | None = None, compared: Mapping[str, Any] | None = None
) -> dict[str, Any] | None:
    """What the fingerprint is made of, as plain data for the record; None as in :func:`fingerprint`."""
    if job.survey.files is None or job.reads is None:
        return None
    hashes = hashes or Hashes()
    try:
        data = {str(path): hashes.of(path) for path in (*job.survey.files, *job.reads)}
        notebook = hashlib.sha256(job.notebook.read_bytes()).hexdigest()
    except OSError:
        return None
    return {
        "notebook": notebook,
        "parameters": _digest(dict(job.shown)),
        # where files lie does not matter, in which order they are read does
        "data": _digest(list(data.values())),
        "catalogue": _digest([job.survey.name, job.report, job.title, job.audience, _iso(job), _files(job)]),
        "package": _package(),
        "environment": _environment(),
        "key": _key(),
        "compared": _digest(compared) if compared is not None else "",
    }


def _iso(job: Job) -> str:
    return job.period.iso if job.period else ""


def _files(job: Job) -> list[str]:
    """The files beside the page; a PDF only where it can be printed, so that it comes once it can."""
    return [kind for kind in job.downloads if kind != "pdf" or paper.browser()]


def _digest(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@cache
def _package() -> str:
    """This package: its version and its own files, so that an edit of the source counts."""
    total = hashlib.sha256(__version__.encode())
    for path in sorted(_PACKAGE.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and "_bundled" not in path.parts:
            total.update(f"\n{path.relative_to(_PACKAGE).as_posix()}\n".encode())
            total.update(path.read_bytes())
    return total.hexdigest()


@cache
def _environment() -> str:
    """Python, the machine's kind, and the version of every library that the package stands on."""
    found = {"python": platform.python_version(), "machine": f"{platform.system()} {platform.machine()}"}
    waiting = ["cxstats", *_STANDS_ON]
    while waiting:
        name = waiting.pop()
        with contextlib.suppress(metadata.PackageNotFoundError):
            # the head of the file alone: parsing whole descriptions takes ten times as long
            head = (metadata.distribution(name).read_text("METADATA") or "").partition("\n\n")[0]
            found[name] = "".join(re.findall(r"^Version: *(\S+)", head, re.MULTILINE))
            for requirement in re.findall(r"^Requires-Dist: *(.+)", head, re.MULTILINE):
                other = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower().replace("_", "-")
                if not re.search(r"\bextra\s*==", requirement) and other not in found:
                    found[other] = ""
                    waiting.append(other)
    return _digest(found)


def _key() -> str:
    """Whether the key of pseudonyms is the same: it decides how customers are parted into folds."""
    key = os.environ.get("CXSTATS_KEY", "")
    return _traceless(key) if key else ""


@cache
def _traceless(key: str) -> str:
    """Four digits, slow to make: records can be read by others, who must not be able to guess the key by them."""
    return hashlib.pbkdf2_hmac("sha256", key.encode(), b"cxstats fingerprint", 200_000).hex()[:4]


class Hashes:
    """Hashes of files' contents, remembered by size, time of change and inode.

    Large files are not read again while nothing about them has changed. A file that was changed within two
    seconds before it was read is not remembered: it could change again without showing it.

    Parameters
    ----------
    out : the output folder in which they are remembered; None remembers for this object's life alone.
    """

    def __init__(self, out: Path | None = None) -> None:
        self._path = None if out is None else out / FOLDER / "hashes.json"
        self._known: dict[str, list[Any]] = {}
        self._new = False
        if self._path is not None:
            with contextlib.suppress(OSError, ValueError):
                content = json.loads(self._path.read_text(encoding="utf-8"))
                self._known = {path: row for path, row in content.items() if _is_row(row)}

    def of(self, path: Path) -> str:
        """Digest of a file's bytes, as 64 hexadecimal digits; raises OSError where it cannot be read."""
        state = file_state(path)
        known = self._known.get(str(path))
        if known is not None and known[:-1] == state:
            return known[-1]
        began = time.time_ns()
        digest = file_digest(path).hex()
        if file_state(path) == state and began - state[1] > FRESH:
            self._known[str(path)] = [*state, digest]
            self._new = True
        return digest

    def save(self) -> None:
        """Remember for the next run; a disk that is full only makes that one slower."""
        if self._path is None or not self._new:
            return
        here = {path: row for path, row in sorted(self._known.items()) if os.path.exists(path)}
        with contextlib.suppress(OSError):
            write_atomic(self._path, json.dumps(here, indent=0))
            self._new = False


def _is_row(row: Any) -> bool:
    return isinstance(row, list) and len(row) == 4 and isinstance(row[-1], str) and len(row[-1]) == 64


def changed(before: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> Iterable[str]:
    """Which of the inputs differ, in words for the log: "data", "parameters", ...

    >>> list(changed({"data": "a", "key": ""}, {"data": "b", "key": ""}))
    ['data']
    """
    if not before or not now:
        return []
    return [name for name in now if before.get(name) != now[name]]
