"""A grant: that a principal may act in a role, everywhere or in one scope."""

from datetime import datetime
from uuid import UUID

from libs.common.callers import Role, Scope
from libs.common.columns import code, moment, plain
from libs.common.refusals import Invalid, NotAllowed, Refused
from services.registry.tables import Table

SCOPES: dict[Role, str | None] = {
    Role.NETWORK_ADMIN: None,
    Role.OPS: None,
    Role.AUDITOR: None,
    Role.COORDINATOR: "region",
    Role.NEUTRAL_CONTACT: "region",
    Role.PARTNER_EDITOR: "partner_id",
    Role.COUNSELLOR: "partner_id",
    Role.FUNDER_READER: "project_id",
}
GIVEN_BY_COORDINATORS = frozenset({Role.PARTNER_EDITOR, Role.COUNSELLOR})


class GivenGrant(Table, table=True):
    """A grant as it was given; region is where it is administered: its own scope, or that of its partner."""

    __tablename__ = "given_grant"

    principal: UUID = plain(index=True)
    role: Role = code(Role)
    scope_region: str | None = plain(None)
    partner_id: UUID | None = plain(None)
    project_id: UUID | None = plain(None)
    region: str | None = plain(None)
    given_by: str = plain()
    given_at: datetime = moment()
    withdrawn_at: datetime | None = moment(None)

    def withdraw(self, now: datetime) -> None:
        """End it; a second time is refused."""
        if self.withdrawn_at:
            raise Refused("grant-withdrawn-already", "This grant has been withdrawn already.")
        self.withdrawn_at = now


def check_scope(role: Role, scopes: dict[str, object]) -> None:
    """Each role has exactly one kind of scope; Invalid when the grant names another, or misses it."""
    wanted = SCOPES.get(role)
    if role not in SCOPES:
        raise Invalid("role-not-given", "The role {role} is not given to anyone.", field="role", role=role)
    for name, value in scopes.items():
        if (value is not None) != (name == wanted):
            raise Invalid("grant-scope", "The role {role} needs {wanted} and nothing else.", field=name,
                          role=role, wanted=wanted or "no scope")


def refuse_foreign(giver: Role, scope: Scope, role: Role, region: str | None) -> None:
    """A network admin gives every role, a coordinator two of them inside the own region."""
    if giver is Role.NETWORK_ADMIN:
        return
    if role not in GIVEN_BY_COORDINATORS or not scope.covers_region(region):
        raise NotAllowed("grant-not-yours", "A coordinator gives partner_editor and counsellor inside the own region.")


def refuse_outside(scope: Scope, region: str | None) -> None:
    """What is entered lies inside the own region; what has none is the whole network's, and a network admin's."""
    if not scope.covers_region(region):
        raise NotAllowed("outside-own-region", "That lies outside your own region.", field="region")
