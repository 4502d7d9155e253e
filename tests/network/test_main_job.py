"""The main job as someone sees it who types `./lotse demo --once`, and what it leaves behind on the disk."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 240
# Names, addresses and words of people that the demonstration gives; in the clear they may stand in mails alone.
MARKERS = (
    "Dilan Beispiel", "dilan@haushalt", "Hanna Beispiel", "hanna@gruppe", "olena@leser", "Mira Beispiel",
    "familie.haddad@leser", "Taras Beispiel", "sich etwas nicht richtig an", "Gesa Beispiel",
)
pytestmark = pytest.mark.timeout(SECONDS + 30)


@pytest.fixture(scope="module")
def played() -> Iterator[tuple[subprocess.CompletedProcess[str], Path]]:
    """The demonstration, played once on a state of its own, which the servers' user can reach."""
    with tempfile.TemporaryDirectory(prefix="lotsennetz-main-job-", ignore_cleanup_errors=True) as folder:
        state = Path(folder)
        state.chmod(0o755)
        command = [str(Path(sys.executable).with_name("lotse")), "demo", "--once", "--state", str(state)]
        run = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False,
                             timeout=SECONDS)
        yield run, state / "demonstration"


def test_every_step_is_observed_to_hold(played: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    """Exit code 0 only when all eight steps held when asked back."""
    run, _ = played

    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-2000:]
    assert "All 8 steps were observed to hold" in run.stdout


def test_nothing_personal_travels_or_is_logged(played: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    """No name, address or word of a person in the streams' files, the services' log or the servers' logs."""
    _, state = played
    looked_at = [*(state / "nats").rglob("*"), *state.glob("*.log")]

    assert _found(looked_at) == []


def test_nothing_personal_stands_in_the_databases_in_the_clear(
    played: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    """Neither in the tables' files nor in the write-ahead log: it is sealed before it comes there."""
    _, state = played

    assert _found((state / "postgres").rglob("*")) == []


def test_the_search_would_find_them(played: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    """The mails do hold names, and the same search finds them there; so its silence elsewhere means something."""
    _, state = played
    subjects = list((state / "mail").rglob("*.eml"))

    assert len({marker for _, marker in _found(subjects)}) > 2


def _found(files: Iterable[Path]) -> list[tuple[str, str]]:
    hits = []
    for file in files:
        if file.is_file():
            content = file.read_bytes()
            hits += [(file.name, marker) for marker in MARKERS if marker.encode() in content]
    return hits
