"""Runs through the HTTP door: the exact result with its proof, reasons, why not, and weights by version."""

import subprocess
import sys
from uuid import uuid4

import pytest

from libs.common.callers import Role
from tests.harness import new_idempotency_key
from tests.matching.field import REGION, Field, Json, sponsorship


async def proposals_of(field: Field, run: Json) -> list[Json]:
    """The proposals of a run."""
    items: list[Json] = (await field.get(f"/proposals?run_id={run['id']}&limit=100"))["items"]
    return items


async def test_a_run_is_started_and_found_at_its_address(field: Field) -> None:
    """202 and where to look; the same POST again starts nothing; the run with nobody in it is done and certified."""
    headers = field.coordinator | new_idempotency_key()
    body = {"programme_id": str(field.programme), "region": REGION}
    started = await field.send("POST", "/runs", body, headers=headers)
    again = await field.send("POST", "/runs", body, headers=headers)
    assert (started.status_code, started.headers["location"]) == (202, f"/v1/runs/{started.json()['id']}")
    assert again.headers["location"] == started.headers["location"]
    run = await field.run()

    assert (run["proposed"], run["households"], run["units"], run["certified"]) == (0, 0, 0, True)
    assert run["weights_version"] == "0"
    listed = (await field.get(f"/runs?programme_id={field.programme}"))["items"]
    assert [one["id"] for one in listed] == [started.json()["id"], run["id"]]


async def test_a_proposal_says_why_in_two_languages(field: Field) -> None:
    """Points by criterion sum to the score; the household is proposed, and it is told."""
    mentor = await field.ready_mentor(offers=["school"], interests=["chess", "cooking"])
    household = await field.waiting_household(wishes=["school", "letters"], interests=["chess"])
    run = await field.run()
    (proposal,) = await proposals_of(field, run)

    assert (proposal["mentor_id"], proposal["household_id"]) == (mentor["id"], household["id"])
    assert sum(proposal["points"].values()) == proposal["score"] == sum(one["points"] for one in proposal["reasons"])
    assert {one["criterion"] for one in proposal["reasons"]} == set(proposal["points"])
    assert all(one["de"] and one["en"] and one["de"] != one["en"] for one in proposal["reasons"])
    assert proposal["worth"] == 1000 + proposal["score"] + proposal["bonus"]
    assert (await field.get(f"/households/{household['id']}"))["state"] == "proposed"
    assert await field.subjects(proposal["id"]) == ["proposal.created"]
    assert (run["objective"], run["bound"]) == (proposal["worth"], proposal["worth"])


async def test_a_household_without_a_proposal_learns_what_is_missing(field: Field) -> None:
    """How many units each hard code took from it, which of them alone, and in plain words."""
    await field.ready_mentor(gender="m")
    await field.ready_mentor(slots=["sun_morning"])
    await field.create("/mentors", field.mentor_body())
    household = await field.waiting_household(only_female_mentor=True)
    run = await field.run()
    (unserved,) = (await field.get(f"/runs/{run['id']}/unserved"))["items"]

    assert (unserved["household_id"], unserved["possible"]) == (household["id"], 0)
    expected = {"gender_wish_of_household": 1, "too_few_common_slots": 1, "not_vetted": 1}
    assert (unserved["removed"], unserved["alone"]) == (expected, expected)
    assert len(unserved["missing"]["de"]) == len(unserved["missing"]["en"]) > 0
    assert (await field.get(f"/households/{household['id']}"))["state"] == "waiting"


async def test_one_place_goes_to_one_household(field: Field) -> None:
    """The other hears that somebody would have fitted; who waits longer wins; a second run finds the place held."""
    await field.ready_mentor()
    first = await field.waiting_household()
    await field.network.move(days=30)
    second = await field.waiting_household()
    run = await field.run()
    (proposal,) = await proposals_of(field, run)
    (unserved,) = (await field.get(f"/runs/{run['id']}/unserved"))["items"]
    assert (proposal["household_id"], proposal["bonus"]) == (first["id"], 20)
    assert (unserved["household_id"], unserved["possible"]) == (second["id"], 1)
    assert list(run["unit_prices"].values()) == [run["objective"] - 20]
    again = await field.run()

    assert (again["proposed"], again["households"]) == (0, 1)
    assert again["inputs_hash"] != run["inputs_hash"]


async def test_only_who_is_to_be_had_is_proposed(field: Field) -> None:
    """Paused and left mentors never, nor households that have not consented, nor another programme's."""
    paused, left = await field.ready_mentor(), await field.ready_mentor()
    await field.act(f"/mentors/{paused['id']}/pause")
    await field.act(f"/mentors/{left['id']}/leave")
    await field.ready_group()
    await field.create("/households", field.household_body())
    household = await field.waiting_household()
    run = await field.run()
    (unserved,) = (await field.get(f"/runs/{run['id']}/unserved"))["items"]

    assert (run["households"], run["units"], run["proposed"]) == (1, 1, 0)
    assert (unserved["household_id"], unserved["removed"]) == (household["id"], {"paused": 1})


async def test_what_came_to_nothing_is_not_proposed_again(field: Field) -> None:
    """Declined, expired or dismissed by a coordinator: the pair is barred; let go by the system it is not."""
    mentor = await field.ready_mentor()
    household = await field.waiting_household()

    async def proposed() -> list[Json]:
        return await proposals_of(field, await field.run())

    (first,) = await proposed()
    await field.act(f"/mentors/{mentor['id']}/pause")
    await field.act(f"/mentors/{mentor['id']}/resume")
    (second,) = await proposed()
    assert first["id"] != second["id"]
    await field.act(f"/proposals/{second['id']}/dismiss", {"reason": "not_suitable"})
    run = await field.run()
    (unserved,) = (await field.get(f"/runs/{run['id']}/unserved"))["items"]

    assert (run["proposed"], unserved["household_id"], unserved["removed"]) == (
        0, household["id"], {"declined_before": 1})


