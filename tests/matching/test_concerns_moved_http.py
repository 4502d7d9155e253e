"""Who has moved since their tandem ended is heard where they live now, and of the tandem still where that was."""

from dataclasses import replace
from uuid import UUID

import pytest

from libs.common.callers import Role
from services.matching.links.queries import CONCERN, OWN_DATA
from tests.harness import new_idempotency_key
from tests.matching.field import REGION, Field, Json
from tests.matching.test_concerns_alone_http import alone, told_by
from tests.matching.test_concerns_found_http import another, found
from tests.matching.test_concerns_http import WORDS, neutral, refusal
from tests.matching.test_household_contacts_http import YUSUF
from tests.matching.test_own_data_of_members_http import ways_to_neutral
from tests.matching.test_self_service_http import BROWSER

pytestmark = pytest.mark.slow

THERE = "15084"
KINDS = ("mentor", "member", "household", "former")


async def moves(field: Field, address: str, to: str = THERE) -> None:
    """A mentor, group or household goes on in another district."""
    both = await field.network.key(Role.COORDINATOR, region="15")
    await field.act(f"/{address}/move", {"region": to}, headers=both)


async def spoken_for(field: Field, household: str) -> Json:
    """Another person speaks for a household from now on."""
    both = await field.network.key(Role.COORDINATOR, region="15")
    return await field.act(f"/households/{household}/contact/replace", YUSUF, headers=both)


async def of_tandem(field: Field, kind: str) -> tuple[Json, Json, str]:
    """A tandem that runs, somebody of it (who: their id and person_ref), and what moves with them."""
    group = await field.ready_group() if kind == "member" else None
    tandem = await field.tandem(**({"group": group} if group else {}))
    mentor, household = await field.refs(tandem)
    if group:
        *_, member = await field.get(f"/members?mentor_group_id={group['id']}")
        return tandem, {"id": member["id"], "person_ref": member["person_ref"]}, f"mentor_groups/{group['id']}"
    if kind == "mentor":
        return tandem, {"id": tandem["mentor_id"], "person_ref": mentor}, f"mentors/{tandem['mentor_id']}"
    who = {"id": tandem["household_id"], "person_ref": household}
    return tandem, who, f"households/{tandem['household_id']}"


async def moved(field: Field, kind: str) -> tuple[Json, Json]:
    """A tandem that has ended, and somebody of it who lives in another district since; who and as whom they call."""
    tandem, who, address = await of_tandem(field, kind)
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "moved"})
    await moves(field, address)
    if kind == "former":
        await spoken_for(field, tandem["household_id"])
        who |= {"former_contact": who["person_ref"]}
    return tandem, who


def as_whom(who: Json) -> Json:
    """What a call of a former contact says besides."""
    return {name: value for name, value in who.items() if name == "former_contact"}


async def own_ways(field: Field, who: Json) -> list[str]:
    """The ways to the neutral contact on the page of own data."""
    return await ways_to_neutral(field, await field.link(OWN_DATA, who["id"], who["person_ref"]))


@pytest.mark.parametrize("kind", KINDS)
async def test_who_has_moved_writes_to_either_neutral_contact(field: Field, kind: str) -> None:
    """From the page of their own data, which tells of which district each is; each reads what is theirs to read."""
    tandem, who = await moved(field, kind)
    ways = await own_ways(field, who)
    assert len(ways) == 2
    page = (await field.client.get(await field.link(OWN_DATA, who["id"], who["person_ref"]), headers=BROWSER)).text
    for name in ("Mansfeld-Südharz", "Burgenlandkreis"):
        assert (f" · {name}</h2>" in page, f" · {name}</a>" in page) == (True, True)
    raised = [(await field.client.post(way, json={"text": WORDS})).json()["concern_id"] for way in ways]
    for concern, region, about, where in zip(raised, (REGION, THERE), ("tandem", "own"), (THERE, REGION), strict=True):
        read = await field.get(f"/concerns/{concern}", headers=await neutral(field, region))
        assert (read["tandem_id"], read["own_id"]) == (
            (tandem["id"], None) if about == "tandem" else (None, who["id"]))
        assert (read["region"], read["person_ref"], read["text"]) == (region, who["person_ref"], WORDS)
        hidden = await field.send("GET", f"/concerns/{concern}", headers=await neutral(field, where))
        assert hidden.status_code == 404


@pytest.mark.parametrize("kind", KINDS)
async def test_who_has_moved_and_calls_is_found_in_both_districts(field: Field, kind: str) -> None:
    """Of the tandem where it was, as what they are where they live; noted so, and in neither as the other's."""
    tandem, who = await moved(field, kind)
    here, there = await neutral(field), await neutral(field, THERE)
    (one,) = await found(field, who["person_ref"], headers=there)
    assert (one["tandem_id"], one["own_id"], one["region"], one["former_contact"]) == (
        None, who["id"], THERE, who.get("former_contact"))
    (other,) = await found(field, who["person_ref"], headers=here)
    assert (other["tandem_id"], other["own_id"], other["region"]) == (tandem["id"], None, REGION)
    both = await found(field, who["person_ref"], headers=await neutral(field, "15"))
    assert [each["about"] for each in both] == ["tandem", one["about"]]
    noted = await field.create("/concerns", told_by(who, **as_whom(who)), headers=there)
    assert (noted["about"], noted["own_id"], noted["region"], noted["person_ref"]) == (
        one["about"], who["id"], THERE, who["person_ref"])
    call = {"tandem_id": tandem["id"], "side": other["side"], "text": WORDS} | as_whom(who)
    assert (await field.create("/concerns", call | ({"member_id": who["id"]} if kind == "member" else {}),
                               headers=here))["person_ref"] == who["person_ref"]

    assert await refusal(field, told_by(who, **as_whom(who))) == (404, "not-found")


