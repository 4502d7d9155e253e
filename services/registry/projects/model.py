"""A project: what a funder pays for, in a term and in target regions, and the secret by which it counts people."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import LargeBinary

from libs.common.columns import code, codes, moment, plain, secret
from libs.common.refusals import Invalid, Refused
from services.registry.tables import Table

SECRET_BYTES = 32


class ProjectState(StrEnum):
    """Where a project is between its plan and its report."""

    PLANNED = "planned"
    OPEN = "open"
    CLOSED = "closed"


class Project(Table, table=True):
    """A funded project, administered in a region (none: the whole network).

    count_secret is sealed by the service's vault, there while the project is open and destroyed with its closing:
    from then on nobody can tell whom a count key stands for.
    """

    name: str = plain()
    sort_key: str = plain(index=True)
    programme_id: UUID | None = plain(None, foreign_key="programme.id")
    carrier_id: UUID = plain(index=True, foreign_key="partner.id")
    funder_id: UUID | None = plain(None, foreign_key="partner.id")
    region: str | None = plain(None, index=True)
    starts: date = plain()
    ends: date = plain()
    target_regions: list[str] = codes()
    state: ProjectState = code(ProjectState, ProjectState.PLANNED)
    opened_at: datetime | None = moment(None)
    closed_at: datetime | None = moment(None)
    count_secret: bytes | None = secret(None, sa_type=LargeBinary)

    @property
    def partner_id(self) -> UUID:
        """The partner inside whose scope the project lies: its carrier."""
        return self.carrier_id

    @property
    def project_id(self) -> UUID:
        """The project inside whose scope the project lies: itself."""
        return self.id

    @property
    def secret_place(self) -> str:
        """What the sealed secret is bound to."""
        return f"project.count_secret:{self.id}"

    def check(self) -> None:
        """The term is a term, and every target region lies where the project is administered."""
        if self.ends < self.starts:
            raise Invalid("term-backwards", "The term ends before it begins.", field="ends")
        for target in self.target_regions:
            if not target.startswith(self.region or ""):
                raise Invalid("target-outside", "The target region {target} lies outside the project's region.",
                              field="target_regions", target=target)

    def refuse_unless_planned(self) -> None:
        """Name, term and regions are fixed once the project is open."""
        self._only(ProjectState.PLANNED)

    def open(self, sealed_secret: bytes, now: datetime) -> None:
        """From now on what happens in the term and the target regions can be counted."""
        self._only(ProjectState.PLANNED)
        self.state, self.opened_at, self.count_secret = ProjectState.OPEN, now, sealed_secret

    def close(self, now: datetime) -> None:
        """The report is made: what is told later does not count, and the secret is destroyed."""
        self._only(ProjectState.OPEN)
        self.state, self.closed_at, self.count_secret = ProjectState.CLOSED, now, None

    def refuse_unless_open(self) -> None:
        """Only an open project counts people."""
        self._only(ProjectState.OPEN)

    def refuse_when_closed(self) -> None:
        """After the report nothing is added."""
        if self.state is ProjectState.CLOSED:
            self._only(ProjectState.OPEN)

    def _only(self, wanted: ProjectState) -> None:
        if self.state is not wanted:
            raise Refused("project-state", "The project is {state}; that is for one that is {wanted}.",
                          state=self.state, wanted=wanted)
