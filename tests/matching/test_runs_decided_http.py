"""What a coordinator decides on a whole run: several are approved at once, and the rest is let go."""

from datetime import timedelta
from uuid import uuid4

import httpx
import pytest

from services.matching.proposals import reactions
from tests.matching.field import Field, Json, sponsorship

pytestmark = pytest.mark.slow


async def a_run(field: Field, pairs: int) -> tuple[Json, list[str]]:
    """A run that found so many pairs, and the ids of its proposals."""
    for _ in range(pairs):
        await field.ready_mentor()
        await field.waiting_household()
    run = await field.run()
    return run, [one["id"] for one in (await field.get(f"/proposals?run_id={run['id']}"))["items"]]


async def approve(field: Field, run: Json, ids: list[str], **given: object) -> httpx.Response:
    """Approve these of a run at once."""
    return await field.send("POST", f"/runs/{run['id']}/approve", {"proposal_ids": ids} | given)


async def states_of(field: Field, run: Json) -> dict[str, str]:
    """The state of each of its proposals."""
    return {one["id"]: one["state"] for one in (await field.get(f"/proposals?run_id={run['id']}"))["items"]}


async def test_several_are_approved_at_once(field: Field) -> None:
    """Part of a run: those named are approved, the others stay; the second click is no failure, and tells nothing."""
    run, ids = await a_run(field, 3)
    first, second = await approve(field, run, ids[:2]), await approve(field, run, ids[:2])
    states = await states_of(field, run)
    await field.act(f"/proposals/{ids[0]}/invite")
    rest = await approve(field, run, ids)

    assert [(one.status_code, one.json()) for one in (first, second)] == [(200, sorted(ids[:2]))] * 2
    assert states == {ids[0]: "approved", ids[1]: "approved", ids[2]: "proposed"}
    assert rest.status_code == 200
    assert await states_of(field, run) == {ids[0]: "invited", ids[1]: "approved", ids[2]: "approved"}
    assert [len(await field.told(one, kind="proposal.approved")) for one in ids] == [1, 1, 1]


async def test_one_that_cannot_be_approved_is_named(field: Field) -> None:
    """It was dismissed: its id stands in the refusal, in German too, and none of the others was approved."""
    run, ids = await a_run(field, 2)
    await field.act(f"/proposals/{ids[1]}/dismiss", {"reason": "not_suitable"})
    german = field.coordinator | {"Accept-Language": "de"}
    refused = [await approve(field, run, ids), await field.send(
        "POST", f"/runs/{run['id']}/approve", {"proposal_ids": ids}, headers=german)]

    for answer in refused:
        assert (answer.status_code, answer.json()["slug"]) == (409, "proposal-not-to-approve")
        assert (answer.json()["field"], ids[1] in answer.json()["detail"]) == ("proposal_ids", True)
    assert await states_of(field, run) == {ids[0]: "proposed", ids[1]: "dismissed"}


async def test_a_proposal_of_another_run_is_not_there(field: Field) -> None:
    """Neither is one that does not exist; it is named."""
    run, (own,) = await a_run(field, 1)
    empty = await field.run()
    for at, foreign in ((empty, own), (run, str(uuid4()))):
        answer = await approve(field, at, [foreign])
        assert (answer.status_code, answer.json()["slug"]) == (404, "proposal-not-of-run")
        assert foreign in answer.json()["detail"]
    assert await states_of(field, run) == {own: "proposed"}


async def test_what_an_authority_decided_on_several_is_recorded(field: Field) -> None:
    """Without its decision none is approved; a decision is of no day that lies ahead, and stands at each of them."""
    programme = uuid4()
    await field.network.tell("matching", sponsorship(programme, chooser="authority"))
    for _ in range(2):
        group = await field.ready_group(programme_id=str(programme))
        for verb in ("apply", "list"):
            await field.act(f"/mentor_groups/{group['id']}/{verb}")
        await field.waiting_household(programme_id=str(programme))
    run = await field.run(programme)
    ids = list(await states_of(field, run))
    decision = {"decided_on": str(field.day), "reference": "Az. 12-2026"}
    missing = await approve(field, run, ids)
    ahead = await approve(field, run, ids, decision=decision | {"decided_on": str(field.day + timedelta(days=1))})
    done = await approve(field, run, ids, reason="authority_decided", decision=decision)
    found = (await field.get(f"/proposals?run_id={run['id']}"))["items"]

    assert len(ids) == 2
    assert (missing.status_code, missing.json()["slug"]) == (422, "decision-missing")
    assert (ahead.status_code, done.status_code) == (422, 200)
    assert [(one["state"], one["decided_on"], one["decision_reference"], one["approved_reason"]) for one in found] == [
        ("approved", str(field.day), "Az. 12-2026", "authority_decided")] * 2


