"""What matching keeps of funded projects when the registry tells of them."""

from libs.common.db import OpenTransaction
from libs.common.facts.registry import ProjectClosed, ProjectOpened
from libs.common.reactions import keeps_copy
from services.matching.projects.model import KnownProject


@keeps_copy(ProjectOpened)
async def know_project(transaction: OpenTransaction, fact: ProjectOpened) -> None:
    """From now on tandems may count for the project."""
    known = await transaction.get(KnownProject, fact.project_id, with_for_update=True)
    known = known or KnownProject(id=fact.project_id, starts=fact.starts, ends=fact.ends)
    known.starts, known.ends, known.regions, known.closed = fact.starts, fact.ends, list(fact.regions), False
    transaction.add(known)
    await transaction.flush()


@keeps_copy(ProjectClosed)
async def close_project(transaction: OpenTransaction, fact: ProjectClosed) -> None:
    """No further tandem counts for it."""
    known = await transaction.get(KnownProject, fact.project_id, with_for_update=True)
    if known:
        known.closed = True
        await transaction.flush()
