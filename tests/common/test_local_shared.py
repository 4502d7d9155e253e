"""Servers that several processes share: started by the first, ended after the last, whatever becomes of the others."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import nats
import pytest

from deploy.local.cluster import Cluster
from deploy.local.leftovers import both_run, end_leftovers
from deploy.local.servers import Wanted
from deploy.local.shared import once, shared_servers, state_for_tests
from libs.common.facts.registry import RegistryAddresseeAsked

ROOT = Path(__file__).parents[2]

#: A process that shares the servers until it is told to leave.
SHARER = """
import sys
from pathlib import Path
from deploy.local.servers import Wanted
from deploy.local.shared import once, shared_servers
with shared_servers(Path(sys.argv[1]), Wanted(hears={"registry": ["notify"]}, fsync=False)) as cluster:
    with once(cluster, "counted") as first:
        print(cluster.postgres_port, first, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A state folder in memory that nobody uses yet."""
    path = state_for_tests(f"shared-{os.getpid()}-{time.monotonic_ns()}")
    yield path
    end_leftovers(path)
    shutil.rmtree(path, ignore_errors=True)


def sharer(folder: Path) -> subprocess.Popen[str]:
    """A process that shares the servers of this folder."""
    return subprocess.Popen(
        [sys.executable, "-c", SHARER, str(folder)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def told(process: subprocess.Popen[str]) -> tuple[str, str]:
    """The port the process found, and whether it was the first."""
    assert process.stdout
    port, first = process.stdout.readline().split()
    return port, first


def leaves(process: subprocess.Popen[str]) -> None:
    """The process goes as it should."""
    process.communicate("\n", timeout=20)
    assert process.returncode == 0


def is_gone(folder: Path, seconds: float = 10) -> bool:
    """Whether the folder goes away within the seconds."""
    until = time.monotonic() + seconds
    while folder.exists() and time.monotonic() < until:
        time.sleep(0.02)
    return not folder.exists()


def test_servers_are_started_once_and_end_with_the_last(folder: Path) -> None:
    """Who started them may leave first; the others go on, and what is done once is done once."""
    both = [sharer(folder), sharer(folder)]
    answers = [told(each) for each in both]
    starter = both[[first for _, first in answers].index("True")]
    other = both[1 - both.index(starter)]

    assert len({port for port, _ in answers}) == 1
    assert sorted(first for _, first in answers) == ["False", "True"]
    leaves(starter)
    assert both_run(folder)
    leaves(other)
    assert is_gone(folder)


def test_kill_9_of_one_harms_nobody_and_of_all_leaves_nothing(folder: Path) -> None:
    """A crashed worker of a test run takes no servers with it, and no crash leaves them behind."""
    both = [sharer(folder), sharer(folder)]
    for each in both:
        told(each)

    both[0].send_signal(signal.SIGKILL)
    both[0].communicate()
    time.sleep(0.1)
    assert both_run(folder)
    both[1].send_signal(signal.SIGKILL)
    both[1].communicate()

    assert is_gone(folder)


def test_what_failed_once_is_done_by_the_next(folder: Path) -> None:
    """A migration that broke in one worker is not taken as done by the others."""
    with shared_servers(folder, Wanted(hears={"registry": ["notify"]}, fsync=False)) as cluster:
        with pytest.raises(ZeroDivisionError), once(cluster, "work") as first:
            assert 1 / (not first)
        with once(cluster, "work") as again:
            assert again
        with once(cluster, "work") as done:
            assert not done
    assert is_gone(folder)


def test_what_is_known_of_servers_can_be_read_back_and_shows_no_secret(cluster: Cluster) -> None:
    """Another process of the same user finds addresses and secrets; a traceback shows the addresses only."""
    found = Cluster.load(cluster.state)

    assert found is not None
    assert found.of_account(cluster.account or 0) == cluster
    assert not [secret for secret in cluster.secrets.values() if secret in repr(cluster)]


async def test_accounts_of_workers_know_nothing_of_one_another(cluster: Cluster) -> None:
    """Each has all users under names of its own; what is asked in one is heard in no other."""
    other = cluster.of_account(((cluster.account or 0) + 1) % cluster.accounts)
    asker, own, foreign = [
        await nats.connect(account.nats_url, user=account.nats_user(user), password=account.nats_password(user))
        for user, account in (("notify", cluster), ("registry", cluster), ("registry", other))
    ]
    subscriptions = [await each.subscribe(RegistryAddresseeAsked.subject) for each in (own, foreign)]
    for each in (own, foreign, asker):
        await each.flush()

    await asker.publish(RegistryAddresseeAsked.subject, b"heard")

    assert (await subscriptions[0].next_msg(timeout=5)).data == b"heard"
    await foreign.flush()
    assert subscriptions[1].pending_msgs == 0
    assert cluster.nats_user("registry") != other.nats_user("registry")
    for each in (asker, own, foreign):
        await each.close()


def test_there_are_only_so_many_accounts(cluster: Cluster) -> None:
    """A worker too many is told, instead of a login that is refused."""
    with pytest.raises(ValueError, match=f"no account {cluster.accounts}"):
        cluster.of_account(cluster.accounts)
