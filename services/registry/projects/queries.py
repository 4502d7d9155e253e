"""Reads about projects: which ones a caller sees, and the secret by which an open one counts."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import Select, func
from sqlmodel import col, or_, select

from libs.common.callers import Caller, Role
from libs.common.db import OpenTransaction
from libs.common.refusals import NotFound
from services.registry.projects.model import Project, ProjectState


def seen_by(caller: Caller) -> Select[Project]:
    """The projects inside the caller's scope, and all that are open, unless the caller only reads for a funder."""
    query, scope = select(Project), caller.scope
    if scope.everything:
        return query
    own = [col(Project.region).startswith(prefix) for prefix in scope.regions]
    own += [col(Project.carrier_id).in_(scope.partners), col(Project.id).in_(scope.projects)]
    if caller.role is not Role.FUNDER_READER:
        own.append(col(Project.state) == ProjectState.OPEN)
    return query.where(or_(*own))


async def seen_project(transaction: OpenTransaction, project_id: UUID) -> Project:
    """One project that the caller sees, else NotFound."""
    query = seen_by(transaction.caller).where(col(Project.id) == project_id)
    project = (await transaction.scalars(query)).one_or_none()
    if project is None:
        raise NotFound("not-found", "There is no such {noun}.", noun="project")
    return project


async def carried_by(transaction: OpenTransaction, partner_ids: Iterable[UUID]) -> Sequence[UUID]:
    """The open projects that one of these partners carries."""
    query = select(Project.id).where(
        col(Project.carrier_id).in_(partner_ids), col(Project.state) == ProjectState.OPEN).order_by(col(Project.id))
    return (await transaction.scalars(query)).all()


async def countable_project(transaction: OpenTransaction, project_id: UUID) -> Project:
    """An open project, whoever administers it, that nobody closes until this transaction ends; else refused.

    Row-level security lets this one project be held, though it may lie outside the caller's scope.
    """
    await transaction.execute(select(func.set_config("lotse.project", str(project_id), True)))  # noqa: FBT003 - SQL
    project = await transaction.get(Project, project_id, with_for_update={"read": True})
    if project is None:
        raise NotFound("not-found", "There is no such {noun}.", field="project_id", noun="project")
    project.refuse_unless_open()
    return project


def secret_of(transaction: OpenTransaction, project: Project) -> bytes | None:
    """The project's count secret, None unless it is open."""
    if project.count_secret is None:
        return None
    return transaction.vault.unseal(project.secret_place, project.count_secret)
