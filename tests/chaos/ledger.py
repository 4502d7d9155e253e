"""The ledger: every command that a service has acknowledged, and what must be true of the network because of it."""

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Thing:
    """One aggregate as its acknowledged commands leave it.

    mark is what it is found by when its id is not known; facts counts, by subject, what its commands announced,
    and again which of these may have been announced once more, since their command is no change when repeated.
    """

    service: str
    noun: str
    mark: str
    id: str = ""
    state: str = ""
    version: int = 0
    facts: Counter[str] = field(default_factory=Counter)
    again: Counter[str] = field(default_factory=Counter)
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def about(self) -> str:
        """The aggregate as facts name it."""
        return f"{self.noun}/{self.id}"


class Ledger:
    """What was acknowledged, in memory and line by line in a file."""

    def __init__(self, file: Path) -> None:
        """The file is written as things happen, so that it outlives this process."""
        self.things: list[Thing] = []
        self.acknowledged = 0
        self.repeated = 0
        self.refused_rightly = 0
        self.reads_audited = 0
        self._file = file.open("w", encoding="utf-8", buffering=1)

    def add(self, thing: Thing) -> Thing:
        """A new aggregate; only one whose id is known has been acknowledged."""
        self.things.append(thing)
        return thing

    def of(self, noun: str) -> list[Thing]:
        """The acknowledged aggregates of a noun."""
        return [thing for thing in self.things if thing.noun == noun and thing.id]

    def note(self, command: str, thing: Thing, *, fact: str | None = None, tries: int = 1, again: bool = False) -> None:
        """A command was acknowledged, at the last of so many tries; again: each try may have announced the fact."""
        self.acknowledged += 1
        if fact:
            thing.facts[fact] += 1
            if again:
                thing.again[fact] += tries - 1
        self._file.write(json.dumps({
            "at": round(time.time(), 3), "command": command, "about": thing.about, "state": thing.state,
            "etag": thing.version, "tries": tries}) + "\n")

    def close(self) -> None:
        """No more is written."""
        self._file.close()
