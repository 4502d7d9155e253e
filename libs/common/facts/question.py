"""A question: what one service asks another at the moment it needs it, and the answer that is never stored."""

from typing import ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

AnswerT = TypeVar("AnswerT", bound=BaseModel)


class Question(BaseModel, Generic[AnswerT]):
    """Asked by NATS request/reply on `ask.<service>.<what>.v<n>`; the answering service declares it.

    The answer may hold personal data: it is not persisted, and the answering service audits it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    subject: ClassVar[str]
    answer: ClassVar[type[BaseModel]]
    askers: ClassVar[tuple[str, ...]]

    @classmethod
    def owner(cls) -> str:
        """The service that answers."""
        return cls.subject.split(".")[1]
