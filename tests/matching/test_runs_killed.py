"""A run survives whatever ends the service or its worker in the middle of it, and its result is taken over once."""

import asyncio
import multiprocessing
import os
import signal
import sys
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from libs.common.facts.registry import ErasureRequested
from services.matching.runs import reactions
from services.matching.runs.worker import WORKER
from tests.harness import Network
from tests.matching.field import REGION, Field, Json

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


class Held:
    """A worker that computes as the real one does, once it is let go."""

    def __init__(self) -> None:
        """Nothing has begun."""
        self.begun, self.let_go, self.asked = asyncio.Event(), asyncio.Event(), 0

    async def compute(self, run_id: UUID, pool: Json) -> Json:
        """Say that it has begun, and wait."""
        self.asked += 1
        self.begun.set()
        await self.let_go.wait()
        found: Json = await WORKER.compute(run_id, pool)
        return found


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    """Every run stops in the middle until it is let go."""
    worker = Held()
    monkeypatch.setattr(reactions, "WORKER", worker)
    return worker


async def started(field: Field) -> Json:
    """A run over one pair."""
    await field.ready_mentor()
    await field.waiting_household()
    return await field.create("/runs", {"programme_id": str(field.programme), "region": REGION})


async def done(field: Field, run: Json, client: Any) -> Json:
    """The run, when it has come to its end."""
    async with asyncio.timeout(20):
        while (found := (await client.get(f"/v1/runs/{run['id']}", headers=field.coordinator)).json())["state"] not in {
                "done", "failed"}:
            await asyncio.sleep(0.02)
    ended: Json = found
    return ended


async def kept_of(field: Field, run: Json) -> list[Any]:
    """What is kept of a run besides itself."""
    return await field.network.rows(
        "matching", "SELECT id FROM proposal WHERE run_id = $1 UNION ALL SELECT id FROM run_pair WHERE run_id = $1"
        " UNION ALL SELECT id FROM unserved WHERE run_id = $1", UUID(run["id"]))


