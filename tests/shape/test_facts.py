"""Facts: codes and opaque ids only, subjects of one form, golden schemas kept for ever, and who hears whom."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar
from uuid import UUID

import pytest

from libs.common.codes.types import Ags
from libs.common.facts import HEARS
from libs.common.facts.fact import Fact
from libs.common.reactions import Reactions, reacts_to
from tests.contract import files
from tests.contract.apps import app_of
from tests.shape.places import ROOT, SERVICES

GOLDEN = files.HERE / "facts"
SUBJECT = re.compile(r"^(registry|events|matching|notify)\.[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*\.v[1-9][0-9]*$")
# A verb in the past tense, or what stands for one: a state that was entered.
PAST = re.compile(r"(^|_)([a-z]+ed|given|withdrawn|left|held|sent|done|due|ready|waiting|at_risk)(_|$)")
# What a person could have written, and no field of a fact may take.
WRITTEN = ("Anna Müller", "anna.mueller@example.org", "+49 391 1234567", "فاطمة", "Олена Шевченко", "Am Markt 1")

# Texts without a form that a fact may carry, each with the reason why they name nobody.
FREE = {
    ("registry.access_key.issued.v1", "hash"): "SHA-256 of 256 random bits",
    ("registry.consultation.recorded.v1", "subject_key"): "keyed hash; its secret goes with the project's report",
    ("registry.erasure.completed.v1", "receipt_hash"): "SHA-256 of a receipt that names nobody",
    ("events.attendance.recorded.v1", "count_key"): "keyed hash; its secret goes with the project's report",
}

# Whom a service hears without a reaction of its own yet; a pair goes when its first reaction comes.
NO_REACTION_YET = {
    ("events", "matching"), ("events", "notify"),
}


def facts_of(service: str) -> list[type[Fact]]:
    """The facts that a service announces; a class without a subject is only what others have in common."""
    spoken = vars(importlib.import_module(f"libs.common.facts.{service}")).values()
    return [kind for kind in spoken if isinstance(kind, type) and issubclass(kind, Fact) and "subject" in vars(kind)]


FACTS = [kind for service in SERVICES for kind in facts_of(service)]


def free_fields(kind: type[Fact]) -> Iterator[str]:
    """The fields in which a name, an address or a note could travel."""
    schema = kind.model_json_schema()
    for name, field in schema["properties"].items():
        if any(_is_free(part) for part in _parts(field, schema.get("$defs", {}))):
            yield name


def _parts(schema: Any, definitions: dict[str, Any], *, seen: tuple[str, ...] = ()) -> Iterator[dict[str, Any]]:
    """The schema and all that it is made of, references followed once."""
    if isinstance(schema, list):
        for one in schema:
            yield from _parts(one, definitions, seen=seen)
    if not isinstance(schema, dict):
        return
    yield schema
    name = str(schema.get("$ref", "")).rsplit("/", 1)[-1]
    if name and name not in seen:
        yield from _parts(definitions[name], definitions, seen=(*seen, name))
    inner = [schema.get(key, {}) for key in ("items", "propertyNames", "additionalProperties")]
    inner += [schema.get(key, []) for key in ("anyOf", "allOf", "oneOf", "prefixItems")]
    inner += [one for key in ("properties", "patternProperties") for one in schema.get(key, {}).values()]
    for one in inner:
        if one:
            yield from _parts(one, definitions, seen=seen)


def _is_free(schema: dict[str, Any]) -> bool:
    if schema.get("type") == "string" and not schema.keys() & {"format", "enum", "const"}:
        return any(re.search(schema.get("pattern", ""), text) for text in WRITTEN)
    if schema.get("type") == "object":
        return bool(schema.get("additionalProperties")) and "propertyNames" not in schema
    # A schema that says nothing takes everything.
    return not schema.keys() & {"type", "$ref", "anyOf", "allOf", "oneOf", "enum", "const"}


def misnamed(kind: type[Fact], service: str) -> Iterator[str]:
    """What is wrong with a fact's subject, with its class beside it, or with what it says it is about."""
    if not SUBJECT.match(kind.subject) or kind.speaker() != service:
        yield f"{kind.subject}: not {service}.<noun>.<past verb>.v<n>"
        return
    verb = kind.subject.split(".")[2]
    said = "".join(part.capitalize() for part in f"{kind.noun()}_{verb}".split("_"))
    if not PAST.search(verb):
        yield f"{kind.subject}: {verb} is not in the past tense"
    if kind.__name__ not in {said, service.capitalize() + said}:
        yield f"{kind.__name__}: {kind.subject} is called {said}"
    about = kind.model_fields.get(kind.about_field or f"{kind.noun()}_id")
    if about is None or about.annotation is not UUID:
        yield f"{kind.__name__}: no UUID says which {kind.noun()} it is about"


def golden(kind: type[Fact]) -> str:
    """The fact's shape as it is kept in a file."""
    return files.as_json({"subject": kind.subject, "about": kind.about_field or f"{kind.noun()}_id",
                          "schema": kind.model_json_schema()})


def deaf(reactions: Reactions, hears: tuple[str, ...]) -> set[str]:
    """Speakers that are reacted to but not heard."""
    return reactions.speakers() - set(hears)


def forgotten(reactions: Reactions, modules: list[ModuleType]) -> list[str]:
    """Marked functions of reactions modules that the service was not given."""
    given = {function for told in reactions.to_facts.values() for _, function in told}
    given |= {*reactions.to_due.values(), *reactions.to_questions.values(), *reactions.to_new_copies}
    marks = ("reacts_to", "when_due", "answers", "copies_made_anew")
    return [f"{module.__name__}.{name}" for module in modules for name, function in vars(module).items()
            if any(hasattr(function, f"lotse_{mark}") for mark in marks) and function not in given]


