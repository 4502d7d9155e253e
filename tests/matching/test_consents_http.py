"""Consent for each purpose: without it the thing does not happen, and taken back it stops at once."""

from datetime import timedelta
from importlib import import_module
from uuid import UUID, uuid4

from sqlalchemy import text

from libs.common.facts.notify import ConsentWithdrawn
from services.matching.profiles.rules import today
from tests.harness import new_idempotency_key
from tests.matching.field import LONG_AGO, REGION, Field, Json, sponsorship
from tests.matching.test_persons_facts import erased

LEARNING = {"text": "Feste Treffen halfen."}
MIGRATION = "services.matching.migrations.versions.matching_0005"


async def consents(field: Field, person_ref: str, query: str = "") -> dict[str, Json]:
    """A person's consents that hold, by purpose."""
    found = await field.get(f"/consents?person_ref={person_ref}&holding=true{query}")
    return {one["purpose"]: one for one in found["items"]}


async def withdrawn(field: Field, person_ref: str, purpose: str) -> Json:
    """The person has taken this consent back."""
    consent = (await consents(field, person_ref))[purpose]
    return await field.act(f"/consents/{consent['id']}/withdraw")


async def agreed(field: Field, person_ref: str, purpose: str, **more: str) -> Json:
    """The person consents to one thing more."""
    return await field.create("/consents", {
        "person_ref": person_ref, "purpose": purpose, "given_on": str(field.day)} | more)


async def turned_away(field: Field, person_ref: str, purpose: str) -> tuple[int, str]:
    """That the person consents is not noted: status and slug."""
    answer = await field.send("POST", "/consents", {
        "person_ref": person_ref, "purpose": purpose, "given_on": str(field.day)})
    return answer.status_code, answer.json().get("slug", "")


async def checkins(field: Field, tandem: Json) -> dict[str, set[str]]:
    """In which states the check-ins of each side are."""
    found: dict[str, set[str]] = {"mentors": set(), "household": set()}
    for one in (await field.get(f"/checkins?tandem_id={tandem['id']}"))["items"]:
        found[one["side"]].add(one["state"])
    return found


async def test_each_purpose_is_given_read_and_taken_back_by_itself(field: Field) -> None:
    """With text, language, day and how; each is told, and what was given before stays to be read."""
    household = await field.create("/households", field.household_body())
    ref = household["person_ref"]
    await field.act(f"/households/{household['id']}/interview")
    assert await consents(field, ref) == {}
    await field.act(f"/households/{household['id']}/consent", {"given_on": LONG_AGO, "language": "ar"})
    first = await consents(field, ref)
    assert {name: (one["language"], one["given_by"], one["given_on"]) for name, one in first.items()} == {
        "matching": ("ar", "paper", LONG_AGO), "checkins": ("ar", "paper", LONG_AGO)}
    later = await agreed(field, ref, "checkins", given_by="spoken", language="ckb")
    assert (await consents(field, ref))["checkins"]["id"] == later["id"]
    replaced = next(one for one in (await field.get(f"/consents?person_ref={ref}&purpose=checkins"))["items"]
                    if one["id"] == first["checkins"]["id"])
    assert (replaced["replaced_on"], replaced["withdrawn_on"]) == (str(field.day), None)
    assert (await withdrawn(field, ref, "checkins"))["withdrawn_on"] == str(field.day)
    assert await field.refused(f"/consents/{later['id']}/withdraw") == (409, "consent-over")
    told = [(one["subject"], one["purpose"]) for one in await field.told(ref, kind="consent")]

    assert told == [("consent.given", "matching"), ("consent.given", "checkins"), ("consent.given", "checkins"),
                    ("consent.withdrawn", "checkins")]
    assert (await field.get(f"/households/{household['id']}"))["consented_on"] == LONG_AGO


async def test_a_consent_is_of_somebody_here_and_of_a_day_that_has_come(field: Field) -> None:
    """Nobody's, tomorrow's, and another region's are refused; a repeated request gives one consent."""
    mentor = await field.create("/mentors", field.mentor_body(consented_on=None))
    body = {"person_ref": mentor["person_ref"], "purpose": "matching", "given_on": str(field.day)}
    stranger = await field.send("POST", "/consents", body | {"person_ref": str(uuid4())})
    assert (stranger.status_code, stranger.json()["slug"]) == (404, "not-found")
    future = await field.send("POST", "/consents", body | {"given_on": str(field.day + timedelta(days=1))})
    assert (future.status_code, future.json()["slug"]) == (422, "day-in-future")
    headers = field.coordinator | new_idempotency_key()
    once, again = [await field.send("POST", "/consents", body, headers=headers) for _ in range(2)]
    assert (once.status_code, once.json()["id"]) == (201, again.json()["id"])

    assert (await field.get(f"/mentors/{mentor['id']}"))["consented_on"] == str(field.day)


