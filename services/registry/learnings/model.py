"""A learning: that one was captured, and its checked text once matching has answered with it."""

from datetime import date
from uuid import UUID

from libs.common.columns import plain
from libs.common.refusals import Refused
from services.registry.tables import Table


class Learning(Table, table=True):
    """A learning by matching's id; the text was checked for names before it left matching."""

    kind: str = plain()
    field: str | None = plain(None)
    region: str = plain(index=True)
    text: str | None = plain(None)
    language: str | None = plain(None)
    captured_on: date | None = plain(None)
    observation_id: UUID | None = plain(None)

    def take_text(self, text: str, language: str, captured_on: date) -> None:
        """Matching answered with the text."""
        self.text, self.language, self.captured_on = text, language, captured_on

    def become(self, observation_id: UUID) -> None:
        """An observation was made of it; a second one is refused."""
        if self.observation_id is not None:
            raise Refused("learning-used", "An observation has been made of this learning already.")
        self.observation_id = observation_id