def reactions_of(service: str) -> tuple[Reactions, list[ModuleType]]:
    """What the service reacts to as it is put together, and the reactions modules of its nouns."""
    places = sorted((ROOT / "services" / service).glob("*/reactions.py"))
    modules = [importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts)) for path in places]
    return app_of(service).state.running.inbox.reactions, modules


@pytest.mark.parametrize("kind", FACTS, ids=lambda kind: kind.__name__)
def test_a_fact_carries_codes_and_opaque_ids_only(kind: type[Fact]) -> None:
    """No field takes what a person could have written, but for hashes that are listed with their reason."""
    assert [name for name in free_fields(kind) if (kind.subject, name) not in FREE] == []


def test_what_may_be_free_is_still_there() -> None:
    """A listed exception that nothing needs any more is taken out."""
    assert FREE.keys() <= {(kind.subject, name) for kind in FACTS for name in free_fields(kind)}


@pytest.mark.parametrize("service", SERVICES)
def test_facts_are_named_by_speaker_noun_and_past_verb(service: str) -> None:
    """`<service>.<noun>.<past verb>.v<n>`, the class named alike, and a UUID that says what it is about."""
    assert [fault for kind in facts_of(service) for fault in misnamed(kind, service)] == []


def test_no_two_facts_have_one_subject() -> None:
    """A listener finds one class by one subject."""
    assert len({kind.subject for kind in FACTS}) == len(FACTS)


@pytest.mark.parametrize("kind", FACTS, ids=lambda kind: kind.__name__)
def test_a_fact_is_as_its_golden_file_says(kind: type[Fact]) -> None:
    """Changes of the published language only add, and are read in the diff."""
    assert files.differs(GOLDEN / f"{kind.subject}.json", golden(kind)) == ""


def test_every_golden_file_is_a_fact() -> None:
    """Released facts are kept for ever: what was once said must be understood again."""
    assert files.left_over(GOLDEN, {f"{kind.subject}.json" for kind in FACTS}) == []


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_hears_whom_it_reacts_to(service: str) -> None:
    """A reaction to a speaker whom HEARS leaves out would never be told anything."""
    reactions, modules = reactions_of(service)

    assert deaf(reactions, HEARS[service]) == set()
    assert forgotten(reactions, modules) == []


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_reacts_to_whom_it_hears(service: str) -> None:
    """A durable that nothing reacts to is read for nothing; those of today are listed, and the list only shrinks."""
    reactions, _ = reactions_of(service)

    assert {(service, speaker) for speaker in HEARS[service] if speaker not in reactions.speakers()} == {
        pair for pair in NO_REACTION_YET if pair[0] == service}


class Base(Fact):
    """A fact to plant faults in."""

    subject: ClassVar[str] = "registry.offer.published.v1"
    offer_id: UUID


class Planted(Base):
    """One field for each way in which a text could travel, and some in which none can."""

    name: str
    maybe: str | None = None
    many: tuple[str, ...] = ()
    by_key: dict[str, int] = {}  # noqa: RUF012 - pydantic copies it
    nested: list[dict[Ags, str]] = []  # noqa: RUF012 - pydantic copies it
    anything: Any = None
    region: Ags
    counts: dict[Ags, int] = {}  # noqa: RUF012 - pydantic copies it


def test_planted_texts_are_found() -> None:
    """A free text is found as it is, optional, in a list, as a key, nested, and as anything at all."""
    assert list(free_fields(Planted)) == ["name", "maybe", "many", "by_key", "nested", "anything"]


@pytest.mark.parametrize(("name", "subject", "about"), [
    ("OfferPublished", "registry.offer.published", ""),
    ("OfferPublished", "registry.Offer.published.v1", ""),
    ("OfferPublished", "events.offer.published.v1", ""),
    ("OfferPublish", "registry.offer.publish.v1", ""),
    ("PublishOffer", "registry.offer.published.v1", ""),
    ("PartnerVerified", "registry.partner.verified.v1", ""),
    ("OfferPublished", "registry.offer.published.v1", "partner_id"),
])
def test_planted_names_are_found(name: str, subject: str, about: str) -> None:
    """A subject without version, of another speaker or form, in the present tense, or about nothing, is refused."""
    planted = type(name, (Base,), {"__module__": __name__, "__annotations__": {}, "subject": subject,
                                   "about_field": about})

    assert len(list(misnamed(planted, "registry"))) == 1


def test_a_changed_missing_or_forgotten_golden_file_is_found(tmp_path: Path) -> None:
    """A field more in the code than in the file, no file, and a file without a fact are all found."""
    place = tmp_path / "registry.offer.published.v1.json"
    files.differs(place, golden(Base), write=True)

    assert files.differs(place, golden(Base), write=False) == ""
    assert "not what the code says" in files.differs(place, golden(Planted), write=False)
    assert "missing" in files.differs(tmp_path / "other.json", golden(Base), write=False)
    assert files.left_over(tmp_path, set(), write=False) == [place.name]


def test_a_planted_reaction_is_found() -> None:
    """A reaction to a speaker who is not heard, and one in a module that the service was not given."""
    @reacts_to(Base)
    async def told(_transaction: Any, _fact: Base) -> None: ...

    module = ModuleType("planted")
    module.__dict__["told"] = told

    assert deaf(Reactions.of([module]), ("events",)) == {"registry"}
    assert forgotten(Reactions.of([module]), [module]) == []
    assert forgotten(Reactions.of([ModuleType("nothing")]), [module]) == ["planted.told"]