async def test_who_is_back_or_has_another_tandem_speaks_of_that(field: Field) -> None:
    """One that runs is what they speak of, wherever it is; so is the last one, where they live again."""
    tandem, who = await moved(field, "household")
    assert len(await own_ways(field, who)) == 2
    await moves(field, f"households/{who['id']}", REGION)
    assert len(await own_ways(field, who)) == 1
    assert await refusal(field, told_by(who)) == (422, "concern-of-tandem")
    later = await another(field, tandem | {"id": (await field.tandem())["id"]})
    mentor = {"id": later["mentor_id"], "person_ref": (await field.refs(later))[0]}
    assert len(await own_ways(field, mentor)) == 1
    for one in (who, mentor):
        assert [each["tandem_id"] for each in await found(field, one["person_ref"])] == [later["id"]]
        assert await refusal(field, told_by(one)) == (422, "concern-of-tandem")
    await field.act(f"/tandems/{later['id']}/end_early", {"reason": "moved"})

    assert await refusal(field, told_by(mentor)) == (422, "concern-of-tandem")


async def test_who_lives_elsewhere_is_heard_there_once_the_tandem_has_ended(field: Field) -> None:
    """Who lives in the next district and never moved; as long as it runs, they speak of the tandem alone."""
    beyond = replace(field, coordinator=await field.network.key(Role.COORDINATOR, region=THERE))
    mentor = await beyond.ready_mentor(region=THERE)
    tandem = await field.tandem(mentor=mentor)
    there = await neutral(field, THERE)
    assert await found(field, mentor["person_ref"], headers=there) == []
    answer = await field.send("POST", "/concerns", told_by(mentor), headers=there | new_idempotency_key())
    assert (answer.status_code, answer.json()["slug"]) == (422, "concern-of-tandem")
    assert len(await own_ways(field, mentor)) == 1
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "moved"})

    assert [one["own_id"] for one in await found(field, mentor["person_ref"], headers=there)] == [mentor["id"]]
    assert (await field.create("/concerns", told_by(mentor), headers=there))["region"] == THERE


async def test_a_municipality_is_heard_with_its_district_and_not_the_other_way_round(field: Field) -> None:
    """A tandem in one is heard by who hears the district, to whom the page has one way; who hears one hears its own."""
    mentor = await field.ready_mentor()
    tandem = await field.tandem(mentor=mentor, region=f"{REGION}370")
    assert tandem["region"] == f"{REGION}370"
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "moved"})
    assert await refusal(field, told_by(mentor)) == (422, "concern-of-tandem")
    assert len(await own_ways(field, mentor)) == 1
    await moves(field, f"mentors/{mentor['id']}", f"{REGION}015")
    assert len(await own_ways(field, mentor)) == 1
    (one,) = await found(field, mentor["person_ref"], headers=await neutral(field, f"{REGION}015"))

    assert (one["own_id"], one["region"]) == (mentor["id"], f"{REGION}015")


async def test_a_former_contact_is_heard_where_they_live_and_not_where_the_household_went(field: Field) -> None:
    """By link, found and noted there; who speaks for the household now is heard in its new district."""
    one = await alone(field, "household")
    former = one["person_ref"]
    now = (await spoken_for(field, one["id"]))["person_ref"]
    await moves(field, f"households/{one['id']}")
    there = await neutral(field, THERE)
    (known,) = await found(field, former)
    assert (known["own_id"], known["region"], known["former_contact"]) == (one["id"], REGION, former)
    assert await found(field, former, headers=there) == []
    assert [each["region"] for each in await found(field, now, headers=there)] == [THERE]
    noted = await field.create("/concerns", told_by(one, former_contact=former), headers=await neutral(field))
    assert (noted["region"], noted["person_ref"]) == (REGION, former)
    answer = await field.send("POST", "/concerns", told_by(one, former_contact=former),
                              headers=there | new_idempotency_key())
    assert (answer.status_code, answer.json()["slug"]) == (404, "not-found")
    await field.act(f"/concerns/{noted['id']}/take_up", headers=await neutral(field))
    (way,) = await own_ways(field, {"id": one["id"], "person_ref": former})
    raised = (await field.client.post(way, json={"text": WORDS})).json()["concern_id"]

    rows = await field.network.rows("matching", "SELECT region FROM concern WHERE id = $1", UUID(raised))
    assert [row["region"] for row in rows] == [REGION]


async def test_who_asks_for_a_former_contacts_link_sees_what_became_of_it(field: Field) -> None:
    """It is told of in the household's district, whose coordinator asked; from it they still reach their own."""
    one = await alone(field, "household")
    await spoken_for(field, one["id"])
    await moves(field, f"households/{one['id']}")
    there = await field.network.key(Role.COORDINATOR, region=THERE)
    answer = await field.send(
        "POST", f"/households/{one['id']}/own_data_link?former={one['person_ref']}", headers=there)
    assert answer.status_code == 200, answer.text
    told = (await field.told(one["id"], kind="own_data"))[-1]
    assert (told["region"], told["person_refs"]) == (THERE, [one["person_ref"]])

    way = await field.link(CONCERN, one["id"], one["person_ref"])
    assert (await field.client.post(way, json={"text": WORDS})).status_code == 200
