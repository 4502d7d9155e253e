"""Any sequence of changes through the real doors: no proposal is left pending that a hard constraint forbids."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import col, select

from services.matching.proposals.model import PENDING, Proposal
from services.matching.runs import hard
from services.matching.runs.queries import load_pair
from services.matching.runs.rows import household_of, rules_of, unit_of
from tests.matching.field import SLOTS, Field, Json

PERSONS = st.integers(1, 9).map(lambda many: [{"age_band": "27-44", "gender": "f"}] * many)
COMMON: Json = {
    "slots": st.sampled_from([SLOTS, SLOTS[:2], SLOTS[:1], []]),
    "languages": st.sampled_from([{"ar": "C2"}, {"ar": "A1"}, {"uk": "C2"}, {}]),
    "postcode": st.sampled_from(["06526", "06295", "10115", None]),
    "conflict_groups": st.sampled_from([[], ["choir"]]),
}
OF_HOUSEHOLD = st.fixed_dictionaries({}, optional={
    **COMMON, "members": PERSONS, "radius_km": st.sampled_from([None, 1, 100]),
    "kinds": st.sampled_from([[], ["group"]]), "contact_genders": st.sampled_from([[], ["f"], ["m"], ["d", "f"]]),
    "must_haves": st.sampled_from([[], ["school"]]), "interpreter": st.booleans()})
OF_MENTOR = st.fixed_dictionaries({}, optional={
    **COMMON, "largest": st.integers(1, 9), "radius_km": st.sampled_from([0, 40]),
    "gender": st.sampled_from(["f", "m", "d"]), "capacity": st.integers(1, 3),
    "offers": st.sampled_from([[], ["school"]]), "accepts_genders": st.just(["m"])})
STEPS: st.SearchStrategy[Any] = st.lists(st.one_of(
    st.tuples(st.just("household"), st.integers(0, 1), OF_HOUSEHOLD),
    st.tuples(st.just("mentor"), st.just(0), OF_MENTOR),
    st.tuples(st.sampled_from(["join", "leave"]), st.integers(0, 1), st.just({})),
    st.tuples(st.just("propose"), st.integers(0, 1), st.just({}))), min_size=1, max_size=8)


async def pending(field: Field) -> list[tuple[str, list[Any]]]:
    """The proposals that nobody was invited to yet, each with the hard codes that the plain reference names."""
    async with field.network["matching"].running.database.transaction() as transaction:
        rows = await transaction.scalars(select(Proposal).where(
            Proposal.programme_id == field.programme, col(Proposal.state).in_(PENDING)))
        found = []
        for proposal in rows.all():
            pair = await load_pair(transaction, proposal)
            codes = hard.obstacles(
                household_of(pair["households"][0]), unit_of(pair["units"][0], pair["today"]), rules_of(pair))
            found.append((str(proposal.id), list(codes)))
        return found


async def step(field: Field, mentor: Json, household: Json, kind: str, given_: Json) -> None:
    """A side says something else, or a run proposes the pair: only one that fits."""
    if kind == "propose":
        if (await field.get(f"/households/{household['id']}"))["state"] == "waiting":
            proposal = await field.proposed(household, mentor=mentor)
            if dict(await pending(field))[proposal["id"]]:
                await field.act(f"/proposals/{proposal['id']}/dismiss", {"reason": "not_suitable"})
        return
    if kind in {"join", "leave"}:
        path = f"/households/{household['id']}/members{'/leave' if kind == 'leave' else ''}"
        body = {"age_band": "27-44", "gender": "f", "on": str(field.day)}
        assert (await field.attempt(path, body)).status_code in {200, 409, 422}
        return
    body = field.mentor_fields(**given_) if kind == "mentor" else field.household_fields(**given_)
    await field.act(f"/{kind}s/{(mentor if kind == 'mentor' else household)['id']}", body, method="PUT")


@pytest.mark.slow
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture,
                                                                 HealthCheck.too_slow])
@given(steps=STEPS)
async def test_nothing_that_does_not_fit_is_left_pending(field: Field, steps: list[tuple[str, int, Json]]) -> None:
    """Whoever changes what, as often as they like."""
    mentor = await field.ready_mentor(capacity=2)
    households = [await field.waiting_household() for _ in range(2)]
    for household in households:
        await field.proposed(household, mentor=mentor)
    for kind, which, given_ in steps:
        await step(field, mentor, households[which], kind, given_)
        found = await pending(field)
        assert [codes for _, codes in found if codes] == [], found
    for household in households:
        seen = await field.get(f"/households/{household['id']}")
        assert seen["waiting_since"] == household["waiting_since"]
