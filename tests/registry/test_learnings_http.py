"""Learnings: heard from matching, their text asked for while it may be away, and made an observation once."""

import asyncio
import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest_asyncio

from libs.common.callers import Role
from libs.common.facts.matching import LearningCaptured
from tests.harness import Network, new_idempotency_key
from tests.registry.steps import Headers, answering, ok, refusal, told

ASKED = "ask.matching.learning_text.v1"
TEXT = "Ein fester Wochentag hilft beiden Seiten."


async def say_text(body: bytes) -> bytes:
    """Matching answers with the checked text."""
    assert "learning_id" in json.loads(body)
    return json.dumps({"answer": {"text": TEXT, "language": "de", "captured_on": "2027-06-01"}}).encode()


async def refuse(_: bytes) -> bytes:
    """Matching does not know the learning any more."""
    said = {"de": "Das gibt es hier nicht.", "en": "It is gone."}
    return json.dumps({"refused": "not-found", "said": said}).encode()


@pytest_asyncio.fixture
async def coordinator(network: Network, registry: Any) -> Headers:
    """The coordinator of the region, while the registry runs."""
    return await network.key(Role.COORDINATOR, region="15087")


async def heard(network: Network) -> str:
    """The address of a learning that matching has told of."""
    fact = LearningCaptured(learning_id=uuid4(), kind="rhythm", region="15087")
    await network.tell("registry", fact)
    return f"/v1/learnings/{fact.learning_id}"


async def test_the_text_comes_as_soon_as_matching_answers(
    network: Network, registry: Any, coordinator: Headers,
) -> None:
    """While matching is away the learning waits; it is asked again by itself, and nothing is parked."""
    address = await heard(network)
    await network.settled()
    assert ok(await registry.get(address, headers=coordinator))["text"] is None

    async with answering(network, "matching", {ASKED: say_text}):
        await network.move(timedelta(minutes=1))

    read = ok(await registry.get(address, headers=coordinator))
    assert (read["text"], read["language"], read["captured_on"]) == (TEXT, "de", "2027-06-01")
    assert await network.rows("registry", "SELECT kind FROM due WHERE parked_at IS NOT NULL OR attempts > 0") == []


async def test_an_observation_is_made_of_a_learning_once(
    network: Network, registry: Any, coordinator: Headers,
) -> None:
    """Two at the same moment make one; its kind is a lesson, its text what matching answers at that moment."""
    address = await heard(network)
    await network.settled()
    assert refusal(await registry.post(f"{address}/observation", headers=coordinator)) == (503, "owner-away")

    async with answering(network, "matching", {ASKED: say_text}):
        answers = await asyncio.gather(
            *(registry.post(f"{address}/observation", headers=coordinator) for _ in range(3)))

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    made = next(answer.json() for answer in answers if answer.status_code == 201)
    assert (made["kind"], made["description"], made["region"], made["state"]) == ("lesson", TEXT, "15087", "received")
    assert f"/v1/learnings/{made['learning_id']}" == address
    assert ok(await registry.get(address, headers=coordinator))["observation_id"] == made["id"]
    assert await told(network) == ["registry.observation.submitted.v1"]


async def test_why_matching_gives_no_text_is_said_in_words(
    network: Network, registry: Any, coordinator: Headers,
) -> None:
    """As matching says it, in the reader's language; nothing was made of the learning."""
    address = await heard(network)
    async with answering(network, "matching", {ASKED: refuse}):
        answers = [await registry.post(f"{address}/observation", headers=coordinator | {"Accept-Language": language})
                   for language in ("de", "en")]

    assert [(one.status_code, one.json()["slug"], one.json()["codes"]) for one in answers] == [
        (409, "owner-refused", {"refusal": ["not-found"]})] * 2
    assert [one.json()["detail"] for one in answers] == [
        "Der Dienst matching hat abgelehnt: Das gibt es hier nicht.", "The matching service refused: It is gone."]
    assert ok(await registry.get(address, headers=coordinator))["observation_id"] is None


async def test_a_repeated_request_answers_with_the_same_observation(
    network: Network, registry: Any, coordinator: Headers,
) -> None:
    """Not with a refusal that it was made already."""
    address, headers = await heard(network), coordinator | new_idempotency_key()
    async with answering(network, "matching", {ASKED: say_text}):
        first, second = [ok(await registry.post(f"{address}/observation", headers=headers)) for _ in range(2)]

    assert first == second


async def test_learnings_stay_in_their_region(network: Network, registry: Any, coordinator: Headers) -> None:
    """Heard twice it is one; another region's coordinator finds none."""
    fact = LearningCaptured(learning_id=uuid4(), kind="rhythm", region="15087")
    await network.tell("registry", fact, fact)
    elsewhere = await network.key(Role.COORDINATOR, region="15088")

    lists = [ok(await registry.get("/v1/learnings", headers=who))["items"] for who in (coordinator, elsewhere)]

    assert [len(one) for one in lists] == [1, 0]
    assert (await registry.get(f"/v1/learnings/{fact.learning_id}", headers=elsewhere)).status_code == 404
