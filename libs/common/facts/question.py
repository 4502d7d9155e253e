"""A question: what one service asks another at the moment it needs it, and the answer that is never stored."""

from typing import ClassVar, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from libs.common.codes.types import LanguageTag

AnswerT = TypeVar("AnswerT", bound=BaseModel)


class Question(BaseModel, Generic[AnswerT]):
    """Asked by NATS request/reply on `ask.<service>.<what>.v<n>`; the answering service declares it.

    askers are the services that the bus lets ask. The answer may hold personal data: it is not persisted, and the
    answering service audits it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    subject: ClassVar[str]
    answer: ClassVar[type[BaseModel]]
    askers: ClassVar[tuple[str, ...]]

    @classmethod
    def owner(cls) -> str:
        """The service that answers."""
        return cls.subject.split(".")[1]


class Words(BaseModel):
    """What a notification says about a thing: plain values, texts by language tag, and times with offset."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    values: dict[str, str] = Field(default_factory=dict)
    texts: dict[str, dict[str, str]] = Field(default_factory=dict)
    times: dict[str, str] = Field(default_factory=dict)


class Addressee(Words):
    """Everything that one delivery to one person needs: where to, in which languages, the words, the signed links.

    email is None when the person has none or has been erased; then nothing can be sent. keeper names another service
    to ask about `person/<person_ref>` for name, address and languages, when the answering one does not have them.
    """

    name: str = ""
    email: str | None = None
    languages: tuple[LanguageTag, ...] = ()
    links: dict[str, str] = Field(default_factory=dict)
    keeper: str | None = None


class AddresseeAsked(Question[Addressee]):
    """How to reach this person for a notification about this thing (`<noun>/<id>`) by this template."""

    answer: ClassVar[type[BaseModel]] = Addressee
    askers: ClassVar[tuple[str, ...]] = ("notify",)

    person_ref: UUID
    about: str
    template: str


class WordsAsked(Question[Words]):
    """What to say about this thing (`<noun>/<id>`) to someone whose address the asking service has itself."""

    answer: ClassVar[type[BaseModel]] = Words
    askers: ClassVar[tuple[str, ...]] = ("notify",)

    about: str


class PersonsAsked(BaseModel):
    """The persons whom a service holds under a mail address or telephone number."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    person_refs: tuple[UUID, ...] = ()


class PersonsByAddress(Question[PersonsAsked]):
    """Which person_refs belong to a mail address or telephone number; only for an erasure, answered and forgotten."""

    answer: ClassVar[type[BaseModel]] = PersonsAsked
    askers: ClassVar[tuple[str, ...]] = ("registry",)

    address: str