async def test_who_takes_matching_back_is_matched_no_more(field: Field) -> None:
    """A household is closed and its invitation declined for it; who has gone comes back by no consent."""
    proposal = await field.invited()
    mentor, household = await field.refs(proposal)
    await withdrawn(field, household, "matching")
    closed = await field.get(f"/households/{proposal['household_id']}")
    assert (closed["state"], closed["closed_reason"], closed["consented_on"]) == ("closed", "consent_withdrawn", None)
    assert (await field.get(f"/proposals/{proposal['id']}"))["state"] == "declined"
    again = await field.send("POST", "/consents", {
        "person_ref": household, "purpose": "matching", "given_on": str(field.day)})
    assert (again.status_code, again.json()["slug"]) == (409, "household-closed")
    await withdrawn(field, mentor, "matching")

    assert (await field.get(f"/mentors/{proposal['mentor_id']}"))["state"] == "left"
    assert "matching" not in await consents(field, mentor)


async def test_who_takes_back_by_a_link_of_notify_takes_it_back_here(field: Field) -> None:
    """Whatever the purpose; one that matching does not have changes nothing."""
    tandem = await field.tandem()
    _, household = await field.refs(tandem)
    await field.network.tell("matching", ConsentWithdrawn(person_ref=UUID(household), purpose="newsletter"))
    assert set(await consents(field, household)) == {"matching", "checkins", "learnings", "authority"}
    await field.network.tell("matching", ConsentWithdrawn(person_ref=UUID(household), purpose="checkins"))

    assert set(await consents(field, household)) == {"matching", "learnings", "authority"}
    assert await checkins(field, tandem) == {"mentors": {"planned"}, "household": {"dropped"}}


async def test_nobody_is_asked_how_it_goes_without_consent(field: Field) -> None:
    """Neither at first nor after it was taken back; the other side is asked all the same, and who agrees later too."""
    tandem = await field.tandem(besides=[])
    mentor, household = await field.refs(tandem)
    assert await checkins(field, tandem) == {"mentors": {"planned"}, "household": {"dropped"}}
    await field.network.move(timedelta(minutes=1), days=28)
    (due,) = await field.told(tandem["id"], kind="checkin.due")
    assert (due["side"], due["person_refs"]) == ("mentors", [mentor])
    await agreed(field, household, "checkins")
    assert await checkins(field, tandem) == {"mentors": {"due", "planned"}, "household": {"dropped", "planned"}}
    await withdrawn(field, mentor, "checkins")
    assert await checkins(field, tandem) == {"mentors": {"dropped"}, "household": {"dropped", "planned"}}
    await field.network.move(days=160)

    told = [(one["side"], one["person_refs"]) for one in await field.told(tandem["id"], kind="checkin.due")]
    assert told == [("mentors", [mentor]), ("household", [household])]
    assert await field.told(tandem["id"], kind="checkin.missed") == []


async def test_nothing_becomes_a_learning_without_consent(field: Field) -> None:
    """Of neither side; given, it may be written, and taken back before its approval it is discarded."""
    tandem = await field.active(besides=["checkins"])
    mentor, household = await field.refs(tandem)
    body = {"tandem_id": tandem["id"], "held_on": str(field.day)}
    refused = await field.send("POST", "/closings", body | {"learning": LEARNING})
    assert (refused.status_code, refused.json()["slug"]) == (409, "purpose-without-consent")
    closing = await field.create("/closings", body)
    address = f"/closings/{closing['id']}"
    for ref in (household, mentor):
        await agreed(field, ref, "learnings")
        assert (await field.act(f"{address}/learning", LEARNING, method="PUT"))["learning_state"] == "draft"
        await withdrawn(field, ref, "learnings")
        after = await field.get(address)
        assert (after["learning_state"], after["text"]) == ("discarded", None)
        assert await field.refused(f"{address}/learning", LEARNING, method="PUT") == (409, "purpose-without-consent")
        assert await field.refused(f"{address}/approve") == (409, "learning-not-waiting")
        await agreed(field, ref, "learnings")
    await field.act(f"{address}/learning", LEARNING, method="PUT")

    assert (await field.act(f"{address}/approve"))["learning_state"] == "approved"
    await withdrawn(field, household, "learnings")
    assert (await field.get(address))["text"] == "Feste Treffen halfen."


async def test_a_text_in_another_language_is_kept_of_mentors_and_members_too(field: Field) -> None:
    """Which version they read in which language; the first in German unless told."""
    told = {"consent_version": 3, "consent_language": "uk"}
    mentor = await field.create("/mentors", field.mentor_body(**told))
    body = field.group_body(members=2)
    body["members"][0] |= told
    group = await field.create("/mentor_groups", body)
    joined = await field.create("/members", {
        "mentor_group_id": group["id"], "contact": {"name": "Vera Neu"}, "consented_on": LONG_AGO} | told)
    first, second, _ = await field.get(f"/members?mentor_group_id={group['id']}")
    found = [await consents(field, one["person_ref"]) for one in (mentor, first, joined, second)]

    assert [(one["matching"]["text_version"], one["matching"]["language"]) for one in found] == [
        (3, "uk"), (3, "uk"), (3, "uk"), (1, "de")]
    wrong = field.group_body()
    for given in ({"consent_version": 0}, {"consent_language": "deutsch!"}):
        wrong["members"][0] |= given
        assert (await field.send("POST", "/mentor_groups", wrong)).status_code == 422


