"""A process asked over a socket: each its own answer, whoever stops waiting, raises, is killed or goes away."""

import asyncio
import multiprocessing
import os
import pickle
import signal
import sys
import time
from collections.abc import AsyncIterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from services.matching.runs.line import Line

ROOT = Path(__file__).resolve().parents[2]
LARGE = 3_000_000


class Odd(Exception):
    """Holds what cannot be sent."""

    def __init__(self) -> None:
        """With it."""
        super().__init__(lambda: None)


def told(question: object) -> object:
    """What the process answers; some questions it takes its time for, dies of, or refuses."""
    match question:
        case "pid":
            return os.getpid()
        case float(seconds):
            time.sleep(seconds)
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case Path() as once if not once.exists():
            once.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        case "lambda":
            return lambda: None
        case "odd":
            raise Odd
        case int(number) if number < 0:
            raise ValueError(f"{number} is below 0")
    return question


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    """One that is let go at the end."""
    made = Line(60.0, __name__, "told")
    yield made
    made.close()


async def gone(pid: int) -> None:
    """Wait until this process has ended."""
    async with asyncio.timeout(10):
        while Path(f"/proc/{pid}").exists() and "zombie" not in Path(f"/proc/{pid}/status").read_text():
            await asyncio.sleep(0.02)


async def test_each_who_asks_at_once_is_given_their_own_answer(line: Line) -> None:
    """Many, large and small, by one process."""
    questions = [*range(40), bytes(LARGE), *range(40, 80)]

    assert await asyncio.gather(*map(line.ask, questions)) == questions
    assert await line.ask("pid") == await line.ask("pid") != os.getpid()


async def test_who_stops_waiting_leaves_no_answer_to_the_next(line: Line) -> None:
    """In the middle of an answer, and in the queue for it."""
    waiting = [asyncio.create_task(line.ask(seconds)) for seconds in (0.4, 0.1)]
    await asyncio.sleep(0.2)
    for one in waiting:
        one.cancel()

    assert await line.ask("next") == "next"


async def test_what_is_raised_there_is_raised_here_and_the_next_is_answered(line: Line) -> None:
    """With where it was raised."""
    with pytest.raises(ValueError, match="-1 is below 0") as raised:
        await line.ask(-1)
    assert "in told" in raised.value.__notes__[0]

    assert await line.ask(1) == 1


async def test_a_process_that_is_killed_is_replaced(line: Line, tmp_path: Path) -> None:
    """Once, in the middle of a question: it is answered by a new one. Twice: that is said, and the next is answered."""
    once = tmp_path / "once"
    before = await line.ask("pid")

    assert await line.ask(once) == once
    assert await line.ask("pid") != before
    with pytest.raises(BrokenProcessPool):
        await line.ask("die")
    assert await line.ask(1) == 1


async def test_a_process_that_was_killed_while_nobody_asked_is_replaced(line: Line) -> None:
    """As by the kernel, when memory is short."""
    before = await line.ask("pid")
    os.kill(before, signal.SIGKILL)
    await gone(before)

    assert await line.ask("pid") != before


async def test_an_interrupt_is_for_the_service_only(line: Line) -> None:
    """Ctrl-C reaches both; the service lets the process go itself."""
    before = await line.ask("pid")
    os.kill(before, signal.SIGINT)

    assert await line.ask("pid") == before


async def test_it_ends_when_nobody_has_asked_for_a_while() -> None:
    """Its memory goes back, and who asks then has a new one; not while somebody waits."""
    line = Line(0.2, __name__, "told")
    before = await line.ask("pid")
    assert await line.ask(0.5) == 0.5
    assert await line.ask("pid") == before
    await gone(before)

    assert before not in {one.pid for one in multiprocessing.active_children()}
    assert await line.ask("pid") != before
    line.close()


async def test_all_who_wait_for_a_line_that_is_closed_are_told(line: Line) -> None:
    """As when the service stops: no other process is begun for them, also not for one that is just beginning."""
    others, beginning = set(multiprocessing.active_children()), Line(60.0, __name__, "told")
    await line.ask(1)
    waiting = [asyncio.create_task(one.ask(5.0)) for one in (line, line, line, beginning)]
    async with asyncio.timeout(10):
        while len(begun := set(multiprocessing.active_children()) - others) < len({line, beginning}):
            await asyncio.sleep(0)
    waiting[1].cancel()
    line.close()
    beginning.close()
    found = await asyncio.gather(*waiting, line.ask(1), return_exceptions=True)

    assert [type(one) for one in found] == [
        BrokenProcessPool, asyncio.CancelledError, BrokenProcessPool, BrokenProcessPool, BrokenProcessPool]
    assert set(multiprocessing.active_children()) <= begun | others
    for one in begun:
        await gone(one.pid or 0)


async def test_a_question_that_breaks_off_leaves_no_answer_to_the_next(line: Line) -> None:
    """Whatever broke it off on this side: the process is replaced."""
    await line.ask(1)
    before = asyncio.all_tasks()
    waiting = asyncio.create_task(line.ask(0.5))
    await asyncio.sleep(0.1)
    for one in asyncio.all_tasks() - before - {waiting}:
        one.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert await line.ask("mine") == "mine"


@pytest.mark.parametrize(("question", "raised"), [
    ("lambda", (AttributeError, pickle.PicklingError)), ("odd", RuntimeError)])
async def test_what_cannot_be_sent_back_is_said(line: Line, question: str, raised: type[Exception]) -> None:
    """And costs nobody the process."""
    before = await line.ask("pid")
    with pytest.raises(raised):
        await line.ask(question)

    assert await line.ask("pid") == before


async def test_where_there_is_no_room_for_a_process_it_is_said(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """And tried again by the next."""
    with monkeypatch.context() as patched:
        patched.setattr("services.matching.runs.line.CONTEXT.Process.start", _no_room)
        with pytest.raises(BlockingIOError):
            await line.ask(1)

    assert await line.ask(1) == 1


def _no_room(_process: object) -> None:
    raise BlockingIOError("no process is left")


PARENT = """
import asyncio
from services.matching.runs.line import Line
async def main():
    line = Line(60.0, "tests.matching.test_line", "told")
    print(await line.ask("pid"), flush=True)
    await line.ask(1.0)
    await asyncio.sleep(60)
if __name__ == "__main__":
    asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_it_ends_with_the_service(tmp_path: Path, number: signal.Signals) -> None:
    """Killed or stopped while it answers: nothing is left behind once the answer is there."""
    script = tmp_path / "service.py"
    script.write_text(PARENT, encoding="utf-8")
    parent = await asyncio.create_subprocess_exec(
        sys.executable, str(script), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert parent.stdout is not None
    pid = int(await asyncio.wait_for(parent.stdout.readline(), 20))
    os.kill(pid, 0)
    parent.send_signal(number)
    await parent.wait()

    await gone(pid)
