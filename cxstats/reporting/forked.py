"""The asking side of :mod:`.forkserver`: kernels as forks of one process that has everything imported."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

__all__ = ["ForkServer", "ForkedProcess", "Gone", "available"]

_PATIENCE = 0.1  # seconds between looks at whether anyone still wants the answer


def available() -> bool:
    """Whether notebooks can be forked on this system."""
    return sys.platform == "linux" and hasattr(socket, "send_fds") and Path("/proc/self/task").is_dir()


class Gone(OSError):
    """The fork server ended, or could not fork: an ordinary kernel has to do."""


class ForkedProcess:
    """A forked kernel, with as much of :class:`subprocess.Popen` as is needed.

    The fork server is its parent, and says through ``channel`` how it ended; closing the channel ends it.

    Attributes
    ----------
    pid : process id; also that of its session and process group.
    returncode : how it ended, negative by which signal; None while it runs.
    """

    stdin = stdout = stderr = None

    def __init__(self, pid: int, channel: socket.socket) -> None:
        self.pid, self.returncode = pid, None
        self._channel = channel
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """How it ended, or None."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended; raises subprocess.TimeoutExpired."""
        end = None if timeout is None else time.monotonic() + timeout
        while self._look(_PATIENCE) is None:
            if end is not None and time.monotonic() > end:
                raise subprocess.TimeoutExpired("kernel", timeout or 0)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal to it and to all it started."""
        if self.poll() is None:
            with contextlib.suppress(OSError):
                self._channel.send(json.dumps({"signal": int(number)}).encode())

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL, for it and for all it started."""
        self.send_signal(signal.SIGKILL)

    def close(self) -> None:
        """Let go of it: what still runs is ended."""
        with self._lock:
            self._channel.close()
            self.returncode = -signal.SIGKILL if self.returncode is None else self.returncode

    def _look(self, seconds: float) -> int | None:
        with self._lock:
            if self.returncode is None and select.select([self._channel], [], [], seconds)[0]:
                try:
                    data = self._channel.recv(4096)
                except OSError:
                    data = b""
                # without a last word the server itself was ended, and its kernels with it
                self.returncode = json.loads(data)["exit"] if data else -signal.SIGKILL
            return self.returncode


class ForkServer:
    """A fork server, started by the first kernel asked for; ends, with all its kernels, when closed or when
    this process ends.

    Parameters
    ----------
    environment : what its kernels see of the environment, unless told otherwise for one of them.
    modules : what it imports; everything that reports use unless named.
    """

    def __init__(self, environment: Mapping[str, str], modules: Sequence[str] = ()) -> None:
        self._environment = dict(environment) | {
            # jemalloc, inside pyarrow, would start a thread of its own when it is imported
            "JE_ARROW_MALLOC_CONF": "background_thread:false",
            # read by matplotlib when it is imported; the kernel would set it too late
            "MPLBACKEND": environment.get("MPLBACKEND") or "module://matplotlib_inline.backend_inline",
        }
        for name in ("JPY_PARENT_PID", "JPY_INTERRUPT_EVENT"):  # of a kernel that this process may run in
            self._environment.pop(name, None)
        self._modules = tuple(modules)
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self.process: subprocess.Popen[bytes] | None = None

    def _start(self) -> socket.socket:
        if self._control is not None:
            return self._control
        self._log = tempfile.TemporaryFile("w+b")  # noqa: SIM115 (closed with the server)
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cxstats.reporting.forkserver", str(theirs.fileno()), *self._modules],
                pass_fds=[theirs.fileno()],
                env=self._environment,
                cwd=os.sep,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                start_new_session=True,
            )
        return self._control

    def launch(
        self,
        arguments: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        log: IO[bytes],
        give_up: Callable[[], bool] = lambda: False,
        seconds: float = 60,
    ) -> ForkedProcess:
        """A new kernel in ``folder``, with the ``arguments`` that ``python -m ipykernel_launcher`` would get.

        Raises Gone when there is none to be had within ``seconds``, or nobody wants it any more.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                self._send(arguments, folder, environment, [theirs.fileno(), log.fileno()])
            end = time.monotonic() + seconds
            while not select.select([ours], [], [], _PATIENCE)[0]:
                if give_up() or time.monotonic() > end:
                    raise Gone("Python was not ready to be forked in time")
            answer = ours.recv(4096)
            if not answer:
                raise Gone(f"the process to be forked has ended. {self.last_words()}".strip())
            said = json.loads(answer)
            if "pid" not in said:
                raise Gone(said["error"])
        except BaseException:
            ours.close()
            raise
        return ForkedProcess(said["pid"], ours)

    def _send(
        self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], fds: list[int]
    ) -> None:
        base = self._environment
        changed: dict[str, str | None] = {
            name: value for name, value in environment.items() if base.get(name) != value
        }
        changed |= dict.fromkeys(base.keys() - environment.keys())
        request: dict[str, Any] = {
            "arguments": list(arguments),
            "folder": str(folder),
            "environment": changed,
        }
        try:
            with self._lock:
                socket.send_fds(self._start(), [json.dumps(request).encode()], fds)
        except OSError as error:
            raise Gone(f"the process to be forked does not answer. {self.last_words()}".strip()) from error

    def last_words(self) -> str:
        """The last line that the server wrote, if any."""
        with contextlib.suppress(OSError, ValueError):
            size = os.fstat(self._log.fileno()).st_size
            text = os.pread(self._log.fileno(), 4000, max(0, size - 4000)).decode("utf-8", "replace")
            lines = text.split("\n")
            return next((line.strip() for line in reversed(lines) if line.strip()), "")
        return ""

    def close(self, *, patience: float = 5) -> None:
        """End the server and every kernel it made; waits until they are gone.

        One that is still importing after ``patience`` seconds has no kernel yet, and is killed.
        """
        if self._control is None or self.process is None:
            return
        self._control.close()
        try:
            self.process.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._log.close()

    def __enter__(self) -> ForkServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
