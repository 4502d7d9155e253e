"""Pairs that nobody can mean: an id stands on the wrong side or is nobody's, or one household is wanted with two."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from uuid import UUID

SIDES = ("household", "mentor or group")


def unknown(
    pairs: Mapping[str, Sequence[tuple[UUID, UUID]]], sides: tuple[Collection[UUID], Collection[UUID]],
    gone: Collection[str] = (),
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Where in the file such an id stands, and what is wrong with it.

    pairs by the member of the file in which they are; sides: the ids of households, and of mentors and groups. In those
    that are named in `gone` somebody may stand who is there no longer, but not on the wrong side.
    """
    for name, several in pairs.items():
        for place, pair in enumerate(several):
            for at, one in enumerate(pair):
                if one not in sides[at] and (one in sides[1 - at] or name not in gone):
                    yield (name, place, at), f"{one} is no {SIDES[at]} of this file"


def refuse_to_two(pinned: Iterable[tuple[UUID, UUID]]) -> None:
    """ValueError where a household is pinned to more than one mentor or group; the same pair may stand there twice."""
    found: dict[UUID, UUID] = {}
    for household, unit in pinned:
        if found.setdefault(household, unit) != unit:
            raise ValueError(f"household {household} is pinned to two; it gets one")
