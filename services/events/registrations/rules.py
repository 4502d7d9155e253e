"""Who gets free places: strictly in the order of arrival, never a part of a party, childcare as a second resource."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Places:
    """Seats and childcare places: as many as there are, are taken, or are needed. seats None: without limit.

    Every person of a party needs a seat; a child that is to be looked after needs a childcare place as well.
    """

    seats: int | None
    childcare: int

    def within(self, there: "Places") -> bool:
        """Whether this many are there; without limit is never less than a number."""
        enough_seats = there.seats is None or (self.seats is not None and self.seats <= there.seats)
        return enough_seats and self.childcare <= there.childcare

    def __add__(self, other: "Places") -> "Places":
        """Both together."""
        seats = None if self.seats is None or other.seats is None else self.seats + other.seats
        return Places(seats, self.childcare + other.childcare)


NO_PLACES = Places(0, 0)


@dataclass(frozen=True, slots=True)
class Party:
    """A party on the waiting list, and everything that it needs at once."""

    registration_id: UUID
    needs: Places


def next_in_line(there: Places, taken: Places, line: Sequence[Party], *, fill_gaps: bool) -> list[UUID]:
    """Which waiting parties are offered what is free: their registrations, in the order of the line.

    there: all places of the event; taken: those confirmed or offered; line: who waits, first come first.
    A party is served only when everything that it needs is free. The first that cannot be served holds up all
    behind it, unless fill_gaps lets smaller later ones pass. A party that could not be served even by the empty
    event (its capacity was lowered) holds nobody up.
    """
    served = []
    for party in line:
        if not party.needs.within(there):
            continue
        if (taken + party.needs).within(there):
            taken += party.needs
            served.append(party.registration_id)
        elif not fill_gaps:
            break
    return served


def fits_at_once(there: Places, taken: Places, needs: Places, *, someone_waits: bool, fill_gaps: bool) -> bool:
    """Whether a party that arrives now gets its places: everything is free, and nobody before it waits for them."""
    return (taken + needs).within(there) and (fill_gaps or not someone_waits)
