"""Mentor groups through the HTTP door: members, home and documents, and the checklist that facts tick."""

from datetime import date, timedelta
from uuid import UUID, uuid4

from libs.common.facts.events import AttendanceCorrected
from libs.common.facts.registry import RequiredTraining
from tests.harness import new_idempotency_key
from tests.matching.field import REGION, Field, Json, a_person, sponsorship


async def checklist(field: Field, group: Json) -> dict[str, Json]:
    """The lines of a group's checklist by rule."""
    return {line["rule"]: line for line in await field.get(f"/prerequisites?mentor_group_id={group['id']}")}


async def standings(field: Field, group: Json) -> dict[str, str]:
    """How each line stands."""
    return {rule: line["standing"] for rule, line in (await checklist(field, group)).items()}


async def test_a_group_becomes_ready_by_itself(field: Field) -> None:
    """Four members, one of them a main contact, two trained, rent for a year: each tick is told, and then readiness.

    What was there from the beginning is on the list, but is no news.
    """
    group = await field.create("/mentor_groups", field.group_body())
    address = f"/mentor_groups/{group['id']}"
    assert await standings(field, group) == {
        "min_members": "fulfilled", "main_contacts": "fulfilled", "training_basic": "open", "rent_secured": "open"}
    assert [(await field.act(f"{address}/{verb}"))["state"] for verb in ("form", "prepare")] == [
        "forming", "in_preparation"]
    members = await field.get(f"/members?mentor_group_id={group['id']}")
    facts = [field.attended(member["person_ref"]) for member in members[:2]]
    await field.network.tell("matching", facts[0])
    assert (await checklist(field, group))["training_basic"]["there"] == 1
    await field.network.tell("matching", facts[1])
    line = (await checklist(field, group))["training_basic"]
    assert (line["standing"], line["evidence"]) == (
        "fulfilled", sorted(f"attendance/{fact.attendance_id}" for fact in facts))
    ready = await field.act(f"{address}/housing", field.housing(), method="PUT")

    assert (ready["state"], ready["ready_at"] is not None) == ("ready", True)
    told = await field.told(group["id"])
    assert [one["subject"] for one in told] == [
        "mentor_group.interest_registered", "prerequisite.fulfilled", "prerequisite.fulfilled", "mentor_group.ready"]
    assert all(one["contact_refs"] == [members[0]["person_ref"]] for one in told)


async def test_a_corrected_attendance_takes_the_group_back(field: Field) -> None:
    """The line expires, which is told; counted again it is fulfilled again, and the group ready."""
    group = await field.ready_group()
    assert group["state"] == "ready"
    (member, *_) = await field.get(f"/members?mentor_group_id={group['id']}")
    (attendance, _) = (await checklist(field, group))["training_basic"]["evidence"]
    correction = AttendanceCorrected(
        attendance_id=UUID(attendance.partition("/")[2]), event_id=uuid4(), region=REGION, counts=False,
        person_ref=UUID(member["person_ref"]), training_code="basic")
    await field.network.tell("matching", correction)
    assert (await standings(field, group))["training_basic"] == "expired"
    assert (await field.get(f"/mentor_groups/{group['id']}"))["state"] == "in_preparation"
    await field.network.tell("matching", correction.model_copy(update={"counts": True}))

    assert (await field.get(f"/mentor_groups/{group['id']}"))["state"] == "ready"
    assert (await field.subjects(group["id"]))[-3:] == [
        "prerequisite.expired", "prerequisite.fulfilled", "mentor_group.ready"]


async def test_attendances_of_others_tick_nothing(field: Field) -> None:
    """Unknown persons, no person at all, no training: nothing is kept. A correction may come without its attendance."""
    group = await field.create("/mentor_groups", field.group_body())
    member = (await field.get(f"/members?mentor_group_id={group['id']}"))[0]
    fact = field.attended(str(uuid4()))
    await field.network.tell(
        "matching", fact, fact.model_copy(update={"attendance_id": uuid4(), "person_ref": None}),
        fact.model_copy(update={"attendance_id": uuid4(), "person_ref": UUID(member["person_ref"]),
                                "training_code": None}))
    correction = AttendanceCorrected(attendance_id=uuid4(), event_id=uuid4(), region=REGION, counts=True,
                                     person_ref=UUID(member["person_ref"]), training_code="basic")
    kept = "SELECT count(*) FROM attended_training WHERE person_ref = ANY($1::uuid[])"
    refs = [fact.person_ref, UUID(member["person_ref"])]
    assert (await field.network.rows("matching", kept, refs))[0][0] == 0
    await field.network.tell("matching", correction, correction.model_copy(
        update={"attendance_id": uuid4(), "counts": False}))

    assert (await field.network.rows("matching", kept, refs))[0][0] == 1
    assert (await checklist(field, group))["training_basic"]["there"] == 1


