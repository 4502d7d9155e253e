"""How far a run is: the steps of computing it, in order."""

from collections.abc import Callable
from enum import StrEnum


class Step(StrEnum):
    """What is being done; the number told beside it counts what stands here."""

    READING = "reading"  # households and units
    PRUNING = "pruning"  # pairs kept of each household at first
    SOLVING = "solving"  # pairs solved over
    LOOKING = "looking_again"  # how often it was solved
    EXPLAINING = "explaining"  # proposals
    KEEPING = "keeping"  # proposals


STEPS = tuple(Step)
Progress = Callable[[Step, int], None]


def nobody_listens(_step: Step, _count: int) -> None:
    """Where nobody waits for it."""
