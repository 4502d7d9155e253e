"""`lotse up` on an empty and on a kept state: the seconds until it is ready, and the memory of the four services."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks.stage import Measured

GOAL_MB = 200
SETTLE_SECONDS = 5
PORTS = ("--port", "0", "--postgres-port", "0", "--nats-port", "0", "--nats-monitoring-port", "0")


@contextmanager
def _up(state: Path) -> Iterator[tuple[float, psutil.Process]]:
    command = [str(Path(sys.executable).with_name("lotse")), "up", "--state", str(state), *PORTS]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env=os.environ | {"PYTHONUNBUFFERED": "1"}) as process:
        assert process.stdout
        said = ""
        for line in process.stdout:
            said += line
            if "Ctrl-C" in line:
                break
        else:
            raise RuntimeError(said)
        yield time.perf_counter() - began, psutil.Process(process.pid)
        process.terminate()


def _megabytes(process: psutil.Process) -> float:
    """What the Python processes hold of their own, pages that they share counted by their share."""
    total = 0.0
    for one in [process, *process.children(recursive=True)]:
        if one.name().startswith(("python", "lotse")):
            total += one.memory_full_info().pss / 1e6
    return total


def measure() -> list[Measured]:
    """Started twice on one folder."""
    folder = Path(tempfile.mkdtemp(prefix="lotse-bench-", dir="/var/tmp"))
    folder.chmod(0o755)
    try:
        with _up(folder / "state") as (cold, _):
            pass
        with _up(folder / "state") as (warm, process):
            time.sleep(SETTLE_SECONDS)
            memory = _megabytes(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return [
        Measured("lotse up until ready, s", f"{cold:.1f} on an empty state, {warm:.1f} on a kept one"),
        Measured("memory of lotse up, MB", f"{memory:.0f}", goal=f"≤ {GOAL_MB}", reached=memory <= GOAL_MB)]