async def test_a_training_before_joining_counts_and_one_person_counts_once(field: Field) -> None:
    """Two attendances of the same member are one trained member."""
    group = await field.create("/mentor_groups", field.group_body())
    member = (await field.get(f"/members?mentor_group_id={group['id']}"))[0]
    await field.network.tell("matching", field.attended(member["person_ref"]), field.attended(member["person_ref"]))

    assert (await checklist(field, group))["training_basic"]["there"] == 1


async def test_the_rule_set_of_the_day_of_interest_binds(field: Field) -> None:
    """A later one does not touch a group that registered before; a corrected one does at once."""
    group = await field.create("/mentor_groups", field.group_body(members=4))
    tomorrow = field.day + timedelta(days=1)
    await field.network.tell(
        "matching", sponsorship(field.sponsorship, valid_from=tomorrow, min_members=9, required_trainings=()))
    assert (await checklist(field, group))["min_members"]["needed"] == 4
    await field.network.tell("matching", sponsorship(
        field.sponsorship, min_members=5, rent_months=0, required_documents=("support_plan",),
        required_trainings=(RequiredTraining(training_code="advanced", members=1),)))

    assert await standings(field, group) == {
        "min_members": "expired", "main_contacts": "fulfilled", "training_advanced": "open",
        "document_support_plan": "open"}


async def test_interest_before_any_rules_is_refused(field: Field) -> None:
    """The programme must have rules that hold on the day."""
    programme = uuid4()
    await field.network.tell("matching", sponsorship(programme, valid_until=date(2024, 1, 1)))
    answer = await field.send("POST", "/mentor_groups", field.group_body(programme_id=str(programme)))

    assert (answer.status_code, answer.json()["slug"]) == (422, "programme-unknown")


async def test_members_join_change_and_leave(field: Field) -> None:
    """With each the checklist is checked again; names are told to the coordinator, and the reading is noted."""
    group = await field.create("/mentor_groups", field.group_body(members=3))
    body = {"mentor_group_id": group["id"], "contact": a_person("Vera Vierte"), "gender": "f",
            "consented_on": "2024-01-08"}
    headers = field.coordinator | new_idempotency_key()
    member = (await field.send("POST", "/members", body, headers=headers)).json()
    assert (await field.send("POST", "/members", body, headers=headers)).json()["id"] == member["id"]
    assert (await standings(field, group))["min_members"] == "fulfilled"
    changed = await field.act(f"/members/{member['id']}", {
        "contact": a_person("Vera Fünfte"), "gender": "d", "is_main_contact": True}, method="PUT")
    another = await field.act(f"/members/{member['id']}", {
        "contact": a_person("Vera Sechste"), "gender": "d", "is_main_contact": True}, method="PUT")
    assert another["version"] > changed["version"]
    assert (changed["name"], changed["gender"]) == ("Vera Fünfte", "d")
    assert (await checklist(field, group))["main_contacts"]["there"] == 2
    assert (await field.act(f"/members/{member['id']}/leave"))["left_on"] == str(field.day)
    assert await field.refused(f"/members/{member['id']}/leave") == (409, "member-left")
    assert (await standings(field, group))["min_members"] == "expired"
    assert len(await field.get(f"/members?mentor_group_id={group['id']}")) == 4

    read = "SELECT count(*) FROM audit WHERE action = 'read' AND about = $1 AND person_ref = $2"
    counted = await field.network.rows(
        "matching", read, f"mentor_group/{group['id']}", UUID(member["person_ref"]))
    assert counted[0][0] > 0
    late = body | {"consented_on": str(field.day + timedelta(days=1))}
    assert (await field.send("POST", "/members", late)).json()["slug"] == "day-in-future"


async def test_documents_are_noted_as_seen(field: Field) -> None:
    """Only their code and day; the line is ticked, and a future day refused."""
    await field.network.tell("matching", sponsorship(field.sponsorship, required_documents=("support_plan",)))
    group = await field.create("/mentor_groups", field.group_body())
    address = f"/mentor_groups/{group['id']}/documents"
    future = {"document": "support_plan", "seen_on": str(field.day + timedelta(days=1))}
    assert await field.refused(address, future) == (422, "day-in-future")
    await field.act(address, {"document": "support_plan", "seen_on": str(field.day)})

    assert (await standings(field, group))["document_support_plan"] == "fulfilled"


