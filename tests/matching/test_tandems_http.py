"""Tandems through the HTTP door: begun, tried, confirmed, paused, met, and ended."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from libs.common.callers import Role
from libs.common.facts.registry import ProjectClosed, ProjectOpened
from services.matching.links.queries import CONSENT, MEETINGS
from services.matching.profiles.rules import days_later
from services.matching.tandems.reactions import ask_whether_to_go_on
from tests.harness import new_idempotency_key
from tests.matching.field import REGION, Field, Json, a_person, rules
from tests.matching.test_persons_facts import reached


def moment(value: str) -> datetime:
    """A time of an answer."""
    return datetime.fromisoformat(value).astimezone(UTC)


async def test_a_tandem_begins_on_trial_by_the_programmes_rules(field: Field) -> None:
    """Its trial, its end and its check-ins; household and mentor are taken, and both sides are told."""
    await field.network.tell("matching", rules(
        field.programme, trial_days=21, checkin_days=(21, 90, 180), support_months=6))
    tandem = await field.tandem()
    mentor, household = await field.refs(tandem)
    started = moment(tandem["started_at"])
    checkins = (await field.get(f"/checkins?tandem_id={tandem['id']}"))["items"]

    assert tandem["state"] == "trial"
    assert moment(tandem["trial_until"]) == days_later(started, 21)
    assert [(one["day"], one["side"]) for one in checkins] == [
        (day, side) for day in (21, 90, 180) for side in ("mentors", "household")]
    assert (await field.get(f"/households/{tandem['household_id']}"))["state"] == "in_tandem"
    assert (await field.get(f"/mentors/{tandem['mentor_id']}"))["state"] == "active"
    assert (await field.get(f"/proposals/{tandem['proposal_id']}"))["state"] == "tandem"
    (told,) = await field.told(tandem["id"], kind="tandem")
    assert (told["subject"], told["person_refs"]) == ("tandem.started", [mentor, household])


async def test_a_tandem_needs_a_first_meeting_and_is_begun_once(field: Field) -> None:
    """A repeated Idempotency-Key answers with the same tandem; another request is refused."""
    proposal = await field.accepted()
    body = {"proposal_id": proposal["id"], "kind": "family", "goals": ["school"], "planned_until": "2031-01-01"}
    early = await field.send("POST", "/tandems", body)
    assert (early.status_code, early.json()["slug"]) == (409, "proposal-state")
    await field.act(f"/proposals/{proposal['id']}/first_meeting", {"on": str(field.day)})
    headers = field.coordinator | new_idempotency_key()
    first = await field.send("POST", "/tandems", body, headers=headers)
    again = await field.send("POST", "/tandems", body, headers=headers)
    other = await field.send("POST", "/tandems", body)
    assert (first.status_code, first.json()["goals"], first.json()["planned_until"]) == (201, ["school"], "2031-01-01")
    assert again.json()["id"] == first.json()["id"]
    assert (other.status_code, other.json()["slug"]) == (409, "proposal-state")
    unknown = await field.send("POST", "/tandems", body | {"proposal_id": str(uuid4())})

    assert unknown.status_code == 404


async def test_a_tandem_counts_for_a_project_that_is_open_here(field: Field) -> None:
    """Its meetings then carry the project; unknown, foreign and closed ones are refused."""
    project, foreign, closed = uuid4(), uuid4(), uuid4()
    for one, region in ((project, "15"), (foreign, "15084"), (closed, "15087")):
        await field.network.tell("matching", ProjectOpened(
            project_id=one, starts=field.day, ends=field.day + timedelta(days=300), regions=(region,)))
    await field.network.tell("matching", ProjectClosed(project_id=closed))
    proposal = await field.accepted()
    await field.act(f"/proposals/{proposal['id']}/first_meeting", {"on": str(field.day)})
    body = {"proposal_id": proposal["id"], "kind": "everyday"}
    for wrong in (foreign, closed, uuid4()):
        answer = await field.send("POST", "/tandems", body | {"project_id": str(wrong)})
        assert (answer.status_code, answer.json()["slug"]) == (422, "project-not-open")
    tandem = await field.create("/tandems", body | {"project_id": str(project)})
    mentor, _ = await field.refs(tandem)
    path = await field.link(MEETINGS, tandem["id"], mentor)
    assert (await field.client.post(f"{path}?on={field.day}&minutes=90")).status_code == 200
    (told,) = await field.told(tandem["id"], kind="meeting")

    assert (told["project_id"], told["minutes"], told["month"], told["person_ref"]) == (
        str(project), 90, field.day.strftime("%Y-%m"), mentor)


async def test_a_trial_ends_with_both_consents_by_link(field: Field) -> None:
    """Not before it is over, and each side once; then the tandem is active and both are told."""
    tandem = await field.tandem()
    mentor, household = await field.refs(tandem)
    paths = [await field.link(CONSENT, tandem["id"], person) for person in (mentor, household)]
    early = await field.client.post(f"{paths[0]}/give")
    assert (early.status_code, early.json()["slug"]) == (409, "trial-not-over")
    await field.network.move(timedelta(minutes=1), days=28)
    overdue = (await field.get("/tandems?trial_overdue=true&limit=100"))["items"]
    assert tandem["id"] in [one["id"] for one in overdue]
    page = await field.client.get(paths[1])
    assert (page.status_code, page.headers["content-language"]) == (200, "ar")
    assert (await field.client.post(f"{paths[0]}/give")).json() == {"state": "trial", "side": "mentors"}
    again = await field.client.post(f"{paths[0]}/give")
    assert (again.status_code, again.json()["slug"]) == (409, "consent-given")
    assert (await field.client.post(f"{paths[1]}/give")).json() == {"state": "active", "side": "household"}
    (told,) = await field.told(tandem["id"], kind="confirmed")

    assert told["person_refs"] == [mentor, household]
    assert (await field.get(f"/tandems/{tandem['id']}"))["confirmed_at"] is not None


async def test_each_side_is_asked_whether_to_go_on_whatever_it_said_of_checkins(field: Field) -> None:
    """Once, when the trial is over, with the link; who has said so by then is not asked, nor when it has ended."""
    tandem, ended = await field.tandem(besides=[]), await field.tandem()
    mentor, household = await field.refs(tandem)
    await field.act(f"/tandems/{ended['id']}/end_early", {"reason": "moved"})
    await field.network.move(timedelta(minutes=1), days=28)
    (told,) = await field.told(tandem["id"], kind="trial_ended")
    assert told["person_refs"] == [household]
    assert await field.told(ended["id"], kind="trial_ended") == []
    assert [one["person_refs"] for one in await field.told(tandem["id"], kind="checkin.due")] == [[mentor]]
    links = (await reached(field, household, f"tandem/{tandem['id']}", "tandem_trial_ended")).links
    own = links["consent"].removeprefix("http://matching.test")
    for path in (own, await field.link(CONSENT, tandem["id"], mentor)):
        assert (await field.client.post(f"{path}/give")).status_code == 200

    assert (await field.get(f"/tandems/{tandem['id']}"))["state"] == "active"
    assert "consent" not in (await reached(field, household, f"tandem/{tandem['id']}", "tandem_trial_ended")).links


async def test_who_has_said_so_already_is_not_asked_whether_to_go_on(field: Field) -> None:
    """The coordinator noted it before the work that had fallen due was done."""
    tandem = await field.tandem(mentor=await field.ready_mentor(consented_besides=[]), besides=[])
    _, household = await field.refs(tandem)
    database = field.network["matching"].running.database
    await field.network.rows("matching", "UPDATE tandem SET mentors_consented_at = now() WHERE id = $1",
                             UUID(tandem["id"]))
    await field.network.move(timedelta(minutes=1), days=28)
    (told,) = await field.told(tandem["id"], kind="trial_ended")
    assert told["person_refs"] == [household]
    await field.act(f"/tandems/{tandem['id']}/consents", {"side": "household"})
    async with database.transaction() as transaction:
        await ask_whether_to_go_on(transaction, UUID(tandem["id"]))

    assert len(await field.told(tandem["id"], kind="trial_ended")) == 1


async def test_a_side_ends_the_trial_by_link(field: Field) -> None:
    """The household waits again, the pair is barred, and once active only the coordinator ends it."""
    tandem = await field.tandem()
    mentor, _ = await field.refs(tandem)
    path = await field.link(CONSENT, tandem["id"], mentor)
    assert (await field.client.post(f"{path}/refuse")).json() == {"state": "ended_early", "side": "mentors"}
    ended = await field.get(f"/tandems/{tandem['id']}")
    assert (ended["end_reason"], ended["ended_at"] is not None) == ("mentor_unavailable", True)
    household = await field.get(f"/households/{tandem['household_id']}")
    assert household["state"] == "waiting"
    run = await field.run()
    assert (run["households"], run["proposed"]) == (1, 0)
    active = await field.active()
    mentor, _ = await field.refs(active)
    refused = await field.client.post(f"{await field.link(CONSENT, active['id'], mentor)}/refuse")

    assert (refused.status_code, refused.json()["slug"]) == (409, "tandem-state")


async def test_running_tandems_without_an_agreement_are_listed(field: Field) -> None:
    """Until it is noted that both have signed, or the tandem has ended."""
    signed = await field.tandem()
    ended = await field.tandem(mentor=await field.ready_mentor(contact=a_person("Olga Beispiel")))
    address, both = "/tandems?without_agreement=true", {signed["id"], ended["id"]}
    assert both <= {one["id"] for one in (await field.get(address))["items"]}
    await field.act(f"/tandems/{signed['id']}/agreement", {"signed_on": str(field.day)})
    assert both & {one["id"] for one in (await field.get(address))["items"]} == {ended["id"]}
    await field.act(f"/tandems/{ended['id']}/end_early", {"reason": "moved"})

    assert not both & {one["id"] for one in (await field.get(address))["items"]}


async def test_a_tandem_is_signed_paused_resumed_and_ended(field: Field) -> None:
    """Each told; what is refused is refused with its state, and nobody is asked during the pause."""
    tandem = await field.active()
    address = f"/tandems/{tandem['id']}"
    future = {"signed_on": str(field.day + timedelta(days=1))}
    assert await field.refused(f"{address}/agreement", future) == (422, "day-in-future")
    signed = await field.act(f"{address}/agreement", {"signed_on": str(field.day)})
    assert signed["agreement_signed_on"] == str(field.day)
    assert (await field.act(f"{address}/pause"))["state"] == "paused"
    assert await field.refused(f"{address}/pause") == (409, "tandem-state")
    await field.network.move(days=200)
    planned = (await field.get(f"/checkins?tandem_id={tandem['id']}&state=planned"))["items"]
    assert [one["day"] for one in planned] == [182, 182, 364, 364]
    assert (await field.act(f"{address}/resume"))["state"] == "active"
    await field.network.settled()
    due = (await field.get(f"/checkins?tandem_id={tandem['id']}&state=due"))["items"]
    assert sorted(one["day"] for one in due) == [28, 28, 182, 182]
    ended = await field.act(f"{address}/end_early", {"reason": "moved", "rematch": False})
    assert (ended["state"], ended["end_reason"]) == ("ended_early", "moved")
    assert (await field.get(f"/households/{tandem['household_id']}"))["state"] == "closed"
    after: list[tuple[str, Json | None]] = [
        ("resume", None), ("end_early", {"reason": "moved"}), ("agreement", {"signed_on": str(field.day)}),
        ("consents", {"side": "mentors"})]
    for verb, body in after:
        assert await field.refused(f"{address}/{verb}", body) == (409, "tandem-state")
    dropped = (await field.get(f"/checkins?tandem_id={tandem['id']}&state=dropped"))["items"]

    assert sorted(one["day"] for one in dropped) == [28, 28, 182, 182, 364, 364]
    assert [one for one in await field.subjects(tandem["id"]) if one.startswith("tandem")] == [
        "tandem.started", "tandem.trial_ended", "tandem.confirmed", "tandem.paused", "tandem.resumed",
        "tandem.ended_early"]


async def test_a_group_accompanies_and_is_ready_again_when_it_ends_early(field: Field) -> None:
    """Its checklist decides; a completed one is completed with its tandem."""
    group = await field.ready_group()
    tandem = await field.tandem(group=group)
    assert (await field.get(f"/mentor_groups/{group['id']}"))["state"] == "accompanying"
    await field.act(f"/tandems/{tandem['id']}/end_early", {"reason": "conflict"})
    assert (await field.get(f"/mentor_groups/{group['id']}"))["state"] == "ready"
    second = await field.active(group=group)
    await field.create("/closings", {"tandem_id": second["id"], "held_on": str(field.day)})

    assert (await field.get(f"/mentor_groups/{group['id']}"))["state"] == "completed"


async def test_a_stranger_or_another_region_has_no_part_in_a_tandem(field: Field) -> None:
    """Links of others are not found, and lists go by what is asked for inside the own region."""
    tandem, other = await field.tandem(), await field.tandem()
    stranger, _ = await field.refs(other)
    for purpose in (CONSENT, MEETINGS):
        path = await field.link(purpose, tandem["id"], stranger)
        assert (await field.client.get(path)).status_code == 404
    consent, meetings = [await field.link(purpose, tandem["id"], stranger) for purpose in (CONSENT, MEETINGS)]
    for path in (f"{consent}/give", f"{consent}/refuse", f"{meetings}?on=2026-01-01&minutes=9"):
        assert (await field.client.post(path)).status_code == 404
    elsewhere = await field.network.key(Role.COORDINATOR, region="15084")
    for path in (f"/tandems/{tandem['id']}", f"/meetings?tandem_id={tandem['id']}"):
        assert (await field.send("GET", path, headers=elsewhere)).status_code == 404
    listed: list[Json] = (await field.get(f"/tandems?household_id={tandem['household_id']}&state=trial"))["items"]

    assert [one["id"] for one in listed] == [tandem["id"]]
    assert tandem["region"] == REGION
