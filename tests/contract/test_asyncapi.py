"""The AsyncAPI document of each service is a text file too, and every reference in it leads somewhere."""

from collections.abc import Iterator
from typing import Any

import pytest

from libs.common import asyncapi
from tests.contract import files
from tests.contract.apps import SERVICES, app_of

DOCUMENTS = files.HERE / "asyncapi"


def document_of(service: str) -> dict[str, Any]:
    """What `GET /v1/asyncapi.json` answers."""
    return asyncapi.document(service, app_of(service).state.running.inbox.reactions)


def references(part: Any) -> Iterator[str]:
    """Every $ref of the part."""
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


def dangling(document: dict[str, Any]) -> list[str]:
    """References (JSON pointers from the document's root) behind which nothing stands."""
    return sorted({pointer for pointer in references(document) if not _leads(document, pointer)})


def _leads(document: Any, pointer: str) -> bool:
    root, *steps = pointer.split("/")
    place = document
    for step in steps:
        key = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(place, dict) or key not in place:
            return False
        place = place[key]
    return root == "#"


@pytest.mark.parametrize("service", SERVICES)
def test_the_facts_are_as_the_document_says(service: str) -> None:
    """What a service announces, hears and answers changes only in a diff that a reviewer reads."""
    assert files.differs(DOCUMENTS / f"{service}.json", files.as_json(document_of(service))) == ""


@pytest.mark.parametrize("service", SERVICES)
def test_every_reference_leads_somewhere(service: str) -> None:
    """A partner's program can make its types of the document."""
    assert dangling(document_of(service)) == []


def test_every_document_is_of_a_service() -> None:
    """No document is left of what is gone."""
    assert files.left_over(DOCUMENTS, {f"{service}.json" for service in SERVICES}) == []


def test_a_planted_reference_into_nothing_is_found() -> None:
    """A definition inside its payload is not where a reference from the root looks for it."""
    inside = {"payload": {"$defs": {"Role": {}}, "role": {"$ref": "#/$defs/Role"}}, "a/b": {}}

    assert dangling(inside | {"also": [{"$ref": "#/a~1b"}]}) == ["#/$defs/Role"]
