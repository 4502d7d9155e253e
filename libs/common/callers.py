"""Callers: who is behind a transaction, and which regions, partners and projects they may touch."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID


class Role(StrEnum):
    """What a grant lets a principal be; public, link and system need no grant."""

    NETWORK_ADMIN = "network_admin"
    COORDINATOR = "coordinator"
    PARTNER_EDITOR = "partner_editor"
    COUNSELLOR = "counsellor"
    NEUTRAL_CONTACT = "neutral_contact"
    FUNDER_READER = "funder_reader"
    OPS = "ops"
    AUDITOR = "auditor"
    PUBLIC = "public"
    LINK = "link"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Grant:
    """That a principal has a role in a scope: a region prefix, one partner, one project, or else everywhere."""

    role: Role
    region: str | None = None
    partner_id: UUID | None = None
    project_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """What a caller may touch in this request: the union of the grants whose role may call the route."""

    everything: bool = False
    regions: tuple[str, ...] = ()
    partners: frozenset[UUID] = frozenset()
    projects: frozenset[UUID] = frozenset()

    @classmethod
    def of(cls, grants: Iterable[Grant]) -> "Scope":
        """The union of the grants."""
        grants = tuple(grants)
        return cls(
            everything=any(g.region is None and g.partner_id is None and g.project_id is None for g in grants),
            regions=tuple(sorted({g.region for g in grants if g.region})),
            partners=frozenset(g.partner_id for g in grants if g.partner_id),
            projects=frozenset(g.project_id for g in grants if g.project_id),
        )

    def covers_region(self, region: str | None) -> bool:
        """Whether the region (AGS) lies within one of the scope's."""
        return self.everything or (region is not None and any(region.startswith(own) for own in self.regions))

    def covers(self, thing: Any) -> bool:
        """Whether a row lies inside: by its region, its partner_id or its project_id; a row of none is everyone's."""
        if self.everything or not hasattr(thing, "region"):
            return True
        partner, project = getattr(thing, "partner_id", None), getattr(thing, "project_id", None)
        return self.covers_region(thing.region) or partner in self.partners or project in self.projects


EVERYTHING = Scope(everything=True)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: a principal (or `system`, `public`, `link`), the role it acts in, and the scope of this request."""

    principal: str
    role: Role
    scope: Scope = field(default_factory=Scope)

    def row_settings(self) -> dict[str, str]:
        """The settings that row-level security reads, local to the transaction."""
        scope = self.scope
        return {
            "scope": "all" if scope.everything else self.role.value,
            "regions": ",".join(scope.regions),
            "partners": ",".join(map(str, sorted(scope.partners))),
            "projects": ",".join(map(str, sorted(scope.projects))),
            "principal": self.principal,
        }


SYSTEM = Caller("system", Role.SYSTEM, EVERYTHING)
PUBLIC = Caller("public", Role.PUBLIC)
