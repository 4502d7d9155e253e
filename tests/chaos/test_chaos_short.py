"""The chaos programme as a test: a short run keeps every promise, and planted bugs are caught; slow, so on request."""

import subprocess
import sys

import pytest

from tests.shape.places import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def chaos(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the programme as a person would."""
    command = [sys.executable, "-m", "tests.chaos", *arguments]
    return subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)


def test_a_short_run_keeps_every_promise() -> None:
    """Twenty seconds of faults from a fixed seed leave nothing lost, nothing twice and nothing out of order."""
    run = chaos("--seconds", "20", "--seed", "7")

    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
    assert "Every promise was kept." in run.stdout


def test_a_planted_bug_fails_a_run_and_none_does_not() -> None:
    """Of two planted bugs one shows without a kill, one in a crash: both are caught, and without one nothing is."""
    run = chaos("--saboteurs", "--seed", "7", "--only", "no-dedupe", "ack-before-commit")

    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
    assert "2 of 2 caught, and nothing found without a bug." in run.stdout
