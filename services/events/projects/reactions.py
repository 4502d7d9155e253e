"""What events does when a project is opened or closed: it keeps its copy, by which it knows what an event may name."""

from libs.common.db import OpenTransaction
from libs.common.facts.registry import ProjectClosed, ProjectOpened
from libs.common.reactions import keeps_copy
from services.events.projects.model import KnownProject


@keeps_copy(ProjectOpened)
async def know_project(transaction: OpenTransaction, fact: ProjectOpened) -> None:
    """From now on events may count for the project."""
    project = await transaction.get(KnownProject, fact.project_id)
    if project is None:
        project = KnownProject(id=fact.project_id, starts=fact.starts, ends=fact.ends)
        transaction.add(project)
    project.starts, project.ends, project.regions = fact.starts, fact.ends, list(fact.regions)
    await transaction.flush()


@keeps_copy(ProjectClosed)
async def close_project(transaction: OpenTransaction, fact: ProjectClosed) -> None:
    """From now on no event may name the project; what happened before keeps its name."""
    project = await transaction.get(KnownProject, fact.project_id)
    if project is not None:
        project.open = False
        await transaction.flush()
