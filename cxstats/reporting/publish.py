"""Put pages where readers open them: all of a new page, or the old one untouched.

Everything is written and flushed in a private staging folder on the same file system first. The
analysts' edition and the run record are then moved in under names of their own, and the page itself
comes last, by one rename: whoever polls it reads the old page or the new one, with the companions that
belong to it. What fails before that rename changes nothing that a reader can see.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cxstats.reporting.downloads import COMPANION
from cxstats.reporting.errors import RenderError, UsageError
from cxstats.reporting.record import FOLDER as RECORDS
from cxstats.reporting.record import sync_folder

__all__ = ["Target", "explain", "open_out", "publish", "target"]

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_COMPANION = re.compile(rf"(analyst|run)-[0-9a-zA-Z-]+\.(html|json)|{COMPANION.pattern}")
STAGING, FAILED, LOCKS = ".staging", ".failed", ".locks"


@dataclass(frozen=True, slots=True)
class Target:
    """Where one report goes.

    Attributes
    ----------
    out : the output folder.
    survey, report : the names of the report's two folders.
    """

    out: Path
    survey: str
    report: str

    @property
    def folder(self) -> Path:
        """The report's folder."""
        return self.out / self.survey / self.report

    @property
    def page(self) -> Path:
        """The page readers open."""
        return self.folder / "index.html"

    @property
    def staging(self) -> Path:
        """The private folder of the run that holds the lock."""
        return self.out / STAGING / f"{self.survey}~{self.report}"

    @property
    def failed(self) -> Path:
        """Where failed notebooks of this report are kept."""
        return self.out / FAILED / self.survey / self.report

    @property
    def lock(self) -> Path:
        """The report's lock file."""
        return self.out / LOCKS / f"{self.survey}~{self.report}.lock"


def open_out(out: Path) -> Path:
    """The output folder, made if need be, checked to be ours and writable.

    Raises UsageError saying why not.
    """
    out = out.expanduser()
    try:
        if out.is_symlink() and not out.exists():
            raise UsageError(f"--out {out}: a link that leads nowhere")
        out = out.resolve()
        if out.exists() and not out.is_dir():
            raise UsageError(f"--out {out}: this is a file; a folder is needed")
        out.mkdir(parents=True, exist_ok=True)
        if (out / "index.html").exists() and not (out / RECORDS).is_dir():
            raise UsageError(
                f"--out {out}: holds an index.html that cxstats did not make, and would replace it. "
                "Name an empty folder"
            )
        for name in (RECORDS, STAGING, FAILED, LOCKS):
            folder = out / name
            _refuse_link(folder)
            folder.mkdir(mode=0o700, exist_ok=True)
        probe = out / STAGING / ".probe"  # one name: what a killed run left is used by the next
        probe.touch()
        probe.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"--out {out}: {explain(error)}") from error
    return out


def target(out: Path, survey: str, report: str) -> Target:
    """The target of a report below ``out``; raises UsageError where it would leave that folder."""
    for kind, name in (("survey", survey), ("report", report)):
        if not _SLUG.fullmatch(name) or len(name) > 80:
            raise UsageError(
                f"the {kind} is called {name!r}, but its name becomes a folder: a–z, 0–9 and hyphens only"
            )
    found = Target(out, survey, report)
    for path in (found.folder.parent, found.folder, found.page, out / "index.html"):
        _refuse_link(path)
    return found


def _refuse_link(path: Path) -> None:
    if path.is_symlink():
        raise UsageError(f"{path}: is a link to somewhere else; reports are only written inside their folder")


