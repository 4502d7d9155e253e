"""Work in a copy of the process comes back as if it had been done here; whatever happens to the copy."""

import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pytest

from services.matching.runs import beside as module
from services.matching.runs import encoding, graph
from services.matching.runs.batch import Inputs, run
from services.matching.runs.beside import beside
from services.matching.runs.pool import Rules
from services.matching.simulation.people import TODAY, invented_household, invented_unit

HERE = os.getpid()
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is copied")


@pytest.fixture(autouse=True)
def copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies are made also where there is one processor only."""
    monkeypatch.setattr(module, "WORTH_IT", True)


@pytest.fixture(autouse=True)
def nobody_is_left() -> Iterator[None]:
    """Whatever happens, no process that was begun in a test goes on after it."""
    before = set(multiprocessing.active_children())
    yield
    assert set(multiprocessing.active_children()) <= before


def test_the_result_comes_from_a_copy_that_is_gone_afterwards() -> None:
    """Arrays and all else."""
    with beside(lambda: (os.getpid(), np.arange(300_000), "text"), large=True) as result:
        pid, numbers, text = result()
    assert pid != HERE
    assert text == "text"
    assert (numbers == np.arange(300_000)).all()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_what_is_small_is_done_here() -> None:
    """A copy would cost more than it saves."""
    with beside(os.getpid, large=False) as result:
        assert result() == HERE


def test_arrays_outlive_the_copy_and_can_be_written() -> None:
    """They stand in memory that both had."""
    with beside(lambda: np.zeros(1000), large=True) as result:
        zeros = result()
    zeros += 1
    assert zeros.sum() == 1000


def test_who_is_killed_or_raises_in_the_copy_is_done_again_here() -> None:
    """Nothing is lost with the copy."""
    def killed() -> int:
        if os.getpid() != HERE:
            os.kill(os.getpid(), signal.SIGKILL)
        return os.getpid()

    def raises() -> int:
        if os.getpid() != HERE:
            raise OSError
        return os.getpid()

    for work in (killed, raises):
        with beside(work, large=True) as result:
            assert result() == HERE


def test_where_there_is_no_room_for_another_process_it_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody loses a run because the machine is full."""
    def refused() -> int:
        raise BlockingIOError

    monkeypatch.setattr(os, "fork", refused)
    with beside(os.getpid, large=True) as result:
        assert result() == HERE


def test_what_raises_here_too_is_raised() -> None:
    """Once it is asked for."""
    with beside(lambda: 1 // 0, large=True) as result, pytest.raises(ZeroDivisionError):
        result()


def test_who_leaves_waits_for_nobody() -> None:
    """Whatever the copy still does, it ends."""
    began = time.monotonic()
    with pytest.raises(KeyError), beside(partial(time.sleep, 60), large=True):
        raise KeyError
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("in_memory", [2_000_000, 500])
def test_a_run_finds_the_same_with_copies(monkeypatch: pytest.MonkeyPatch, in_memory: int) -> None:
    """Everything: pairs, prices, reasons and the hash; also where memory does not hold all pairs."""
    monkeypatch.setattr(graph, "MOST_IN_MEMORY", in_memory)
    dice, asked = random.Random(5), []
    inputs = Inputs(tuple(invented_household(dice) for _ in range(200)),
                    tuple(invented_unit(dice) for _ in range(200)), Rules(), TODAY)
    alone = run(inputs)

    def counted(work: Callable[[], object], *, large: bool) -> object:
        asked.append(large)
        return beside(work, large=large)

    monkeypatch.setattr(graph, "beside", counted)
    monkeypatch.setattr(encoding, "LARGE", 1)
    assert run(inputs) == alone
    assert asked
    assert all(asked)
