"""What is done many times and takes long, by several processes at once: the same comes of it however many they are."""

import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from services.matching.runs.process import CONTEXT, end_with_parent


class Ended(Exception):
    """A process ended before it was done: something killed it, or it failed and has said why on standard error."""


def side_by_side(
    function: Callable[..., Any], given: Sequence[tuple[Any, ...]], processes: int,
) -> Generator[tuple[int, Any], None, None]:
    """Tell what the function finds, called with each of those given, and the place of that; whichever is ready first.

    Raises Ended when a process is gone. Whoever stops listening, be it by Ctrl-C, ends them all: use it with `closing`,
    in the main thread.
    """
    children: list[BaseProcess] = []
    expected: dict[Connection, int] = {}
    try:
        with _interrupted_afterwards():
            for first in range(min(processes, len(given))):
                places = range(first, len(given), processes)
                heard, told = CONTEXT.Pipe(duplex=False)
                children.append(CONTEXT.Process(
                    target=_work, args=(told, function, [(place, given[place]) for place in places]), daemon=True))
                children[-1].start()
                # With no end of its own here, the pipe closes when the process is gone.
                told.close()
                expected[heard] = len(places)
        yield from _heard(expected)
    finally:
        for child in children:
            child.kill()
            child.join()


def _heard(expected: dict[Connection, int]) -> Iterator[tuple[int, Any]]:
    """What the processes tell, until each has told as much as is expected of it."""
    while expected:
        ready = wait(list(expected))
        for heard in [one for one in expected if one in ready]:
            try:
                found: tuple[int, Any] = heard.recv()
            except (EOFError, OSError) as raised:
                raise Ended from raised
            yield found
            expected[heard] -= 1
            if not expected[heard]:
                del expected[heard]


def _work(told: Connection, function: Callable[..., Any], given: Sequence[tuple[int, tuple[Any, ...]]]) -> None:
    """In a process: one after the other."""
    end_with_parent()
    for place, arguments in given:
        told.send((place, function(*arguments)))


@contextmanager
def _interrupted_afterwards() -> Iterator[None]:
    """Ctrl-C is heard at the end of this; processes that were begun in it never hear it: who began them ends them."""
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    # A process that begins here blocks what is blocked here; the tracker, begun with the first, would unblock it.
    resource_tracker.ensure_running()
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        signal.signal(signal.SIGINT, before)
    if heard:
        signal.raise_signal(signal.SIGINT)
