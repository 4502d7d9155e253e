"""A process that answers one question after the other, asked by the event loop itself over a socket.

For answers within milliseconds: on its way through `process.Process` a question passes three threads, which takes about
as long as the answer itself.
"""

import asyncio
import contextlib
import importlib
import multiprocessing
import pickle
import signal
import socket
import traceback
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from services.matching.runs.process import CONTEXT

LENGTH = 8
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Line:
    """At most one process; it ends when nobody has asked for a while."""

    def __init__(self, idle_seconds: float, module: str, function: str) -> None:
        """Nothing is started yet. `function` of `module`, which only the process loads, answers."""
        self._idle_seconds, self._answering = idle_seconds, (module, function)
        self._streams: Streams | None = None
        self._turn = asyncio.Lock()
        self._ending: asyncio.TimerHandle | None = None
        self._asking, self._closed = 0, False

    async def ask(self, question: Any) -> Any:
        """What is answered, or raised there; asked once more of a new process, which knows nothing, when it is killed.

        BrokenProcessPool when that is killed, too, or the line is closed. Who stops waiting does not stop it: else the
        next one would be given this answer.
        """
        answer, raised = pickle.loads(  # noqa: S301 - of this very program
            await asyncio.shield(asyncio.create_task(self._asked(pickle.dumps(question)))))
        if raised:
            raise raised
        return answer

    def close(self) -> None:
        """Let the process go, and begin no other one: nobody is answered any more."""
        self._closed = True
        self._drop()

    async def _asked(self, question: bytes) -> bytes:
        if self._ending:
            self._ending.cancel()
        self._asking += 1
        try:
            async with self._turn:
                try:
                    return await self._exchanged(question)
                except (EOFError, ConnectionError):
                    return await self._exchanged(question)
        except (EOFError, ConnectionError) as ended:
            raise BrokenProcessPool("the process was killed twice, or let go") from ended
        finally:
            self._asking -= 1
            if not self._asking:
                self._ending = asyncio.get_running_loop().call_later(self._idle_seconds, self._rest)

    async def _exchanged(self, question: bytes) -> bytes:
        try:
            reader, writer = await self._begun()
            writer.write(len(question).to_bytes(LENGTH) + question)
            await writer.drain()
            return await reader.readexactly(int.from_bytes(await reader.readexactly(LENGTH)))
        except BaseException:
            # What has not been read of this answer would be the next one's.
            self._drop()
            raise

    async def _begun(self) -> Streams:
        if self._streams is None and not self._closed:
            ours, theirs = socket.socketpair()
            try:
                with theirs:
                    CONTEXT.Process(target=_answer, args=(theirs, *self._answering), daemon=True).start()
            except OSError:
                ours.close()
                raise
            self._streams = await asyncio.open_connection(sock=ours)
        if self._streams is None or self._closed:
            raise EOFError
        return self._streams

    def _rest(self) -> None:
        """Nobody has asked for a while."""
        self._drop()
        asyncio.get_running_loop().call_later(1.0, multiprocessing.active_children)  # which reaps it

    def _drop(self) -> None:
        if self._streams:
            self._streams[1].close()
        self._streams = None


def _answer(line: socket.socket, module: str, function: str) -> None:
    """In the process: until nobody is there to ask any more, because the service dropped the line or was killed."""
    # Ctrl-C is for the service, which drops the line.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answering = getattr(importlib.import_module(module), function)
    with contextlib.suppress(ConnectionError), line.makefile("rwb") as stream:
        while len(length := stream.read(LENGTH)) == LENGTH:
            question = stream.read(int.from_bytes(length))
            answer = _answered(answering, question)
            stream.write(len(answer).to_bytes(LENGTH) + answer)
            stream.flush()


def _answered(answering: Any, question: bytes) -> bytes:
    """What is answered and None; or None and what was raised, or what kind it was if it cannot be sent."""
    try:
        return pickle.dumps((answering(pickle.loads(question)), None))  # noqa: S301 - of this very program
    except Exception as raised:  # noqa: BLE001 - raised again by who waits for the answer
        raised.add_note("".join(traceback.format_tb(raised.__traceback__)))
        try:
            return pickle.dumps((None, raised))
        except Exception:  # noqa: BLE001 - whatever an exception holds
            return pickle.dumps((None, RuntimeError(type(raised).__name__)))
