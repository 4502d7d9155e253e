"""`lotse match`: a table for people, JSON for programs, and a sentence with line and field for what is malformed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.common.stage import Lotse
from tests.common.test_local_simulate import COMMAND

MENTOR, HOUSEHOLD, OTHER = (f"00000000-0000-4000-8000-00000000000{sign}" for sign in "1ab")
SHARED: dict[str, Any] = {"region": "15087", "slots": ["tue_evening", "sat_morning"]}
FILE = {
    "today": "2026-03-02",
    "mentors": [SHARED | {"id": MENTOR, "languages": {"ar": "B1"}}],
    "households": [
        SHARED | {"id": HOUSEHOLD, "languages": {"ar": "C2"}, "members": [{"age_band": "27-44"}],
                  "waiting_since": "2025-11-01"},
        SHARED | {"id": OTHER, "languages": {"uk": "C2"}, "members": [{"age_band": "27-44"}],
                  "waiting_since": "2025-11-01"}],
}


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """A file with a mentor and two households."""
    file = tmp_path / "people.json"
    file.write_text(json.dumps(FILE, indent=1), encoding="utf-8")
    return file


def test_proposals_and_what_is_missing_are_shown(people: Path, lotse: Lotse) -> None:
    """Who with whom and why, who without and what is missing, the proof, and on the way what is being done."""
    code, said, progress = lotse("match", str(people), "--language", "en")

    assert code == 0
    for part in (HOUSEHOLD, MENTOR, "Arabic", "What is missing", "proven best", "1 proposals, 1 without one"):
        assert part in said, part
    assert [line.split()[0] for line in progress.splitlines()] == [
        "reading", "looking", "solving", "looking", "telling"]


def test_programs_get_json(people: Path, tmp_path: Path, lotse: Lotse) -> None:
    """On standard output nothing else; in a file beside the tables the same."""
    _, said, _ = lotse("match", str(people), "--json", "-")
    _, tables, _ = lotse("match", str(people), "--json", str(tmp_path / "outcome.json"))

    outcome = json.loads(said)
    assert outcome == json.loads((tmp_path / "outcome.json").read_text(encoding="utf-8"))
    assert outcome["run"]["certified"] is True
    assert [(one["household_id"], one["unit_id"]) for one in outcome["proposals"]] == [(HOUSEHOLD, MENTOR)]
    assert {reason["de"] != reason["en"] for one in outcome["proposals"] for reason in one["reasons"]} == {True}
    assert outcome["unserved"][0]["alone"] == {"no_common_language": 1}
    assert "Proposals" in tables


def test_rows_are_limited_and_the_rest_is_counted(people: Path, lotse: Lotse) -> None:
    """Nobody reads ten thousand rows."""
    _, said, _ = lotse("match", str(people), "--rows", "0")

    assert said.count("and 1 more") == 2
    assert HOUSEHOLD not in said


@pytest.mark.parametrize(("text", "said"), [
    ('{"today": "2026-03-02",\n"mentors": [{"id": 5}]}', "line 2: mentors.0.id: UUID input should be"),
    ('{"today": "2026-03-02",\n"mentors": [}', "line 2: file: not JSON"),
    ("[]", "line 1: file: "),
])
def test_a_malformed_file_is_told_line_and_field(text: str, said: str, tmp_path: Path, lotse: Lotse) -> None:
    """Exit code 2, and where to look."""
    file = tmp_path / "people.json"
    file.write_text(text, encoding="utf-8")
    code, _, told = lotse("match", str(file))

    assert (code, said in told, "docs/matching.md" in told, "Traceback" in told) == (2, True, True, False)


def test_a_file_that_cannot_be_read_or_written_is_a_sentence(people: Path, tmp_path: Path, lotse: Lotse) -> None:
    """Not there, no text, no folder for the answer."""
    missing = lotse("match", str(tmp_path / "nothing.json"))
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe{}")
    unreadable = lotse("match", str(tmp_path / "bytes.json"))
    nowhere = lotse("match", str(people), "--json", str(tmp_path / "no" / "outcome.json"))

    assert (missing[0], "cannot be read: No such file" in missing[2]) == (2, True)
    assert (unreadable[0], "is not UTF-8" in unreadable[2]) == (2, True)
    assert (nowhere[0], "cannot be written: No such file" in nowhere[2]) == (73, True)


def test_a_pair_that_cannot_be_pinned_is_a_sentence(lotse: Lotse, tmp_path: Path) -> None:
    """Where it stands, which pair, and which hard constraints forbid it."""
    file = tmp_path / "people.json"
    text = json.dumps(FILE | {"pinned": [[HOUSEHOLD, MENTOR], [OTHER, MENTOR]]}, indent=1)
    file.write_text(text, encoding="utf-8")
    code, _, said = lotse("match", str(file))
    line = text[:text.rindex("[")].count("\n") + 1

    assert f"line {line}: pinned.1: {OTHER} with {MENTOR}: no_common_language" in said
    assert (code, "Traceback" in said, "docs/matching.md" in said) == (2, False, True)


def test_the_mark_that_some_programs_begin_a_file_with_is_passed_over(people: Path, lotse: Lotse) -> None:
    """Windows' editor writes one; so do spreadsheets."""
    people.write_bytes(b"\xef\xbb\xbf" + people.read_bytes())

    code, said, _ = lotse("match", str(people), "--json", "-")
    assert (code, len(json.loads(said)["proposals"])) == (0, 1)


@pytest.mark.parametrize(("given", "code", "said"), [
    (json.dumps(FILE).encode(), 0, ""), (b'{"today": "2026-03-02", "\xe4": 1}', 2, "- is not UTF-8 (byte 25)"),
    (None, 2, "- cannot be read: Bad file descriptor"),
])
@pytest.mark.parametrize("environment", [
    {"LC_ALL": "C"}, pytest.param({"PYTHONIOENCODING": "latin-1"}, marks=pytest.mark.slow)])
def test_standard_input_is_utf_8_wherever_one_is(
    environment: dict[str, str], given: bytes | None, code: int, said: str,
) -> None:
    """Whatever the locale says; and without any input it is a sentence."""
    command = [sys.executable, "-c", COMMAND, "match", "-"]
    done = subprocess.run(
        command if given is not None else ["sh", "-c", 'exec "$@" <&-', "sh", *command], input=given,
        capture_output=True, check=False, env=os.environ | environment)

    assert (done.returncode, said in done.stderr.decode(), "Traceback" in done.stderr.decode()) == (code, True, False)
