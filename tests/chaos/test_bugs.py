"""The planted bugs of the chaos programme: what each takes the place of is still there."""

import subprocess
import sys

from tests.shape.places import ROOT

PLANT = "from tests.chaos.bugs import BUGS\nfor bug in BUGS.values(): bug.plant()\nprint(len(BUGS))"


def test_every_bug_can_be_planted() -> None:
    """A run of all of them takes a quarter of an hour; that one names what was renamed since is said at once."""
    planted = subprocess.run([sys.executable, "-c", PLANT], cwd=ROOT, text=True, capture_output=True, check=False)

    assert (planted.returncode, planted.stdout.strip()) == (0, "23"), planted.stderr
