"""The OpenAPI document of each service is a text file that a reviewer reads in the diff."""

import json
import re
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import Body, FastAPI
from pydantic import Base64Bytes, BaseModel

from libs.common.openapi import PROBLEM
from tests.contract import files
from tests.contract.apps import SERVICES, app_of, operations_of

DOCUMENTS = files.HERE / "openapi"
# Changes without If-Match, each with the reason why nothing of another's can be lost. What a link's holder does is
# none of them: they have read no ETag, and the link is for one purpose.
UNCONDITIONAL = {
    "revoke_access_key": "it ends once and for all, whatever else was changed",
    "withdraw_grant": "it ends once and for all, whatever else was changed",
    "assure_offer": "it confirms what is there and overwrites nothing",
    "correct_attendance": "who says it knows who was there, whatever was written down before",
    "record_attendance": "it adds who was there, and leaves alone what is recorded already",
    **dict.fromkeys(("offer_own_data_to_mentor", "offer_own_data_to_household", "offer_own_data_to_member"),
                    "it has a mail sent, and changes nothing that somebody has read"),
    **dict.fromkeys(("find_counselling_cases", "find_tandems"),
                    "it reads; the address stands in the body, so that no log of paths has it"),
    **dict.fromkeys(("cancel_run", "cancel_simulation"),
                    "it ends once and for all; who computes it changes nothing that somebody has read"),
    "approve_some": "several at once, each refused unless it is proposed still, or approved already",
    "release_rest": "it takes only what nobody has decided on, whatever else was changed",
    "move_clock": "a demonstration's clock only moves forward",
    "replay_parked": "a command to this service, about no thing of the field",
    "discard_parked": "a command to this service, about no thing of the field",
}


# Operations that take anything but JSON of fields, each with the reason; a form of a page is fields of text as well.
TAKING_FILES: dict[str, str] = {}
OF_A_FILE = re.compile(r'"format": "(binary|byte|base64|base64url)"|"content(MediaType|Encoding)"')


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


def careless(app: FastAPI) -> dict[str, str]:
    """Operations that create without Idempotency-Key or change without If-Match, and which of the two they lack."""
    found = {}
    for name, (method, path, operation) in operations_of(app).items():
        headers = {one["name"].lower() for one in operation.get("parameters", ()) if one["in"] == "header"}
        creates = not {"201", "202"}.isdisjoint(operation["responses"])
        lacks = "idempotency-key" if method == "POST" and creates else "if-match"
        if method != "GET" and "{token}" not in path and lacks not in headers:
            found[name] = lacks
    return found


def taking_files(app: FastAPI) -> dict[str, list[str]]:
    """Operations whose bodies are no JSON, or have a file in it however deep, and the kinds of content they take."""
    schemas = app.openapi().get("components", {}).get("schemas", {})
    found = {}
    for name, (_, _, operation) in operations_of(app).items():
        content = operation.get("requestBody", {}).get("content", {})
        if content.keys() - {"application/json"} or OF_A_FILE.search(spelled_out(content, schemas)):
            found[name] = sorted(content)
    return found


def spelled_out(content: Any, schemas: dict[str, Any]) -> str:
    """What is said of a body, with all the schemas that it leads to."""
    told, seen = json.dumps(content), set[str]()
    while named := set(re.findall(r'"#/components/schemas/([^"]+)"', told)) - seen:
        told += "".join(json.dumps(schemas[name]) for name in named)
        seen |= named
    return told


@pytest.mark.parametrize("service", SERVICES)
def test_nobody_can_upload_a_file(service: str) -> None:
    """No certificate, no record and no photograph of anybody reaches any service; what is listed has its reason."""
    bodies = [one for _, _, one in operations_of(app_of(service)).values() if "requestBody" in one]
    assert bodies
    assert taking_files(app_of(service)).keys() == TAKING_FILES.keys() & operations_of(app_of(service)).keys()


def test_a_planted_upload_is_found() -> None:
    """As the body itself, and as a field of something inside it; a body of fields is none."""
    app = FastAPI(generate_unique_id_function=lambda route: route.name)

    class Paper(BaseModel):
        content: Base64Bytes

    class Papers(BaseModel):
        papers: list[Paper]

    @app.post("/v1/raw")
    async def send_file(body: Annotated[bytes, Body(media_type="application/pdf")]) -> None:
        """Take the bytes of a file."""

    @app.post("/v1/deep")
    async def send_papers(body: Papers) -> None:
        """Take files inside JSON."""

    @app.post("/v1/fields")
    async def send_fields(body: dict[str, str]) -> None:
        """Take fields."""

    app.openapi_schema = None
    assert taking_files(app) == {"send_file": ["application/pdf"], "send_papers": ["application/json"]}


@pytest.mark.parametrize("service", SERVICES)
def test_what_creates_is_idempotent_and_what_changes_asks_for_what_was_read(service: str) -> None:
    """A repeated POST creates nothing twice, and nobody overwrites another's change; exceptions have their reasons."""
    assert {name: lack for name, lack in careless(app_of(service)).items()
            if name not in UNCONDITIONAL or lack != "if-match"} == {}


def test_every_exception_is_still_one() -> None:
    """A reason that nothing needs any more is taken out."""
    assert UNCONDITIONAL.keys() <= {name for service in SERVICES for name in careless(app_of(service))}


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

    @app.post("/v1/secret", status_code=201)
    async def make_secret() -> dict[str, Any]:
        return {}

    @app.put("/v1/secret")
    async def change_secret() -> dict[str, Any]:
        return {}

    app.openapi_schema = None
    assert "not what the code says" in files.differs(place, files.as_json(app.openapi()), write=False)
    assert sorted(untold(app)) == sorted(unrefused(app)) == ["change_secret", "make_secret", "secret"]
    assert careless(app) == {"make_secret": "idempotency-key", "change_secret": "if-match"}
