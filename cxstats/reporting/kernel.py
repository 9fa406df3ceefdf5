"""The process a notebook runs in: the same Python, no network port, nothing of the user's in it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cxstats.reporting.forked import ForkedProcess, ForkServer

__all__ = ["Kernel", "environment"]

# who reads it: linear algebra (three libraries), numexpr, Polars, and cxstats for its DuckDB
THREADS = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_MAX_THREADS",
    "POLARS_MAX_THREADS",
    "CXSTATS_THREADS",
)
_STREAM = "cxstats.reporting.outstream.Bounded"
_LONGEST_TAIL = 64_000  # bytes
_LONGEST_SOCKET = 80  # bytes of path: a Unix socket's address holds about 100, names are appended


def environment(work: Path, threads: int | None = None) -> dict[str, str]:
    """What a kernel sees of the environment: all of it, plus what makes runs alike.

    ``threads`` is the most that one library may use where several reports are made at a time.
    """
    defaults = {
        # One thread: sums in the same order on every machine, and no fight for cores. DuckDB has its own.
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
    }
    fixed = {
        "IPYTHONDIR": str(work / "ipython"),  # start-up files of a user's profile would run in the report
        "PYTHONSAFEPATH": "1",  # a random.py in the folder must not stand in for the library's
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "PYTHONIOENCODING": "utf-8",
    }
    seen = defaults | dict(os.environ) | fixed
    if threads is not None:
        for name in THREADS:
            given = seen.get(name, "")
            seen[name] = str(min(threads, int(given)) if given.isdigit() and int(given) else threads)
    return seen


class Kernel:
    """One kernel process and what is needed to end it for certain.

    Attributes
    ----------
    work : the folder it runs in; private to the run.
    server : forks it; None for a Python of its own.
    threads : see :func:`environment`.
    seconds : how long a fork may be waited for.
    variables : what it sees of the environment besides.
    stopped : why :meth:`stop` was called; empty while nobody did.
    """

    def __init__(
        self,
        work: Path,
        *,
        server: ForkServer | None = None,
        threads: int | None = None,
        seconds: float = 60,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.work, self.server, self.threads, self.seconds = work, server, threads, seconds
        self.variables = dict(variables or {})
        self.stopped = ""
        self.process: subprocess.Popen[bytes] | ForkedProcess | None = None
        self._sockets: Path | None = None
        self._log = work / "kernel.log"

    def manager_class(self) -> type:
        """A kernel manager for nbclient that starts this kernel and no other."""
        from jupyter_client.kernelspec import KernelSpec
        from jupyter_client.manager import AsyncKernelManager
        from jupyter_client.provisioning import LocalProvisioner

        kernel = self

        class _Forked(LocalProvisioner):
            async def launch_kernel(self, cmd: list[str], **settings: Any) -> Any:
                assert kernel.server is not None
                self.process = kernel.server.launch(
                    cmd[cmd.index("-f") :],
                    folder=kernel.work,
                    environment=settings["env"],
                    log=settings["stdout"],
                    give_up=lambda: bool(kernel.stopped),
                    seconds=kernel.seconds,
                )
                self.pid = self.process.pid
                return self.connection_info

        class _Manager(AsyncKernelManager):
            @property
            def kernel_spec(self) -> KernelSpec:
                # Not looked up by name: a user's own "python3" may belong to another Python.
                command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
                return KernelSpec(
                    argv=[
                        *command,
                        "--IPKernelApp.ignore_cwd=True",
                        f"--IPKernelApp.outstream_class={_STREAM}",
                    ],
                    language="python",
                    display_name="Python 3",
                )

            def __init__(self, **settings: Any) -> None:
                super().__init__(**settings)
                kernel._address(self)

            async def start_kernel(self, **settings: Any) -> None:
                seen = environment(kernel.work, kernel.threads) | kernel.variables
                settings |= {"env": seen, "cwd": str(kernel.work)}
                if kernel.server is not None:
                    self.provisioner = _Forked(kernel_id="forked", kernel_spec=self.kernel_spec, parent=self)
                with open(kernel._log, "ab") as log:
                    await self._async_start_kernel(stdout=log, stderr=log, **settings)
                kernel.process = self.provisioner.process
                if kernel.stopped:  # asked to stop while it was starting
                    kernel.stop(kernel.stopped)

        return _Manager

    def _address(self, manager: Any) -> None:
        """Sockets in a private folder where the system has them: TCP ports can be taken by others."""
        self._sockets = Path(tempfile.mkdtemp(prefix="cx-"))
        manager.connection_file = str(self._sockets / "k.json")
        if os.name == "posix" and len(os.fsencode(self._sockets)) < _LONGEST_SOCKET:
            manager.transport = "ipc"
            manager.ip = str(self._sockets / "k")

    def stop(self, why: str) -> None:
        """End the kernel and everything it started, now. Safe to call at any time, more than once."""
        self.stopped = self.stopped or why
        if self.process is None:
            return
        if not isinstance(self.process, subprocess.Popen):
            self.process.kill()
        elif os.name == "posix":
            # the kernel leads a session of its own, so its group is its own as well
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        else:
            with contextlib.suppress(OSError):
                self.process.kill()

    @property
    def stopped_early(self) -> bool:
        """Whether :meth:`stop` was called before the notebook was done with."""
        return self.stopped not in ("", "closed")

    def exit_status(self) -> int | None:
        """How the process ended; negative: by which signal. None while it runs or was never started."""
        if self.process is None:
            return None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=2)
        return self.process.returncode

    def log_tail(self, lines: int = 20) -> str:
        """The last lines the process itself wrote (not the notebook's output)."""
        try:
            with open(self._log, "rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _LONGEST_TAIL))
                return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-lines:])
        except OSError:
            return ""

    def close(self) -> None:
        """End what is still running and remove the sockets."""
        self.stop(self.stopped or "closed")
        if self.process is not None and not isinstance(self.process, subprocess.Popen):
            self.process.close()
        if self._sockets is not None:
            shutil.rmtree(self._sockets, ignore_errors=True)
