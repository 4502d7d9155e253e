"""The OpenAPI document of each service is a text file that a reviewer reads in the diff."""

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from libs.common.openapi import PROBLEM
from tests.contract import files
from tests.contract.apps import SERVICES, app_of, operations_of

DOCUMENTS = files.HERE / "openapi"


def untold(app: FastAPI) -> list[str]:
    """Operations that do not say what they do, or by whom they may be called."""
    return [name for name, (_, _, operation) in operations_of(app).items()
            if not operation.get("summary") or "May be called by:" not in operation.get("description", "")]


def unrefused(app: FastAPI) -> list[str]:
    """Operations that are silent about how they refuse, or say so in another form than that of a problem document."""
    shared = app.openapi().get("components", {}).get("responses", {})
    found = []
    for name, (_, _, operation) in operations_of(app).items():
        refusals = {status: shared.get(told["$ref"].rsplit("/", 1)[1], {}) if "$ref" in told else told
                    for status, told in operation["responses"].items() if status >= "400"}
        if {"401", "429", "500", "503"} - refusals.keys() or any(
                PROBLEM not in told.get("content", {}) for told in refusals.values()):
            found.append(name)
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_says_how_it_refuses(service: str) -> None:
    """Each status is documented, and each is a problem document."""
    assert unrefused(app_of(service)) == []


@pytest.mark.parametrize("service", SERVICES)
def test_the_api_is_as_its_document_says(service: str) -> None:
    """A changed API is a changed file."""
    assert files.differs(DOCUMENTS / f"{service}.json", files.as_json(app_of(service).openapi())) == ""


def test_every_document_is_of_a_service() -> None:
    """No document is left of what is gone."""
    assert files.left_over(DOCUMENTS, {f"{service}.json" for service in SERVICES}) == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_says_what_it_does_and_for_whom(service: str) -> None:
    """A partner's programmer needs nothing but the document."""
    assert untold(app_of(service)) == []


def test_a_planted_change_and_a_planted_silence_are_found(tmp_path: Path) -> None:
    """A route more than in the file is a difference, and one that says nothing is named."""
    app = FastAPI(generate_unique_id_function=lambda route: route.name)
    place = tmp_path / "registry.json"
    files.differs(place, files.as_json(app.openapi()), write=True)

    @app.get("/v1/secret", summary="")
    async def secret() -> dict[str, Any]:
        return {}

    app.openapi_schema = None
    assert "not what the code says" in files.differs(place, files.as_json(app.openapi()), write=False)
    assert untold(app) == ["secret"]
    assert unrefused(app) == ["secret"]
