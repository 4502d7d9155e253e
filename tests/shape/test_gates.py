"""The gates that are tools of others: with this repository's settings each finds what is planted for it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shape.places import ROOT, plant

BRANCHES = "\n".join(f"    if number == {number}:\n        return" for number in range(9))
GOOD = '"""A module."""\n\n\ndef twice(number: int) -> int:\n    """Double it."""\n    return number + number\n'


def run(tree: Path, tool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a tool of the environment in the tree, with the repository's settings copied there."""
    shutil.copy(ROOT / "pyproject.toml", tree)
    command = [sys.executable, "-m", tool, *arguments]
    return subprocess.run(command, cwd=tree, text=True, capture_output=True, check=False)


def a_service(tree: Path, text: str) -> Path:
    """A tree whose one module is this."""
    return plant(tree, {"services/registry/offers/rules.py": text, "libs/common/clock.py": GOOD,
                        "deploy/local/state.py": GOOD})


def test_ruff_and_mypy_have_nothing_against_good_code(tmp_path: Path) -> None:
    """What is planted below fails for what is planted."""
    tree = a_service(tmp_path, GOOD)

    assert run(tree, "ruff", "check", "--no-cache").returncode == 0
    typed = run(tree, "mypy", "--cache-dir", os.devnull)
    assert typed.returncode == 0, typed.stdout


@pytest.mark.parametrize(("rule", "text"), [
    ("C901", f'"""A module."""\n\n\ndef many(number: int) -> None:\n    """Decide."""\n{BRANCHES}\n'),
    ("D103", '"""A module."""\n\n\ndef told() -> None:\n    print\n'),
    ("T201", f"{GOOD}\n\nprint(twice(1))\n"),
    ("S608", f'{GOOD}\n\nQUERY = "SELECT * FROM offer WHERE id = %s" % twice(1)\n'),
    ("BLE001", '"""A module."""\n\ntry:\n    TRIED = 1\nexcept Exception:\n    TRIED = 2\n'),
    ("DTZ005", '"""A module."""\n\nfrom datetime import datetime\n\nNOW = datetime.now()\n'),
    ("ASYNC251", '"""A module."""\n\nimport time\n\n\nasync def rest() -> None:\n    """Rest."""\n    time.sleep(1)\n'),
    ("E501", f'"""A module."""\n\nLONG = "{"x" * 120}"\n'),
    ("TD003", f"{GOOD}\n# {'TO'}DO: later\n"),
    ("RUF100", f"{GOOD}\n\nNOTHING = 1  # noqa: T201\n"),
])
def test_ruff_finds_what_is_planted(tmp_path: Path, rule: str, text: str) -> None:
    """Complexity, no docstring, a print, SQL by pieces, a swallowed exception, naive time, blocking, a long line."""
    checked = run(a_service(tmp_path, text), "ruff", "check", "--no-cache", "--output-format", "concise")

    assert checked.returncode == 1
    assert f" {rule} " in checked.stdout, checked.stdout


def test_mypy_finds_what_is_planted(tmp_path: Path) -> None:
    """A missing annotation, a wrong type, and an ignore that ignores nothing, in each of the three packages."""
    tree = a_service(tmp_path, GOOD + "\n\ndef untyped(number):\n    return number\n")
    plant(tree, {"libs/common/clock.py": f"{GOOD}\n\nWRONG: str = twice(1)\n",
                 "deploy/local/state.py": f"{GOOD}\n\nUSELESS = twice(1)  # type: ignore[arg-type]\n"})

    typed = run(tree, "mypy", "--cache-dir", os.devnull)

    assert typed.returncode == 1
    for code in ("no-untyped-def", "assignment", "unused-ignore"):
        assert f"[{code}]" in typed.stdout, typed.stdout
