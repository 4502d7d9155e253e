"""The OpenAPI document: beside what FastAPI finds in the routes, who is calling, and every refusal as it is sent."""

from collections.abc import Collection, Mapping
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from libs.common.callers import Role

PROBLEM = "application/problem+json"
PAGE = {"text/html": {"schema": {"type": "string"}}}
# What FastAPI believes an unreadable request to be answered with; here it is a problem document like any other.
NOT_OURS = ("HTTPValidationError", "ValidationError")
# The name of each, as in refusals.py, and when it comes.
REFUSALS = {
    400: ("Unreadable", "The body is no JSON at all."),
    401: ("NotAuthenticated", "Nobody we know: the key or token is missing, incomplete, expired or revoked."),
    403: ("NotAllowed", "A known caller, without the grant for this."),
    404: ("NotFound", "There is no such thing, or none that the caller may know of."),
    409: ("Refused", "A rule of the field is against it as things stand now."),
    412: ("Stale", "It has changed since the caller read it."),
    413: ("TooLarge", "The body is larger than 256 KiB."),
    422: ("Invalid", "The request cannot be taken as it is; `faults` names the places."),
    428: ("Missing", "If-Match is missing."),
    429: ("TooMany", "Too many requests; `Retry-After` says how long to wait."),
    500: ("Bug", "A bug; nothing was changed."),
    503: ("Unavailable", "Something that this needs is away; nothing was changed. Try again after `Retry-After`."),
}
# Headers of answers, by the name under which components has them; each is always there where it is named.
HEADERS = {
    "X-Correlation-Id": "Connects the request with all that follows from it, in the logs of every service; the caller's"
                        " own, or made for it.",
    "ETag": "The version of what is answered with, quoted; `If-Match` of a change takes it.",
    "Location": "Where it goes on, as a path of this service.",
    "Retry-After": "After how many seconds to try again.",
    "WWW-Authenticate": "`Bearer`: an access key or token is wanted.",
}
HEADER_FORMS = {"ETag": {"pattern": '^"[0-9]{1,9}"$'}, "Retry-After": {"pattern": "^[0-9]+$"}}
REFUSED_WITH = {401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}
BEARER = {"type": "http", "scheme": "bearer", "description": "An access key (`net_…`) or a token of the OIDC issuer."}


class FaultOut(BaseModel):
    """One place of a request that is not as expected; never what stood there."""

    field: str
    place: str = Field(alias="in", description="body, query, path or header")
    fault: str = Field(examples=["missing"])


class ProblemOut(BaseModel):
    """A refusal (RFC 9457): slug for programs, detail for people in German or English, correlation for operators."""

    type: str = Field(examples=["urn:lotsennetz:refusal:not-found"])
    slug: str = Field(examples=["not-found"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["There is no such partner."])
    correlation: str
    field: str | None = Field(None, description="The input at fault, where there is one.")
    codes: dict[str, list[str]] = Field(
        default={}, examples=[{"state": ["in_review"]}], description="The codes behind words of `detail`.")
    faults: list[FaultOut] = Field(default=[], description="Every place at fault of a request that cannot be read.")


class Documented(FastAPI):
    """An app whose OpenAPI document says who may call what, and how it is refused; it reads `state.permissions`.

    `state.telling` names the operations that say more than their body: where what they began goes on (202), or else the
    version of what they answer with.
    """

    def openapi(self) -> dict[str, Any]:
        """The document, made once."""
        if self.openapi_schema is None:
            made = super().openapi()
            _describe(made, self.state.permissions, self.state.telling)
        return super().openapi()


def _describe(made: dict[str, Any], permissions: Mapping[str, Collection[Role]], telling: Collection[str]) -> None:
    components = made.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in NOT_OURS:
        schemas.pop(name, None)
    _, problem = models_json_schema([(ProblemOut, "serialization")], ref_template="#/components/schemas/{model}")
    schemas |= problem["$defs"]
    _close(schemas)
    components["responses"] = {name: _response(status) for status, (name, _) in REFUSALS.items()}
    components["headers"] = {
        name: {"description": told, "required": True, "schema": {"type": "string", **HEADER_FORMS.get(name, {})}}
        for name, told in HEADERS.items()}
    components["securitySchemes"] = {"bearer": BEARER}
    for methods in made["paths"].values():
        for method, operation in methods.items():
            _headers(operation, tells=operation["operationId"] in telling)
            roles = permissions.get(operation["operationId"])
            if roles is not None:
                _refusals(method, operation, roles)
                operation["security"] = _security(roles)


def _close(schema: Any) -> None:
    """Say that a key of another form than the named one is refused; pydantic does refuse it, and does not say so."""
    if isinstance(schema, dict):
        if "patternProperties" in schema:
            schema.setdefault("additionalProperties", False)
        for part in schema.values():
            _close(part)
    elif isinstance(schema, list):
        for part in schema:
            _close(part)


def _headers(operation: dict[str, Any], *, tells: bool) -> None:
    """Say what every answer that FastAPI knows of carries beside its body; refusals are described apart."""
    for status, answer in operation["responses"].items():
        if status < "300":
            more = ["Location" if status == "202" else "ETag"] if tells else []
            answer["headers"] = _named("X-Correlation-Id", *more)


def _named(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _refusals(method: str, operation: dict[str, Any], roles: Collection[Role]) -> None:
    by_link = Role.LINK in roles
    if by_link and method == "post":
        for answer in operation["responses"].values():
            answer.get("content", {}).update(PAGE)
    for status in sorted(_possible(method, operation, roles)):
        shared = {"$ref": f"#/components/responses/{REFUSALS[status][0]}"}
        operation["responses"][str(status)] = _response(status, PAGE) if by_link and status in {404, 409} else shared


def _possible(method: str, operation: dict[str, Any], roles: Collection[Role]) -> set[int]:
    parameters = operation.get("parameters", [])
    named = {(one["in"], one["name"]) for one in parameters}
    conditions = {
        403: Role.PUBLIC not in roles or method != "get",
        404: method != "get" or any(place == "path" or name.endswith(("_id", "_ref")) for place, name in named),
        409: method != "get" or "409" in operation["responses"],
        422: bool(parameters) or "requestBody" in operation,
    }
    return {
        401, 429, 500, 503, *(status for status, holds in conditions.items() if holds),
        *({400, 413} if "requestBody" in operation else ()),
        *({412, 428} if ("header", "if-match") in named else ()),
    }


def _security(roles: Collection[Role]) -> list[dict[str, list[str]]]:
    if Role.LINK in roles:
        return []
    return [{}, {"bearer": []}] if Role.PUBLIC in roles else [{"bearer": []}]


def _response(status: int, besides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    problem = {PROBLEM: {"schema": {"$ref": "#/components/schemas/ProblemOut"}}}
    more = [REFUSED_WITH[status]] if status in REFUSED_WITH else []
    return {"description": REFUSALS[status][1], "headers": _named("X-Correlation-Id", *more),
            "content": problem | dict(besides or {})}