async def test_a_run_found_running_after_a_restart_is_computed_again(
    field: Field, held: Held, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ended in the middle it stands as running, without any result; the next leader computes it, once."""
    run = await started(field)
    await asyncio.wait_for(held.begun.wait(), 10)
    network: Network = field.network
    assert (await field.get(f"/runs/{run['id']}"))["state"] == "running"
    monkeypatch.setattr(reactions, "BEGUN_HERE", set())
    first = network["matching"]
    network.services.remove(first)
    await first.stop()
    assert await field.network.rows("matching", "SELECT 1 FROM proposal") == []
    held.let_go.set()
    service = await network.instance("matching")
    await service.leads()
    field.client = service.client
    ended = await done(field, run, service.client)

    assert (ended["state"], ended["proposed"], held.asked) == ("done", 1, 2)
    assert await field.network.rows("matching", "SELECT 1 FROM run WHERE begun = 2")
    assert len(await field.network.rows("matching", "SELECT 1 FROM proposal")) == 1
    told = await field.network.rows("matching", "SELECT 1 FROM outbox WHERE subject = 'matching.proposal.created.v1'")
    assert len(told) == 1
    assert await field.network.rows("matching", "SELECT 1 FROM due WHERE kind = 'run'") == []


async def test_a_run_that_ended_every_service_is_given_up(
    field: Field, held: Held, matching: Field, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Begun by five and found running by the sixth it fails and says so; whatever else is due is done."""
    field.client = matching.network["matching"].client
    run = await started(field)
    await asyncio.wait_for(held.begun.wait(), 10)
    network: Network = field.network
    assert await network.rows("matching", "UPDATE run SET begun = 5 WHERE begun = 1 AND id = $1 RETURNING 1",
                              UUID(run["id"]))
    first = network["matching"]
    network.services.remove(first)
    await first.stop()
    monkeypatch.setattr(reactions, "BEGUN_HERE", set())
    held.let_go.set()
    service = await network.instance("matching")
    await service.leads()
    field.client = service.client
    ended = await done(field, run, service.client)

    assert (ended["state"], ended["failed_with"], ended["proposed"], held.asked) == ("failed", "never_finished", 0, 1)
    assert "fünfmal" in str(ended["failed_because"]["de"])
    assert (await field.run())["proposed"] == 1


async def test_what_changed_meanwhile_is_left_out(field: Field, held: Held, matching: Field) -> None:
    """A household that closed while the run computed is not proposed; the run says how many pairs it dropped."""
    field.client = matching.network["matching"].client
    run = await started(field)
    await asyncio.wait_for(held.begun.wait(), 10)
    (household,) = (await field.get(f"/households?programme_id={field.programme}"))["items"]
    await field.act(f"/households/{household['id']}/close", {"reason": "moved"})
    held.let_go.set()
    ended = await done(field, run, field.client)

    assert (ended["state"], ended["proposed"], ended["dropped"]) == ("done", 0, 1)


async def test_of_whom_was_erased_meanwhile_nothing_is_kept(field: Field, held: Held, matching: Field) -> None:
    """Neither a proposal, nor why nobody was found for them: an erasure that was told is not undone by a run."""
    field.client = matching.network["matching"].client
    await field.waiting_household(slots=["sun_morning"])
    run = await started(field)
    await asyncio.wait_for(held.begun.wait(), 10)
    shown = [await field.get(f"/households/{one['id']}")
             for one in (await field.get(f"/households?programme_id={field.programme}"))["items"]]
    await field.network.tell("matching", ErasureRequested(
        erasure_id=uuid4(), person_refs=tuple(UUID(one["person_ref"]) for one in shown)))
    held.let_go.set()
    ended = await done(field, run, field.client)

    assert (ended["state"], ended["proposed"]) == ("done", 0)
    assert await kept_of(field, run) == []


async def test_a_killed_worker_is_replaced(field: Field, matching: Field) -> None:
    """kill -9 of the process that computes: the run is computed in a new one."""
    field.client = matching.network["matching"].client
    await field.run()
    workers = {one.pid for one in multiprocessing.active_children()}
    for pid in workers:
        os.kill(pid or 0, signal.SIGKILL)
    await field.ready_mentor()
    await field.waiting_household()

    assert (await field.run())["proposed"] == 1
    assert {one.pid for one in multiprocessing.active_children()}.isdisjoint(workers)


async def test_a_run_is_cancelled_while_it_is_computed(field: Field, matching: Field) -> None:
    """How far it is can be read; cancelled, its process is ended within seconds, and the next run has a new one."""
    field.client = matching.network["matching"].client
    await field.run()
    workers = {one.pid or 0 for one in multiprocessing.active_children()}
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    run = await started(field)
    async with asyncio.timeout(10):
        while (await field.get(f"/runs/{run['id']}"))["step"] is None:
            await asyncio.sleep(0.05)

    cancelled = await field.send("POST", f"/runs/{run['id']}/cancel", {"reason": "takes_too_long"})
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    async with asyncio.timeout(10):
        while await field.network.rows("matching", "SELECT 1 FROM due WHERE kind = 'run'"):
            await asyncio.sleep(0.05)
    assert await kept_of(field, run) == []
    assert (await field.get(f"/runs/{run['id']}"))["state"] == "cancelled"
    assert (await field.run())["proposed"] == 1
    assert {one.pid for one in multiprocessing.active_children()}.isdisjoint(workers)


async def test_a_run_cancelled_as_it_ends_keeps_nothing(field: Field, held: Held, matching: Field) -> None:
    """Computed already, and cancelled before its result was taken over."""
    field.client = matching.network["matching"].client
    run = await started(field)
    await asyncio.wait_for(held.begun.wait(), 10)
    assert (await field.send("POST", f"/runs/{run['id']}/cancel", {"reason": "takes_too_long"})).status_code == 200
    held.let_go.set()
    async with asyncio.timeout(10):
        while await field.network.rows("matching", "SELECT 1 FROM due WHERE kind = 'run'"):
            await asyncio.sleep(0.05)

    assert (await field.get(f"/runs/{run['id']}"))["state"] == "cancelled"
    assert await kept_of(field, run) == []


@pytest.mark.parametrize(("raised", "failed_with"), [
    (ValueError("radius_km: -1 is below 0"), "not_computable"), (MemoryError(), "no_room"),
    (BlockingIOError("no process is left"), "no_room"), (BrokenProcessPool(), "worker_ended")])
async def test_what_cannot_be_computed_fails_and_says_so(
    field: Field, matching: Field, monkeypatch: pytest.MonkeyPatch, raised: Exception, failed_with: str,
) -> None:
    """The run ends as failed, nothing is proposed, and another can be started."""
    field.client = matching.network["matching"].client

    class Broken:
        async def compute(self, _run_id: UUID, _pool: Json) -> Json:
            raise raised

    with monkeypatch.context() as patched:
        patched.setattr(reactions, "WORKER", Broken())
        run = await started(field)
        failed = await done(field, run, field.client)
    assert (failed["state"], failed["failed_with"], failed["proposed"]) == ("failed", failed_with, 0)

    assert (await field.run())["proposed"] == 1


PARENT = """
import os, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from services.matching.runs.process import end_with_parent
if __name__ == "__main__":
    pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=end_with_parent)
    print(pool.submit(os.getpid).result(), flush=True)
    time.sleep(60)
"""


async def test_the_worker_ends_with_the_service_that_was_killed(tmp_path: Path) -> None:
    """kill -9 of the service leaves no process behind that waits for ever for a pool to solve."""
    script = tmp_path / "service.py"
    script.write_text(PARENT, encoding="utf-8")
    parent = await asyncio.create_subprocess_exec(
        sys.executable, str(script), stdout=asyncio.subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert parent.stdout is not None
    worker = int(await asyncio.wait_for(parent.stdout.readline(), 20))
    os.kill(worker, 0)
    parent.kill()
    await parent.wait()

    async with asyncio.timeout(10):
        while Path(f"/proc/{worker}/status").exists() and "zombie" not in Path(f"/proc/{worker}/status").read_text():
            await asyncio.sleep(0.05)
