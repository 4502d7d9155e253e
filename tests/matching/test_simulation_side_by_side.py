"""Years by several processes: nothing depends on how many there are, and none stays behind."""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from services.matching.simulation.side_by_side import Ended, side_by_side

pytestmark = pytest.mark.timeout(60)


def doubled(number: int, seconds: float = 0) -> int:
    """Twice as many, after a while."""
    time.sleep(seconds)
    return 2 * number


def ends(number: int) -> int:
    """The process of an odd number ends by what ends processes that take too much memory."""
    if number % 2:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(30)
    return number


def fails(number: int) -> float:
    """A fault of the function itself."""
    return 1 / number


@pytest.fixture(autouse=True)
def nobody_is_left() -> Iterator[None]:
    """Whatever happens, no process that was begun in a test goes on after it."""
    before = set(multiprocessing.active_children())
    yield
    assert set(multiprocessing.active_children()) <= before


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_everything_given_is_told_once_with_its_place(processes: int) -> None:
    """By fewer processes than there is to do, and by more."""
    found = list(side_by_side(doubled, [(5,), (6,), (7,)], processes))

    assert sorted(found) == [(0, 10), (1, 12), (2, 14)]


def test_what_is_ready_first_is_told_first() -> None:
    """Whoever listens hears how far it is, and need not wait for the slowest."""
    found = [place for place, _ in side_by_side(doubled, [(5, 1.5), (6, 0), (7, 0), (8, 0)], 2)]

    assert found[0] == 1
    assert found.index(0) < found.index(2)


def test_nothing_to_do_needs_no_process() -> None:
    """Nothing is told of nothing."""
    assert list(side_by_side(doubled, [], 2)) == []


@pytest.mark.parametrize(("function", "given"), [(ends, [(0,), (1,)]), (fails, [(0,), (1,)])])
def test_a_process_that_is_gone_ends_the_others(function: object, given: list[tuple[int]]) -> None:
    """Killed, or by its own fault: nobody waits for what will not come, and no process stays."""
    assert callable(function)
    began = time.monotonic()
    with pytest.raises(Ended):
        list(side_by_side(function, given, 2))

    assert time.monotonic() - began < 20


def test_who_stops_listening_ends_all() -> None:
    """What has not been told yet is given up."""
    with closing(side_by_side(doubled, [(1, 0), (2, 30), (3, 30)], 2)) as found:
        assert next(found) == (0, 2)
