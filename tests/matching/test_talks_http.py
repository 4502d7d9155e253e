"""What a coordinator notes after a talk: also before its day, and with what only the neutral contact reads."""

import asyncio
from datetime import timedelta
from uuid import UUID

from libs.common.callers import Role
from services.matching.links.queries import CHECKIN
from tests.matching.field import REGION, Field, Json
from tests.matching.test_consents_http import withdrawn


async def planned(field: Field, tandem: Json, side: str = "household") -> Json:
    """The side's check-in after four weeks, before its day."""
    items = (await field.get(f"/checkins?tandem_id={tandem['id']}&state=planned"))["items"]
    return min((one for one in items if one["side"] == side), key=lambda one: str(one["due_at"]))


async def concerns(field: Field, tandem: Json) -> list[Json]:
    """What the neutral contact of the region finds about a tandem."""
    neutral = await field.network.key(Role.NEUTRAL_CONTACT, region=REGION)
    found = [one for one in (await field.get("/concerns?limit=100", headers=neutral))["items"]
             if one["tandem_id"] == tandem["id"]]
    return [await field.get(f"/concerns/{one['id']}", headers=neutral) for one in found]


async def test_a_talk_before_the_day_answers_and_nobody_is_asked_afterwards(field: Field) -> None:
    """The other side is asked as ever, and so is the same side on its next day; the link takes no second answer."""
    tandem = await field.tandem()
    mentor, household = await field.refs(tandem)
    checkin = await planned(field, tandem)
    noted = await field.act(f"/checkins/{checkin['id']}/record", {"mood": 4, "note": "Am Telefon"})
    assert (noted["state"], noted["mood"], noted["note"]) == ("done", 4, "Am Telefon")
    assert await field.network.rows("matching", "SELECT * FROM due WHERE about = $1", UUID(checkin["id"])) == []
    await field.network.move(timedelta(minutes=1), days=28)
    await field.network.move(days=14)
    assert [one["person_refs"] for one in await field.told(tandem["id"], kind="checkin.due")] == [[mentor]]
    assert [one["side"] for one in await field.told(tandem["id"], kind="checkin.missed")] == ["mentors"]
    path = await field.link(CHECKIN, checkin["id"], household)
    assert (await field.client.post(f"{path}?mood=1")).json()["slug"] == "checkin-answered"
    await field.network.move(days=140)

    assert [one["person_refs"] for one in await field.told(tandem["id"], kind="checkin.due")][1:] == [
        [mentor], [household]]


async def test_before_the_day_only_a_talk_answers(field: Field) -> None:
    """No link; and no talk either about what was dropped, or once the tandem has ended."""
    tandem = await field.tandem()
    mentor, household = await field.refs(tandem)
    checkin, dropped = await planned(field, tandem), await planned(field, tandem, "mentors")
    path = await field.link(CHECKIN, checkin["id"], household)
    assert (await field.client.post(f"{path}?mood=1")).json()["slug"] == "checkin-answered"
    await withdrawn(field, mentor, "checkins")
    assert await field.refused(f"/checkins/{dropped['id']}/record", {"mood": 3}) == (409, "checkin-answered")
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "moved", "rematch": False})

    assert await field.refused(f"/checkins/{checkin['id']}/record", {"mood": 3}) == (409, "checkin-answered")


async def test_two_coordinators_note_the_same_talk_once(field: Field) -> None:
    """The other one learns that it has changed; so does who notes it while the side itself answers."""
    tandem = await field.tandem()
    _, household = await field.refs(tandem)
    checkin = await planned(field, tandem)
    address, body = f"/checkins/{checkin['id']}/record", {"mood": 4, "issue": "Bitte anrufen"}
    answers = await asyncio.gather(*(field.send("POST", address, body, etag='"1"') for _ in range(3)))
    assert sorted(one.status_code for one in answers) == [200, 412, 412]
    assert len(await concerns(field, tandem)) == 1
    second = await planned(field, tandem)
    await field.network.move(timedelta(minutes=1), days=182)
    path = await field.link(CHECKIN, second["id"], household)
    etag = await field.etag("checkins", second["id"])
    noted, answered = await asyncio.gather(
        field.send("POST", f"/checkins/{second['id']}/record", body, etag=etag),
        field.client.post(f"{path}?issue=true", json={"note": "Er droht"}))

    assert (noted.status_code, answered.status_code) in {(200, 409), (412, 200)}
    assert len(await concerns(field, tandem)) == 2


async def test_an_issue_told_in_a_talk_reaches_the_neutral_contact_alone(field: Field) -> None:
    """Its words stand in no answer to a coordinator; what is noted for the coordinators stays theirs."""
    tandem = await field.tandem()
    mentor, household = await field.refs(tandem)
    checkin = await planned(field, tandem)
    body = {"mood": 2, "interpreter": True, "note": "Mit Dolmetscherin", "issue": "Er droht ihr"}
    for wrong in ("", 5, {"text": "Er droht ihr"}):
        refused = await field.send("POST", f"/checkins/{checkin['id']}/record", body | {"issue": wrong}, etag='"1"')
        assert (refused.status_code, "droht" in refused.text) == (422, False)
    noted = await field.act(f"/checkins/{checkin['id']}/record", body)
    seen = [noted, await field.get(f"/checkins/{checkin['id']}"), await field.get(f"/tandems/{tandem['id']}")]
    assert not any("droht" in str(one) or "issue" in str(one) or "concern" in str(one) for one in seen)
    assert noted["note"] == "Mit Dolmetscherin"
    (concern,) = await concerns(field, tandem)
    assert (concern["text"], concern["side"], concern["state"], concern["person_ref"]) == (
        "Er droht ihr", "household", "raised", household)
    (told,) = await field.told(concern["id"], kind="concern")
    assert told.keys() == {"subject", "concern_id", "tandem_id", "region"}
    (row,) = await field.network.rows("matching", "SELECT * FROM concern WHERE id = $1", UUID(concern["id"]))
    assert row["checkin_id"] == UUID(checkin["id"])
    assert b"droht" not in row["text"]

    silent = await planned(field, tandem, "mentors")
    await field.act(f"/checkins/{silent['id']}/record", {"mood": 4})
    assert [one["person_ref"] for one in await concerns(field, tandem)] == [household] != [mentor]
