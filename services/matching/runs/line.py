"""A process that answers one question after the other, asked by the event loop itself over a socket.

For answers within milliseconds: on its way through `process.Process` a question passes three threads, which takes about
as long as the answer itself.
"""

import asyncio
import contextlib
import importlib
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
        self._asked = 0

    async def ask(self, question: Any) -> Any:
        """What is answered, or raised there; asked once more of a new process, which knows nothing, when it is killed.

        BrokenProcessPool when that is killed, too, or the process was let go. Who stops waiting does not stop it: else
        the next one would be given this answer.
        """
        return await asyncio.shield(asyncio.create_task(self._ask(pickle.dumps(question))))

    def drop(self) -> None:
        """Let the process go."""
        if self._streams:
            self._streams[1].close()
        self._streams = None

    async def _ask(self, question: bytes) -> Any:
        if self._ending:
            self._ending.cancel()
        self._asked += 1
        try:
            async with self._turn:
                try:
                    answer, raised = await self._exchanged(question)
                except (EOFError, ConnectionError):
                    if self._streams is None:
                        raise
                    self.drop()
                    answer, raised = await self._exchanged(question)
        except (EOFError, ConnectionError) as ended:
            self.drop()
            raise BrokenProcessPool("the process was killed twice, or let go") from ended
        finally:
            self._asked -= 1
            if not self._asked:
                self._ending = asyncio.get_running_loop().call_later(self._idle_seconds, self.drop)
        if raised:
            raise raised
        return answer

    async def _exchanged(self, question: bytes) -> tuple[Any, Exception | None]:
        if self._streams is None:
            self._streams = await self._begun()
        reader, writer = self._streams
        writer.write(len(question).to_bytes(LENGTH) + question)
        await writer.drain()
        length = int.from_bytes(await reader.readexactly(LENGTH))
        found: tuple[Any, Exception | None] = pickle.loads(await reader.readexactly(length))  # noqa: S301 - our own
        return found

    async def _begun(self) -> Streams:
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                CONTEXT.Process(target=_answer, args=(theirs, *self._answering), daemon=True).start()
        except OSError:
            ours.close()
            raise
        return await asyncio.open_connection(sock=ours)


def _answer(line: socket.socket, module: str, function: str) -> None:
    """In the process: until nobody is there to ask any more, because the service dropped the line or was killed."""
    # Ctrl-C is for the service, which drops the line.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answering = getattr(importlib.import_module(module), function)
    with contextlib.suppress(ConnectionError), line.makefile("rwb") as stream:
        while len(length := stream.read(LENGTH)) == LENGTH:
            question = stream.read(int.from_bytes(length))
            answer = pickle.dumps(_answered(answering, question))
            stream.write(len(answer).to_bytes(LENGTH) + answer)
            stream.flush()


def _answered(answering: Any, question: bytes) -> tuple[Any, Exception | None]:
    try:
        return answering(pickle.loads(question)), None  # noqa: S301 - of this very program
    except Exception as raised:  # noqa: BLE001 - raised again by who waits for the answer
        raised.add_note("".join(traceback.format_tb(raised.__traceback__)))
        return None, raised
