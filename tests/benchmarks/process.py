"""Commands run in processes of their own, with the seconds and the memory that they took."""

import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from tests.workspaces import REPOSITORY


@dataclass(frozen=True)
class Ran:
    """Seconds on the clock, processor seconds and peak memory (bytes) of a command.

    `machine` counts the processor seconds of all that ran on the machine meanwhile.
    """

    seconds: float
    busy: float
    peak: int
    machine: float


def run(command: Sequence[str], **environment: str) -> Ran:
    """Run the command in a process of its own, with these changes of the environment.

    Raises:
        SystemExit: it failed.
    """
    began, machine = time.perf_counter(), _machine()
    process = subprocess.Popen(command, cwd=REPOSITORY, env=os.environ | environment)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    # macOS counts bytes, Linux kilobytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return Ran(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * unit, _machine() - machine)


# The option of Linux's prctl by which a process adopts what its descendants leave behind.
ADOPT = 36


def run_with_offspring(command: Sequence[str], **environment: str) -> Ran:
    """Run the command and wait for all that it started; `peak` is that of the largest process.

    Linux only. This process must have no other children meanwhile.

    Raises:
        SystemExit: it failed.
    """
    ctypes.CDLL(None).prctl(ADOPT, 1, 0, 0, 0)
    began, machine = time.perf_counter(), _machine()
    process = subprocess.Popen(command, cwd=REPOSITORY, env=os.environ | environment)
    seconds, busy, peak = 0.0, 0.0, 0
    while True:
        try:
            identity, status, used = os.wait4(-1, 0)
        except ChildProcessError:
            return Ran(seconds, busy, peak, _machine() - machine)
        busy += used.ru_utime + used.ru_stime
        peak = max(peak, used.ru_maxrss * 1024)
        if identity == process.pid:
            seconds = time.perf_counter() - began
            if status:
                raise SystemExit(f"{' '.join(command)} failed")


def _machine() -> float:
    times = psutil.cpu_times()
    return times.user + times.nice + times.system
