"""Mentors through the HTTP door: each step, its refusals, and who they are."""

from datetime import timedelta

from libs.common.callers import Role
from tests.harness import new_idempotency_key
from tests.matching.field import REGION, Field, Json


async def test_a_mentor_becomes_ready_and_leaves_again(field: Field) -> None:
    """Registered, screened, certificate seen, approved, paused, resumed, left; the answer shows each state."""
    mentor = await field.create("/mentors", field.mentor_body())
    address = f"/mentors/{mentor['id']}"
    record = {"seen_on": str(field.day), "certificate_date": str(field.day - timedelta(days=30)),
              "relevant_entry": False}
    states = [mentor["state"]]
    for verb, body in (("screen", None), ("record", record), ("approve", None), ("pause", None), ("resume", None),
                       ("leave", None)):
        states.append((await field.act(f"{address}/{verb}", body))["state"])

    assert states == ["registered", "screening", "screening", "ready", "paused", "ready", "left"]


async def test_each_step_is_refused_at_the_wrong_time(field: Field) -> None:
    """With the same slug from whichever state, and without changing anything."""
    mentor = await field.create("/mentors", field.mentor_body())
    address, refused = f"/mentors/{mentor['id']}", (409, "mentor-state")
    assert [await field.refused(f"{address}/{verb}") for verb in ("approve", "pause", "resume")] == [refused] * 3
    await field.act(f"{address}/screen")
    assert await field.refused(f"{address}/screen") == refused
    assert await field.refused(f"{address}/approve") == (409, "record-missing")
    await field.act(f"{address}/leave")

    assert await field.refused(f"{address}/leave") == refused
    assert (await field.get(address))["version"] == 3


async def test_a_mentor_without_consent_is_not_approved(field: Field) -> None:
    """It may be noted later."""
    mentor = await field.create("/mentors", field.mentor_body(consented_on=None))
    address = f"/mentors/{mentor['id']}"
    await field.act(f"{address}/screen")
    record = {"seen_on": str(field.day), "certificate_date": str(field.day), "relevant_entry": False}
    await field.act(f"{address}/record", record)
    assert await field.refused(f"{address}/approve") == (409, "consent-missing")
    tomorrow = str(field.day + timedelta(days=1))
    assert await field.refused(f"{address}/consent", {"given_on": tomorrow}) == (422, "day-in-future")
    await field.act(f"{address}/consent", {"given_on": str(field.day), "text_version": 2})

    assert (await field.act(f"{address}/approve"))["state"] == "ready"


async def test_a_certificate_is_refused_when_it_cannot_be_so(field: Field) -> None:
    """Seen in the future, too old, or dated after it was seen; a relevant entry is taken and not kept."""
    mentor = await field.create("/mentors", field.mentor_body())
    address = f"/mentors/{mentor['id']}/record"

    def body(seen: int, dated: int, *, entry: bool = False) -> Json:
        return {"seen_on": str(field.day + timedelta(days=seen)), "relevant_entry": entry,
                "certificate_date": str(field.day + timedelta(days=dated))}

    assert await field.refused(address, body(1, 0)) == (422, "day-in-future")
    assert await field.refused(address, body(0, -100)) == (409, "record-too-old")
    assert await field.refused(address, body(-5, -4)) == (422, "record-after-seen")
    kept = await field.act(address, body(0, 0, entry=True))
    rows = await field.network.rows("matching", "SELECT record_relevant_entry FROM mentor WHERE id::text = $1",
                                    mentor["id"])

    assert [value for name, value in kept.items() if name.startswith("record_")] == [None] * 4
    assert rows[0]["record_relevant_entry"] is None


async def test_the_record_is_deleted_three_months_after_the_activity(field: Field) -> None:
    """By due work; until then it stands."""
    tandem = await field.tandem()
    address = f"/mentors/{tandem['mentor_id']}"
    assert await field.refused(f"{address}/leave") == (409, "tandems-running")
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "moved"})
    left = await field.act(f"{address}/leave")
    assert left["record_seen_on"] is not None
    await field.network.move(days=93)

    assert (await field.get(address))["record_seen_on"] is None


