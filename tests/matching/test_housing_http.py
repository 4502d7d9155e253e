"""A home is a landlord's offer: with dates, kept free until a day, replaced by another, and what follows."""

from datetime import timedelta
from typing import Any

import pytest

from tests.matching.field import Field, Json


async def home(field: Field, group: Json, **given: Any) -> Json:
    """The group has this home from now on."""
    return await field.act(f"/mentor_groups/{group['id']}/housing", field.housing(**given), method="PUT")


async def rent(field: Field, group: Json) -> str:
    """How the line about the rent stands."""
    lines = await field.get(f"/prerequisites?mentor_group_id={group['id']}")
    return next(str(line["standing"]) for line in lines if line["rule"] == "rent_secured")


async def pair(field: Field, group: Json) -> Json:
    """A proposal of the group."""
    return await field.proposed(await field.waiting_household(programme_id=str(field.sponsorship)), group=group)


async def test_a_home_that_is_kept_free_no_longer_is_none(field: Field) -> None:
    """The day itself still counts; then the group is in preparation again, and its proposal is dismissed."""
    group, until = await field.ready_group(), field.day + timedelta(days=3)
    held = await home(field, group, offered_until=str(until), square_metres=72, rent_limit_ok=True)
    assert (held["state"], held["housing"]["offered_until"], held["housing"]["square_metres"]) == (
        "ready", str(until), 72)
    proposal = await pair(field, group)
    await field.network.move(days=3)
    assert (await field.get(f"/mentor_groups/{group['id']}"))["state"] == "ready"
    await field.network.move(days=1)
    after = await field.get(f"/mentor_groups/{group['id']}")
    assert (after["state"], after["housing"], after["housing_lapsed_on"]) == ("in_preparation", None, str(until))
    assert await rent(field, group) == "expired"
    seen = await field.get(f"/proposals/{proposal['id']}")
    assert (seen["state"], seen["dismissed_reason"]) == ("dismissed", "no_longer_fits")
    assert {one["code"] for one in seen["obstacles"]} == {"not_vetted", "housing_missing"}
    again = await home(field, group)

    assert (again["state"], again["housing_lapsed_on"]) == ("ready", None)


async def test_another_home_in_time_takes_its_place(field: Field) -> None:
    """The former one's day passes and changes nothing; longer is as good as another."""
    group = await field.ready_group()
    await home(field, group, offered_until=str(field.day + timedelta(days=2)))
    await home(field, group, offered_until=str(field.day + timedelta(days=9)))
    await field.network.move(days=4)
    assert (await field.get(f"/mentor_groups/{group['id']}"))["state"] == "ready"
    await home(field, group)
    await field.network.move(days=9)

    assert (await field.get(f"/mentor_groups/{group['id']}"))["state"] == "ready"


async def test_a_home_with_a_household_in_it_is_kept(field: Field) -> None:
    """Once the tandem has begun the offer is taken up; when it ends early the home is another's, not free."""
    group = await field.ready_group()
    await home(field, group, offered_until=str(field.day + timedelta(days=2)))
    tandem = await field.tandem(group=group)
    await field.network.move(days=4)
    assert (await field.get(f"/mentor_groups/{group['id']}"))["housing"] is not None
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "moved"})
    await field.network.settled()
    await field.network.move(timedelta(minutes=1))
    after = await field.get(f"/mentor_groups/{group['id']}")

    assert (after["state"], after["housing"]) == ("in_preparation", None)


async def test_who_has_accepted_does_not_begin_without_a_home(field: Field) -> None:
    """The landlord waited until yesterday: noted on the proposal until there is another home."""
    group = await field.ready_group()
    await home(field, group, offered_until=str(field.day + timedelta(days=1)))
    proposal = await field.accepted(group=group)
    await field.network.move(days=2)
    seen = await field.get(f"/proposals/{proposal['id']}")
    assert (seen["state"], [one["code"] for one in seen["obstacles"]]) == (
        "accepted_both", ["not_vetted", "housing_missing"])
    await field.act(f"/proposals/{proposal['id']}/first_meeting", {"on": str(field.day)})
    body = {"proposal_id": proposal["id"], "kind": "community_sponsorship"}
    refused = await field.send("POST", "/tandems", body)
    assert (refused.status_code, refused.json()["slug"]) == (409, "prerequisites-open")
    await home(field, group, available_from=str(field.day + timedelta(days=400)))
    seen = await field.get(f"/proposals/{proposal['id']}")
    assert [one["code"] for one in seen["obstacles"]] == ["housing_not_ready"]
    await home(field, group)

    assert (await field.create("/tandems", body))["obstacles"] == []


@pytest.mark.parametrize(("until", "free", "slug"), [(-1, 0, "housing-offer-over"), (3, 4, "housing-offer-too-short")])
async def test_dates_that_cannot_be_are_refused(field: Field, until: int, free: int, slug: str) -> None:
    """Past, or before it is free; the field is named, and the home stays what it was."""
    group = await field.ready_group()
    body = field.housing(offered_until=str(field.day + timedelta(days=until)),
                         available_from=str(field.day + timedelta(days=free)))
    answer = await field.attempt(f"/mentor_groups/{group['id']}/housing", body, method="PUT")

    assert (answer.status_code, answer.json()["slug"], answer.json()["field"]) == (422, slug, "offered_until")
    assert (await field.get(f"/mentor_groups/{group['id']}"))["housing"]["offered_until"] is None


async def test_a_rent_that_the_authority_will_not_pay_is_not_secured(field: Field) -> None:
    """They would have to move out later; unknown counts as before."""
    group = await field.ready_group()

    assert (await home(field, group, rent_limit_ok=False))["state"] == "in_preparation"
    assert (await home(field, group, rent_limit_ok=None))["state"] == "ready"
