"""When a trial is over each person is asked once whether to go on: in the check-in that comes with it, or by itself."""

from datetime import timedelta
from uuid import UUID

import pytest

from services.matching.tandems.reactions import ask_whether_to_go_on
from tests.matching.field import Field, Json, rules, sponsorship
from tests.matching.test_consents_http import agreed, withdrawn
from tests.matching.test_persons_facts import reached

TRIAL = 28
A_MINUTE = timedelta(minutes=1)


async def told_of_trial(field: Field, tandem: Json) -> list[str]:
    """Who was asked by itself whether to go on, in order."""
    return [ref for fact in await field.told(tandem["id"], kind="trial_ended") for ref in fact["person_refs"]]


async def told_of_checkin(field: Field, tandem: Json) -> list[str]:
    """Who was asked how it goes."""
    return [ref for fact in await field.told(tandem["id"], kind="checkin.due") for ref in fact["person_refs"]]


async def with_talk_on(field: Field, *days: int) -> None:
    """A trial of four weeks, and check-ins on these days."""
    await field.network.tell("matching", rules(field.programme, trial_days=28, checkin_days=days))


async def asked_in_checkin(field: Field, tandem: Json, side: str, person_ref: str) -> set[str]:
    """By which links the mail of the side's check-in can be answered."""
    (due,) = (one for one in (await field.get(f"/checkins?tandem_id={tandem['id']}"))["items"]
              if one["side"] == side and one["state"] == "due")
    return set((await reached(field, person_ref, f"checkin/{due['id']}", "checkin_due")).links)


async def test_both_sides_are_asked_by_their_check_in_alone(field: Field) -> None:
    """It falls due with the trial's end, and its mail has the link to go on, too."""
    tandem = await field.tandem()
    mentor, household = await field.refs(tandem)
    await field.network.move(A_MINUTE, days=TRIAL)
    assert await told_of_checkin(field, tandem) == [mentor, household]
    assert await told_of_trial(field, tandem) == []
    for side, person_ref in (("mentors", mentor), ("household", household)):
        assert {"answer", "consent"} <= await asked_in_checkin(field, tandem, side, person_ref)


async def test_the_work_may_be_done_in_either_order(field: Field) -> None:
    """Also when the check-in, which falls due at the same time, is late."""
    tandem = await field.tandem(besides=[])
    mentor, household = await field.refs(tandem)
    late = timedelta(hours=1)
    await field.network.rows("matching", "UPDATE due SET due_at = due_at + $1 WHERE kind = 'checkin_due'", late)
    await field.network.move(A_MINUTE, days=TRIAL)
    assert (await told_of_trial(field, tandem), await told_of_checkin(field, tandem)) == ([household], [])
    await field.network.move(late)

    assert (await told_of_trial(field, tandem), await told_of_checkin(field, tandem)) == ([household], [mentor])


async def test_a_check_in_some_days_later_asks_whoever_consents_to_it(field: Field) -> None:
    """Whoever does not is asked by itself, as soon as the trial is over."""
    await with_talk_on(field, 31)
    tandem = await field.tandem(besides=[])
    mentor, household = await field.refs(tandem)
    await field.network.move(A_MINUTE, days=TRIAL)
    assert (await told_of_trial(field, tandem), await told_of_checkin(field, tandem)) == ([household], [])
    await field.network.move(days=3)
    assert (await told_of_trial(field, tandem), await told_of_checkin(field, tandem)) == ([household], [mentor])

    assert "consent" in await asked_in_checkin(field, tandem, "mentors", mentor)


async def test_a_check_in_some_days_before_does_not_ask_it(field: Field) -> None:
    """Then nobody can say yet; another one comes with the end of the trial."""
    await with_talk_on(field, 25, 182)
    tandem = await field.tandem()
    mentor, household = await field.refs(tandem)
    await field.network.move(A_MINUTE, days=TRIAL - 2)
    assert await told_of_checkin(field, tandem) == [mentor, household]
    assert "consent" not in await asked_in_checkin(field, tandem, "mentors", mentor)
    await field.network.move(days=2)
    assert await told_of_checkin(field, tandem) == [mentor, household] * 2

    assert await told_of_trial(field, tandem) == []