async def test_the_rest_of_a_run_is_let_go_and_computed_anew(field: Field) -> None:
    """What is approved stays; the other households wait again, and the next run has them and their places."""
    run, ids = await a_run(field, 3)
    await approve(field, run, ids[:1])
    rest = {one["household_id"]: one["mentor_id"] for one in (
        await field.get(f"/proposals?run_id={run['id']}"))["items"] if one["id"] != ids[0]}
    released = await field.send("POST", f"/runs/{run['id']}/release", {"reason": "computed_anew"})
    waiting = [(await field.get(f"/households/{one}"))["state"] for one in rest]
    again = await field.run()

    assert (released.status_code, released.json()) == (200, sorted(ids[1:]))
    assert await states_of(field, run) == {ids[0]: "approved", ids[1]: "dismissed", ids[2]: "dismissed"}
    assert waiting == ["waiting", "waiting"]
    found = (await field.get(f"/proposals?run_id={again['id']}"))["items"]
    assert {one["household_id"] for one in found} == rest.keys()
    assert {one["mentor_id"] for one in found} == set(rest.values())
    assert await field.subjects(ids[1]) == ["proposal.created", "proposal.dismissed"]


async def test_letting_go_is_a_decision_that_stands_in_the_file(field: Field) -> None:
    """Who, and for which reason; done twice it finds nothing left, and decides nothing anew."""
    run, ids = await a_run(field, 2)
    released = [await field.send("POST", f"/runs/{run['id']}/release", {"reason": reason})
                for reason in ("postponed", "computed_anew")]
    file = await field.send("GET", f"/runs/{run['id']}/decisions.csv")
    audited = await field.network.rows(
        "matching", "SELECT 1 FROM audit WHERE about = $1 AND action = 'change'", f"proposal/{ids[0]}")

    assert [answer.json() for answer in released] == [sorted(ids), []]
    assert (file.text.count("postponed"), file.text.count("computed_anew"), len(audited)) == (2, 0, 1)


async def test_a_reason_that_bars_the_pair_lets_no_run_go(field: Field) -> None:
    """Nor does one of the system; such a reason is of one pair. A run without a result has no rest."""
    run, ids = await a_run(field, 1)
    answers = [await field.send("POST", f"/runs/{run['id']}/release", body)
               for body in ({"reason": "not_suitable"}, {"reason": "no_longer_fits"}, {})]
    cancelled = await field.create("/runs", {"programme_id": str(field.programme), "region": "15087"})
    await field.network.rows("matching", "UPDATE run SET state = 'cancelled' WHERE id::text = $1 RETURNING 1",
                             cancelled["id"])
    over = await field.send("POST", f"/runs/{cancelled['id']}/release", {"reason": "postponed"})

    assert [answer.status_code for answer in answers] == [422, 422, 422]
    assert (over.status_code, over.json()["slug"]) == (409, "run-not-done")
    assert await states_of(field, run) == {ids[0]: "proposed"}


async def test_one_pair_is_put_off_without_being_barred(field: Field) -> None:
    """By hand, too: the same two are proposed again by the next run."""
    run, (proposal,) = await a_run(field, 1)
    await field.act(f"/proposals/{proposal}/dismiss", {"reason": "postponed"})

    assert (run["proposed"], (await field.run())["proposed"]) == (1, 1)


async def test_very_many_are_let_go_one_part_after_the_other(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the same request again, until it finds none."""
    monkeypatch.setattr(reactions, "AT_ONCE", 2)
    run, ids = await a_run(field, 3)
    address, body = f"/runs/{run['id']}/release", {"reason": "computed_anew"}

    told = [(await field.send("POST", address, body)).json() for _ in range(3)]
    assert told == [sorted(ids)[:2], sorted(ids)[2:], []]
    assert set((await states_of(field, run)).values()) == {"dismissed"}
