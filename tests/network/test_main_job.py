"""The main job as someone sees it who types `./lotse demo --once`, and what it leaves behind on the disk."""

import base64
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from urllib.parse import quote

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 240
# Names, addresses and words of people that the demonstration gives; in the clear they may stand in mails alone.
MARKERS = (
    "Dilan Beispiel", "dilan@haushalt", "Hanna Beispiel", "hanna@gruppe", "olena@leser", "Mira Beispiel",
    "familie.haddad@leser", "Дмитро Приклад", "عائلة حداد", "sich etwas nicht richtig an", "Gesa Beispiel",
)
pytestmark = pytest.mark.timeout(SECONDS + 30)


@pytest.fixture(scope="module")
def played() -> Iterator[tuple[subprocess.CompletedProcess[str], Path]]:
    """The demonstration, played once on a state of its own, which the servers' user can reach."""
    with tempfile.TemporaryDirectory(prefix="lotsennetz-main-job-", ignore_cleanup_errors=True) as folder:
        state = Path(folder)
        state.chmod(0o755)
        # Of this checkout, wherever the environment's own `lotse` leads.
        command = [sys.executable, "-c", "from deploy.local.cli import main; main()", "demo", "--once",
                   "--state", str(state), "--refusals", str(state / "refusals.txt")]
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


def test_no_refusal_repeats_what_is_personal(played: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    """Whatever was refused, the problem documents name nobody; some were provoked with names and addresses."""
    _, state = played
    refusals = state.parent / "refusals.txt"
    met = {json.loads(line)["status"] for line in refusals.read_text(encoding="utf-8").splitlines() if line[:1] == "{"}

    assert met >= {401, 403, 404, 405, 409, 412, 413, 422, 428}
    assert _found([refusals]) == []


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


@pytest.mark.parametrize("marker", MARKERS)
def test_the_search_would_find_them_in_other_clothes(marker: str, tmp_path: Path) -> None:
    """Escaped as JSON does it, as in an address, and in base64 wherever it stands in it."""
    clothes = [marker.encode(), json.dumps({"name": f"x{marker}"}).encode(), quote(f"?q={marker}").encode(),
               *(base64.b64encode(b"x" * before + marker.encode() + b" yz") for before in range(4))]
    for number, dressed in enumerate(clothes):
        (tmp_path / str(number)).write_bytes(b"before " + dressed + b" behind")

    assert _found(sorted(tmp_path.iterdir())) == [(str(number), marker) for number in range(len(clothes))]


def _found(files: Iterable[Path]) -> list[tuple[str, str]]:
    hits = []
    for file in files:
        if file.is_file():
            content = file.read_bytes()
            hits += [(file.name, marker) for marker in MARKERS if any(form in content for form in _forms(marker))]
    return hits


@cache
def _forms(marker: str) -> frozenset[bytes]:
    """The marker as it stands in UTF-8, in escaped JSON, in an address, and in base64 at each of the three offsets."""
    escaped, address = json.dumps(marker)[1:-1], quote(marker)
    plain = {marker, escaped, escaped.replace("\\u", "\\U").upper().replace("\\U", "\\u"), address, address.lower(),
             quote(marker, safe="@"), address.replace("%20", "+")} if not marker.isascii() else {
                 marker, address, address.replace("%20", "+"), quote(marker, safe="@")}
    return frozenset(form.encode() for form in plain) | {
        form for offset in range(3) for form in _in_base64(marker.encode(), offset)}


def _in_base64(content: bytes, offset: int) -> set[bytes]:
    """What base64 makes of the content behind that many other bytes, without the letters that others have a part in."""
    whole = len(content) - (offset + len(content)) % 3
    letters = base64.b64encode(b"\0" * offset + content[:whole])[4 if offset else 0:]
    return {letters, letters.replace(b"+", b"-").replace(b"/", b"_")}