async def test_a_tandem_with_no_check_in_soon_after_is_asked_by_itself(field: Field) -> None:
    """As those whose trial was made longer by hand."""
    tandem = await field.tandem()
    later = timedelta(days=40)
    await field.network.rows("matching", "UPDATE tandem SET trial_until = trial_until + $2 WHERE id = $1",
                             UUID(tandem["id"]), later)
    await field.network.rows("matching", "UPDATE due SET due_at = due_at + $2 WHERE kind = 'trial_over' AND about = $1",
                             UUID(tandem["id"]), later)
    await field.network.move(A_MINUTE + later, days=TRIAL)

    assert await told_of_trial(field, tandem) == [*await field.refs(tandem)]


@pytest.mark.parametrize(("days", "told_at_once"), [(-2, False), (1, True)])
async def test_who_takes_the_consent_back_before_is_asked_by_itself(
    field: Field, days: int, told_at_once: bool,
) -> None:
    """At once when the trial is over already, else when it is; in neither case twice."""
    await with_talk_on(field, 31)
    tandem = await field.tandem()
    mentor, household = await field.refs(tandem)
    await field.network.move(A_MINUTE, days=TRIAL + days)
    await withdrawn(field, mentor, "checkins")
    assert await told_of_trial(field, tandem) == ([mentor] if told_at_once else [])
    await field.network.move(days=5)

    assert await told_of_trial(field, tandem) == [mentor]
    assert await told_of_checkin(field, tandem) == [household]


async def test_who_was_asked_and_then_takes_the_consent_back_is_not_asked_again(field: Field) -> None:
    """Nor who has said already that they go on."""
    tandem, certain = await field.tandem(), await field.tandem()
    mentor, household = await field.refs(tandem)
    await with_talk_on(field, 31)
    later = await field.tandem()
    await field.network.move(A_MINUTE, days=TRIAL)
    await withdrawn(field, mentor, "checkins")
    for side, person_ref in zip(("mentors", "household"), await field.refs(later), strict=True):
        await field.act(f"/tandems/{later['id']}/consents", {"side": side})
        await withdrawn(field, person_ref, "checkins")
    assert await told_of_trial(field, tandem) == await told_of_trial(field, later) == []
    await agreed(field, mentor, "checkins")
    async with field.network["matching"].running.database.transaction() as transaction:
        await ask_whether_to_go_on(transaction, UUID(certain["id"]))

    assert await told_of_trial(field, certain) == []
    assert await told_of_checkin(field, tandem) == [mentor, household]


async def test_a_group_for_which_somebody_else_speaks_by_then_is_asked(field: Field) -> None:
    """The check-in was to ask a main contact who left; who speaks for the group now does not consent to be asked."""
    await field.network.tell("matching", sponsorship(field.sponsorship, trial_days=28, checkin_days=(31,)))
    group = await field.ready_group()
    tandem = await field.tandem(group=group)
    members = await field.get(f"/members?mentor_group_id={group['id']}")
    for one in members[1:]:
        await withdrawn(field, one["person_ref"], "checkins")
    await field.network.move(A_MINUTE, days=TRIAL)
    assert await told_of_trial(field, tandem) == []
    await field.act(f"/members/{members[0]['id']}/leave")
    await field.network.move(days=3)

    assert await told_of_trial(field, tandem) == [one["person_ref"] for one in members[1:]]


@pytest.mark.parametrize(("days", "told_at_once"), [(-2, False), (1, True)])
async def test_who_was_talked_with_before_the_check_in_is_asked_by_itself(
    field: Field, days: int, told_at_once: bool,
) -> None:
    """At once when the trial is over already, else when it is; in neither case twice."""
    await with_talk_on(field, 31)
    tandem = await field.tandem()
    mentor, household = await field.refs(tandem)
    await field.network.move(A_MINUTE, days=TRIAL + days)
    planned = (await field.get(f"/checkins?tandem_id={tandem['id']}&state=planned"))["items"]
    (checkin,) = (one for one in planned if one["side"] == "mentors")
    await field.act(f"/checkins/{checkin['id']}/record", {"mood": 4})
    assert await told_of_trial(field, tandem) == ([mentor] if told_at_once else [])
    await field.network.move(days=5)

    assert await told_of_trial(field, tandem) == [mentor]
    assert await told_of_checkin(field, tandem) == [household]