async def test_a_group_is_proposed_with_its_home(field: Field) -> None:
    """A ready one with a home that is large enough; where an authority chooses, a listed one only."""
    programme = uuid4()
    await field.network.tell("matching", sponsorship(programme, chooser="authority"))
    ready, fits = await field.ready_group(programme_id=str(programme)), {"programme_id": str(programme)}
    await field.waiting_household(**fits, barrier_free=True)
    large = await field.waiting_household(**fits, members=[{"age_band": "27-44"}] * 5)
    none = await field.run(programme)
    assert none["proposed"] == 0
    for verb in ("apply", "list"):
        await field.act(f"/mentor_groups/{ready['id']}/{verb}")
    run = await field.run(programme)
    (proposal,) = await proposals_of(field, run)
    (unserved,) = (await field.get(f"/runs/{run['id']}/unserved"))["items"]

    assert (proposal["mentor_group_id"], proposal["mentor_id"]) == (ready["id"], None)
    assert (unserved["household_id"], unserved["removed"]) == (large["id"], {"housing_too_small": 1})


async def test_weights_are_set_by_version(field: Field) -> None:
    """A run says with which version it computed; weights that do not make 1000 are refused."""
    admin = await field.network.key(Role.NETWORK_ADMIN)
    body = {"programme_id": str(field.programme), "language": 1000, "distance": 0, "needs": 0, "interests": 0,
            "availability": 0, "base": 0, "reason": "Versuch"}
    headers = admin | new_idempotency_key()
    first = await field.send("POST", "/weights", body, headers=headers)
    assert (first.status_code, first.json()["number"]) == (201, 1)
    assert (await field.send("POST", "/weights", body, headers=headers)).json()["id"] == first.json()["id"]
    await field.ready_mentor()
    await field.waiting_household()
    run = await field.run()
    (proposal,) = await proposals_of(field, run)
    assert (run["weights_version"], proposal["points"]["distance"], proposal["worth"]) == ("1", 0, proposal["score"])
    assert (await field.send("POST", "/weights", body, headers=admin)).json()["number"] == 2
    assert (await field.send("POST", "/weights", body | {"distance": 1}, headers=admin)).status_code == 422
    assert (await field.send("POST", "/weights", body)).status_code == 403
    unknown = await field.send("POST", "/weights", body | {"programme_id": str(uuid4())}, headers=admin)
    assert unknown.json()["slug"] == "programme-unknown"

    versions = (await field.get(f"/weights?programme_id={field.programme}"))["items"]
    assert [one["number"] for one in versions] == [1, 2]


async def test_a_run_is_for_a_region_and_programme_of_ones_own(field: Field) -> None:
    """Foreign regions and unknown programmes are refused; a foreign run is not found."""
    for body, slug in (({"programme_id": str(field.programme), "region": "15084"}, "outside-own-region"),
                       ({"programme_id": str(uuid4()), "region": REGION}, "programme-unknown"),
                       ({"programme_id": str(field.programme), "region": "15999"}, "unknown-region"),
                       ({"programme_id": "x", "region": REGION}, "invalid-request")):
        answer = await field.send("POST", "/runs", body)
        assert (answer.status_code >= 400, answer.json()["slug"]) == (True, slug)
    run, elsewhere = await field.run(), await field.network.key(Role.COORDINATOR, region="15084")

    for path in (f"/runs/{run['id']}", f"/runs/{run['id']}/unserved"):
        assert (await field.send("GET", path, headers=elsewhere)).status_code == 404
    assert (await field.get("/runs", headers=elsewhere))["items"] == []


async def test_a_coordinator_of_the_land_matches_across_its_districts(field: Field) -> None:
    """Each district's coordinator sees the proposals of its households."""
    land, other = [await field.network.key(Role.COORDINATOR, region=region) for region in ("15", "15084")]
    await field.ready_mentor(radius_km=100)
    household = await field.create("/households", field.household_body(region="15084", postcode="06618"), headers=land)
    for verb, body in (("interview", None), ("consent", {"given_on": "2024-01-08"}), ("wait", None)):
        await field.act(f"/households/{household['id']}/{verb}", body, headers=other)
    started = await field.create("/runs", {"programme_id": str(field.programme), "region": "15"}, headers=land)
    await field.network.settled()
    assert (await field.get(f"/runs/{started['id']}", headers=land))["proposed"] == 1
    (proposal,) = (await field.get(f"/proposals?household_id={household['id']}", headers=other))["items"]
    assert (await field.send("GET", f"/proposals/{proposal['id']}")).status_code == 404
    await field.act(f"/proposals/{proposal['id']}/approve", {}, headers=other)
    await field.act(f"/proposals/{proposal['id']}/invite", headers=other)

    less: Json = {"capacity": 1, "slots": ["tue_evening"]}
    assert (await field.act(f"/mentors/{proposal['mentor_id']}", less, method="PUT"))["capacity"] == 1
    assert await field.refused(f"/mentors/{proposal['mentor_id']}/pause") == (409, "invitation-open")


@pytest.mark.slow
def test_the_service_never_loads_numpy_or_a_solver() -> None:
    """They cost memory that an idle service should not pay; only the worker process has them."""
    code = ("import sys, services.matching.app\n"
            "print([name for name in ('numpy', 'scipy', 'ortools') if name in sys.modules])")
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout.strip() == "[]"