async def test_a_line_is_waived_with_a_reason_and_demanded_again(field: Field) -> None:
    """The last open line waived makes the group ready; demanded again it goes back."""
    group = await field.create("/mentor_groups", field.group_body())
    address = f"/mentor_groups/{group['id']}"
    await field.act(f"{address}/housing", field.housing(), method="PUT")
    await field.act(f"{address}/prepare")
    line = (await checklist(field, group))["training_basic"]
    waived = await field.act(f"/prerequisites/{line['id']}/waive", {"why": "Bei einem anderen Träger besucht."})
    assert (waived["standing"], waived["waived_why"]) == ("waived", "Bei einem anderen Träger besucht.")
    assert (await field.get(address))["state"] == "ready"
    assert await field.refused(f"/prerequisites/{line['id']}/waive", {"why": "x"}) == (409, "prerequisite-settled")
    await field.act(f"/prerequisites/{line['id']}/demand")

    assert (await field.get(address))["state"] == "in_preparation"
    assert await field.refused(f"/prerequisites/{line['id']}/demand") == (409, "prerequisite-not-waived")
    answer = await field.send("POST", f"/prerequisites/{line['id']}/waive", {"why": "x"}, etag='"1"')
    assert (answer.status_code, answer.json()["slug"]) == (412, "stale")


async def test_a_home_that_is_lost_takes_the_group_back(field: Field) -> None:
    """Eleven months of rent are not twelve."""
    group = await field.ready_group()
    back = await field.act(f"/mentor_groups/{group['id']}/housing", field.housing(secured_months=11), method="PUT")

    assert (back["state"], (await standings(field, group))["rent_secured"]) == ("in_preparation", "expired")


async def test_where_an_authority_chooses_the_group_applies_and_is_listed(field: Field) -> None:
    """Elsewhere both are refused."""
    plain = await field.ready_group()
    for verb in ("apply", "list"):
        assert await field.refused(f"/mentor_groups/{plain['id']}/{verb}") == (409, "no-authority")
    programme = uuid4()
    await field.network.tell("matching", sponsorship(programme, chooser="authority"))
    group = await field.ready_group(programme_id=str(programme))
    address = f"/mentor_groups/{group['id']}"
    assert await field.refused(f"{address}/list") == (409, "group-state")

    assert [(await field.act(f"{address}/{verb}"))["state"] for verb in ("apply", "list")] == ["applied", "listed"]


async def test_a_group_is_rejected_or_withdraws(field: Field) -> None:
    """Its pending proposal is dismissed, and afterwards nothing about it is changed."""
    group = await field.ready_group()
    household = await field.waiting_household(programme_id=str(field.sponsorship))
    proposal = await field.proposed(household, group=group)
    address = f"/mentor_groups/{group['id']}"
    assert (await field.act(f"{address}/withdraw", {"reason": "Umzug"}))["end_reason"] == "Umzug"
    assert (await field.get(f"/proposals/{proposal['id']}"))["state"] == "dismissed"
    assert (await field.get(f"/households/{household['id']}"))["state"] == "waiting"
    assert await field.refused(f"{address}/reject", {"reason": "x"}) == (409, "group-state")
    assert await field.refused(f"{address}/prepare") == (409, "group-ended")
    assert await field.refused(f"{address}/housing", field.housing(), method="PUT") == (409, "group-ended")
    other = await field.create("/mentor_groups", field.group_body())

    assert (await field.act(f"/mentor_groups/{other['id']}/reject", {"reason": "x"}))["state"] == "rejected"


async def test_groups_are_listed_read_and_changed(field: Field) -> None:
    """By programme, state and region; a change keeps what was not sent at its usual value."""
    group = await field.create("/mentor_groups", field.group_body())
    query = f"/mentor_groups?programme_id={field.sponsorship}"
    listed = (await field.get(f"{query}&state=interested&region={REGION}"))["items"]
    assert [one["id"] for one in listed] == [group["id"]]
    assert (await field.get(f"{query}&state=ready"))["items"] == []
    changed = await field.act(f"/mentor_groups/{group['id']}", {"label": "Gruppe Neu", "radius_km": 5}, method="PUT")

    assert (changed["label"], changed["radius_km"], changed["languages"]) == ("Gruppe Neu", 5, {})
    assert "Gruppe" in changed["label"]
    assert "Person0" not in str(await field.get(f"/mentor_groups/{group['id']}"))