def publish(goal: Target, pages: Mapping[str, str | bytes], record_name: str, record: str) -> None:
    """Put ``pages`` (file name to content; ``index.html`` among them) and the record in place.

    Raises RenderError when a file cannot be written; then nothing that was published has changed.
    """
    moved: list[Path] = []
    draft = goal.staging / "index.html"
    try:
        staged = {name: _stage(goal.staging / name, text) for name, text in pages.items()}
        staged[record_name] = _stage(goal.staging / record_name, record)
        goal.folder.mkdir(parents=True, exist_ok=True)
        for name, path in staged.items():
            if path != draft:
                place = goal.folder / name
                moved += [] if place.exists() else [place]
                os.replace(path, place)
        sync_folder(goal.folder)
        os.replace(draft, goal.page)
    except BaseException as error:
        if draft.exists() or not goal.page.exists():  # the page itself was not put in place
            for path in moved:
                path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise RenderError("publish", f"The page could not be written: {explain(error)}.") from error
        raise
    sync_folder(goal.folder)


def companion_name(kind: str, text: str) -> str:
    """A name for a page's companion, made from its content: the same for the same inputs.

    >>> companion_name("analyst", "<p>1</p>")
    'analyst-16de9dfa1266.html'
    """
    return f"{kind}-{hashlib.sha256(text.encode('utf-8')).hexdigest()[:12]}.html"


def tidy(goal: Target, keep: set[str]) -> None:
    """Remove companions of pages that are gone; ``keep`` names those of this page and the one before.

    The one before stays a while: someone may have it open.
    """
    for path in goal.folder.iterdir():
        if _COMPANION.fullmatch(path.name) and path.name not in keep:
            path.unlink(missing_ok=True)


def remove(goal: Target) -> None:
    """Take a page and its companions away, the page first; other files in its folder stay, and it with them."""
    goal.page.unlink(missing_ok=True)
    tidy(goal, set())
    shutil.rmtree(goal.failed, ignore_errors=True)
    with contextlib.suppress(OSError):
        goal.folder.rmdir()


def fresh_staging(goal: Target) -> Path:
    """An empty private folder; what a run that was cut off left there is removed."""
    shutil.rmtree(goal.staging, ignore_errors=True)
    goal.staging.mkdir(parents=True, mode=0o700)
    return goal.staging


def keep_failed(goal: Target, run: str, notebook: str | None, detail: str, kept: int = 5) -> Path | None:
    """Put a failed run's notebook and what a maintainer wants to know aside, readable by this user only.

    ``kept`` is how many failed runs' files stay. Returns the path of the notebook, or of the text where there
    is no notebook; None where nothing could be written.
    """
    if not kept:
        shutil.rmtree(goal.failed, ignore_errors=True)
        return None
    found: Path | None = None
    for name, text in ((f"{run}.txt", detail), (f"{run}.ipynb", notebook)):
        if text is None:
            continue
        path = goal.failed / name
        try:
            goal.failed.mkdir(parents=True, exist_ok=True, mode=0o700)
            _stage(path, text)
            os.chmod(path, 0o600)
            found = path
        except OSError:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)  # half a file explains nothing, and takes room
    with contextlib.suppress(OSError):
        runs = sorted({old.stem for old in goal.failed.iterdir()})
        for old in goal.failed.iterdir():
            if old.stem in runs[:-kept]:
                old.unlink(missing_ok=True)
    return found


def _stage(path: Path, content: str | bytes) -> Path:
    with open(path, "wb") as file:
        file.write(content.encode("utf-8") if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())
    return path


def explain(error: OSError) -> str:
    """An operating system's refusal in the user's words.

    >>> explain(OSError(errno.ENOSPC, "No space left on device"))
    'the disk is full'
    """
    words = {
        errno.ENOSPC: "the disk is full",
        errno.EDQUOT: "the disk quota is used up",
        errno.EFBIG: "the disk is full (a limit on file sizes was reached)",
        errno.EROFS: "the file system is read-only",
        errno.EACCES: "no permission to write there",
        errno.EPERM: "no permission to write there",
        errno.ENAMETOOLONG: "the path is too long",
        errno.ENOTDIR: "a part of the path is a file",
    }
    return words.get(error.errno or 0, error.strerror or str(error))
