"""What the benchmarks of matching measure with: times, memory, a table, and goals that decide on the exit code."""

import gc
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Result = TypeVar("Result")


def best_of(times: int, work: Callable[[], Result]) -> tuple[float, Result]:
    """Return the shortest of several times in seconds, and the last result."""
    seconds, results = [], []
    for _ in range(times):
        gc.collect()
        start = time.perf_counter()
        results = [work()]
        seconds.append(time.perf_counter() - start)
    return min(seconds), results[0]


def row(name: str, ours: float, other: float, ratio: float, goal: str = "") -> None:
    """Print one line of the table; times in seconds."""
    print(f"| {name:<62} | {ours:>8.3f} | {other:>8.3f} | {ratio:>6.2f} | {goal:<18} |")


# V4, in MB.
MOST_MEMORY, MOST_OF_A_COUNTRY = 400, 1024
MISSED: list[str] = []


def judge(goal: str, *, reached: bool) -> None:
    """Remember a goal that is missed, for the exit code."""
    if not reached:
        MISSED.append(goal)


def exit_by_goals() -> None:
    """Exit code 1 when a goal was missed, and which."""
    if MISSED:
        sys.exit(f"Missed: {', '.join(MISSED)}")


def peak_memory(process: int | str = "self") -> int:
    """Return the most memory a process ever held, in MB (Linux; `ru_maxrss` counts the parent's too)."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024