async def test_who_a_mentor_is_stands_in_its_contact_alone(field: Field) -> None:
    """Reading it is noted in the audit; a change of name or address is kept sealed."""
    mentor = await field.create("/mentors", field.mentor_body())
    address = f"/mentors/{mentor['id']}"
    assert "Mira" not in (await field.send("GET", address)).text
    assert (await field.get(f"{address}/contact"))["name"] == "Mira Beispiel"
    changed = await field.act(f"{address}/contact", {"name": "Mira Neu", "written_in": ["en", "de"]}, method="PUT")
    assert (changed["email"], changed["written_in"]) == (None, ["en", "de"])
    audit = await field.network.rows(
        "matching", "SELECT action, about FROM audit WHERE person_ref::text = $1 ORDER BY id", mentor["person_ref"])

    assert {("read", f"mentor/{mentor['id']}"), ("change", f"mentor/{mentor['id']}")} <= {tuple(one) for one in audit}


async def test_lists_are_by_region_state_and_when_a_certificate_is_due(field: Field) -> None:
    """A page holds what was asked for, and says how to go on."""
    ready, fresh = await field.ready_mentor(), await field.create("/mentors", field.mentor_body())
    base = f"/mentors?programme_id={field.programme}"

    async def ids(query: str) -> list[str]:
        return [one["id"] for one in (await field.get(f"{base}&{query}"))["items"]]

    assert await ids("state=ready") == [ready["id"]]
    assert await ids(f"region={REGION}") == [ready["id"], fresh["id"]]
    assert await ids("region=15084") == []
    assert await ids(f"record_due_by={field.day + timedelta(days=366 * 5)}") == [ready["id"]]
    first = await field.get(f"{base}&limit=1")
    assert [one["id"] for one in first["items"]] == [ready["id"]]
    assert await ids(f"limit=1&cursor={first['next']}") == [fresh["id"]]


async def test_a_mentor_is_entered_once_and_inside_the_own_region(field: Field) -> None:
    """A repeated Idempotency-Key answers with the same mentor; foreign regions and unknown programmes are refused."""
    headers = field.coordinator | new_idempotency_key()
    first = await field.send("POST", "/mentors", field.mentor_body(), headers=headers)
    again = await field.send("POST", "/mentors", field.mentor_body(), headers=headers)
    assert first.json()["id"] == again.json()["id"]
    wrong: list[tuple[Json, tuple[int, str]]] = [
        ({"region": "15084"}, (403, "outside-own-region")), ({"region": "15999"}, (422, "unknown-region")),
        ({"programme_id": first.json()["id"]}, (422, "programme-unknown")), ({"capacity": 0}, (422, "invalid-request")),
        ({"consented_on": str(field.day + timedelta(days=1))}, (422, "day-in-future"))]
    for given, refusal in wrong:
        answer = await field.send("POST", "/mentors", field.mentor_body(**given))
        assert (answer.status_code, answer.json()["slug"]) == refusal, given


async def test_a_change_needs_the_version_that_was_read(field: Field) -> None:
    """Missing, stale and unreadable ETags are refused; the right one changes what is said."""
    mentor = await field.create("/mentors", field.mentor_body())
    address = f"/mentors/{mentor['id']}"
    body = {key: value for key, value in field.mentor_body(interests=["chess", "chess"], capacity=2).items()
            if key not in {"region", "programme_id", "contact", "consented_on", "consented_besides"}}
    assert [(await field.send("PUT", address, body, etag=etag)).status_code for etag in (None, '"7"', "x")] == [
        428, 412, 422]
    changed = await field.act(address, body, method="PUT")

    assert (changed["interests"], changed["capacity"], changed["slots"]) == (["chess"], 2, body["slots"])


