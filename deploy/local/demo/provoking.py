"""Refusals provoked with personal data: wherever it can stand in a request, the answer is not to repeat it."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from deploy.local.demo.cafe import FAMILY, FAMILY_NAME
from deploy.local.demo.households import YOUNG_MAN
from deploy.local.demo.stage import EVERYONE, Actor, Stage

PERSON = YOUNG_MAN["contact"]
FAMILY_IN = {"name": FAMILY_NAME, "email": FAMILY, "languages": ["ar"]}
TOO_MUCH = 300_000


async def provoke(stage: Stage) -> None:
    """Send names and addresses in bodies, fields' names, paths, queries and headers that are refused."""
    await _by_everyone(stage)
    await _by_the_counsellor(stage, f"/households/{stage.things['other_household']}/contact")
    stage.tell("Names and addresses in requests that cannot be taken are refused, in a dozen ways.")


async def _by_everyone(stage: Stage) -> None:
    body = {"party": {"adults": 1}, "person": FAMILY_IN}
    subscription = {"region": FAMILY_NAME, "email": FAMILY_NAME, "languages": [FAMILY_NAME], FAMILY_NAME: FAMILY}
    for refused, service, method, path, more in (
        ((400, 422), "registry", "POST", "/partners", {"content": f'{{"name": "{FAMILY_NAME}'.encode()}),
        ((422,), "notify", "POST", "/subscriptions", {"json": subscription}),
        ((404,), "events", "POST", f"/events/{uuid4()}/registrations", {"json": body}),
        ((422,), "events", "POST", f"/events/{FAMILY}/registrations", {"json": body}),
        ((413,), "registry", "POST", "/partners", {"json": {"name": FAMILY_NAME * TOO_MUCH}}),
        ((422,), "registry", "GET", f"/partners/{quote(FAMILY_NAME)}", {}),
        ((422,), "registry", "GET", "/partners", {"params": {"region": FAMILY_NAME, "cursor": FAMILY}}),
        ((404,), "registry", "GET", f"/{quote(FAMILY_NAME)}", {}),
        ((405,), "registry", "DELETE", "/partners", {"params": {"name": FAMILY_NAME}}),
        ((422,), "registry", "POST", "/partners", {"json": {}, "headers": {"Idempotency-Key": f"x {FAMILY}"}}),
    ):
        await _refused(stage, EVERYONE, method, service, path, refused, more)


async def _by_the_counsellor(stage: Stage, contact: str) -> None:
    counsellor, funder = stage.cast["counsellor"], stage.cast["funder_reader"]
    for who, status, headers in (
        (EVERYONE, 401, {}), (funder, 403, {"If-Match": '"1"'}), (counsellor, 428, {}),
        (counsellor, 412, {"If-Match": '"999"'}), (counsellor, 422, {"If-Match": PERSON["email"]}),
    ):
        await _refused(stage, who, "PUT", "matching", contact, (status,), {"json": PERSON, "headers": headers})


async def _refused(
    stage: Stage, who: Actor, method: str, service: str, path: str, status: tuple[int, ...], more: Mapping[str, Any],
) -> None:
    """Send it just so; StepFailed when it is not refused as expected."""
    sent = dict(more) | {"headers": {**who.headers, **more.get("headers", {}), "Accept-Language": "de"}}
    answer = await stage.client.request(method, f"{stage.urls[service]}/v1{path}", **sent)
    if answer.status_code not in status:
        stage.observe(holds=False, sentence=f"{method} {service} {path.split('/')[1]} is refused with {status}, not"
                                            f" {answer.status_code}")