async def test_no_application_is_shown_to_the_authority_without_consent(field: Field) -> None:
    """Of every member; who takes it back, or joins without, takes the group back, and its proposal is dismissed."""
    programme = uuid4()
    await field.network.tell("matching", sponsorship(programme, chooser="authority"))
    group = await field.ready_group(programme_id=str(programme))
    address = f"/mentor_groups/{group['id']}"
    *_, member = await field.get(f"/members?mentor_group_id={group['id']}")
    ref = member["person_ref"]
    await withdrawn(field, ref, "authority")
    assert await field.refused(f"{address}/apply") == (409, "purpose-without-consent")
    await agreed(field, ref, "authority")
    assert [(await field.act(f"{address}/{verb}"))["state"] for verb in ("apply", "list")] == ["applied", "listed"]
    proposal = await field.proposed(await field.waiting_household(programme_id=str(programme)), group=group)
    await withdrawn(field, ref, "authority")
    assert (await field.get(address))["state"] == "ready"
    assert (await field.get(f"/proposals/{proposal['id']}"))["dismissed_reason"] == "no_longer_fits"
    await agreed(field, ref, "authority")
    await field.act(f"{address}/apply")
    newcomer = {"mentor_group_id": group["id"], "contact": {"name": "Vera Neu"}, "consented_on": LONG_AGO}
    await field.create("/members", newcomer)

    assert (await field.get(address))["state"] == "ready"
    assert await field.refused(f"{address}/apply") == (409, "purpose-without-consent")


async def test_what_was_agreed_to_before_is_carried_over(field: Field) -> None:
    """Matching and check-ins of whoever had consented, the authority of members of a group that has applied."""
    group = await field.ready_group()
    members = await field.get(f"/members?mentor_group_id={group['id']}")
    mentor = await field.ready_mentor()
    silent = await field.create("/households", field.household_body())
    refs = [members[0]["person_ref"], mentor["person_ref"], silent["person_ref"]]
    async with field.network["matching"].running.database.transaction() as transaction:
        await transaction.execute(text("DELETE FROM consent"))
        await transaction.execute(text("UPDATE mentor_group SET state = 'listed' WHERE id = :id"),
                                  {"id": UUID(group["id"])})
        await transaction.execute(text(import_module(MIGRATION).CARRIED_OVER))
        await transaction.execute(text("DELETE FROM due WHERE kind = 'record_due'"))
        await transaction.execute(text(import_module(MIGRATION).RECORDS_DUE))
    found = [set(await consents(field, ref)) for ref in refs]

    assert found == [{"matching", "checkins", "authority"}, {"matching", "checkins"}, set()]
    assert (await consents(field, refs[0]))["authority"]["region"] == REGION
    due = await field.network.rows("matching", "SELECT due_at FROM due WHERE about = $1", UUID(mentor["id"]))
    next_due = (await field.get(f"/mentors/{mentor['id']}"))["record_next_due"]
    assert [str(today(row["due_at"])) for row in due] == [next_due]


async def test_an_erasure_takes_the_consents_along(field: Field) -> None:
    """Also what was taken back before."""
    tandem = await field.tandem()
    _, household = await field.refs(tandem)
    await withdrawn(field, household, "learnings")
    told = await erased(field, household)

    assert "consents" in told["stores"]
    assert (await field.get(f"/consents?person_ref={household}"))["items"] == []


async def test_nothing_is_noted_of_who_was_erased(field: Field) -> None:
    """Whatever the purpose, whatever they were: no row, and nobody is told."""
    tandem = await field.tandem()
    group = await field.create("/mentor_groups", field.group_body())
    *_, member = await field.get(f"/members?mentor_group_id={group['id']}")
    refs = [*await field.refs(tandem), member["person_ref"]]
    await erased(field, *refs)
    told = [await field.told(ref, kind="consent") for ref in refs]
    for ref in refs:
        for purpose in ("matching", "checkins", "learnings", "authority"):
            assert await turned_away(field, ref, purpose) == (404, "person-erased")

        assert await consents(field, ref) == {}
    assert [await field.told(ref, kind="consent") for ref in refs] == told


async def test_who_takes_part_no_longer_consents_to_learnings_only(field: Field) -> None:
    """The closing talk is held after the end; a household, a mentor or a member who has gone is asked nothing more."""
    tandem = await field.tandem(besides=[])
    mentor, household = await field.refs(tandem)
    group = await field.create("/mentor_groups", field.group_body())
    *_, member = await field.get(f"/members?mentor_group_id={group['id']}")
    await field.act(f"/members/{member['id']}/leave")
    await withdrawn(field, household, "matching")
    await field.act(f"/mentors/{tandem['mentor_id']}/leave")
    gone = {household: "household-closed", mentor: "mentor-state", member["person_ref"]: "member-left"}
    for ref, slug in gone.items():
        for purpose in ("checkins", "authority", "matching"):
            assert await turned_away(field, ref, purpose) == (409, slug)

        assert (await agreed(field, ref, "learnings"))["purpose"] == "learnings"
