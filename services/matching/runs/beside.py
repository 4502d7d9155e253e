"""Work in a copy of this process, beside what the process itself goes on with.

The copy has all that was computed so far without anything being sent. (Threads help little: NumPy's calls are too short
to wait for each other's GIL.)
"""

import contextlib
import mmap
import multiprocessing
import os
import pickle
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from itertools import accumulate, pairwise
from multiprocessing.connection import Connection
from typing import Any, Generic, TypeVar

from services.matching.runs.process import end_with_parent

Result = TypeVar("Result")
# Elsewhere a copy of a process that has begun with NumPy may hang; and one processor gains nothing.
WORTH_IT = sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1


@contextlib.contextmanager
def beside(work: Callable[[], Result], *, large: bool) -> Iterator[Callable[[], Result]]:
    """Begin it at once in a copy of this process; yields what waits for its result, which has to be picklable.

    What is not large, or cannot be done so, is done here when its result is asked for; so is what raised there, or was
    killed. Who leaves the block does not wait for it.
    """
    if not (large and WORTH_IT):
        yield work
        return
    try:
        copy = _Copy(work)
    except OSError:
        # There is no room for another process.
        yield work
        return
    try:
        yield copy.result
    finally:
        copy.end()


class _Copy(Generic[Result]):
    """A copy of this process that does one work."""

    def __init__(self, work: Callable[[], Result]) -> None:
        """It begins."""
        context = multiprocessing.get_context("fork")
        self._work, self._memory = work, os.memfd_create("beside")
        self._done, done = context.Pipe(duplex=False)
        self._process = context.Process(target=_leave, args=(work, done, self._memory), daemon=True)
        try:
            with warnings.catch_warnings():
                # Python 3.12 warns of threads, which the copy does not have; none of ours holds a lock that it needs.
                warnings.simplefilter("ignore", DeprecationWarning)
                self._process.start()
        except OSError:
            self._let_go()
            raise
        finally:
            done.close()

    def result(self) -> Result:
        """What it left, or what is done here, should it have ended without a word."""
        try:
            lengths = self._done.recv()
        except EOFError:
            return self._work()
        found: Result = _found(lengths, self._memory)
        return found

    def end(self) -> None:
        """Whatever it is doing."""
        self._process.kill()
        self._process.join()
        self._let_go()

    def _let_go(self) -> None:
        self._done.close()
        os.close(self._memory)
        self._process.close()


def _leave(work: Callable[[], object], done: Connection, memory: int) -> None:
    """In the copy: do it and leave in memory what came of it, arrays as they are; not a word, should it raise."""
    # Ctrl-C is for the process itself, which ends the copy.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    with contextlib.suppress(Exception):
        arrays: list[pickle.PickleBuffer] = []
        parts = [memoryview(pickle.dumps(work(), protocol=5, buffer_callback=arrays.append))]
        parts += [array.raw() for array in arrays]
        with os.fdopen(memory, "wb", closefd=False) as file:
            file.writelines(parts)
        done.send([part.nbytes for part in parts])


def _found(lengths: list[int], memory: int) -> Any:
    """What the copy left: arrays stay where they are, as long as somebody holds them."""
    whole = memoryview(mmap.mmap(memory, sum(lengths)))
    first, *arrays = [whole[start:end] for start, end in pairwise(accumulate(lengths, initial=0))]
    return pickle.loads(first, buffers=arrays)  # noqa: S301 - of this very program
