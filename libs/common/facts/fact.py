"""A fact: what one service tells the others after it happened, as codes and opaque ids only."""

from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from libs.common.codes.types import Code


class Fact(BaseModel):
    """What one service decided, told once, in the past tense; the speaker declares it.

    A class names its NATS subject `<service>.<noun>.<past verb>.v<n>` and the field that holds the id of the
    aggregate it is about (`<noun>_id` unless said otherwise). Unknown fields are ignored, so that old code
    hears new facts; an unknown code fails validation, and the listener parks the fact.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    subject: ClassVar[str]
    about_field: ClassVar[str] = ""

    @classmethod
    def speaker(cls) -> str:
        """The service that announces this fact."""
        return cls.subject.split(".", 1)[0]

    @classmethod
    def noun(cls) -> str:
        """The aggregate's noun in the singular, as it stands in the subject."""
        return cls.subject.split(".")[1]

    def about(self) -> str:
        """The aggregate as `<noun>/<id>`: facts about one aggregate keep their order, also behind a parked one."""
        noun = self.noun()
        return f"{noun}/{vars(self)[self.about_field or f'{noun}_id']}"


class ErasedFact(Fact):
    """What each service tells once it has erased its part of an erasure, of which stores."""

    about_field: ClassVar[str] = "erasure_id"

    erasure_id: UUID
    service: Code
    stores: tuple[Code, ...]
