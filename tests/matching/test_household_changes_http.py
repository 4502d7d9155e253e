"""A household becomes larger or smaller: what that does to its proposal or tandem, and what is kept of it."""

from datetime import timedelta

from libs.common.callers import Role
from tests.matching.field import PARTNER, Field, Json
from tests.matching.test_persons_facts import erased


async def joined(field: Field, household: Json, change: str = "joined", band: str = "27-44") -> Json:
    """Somebody belongs to the household from today on."""
    body = {"age_band": band, "gender": "f", "change": change, "on": str(field.day)}
    return await field.act(f"/households/{household['id']}/members", body)


async def left(field: Field, household: Json, change: str = "moved_out", band: str = "27-44") -> Json:
    """Somebody belongs to it no longer."""
    body = {"age_band": band, "gender": "f", "change": change, "on": str(field.day)}
    return await field.act(f"/households/{household['id']}/members/leave", body)


async def test_births_arrivals_and_departures_are_kept_without_names(field: Field) -> None:
    """How many they are since when and why; a correction too, where it changes how many."""
    household = await field.create("/households", field.household_body())
    address = f"/households/{household['id']}"
    assert (await joined(field, household, "birth", "0-5"))["persons"] == 4
    assert (await joined(field, household))["children"] == 3
    assert (await left(field, household))["persons"] == 4
    assert (await left(field, household, "died", "0-5"))["persons"] == 3
    await field.act(address, field.household_fields(urgency=2), method="PUT")
    await field.act(address, field.household_fields(members=[{"age_band": "65+"}]), method="PUT")
    changes = (await field.get(f"{address}/changes"))["items"]

    assert [(one["kind"], one["persons"]) for one in changes] == [
        ("registered", 3), ("birth", 4), ("joined", 5), ("moved_out", 4), ("died", 3), ("corrected", 1)]
    assert {one["happened_on"] for one in changes} == {str(field.day)}
    assert changes[0].keys() == {"kind", "happened_on", "persons", "noted_by", "noted_at"}


async def test_what_cannot_be_is_refused(field: Field) -> None:
    """An adult is not born, nobody leaves who is not there, nobody comes tomorrow, the last one does not move out."""
    household = await field.create("/households", field.household_body(members=[{"age_band": "27-44", "gender": "f"}]))
    address = f"/households/{household['id']}/members"
    woman: Json = {"age_band": "27-44", "gender": "f", "on": str(field.day)}
    assert await field.refused(address, woman | {"change": "birth"}) == (422, "birth-age")
    assert await field.refused(address, woman | {"on": str(field.day + timedelta(days=1))}) == (422, "day-in-future")
    long_ago = {"on": str(field.day - timedelta(days=6 * 366))}
    born = woman | {"change": "birth", "age_band": "0-5", "on": "1901-01-01"}
    assert await field.refused(address, born) == (422, "day-too-early")
    assert await field.refused(address, woman | long_ago) == (422, "day-too-early")
    assert await field.refused(f"{address}/leave", woman | {"gender": "m"}) == (422, "member-not-there")
    assert await field.refused(f"{address}/leave", woman) == (409, "household-empty")
    stale = await field.send("POST", address, woman, etag='"99"')
    assert (stale.status_code, stale.json()["slug"]) == (412, "stale")
    await field.act(f"/households/{household['id']}/close", {"reason": "moved"})

    assert await field.refused(address, woman) == (409, "household-closed")
    assert [one["kind"] for one in (await field.get(f"/households/{household['id']}/changes"))["items"]] == [
        "registered"]


async def test_who_was_born_years_ago_and_still_is_of_the_youngest_is_noted(field: Field) -> None:
    """Five years after the birth; the household tells when it can."""
    household = await field.create("/households", field.household_body())
    on = str(field.day - timedelta(days=6 * 365))
    body, address = {"age_band": "0-5", "gender": "f", "on": on}, f"/households/{household['id']}/members"
    await field.act(address, body | {"change": "birth"})
    assert await field.refused(f"{address}/leave", body | {"on": "1901-01-01"}) == (422, "day-too-early")

    changes = (await field.get(f"/households/{household['id']}/changes"))["items"]
    assert [(one["kind"], one["happened_on"]) for one in changes][1:] == [("birth", on)]


async def test_a_household_that_outgrows_a_home_is_looked_at_again(field: Field) -> None:
    """Four fit in: the fifth dismisses what is pending; a tandem goes on, and fits again when somebody moves out."""
    group = await field.ready_group()
    early = await field.waiting_household(programme_id=str(field.sponsorship))
    pending = await field.proposed(early, group=group)
    await joined(field, early, "birth", "0-5")
    assert (await field.get(f"/proposals/{pending['id']}"))["state"] == "proposed"
    assert (await joined(field, early))["state"] == "waiting"
    dismissed = await field.get(f"/proposals/{pending['id']}")
    assert (dismissed["dismissed_reason"], [one["code"] for one in dismissed["obstacles"]]) == (
        "no_longer_fits", ["housing_too_small"])
    tandem = await field.tandem(group=group)
    household = {"id": tandem["household_id"]}
    await joined(field, household)
    await joined(field, household)
    seen = await field.get(f"/tandems/{tandem['id']}")
    assert (seen["state"], [one["code"] for one in seen["obstacles"]]) == ("trial", ["housing_too_small"])
    await left(field, household)

    assert (await field.get(f"/tandems/{tandem['id']}"))["obstacles"] == []


async def test_an_erasure_takes_the_size_along(field: Field) -> None:
    """A counsellor of the partner reads it before; afterwards nobody does."""
    household = await field.create("/households", field.household_body(partner_id=str(PARTNER)))
    counsellor = await field.network.key(Role.COUNSELLOR, partner_id=PARTNER)
    address = f"/households/{household['id']}/changes"
    assert len((await field.get(address, headers=counsellor))["items"]) == 1
    await erased(field, household["person_ref"])

    assert (await field.get(address))["items"] == []