async def test_pausing_lets_go_of_proposals_that_nobody_was_invited_to(field: Field) -> None:
    """The household waits again; an open invitation holds the pause back until its answer is noted."""
    mentor, household = await field.ready_mentor(), await field.waiting_household()
    proposal = await field.proposed(household, mentor=mentor)
    await field.act(f"/mentors/{mentor['id']}/pause")
    let_go = await field.get(f"/proposals/{proposal['id']}")
    assert (let_go["state"], let_go["dismissed_reason"]) == ("dismissed", "no_longer_available")
    assert (await field.get(f"/households/{household['id']}"))["state"] == "waiting"
    await field.act(f"/mentors/{mentor['id']}/resume")
    invited = await field.invited(mentor=mentor)

    assert await field.refused(f"/mentors/{mentor['id']}/pause") == (409, "invitation-open")
    await field.act(f"/proposals/{invited['id']}/answers", {"side": "mentors", "accepted": False, "reason": "no_time"})
    assert (await field.act(f"/mentors/{mentor['id']}/pause"))["state"] == "paused"


async def test_who_waits_for_a_first_meeting_neither_pauses_nor_leaves(field: Field) -> None:
    """No answer is due then, and the refusal says what is; so it does after the meeting, and to a group."""
    mentor, group = await field.ready_mentor(), await field.ready_group()
    proposal, of_group = await field.accepted(mentor=mentor), await field.accepted(group=group)
    for verb in ("pause", "leave"):
        assert await field.refused(f"/mentors/{mentor['id']}/{verb}") == (409, "first-meeting-agreed")
    for verb in ("withdraw", "reject"):
        assert await field.refused(f"/mentor_groups/{group['id']}/{verb}", {"reason": "Umzug"}) == (
            409, "first-meeting-agreed")
    await field.act(f"/proposals/{proposal['id']}/first_meeting", {"on": str(field.day)})
    assert await field.refused(f"/mentors/{mentor['id']}/pause") == (409, "first-meeting-agreed")
    for one in (proposal, of_group):
        await field.act(f"/proposals/{one['id']}/answers", {"side": "mentors", "accepted": False, "reason": "no_time"})

    assert (await field.act(f"/mentors/{mentor['id']}/pause"))["state"] == "paused"
    assert (await field.act(f"/mentor_groups/{group['id']}/withdraw", {"reason": "Umzug"}))["state"] == "withdrawn"


async def test_an_answer_that_is_due_is_named_before_a_meeting(field: Field) -> None:
    """Who has room for two may wait for both."""
    mentor = await field.ready_mentor(capacity=2)
    await field.accepted(mentor=mentor)
    invited = await field.invited(mentor=mentor)
    assert await field.refused(f"/mentors/{mentor['id']}/pause") == (409, "invitation-open")
    await field.act(f"/proposals/{invited['id']}/answers", {
        "side": "household", "accepted": False, "reason": "no_time"})

    assert await field.refused(f"/mentors/{mentor['id']}/pause") == (409, "first-meeting-agreed")


async def test_the_capacity_is_not_set_below_what_is_taken(field: Field) -> None:
    """An open invitation takes a place, and so does a tandem."""
    mentor = await field.ready_mentor(capacity=2)
    for _ in range(2):
        await field.invited(mentor=mentor)
    body = {"capacity": 1, "slots": ["tue_evening"]}

    assert await field.refused(f"/mentors/{mentor['id']}", body, method="PUT") == (409, "capacity-below-taken")


async def test_nobody_else_sees_mentors(field: Field) -> None:
    """Not another region's coordinator, and no other role; a foreign id answers as an unknown one does."""
    mentor = await field.create("/mentors", field.mentor_body())
    elsewhere = await field.network.key(Role.COORDINATOR, region="15084")
    assert (await field.send("GET", f"/mentors/{mentor['id']}", headers=elsewhere)).status_code == 404
    assert (await field.get("/mentors", headers=elsewhere))["items"] == []
    for role in (Role.NETWORK_ADMIN, Role.OPS, Role.AUDITOR, Role.NEUTRAL_CONTACT, Role.FUNDER_READER, Role.COUNSELLOR):
        headers = await field.network.key(role)
        assert (await field.send("GET", f"/mentors/{mentor['id']}", headers=headers)).status_code == 403, role
