"""The locks: every line pinned with hashes, no address of an index, and everything that pyproject.toml asks for."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.shape.places import ROOT, SERVICES

ADDRESS = re.compile(r"[a-z+]+://|^\s*-|\bfile:|@ ", re.IGNORECASE)
PINNED = re.compile(r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[^ ;]+)(?P<marker> ; [^\\]+)? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")
EVERYTHING = "all"


def lock_of(name: str) -> str:
    """The text of a lock."""
    return (ROOT / "requirements" / f"{name}.lock").read_text(encoding="utf-8")


def unpinned(lock: str) -> Iterator[str]:
    """Lines that are neither a pinned version nor one of its hashes, and versions without a hash."""
    hashed = True
    for line in lock.splitlines():
        if HASH.match(line):
            hashed = True
        else:
            if not hashed or not PINNED.match(line) or ADDRESS.search(line):
                yield line
            hashed = False
    if not hashed:
        yield "the last version has no hash"


def pins(lock: str) -> dict[str, set[str]]:
    """The versions of each package in a lock; several where they differ by platform or Python."""
    found: dict[str, set[str]] = {}
    for line in lock.splitlines():
        if pinned := PINNED.match(line):
            found.setdefault(canonicalize_name(pinned["name"]), set()).add(pinned["version"])
    return found


def unmet(wanted: list[str], lock: str) -> list[str]:
    """Requirements for which the lock has no version, or one that does not fit."""
    there = pins(lock)
    return [text for text in wanted if not _is_met(Requirement(text), there)]


def _is_met(wanted: Requirement, there: dict[str, set[str]]) -> bool:
    versions = there.get(canonicalize_name(wanted.name), set())
    return bool(versions) and all(wanted.specifier.contains(version, prereleases=True) for version in versions)


def wanted_by(name: str) -> list[str]:
    """What pyproject.toml asks for: of one image, or of everything."""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    chosen = extras if name == EVERYTHING else [name]
    return [*project["dependencies"], *(text for extra in chosen for text in extras[extra])]


@pytest.mark.parametrize("name", [EVERYTHING, *SERVICES])
def test_a_lock_is_pinned_with_hashes_and_names_no_address(name: str) -> None:
    """Whoever installs gets what was tested, from the index of their choice."""
    assert list(unpinned(lock_of(name))) == []


@pytest.mark.parametrize("name", [EVERYTHING, *SERVICES])
def test_a_lock_holds_what_is_asked_for(name: str) -> None:
    """A dependency more, or a higher bound, is in the lock as well."""
    assert unmet(wanted_by(name), lock_of(name)) == []


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_gets_the_versions_that_were_tested(service: str) -> None:
    """Nothing in an image's lock differs from the lock that the tests ran with."""
    tested = pins(lock_of(EVERYTHING))

    assert {name: versions for name, versions in pins(lock_of(service)).items()
            if not versions <= tested.get(name, set())} == {}


def test_there_is_a_lock_for_everything_and_one_per_image() -> None:
    """None is missing and none is left over."""
    assert {path.stem for path in (ROOT / "requirements").glob("*")} == {EVERYTHING, *SERVICES}


GOOD = f"anyio==4.16.0 ; sys_platform == 'linux' \\\n    --hash=sha256:{'0' * 64}\n"


@pytest.mark.parametrize("line", [
    "--index-url https://pypi.example.org/simple\n",
    "--find-links /wheels\n",
    f"idna @ https://files.example.org/idna.whl \\\n    --hash=sha256:{'0' * 64}\n",
    "idna==3.10\n",
    "idna==3.10 \\\n",
    f"idna>=3.10 \\\n    --hash=sha256:{'0' * 64}\n",
    "idna==3.10 \\\n    --hash=md5:00\n",
    "-e file:///wheels/idna\n",
])
def test_a_planted_fault_of_a_lock_is_found(line: str) -> None:
    """An index, a folder, a direct address, a missing or weak hash, and a version that is not pinned."""
    assert list(unpinned(GOOD)) == []
    assert list(unpinned(GOOD + line)) != []
    assert list(unpinned(line + GOOD)) != []


def test_a_planted_requirement_is_found() -> None:
    """What the lock leaves out, and what it has too old, are named; extras and case do not matter."""
    assert unmet(["AnyIO[trio]>=4", "idna>=3", "anyio>=5"], GOOD) == ["idna>=3", "anyio>=5"]
