"""A funded project as events knows it: its term and regions, copied from what the registry told."""

from datetime import date

from libs.common.columns import codes, plain
from libs.common.refusals import Refused
from services.events.tables import Table


class KnownProject(Table, table=True):
    """A copy of a project; its id is the project's. What lies outside its term or regions, the registry leaves out."""

    __tablename__ = "known_project"

    starts: date = plain()
    ends: date = plain()
    regions: list[str] = codes()
    open: bool = plain(default=True)


def refuse_unless_open(project: KnownProject | None) -> None:
    """An event counts for a project that is known and not closed yet, or for none."""
    if project is None:
        raise Refused("project-unknown", "Events knows no such project; a new one is known after a moment.",
                      field="project_id")
    if not project.open:
        raise Refused("project-closed", "The project is closed; nothing counts for it any more.", field="project_id")
