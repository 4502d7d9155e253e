"""A partner: an organisation of the network, and the persons who speak for it."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from libs.common.codes.lists import PartnerKind
from libs.common.columns import code, codes, moment, personal, plain
from libs.common.refusals import Refused
from services.registry.tables import Table


class PartnerState(StrEnum):
    """Where a partner is on its way through the network."""

    APPLIED = "applied"
    VERIFIED = "verified"
    SUSPENDED = "suspended"
    LEFT = "left"


class Partner(Table, table=True):
    """An organisation of the network. listed_only: a real organisation that is shown, and does nothing here itself."""

    name: str = plain()
    sort_key: str = plain(index=True)
    kind: PartnerKind = code(PartnerKind)
    state: PartnerState = code(PartnerState, PartnerState.APPLIED)
    region: str | None = plain(None, index=True)
    postcode: str | None = plain(None)
    languages: list[str] = codes()
    fields_of_action: list[str] = codes()
    described_as: str | None = plain(None)
    listed_only: bool = plain(default=False)
    new_to_field: bool = plain(default=False)
    first_contact_on: date | None = plain(None)
    joined_on: date | None = plain(None)
    verified_by: str | None = plain(None)
    verified_at: datetime | None = moment(None)

    @property
    def partner_id(self) -> UUID:
        """The partner inside whose scope it lies: itself."""
        return self.id

    def refuse_if_listed_only(self) -> None:
        """Nothing is put into the mouth of an organisation that is only listed."""
        if self.listed_only:
            raise Refused("partner-listed-only", "This organisation is only listed; it does not act here itself.")

    def verify(self, by: str, now: datetime) -> None:
        """A coordinator has checked who they are; also ends a suspension."""
        self._move({PartnerState.APPLIED, PartnerState.SUSPENDED}, PartnerState.VERIFIED)
        self.verified_by, self.verified_at = by, now
        self.joined_on = self.joined_on or now.date()

    def suspend(self) -> None:
        """The partner may not act for now."""
        self._move({PartnerState.VERIFIED}, PartnerState.SUSPENDED)

    def leave(self) -> None:
        """The partner leaves for good."""
        self._move(set(PartnerState) - {PartnerState.LEFT}, PartnerState.LEFT)

    def _move(self, sources: set[PartnerState], target: PartnerState) -> None:
        if self.state not in sources:
            raise Refused("partner-state", "The partner is {state}; that does not lead to {target}.",
                          state=self.state, target=target)
        self.state = target


class Contact(Table, table=True):
    """A person who speaks for a partner: written to about its offers, shown to others only if public was chosen."""

    __tablename__ = "partner_contact"

    partner_id: UUID = plain(index=True, foreign_key="partner.id")
    region: str | None = plain(None)
    person_ref: UUID = personal(unique=True)
    public: bool = plain(default=False)
