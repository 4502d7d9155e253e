"""Counselling and referrals in figures: counted for the projects of the partner that carries them, as last told."""

import json
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.callers import Role
from libs.common.codes.lists import CounsellingTopic
from libs.common.facts.fact import Fact
from libs.common.facts.matching import (
    CounsellingCaseClosed,
    CounsellingCaseCorrected,
    CounsellingCaseFact,
    CounsellingCaseOpened,
    CounsellingCaseReopened,
    CounsellingCorrected,
    CounsellingFact,
    CounsellingRecorded,
    ReferralAccepted,
    ReferralDeclined,
    ReferralDone,
    ReferralFact,
    ReferralSent,
)
from libs.common.refusals import Invalid
from services.registry.indicators.model import OF_CARRIER, Counted, CountedFact, Metric
from services.registry.indicators.reactions import counted, rebuild
from services.registry.indicators.rules import needed_for
from tests.harness import Network
from tests.registry.counted import PROJECT, SPACE, START, a_fact, actual, an_indicator
from tests.registry.happened import an_event, as_heard
from tests.registry.steps import a_project, answering, id_of, ok, refusal, step, told
from tests.registry.steps import an_indicator as added_indicator
from tests.registry.test_indicators_rebuild import outbox_of

TODAY = datetime.now(UTC).date()
TERM: dict[str, Any] = {
    "starts": (TODAY - timedelta(days=70)).isoformat(), "ends": (TODAY + timedelta(days=90)).isoformat()}
CONTACTS = {"metric": "records", "filter": {"facts": ["counselling_contact"]}}
MINUTES = {"metric": "counselling_minutes", "filter": {"facts": ["counselling_contact"]}}
WORDS = st.tuples(st.sampled_from("abc"), st.sampled_from(["told", "elsewhere", "struck"]), st.integers(1, 90))


def contact(
    partner: UUID | None, kind: type[CounsellingFact] = CounsellingRecorded, about: UUID | None = None, **fields: Any,
) -> CounsellingFact:
    """What matching tells of a contact of the partner's counsellors in this month."""
    usual: dict[str, Any] = {
        "contact_id": about or uuid4(), "topics": (CounsellingTopic.HOUSING,), "region": "15087", "minutes": 45,
        "month": f"{TODAY:%Y-%m}", "partner_id": partner, "recorded_on": TODAY}
    return kind(**usual | fields)


def case(
    partner: UUID, kind: type[CounsellingCaseFact], about: UUID, month: str | None = None, spell: UUID | None = None,
) -> CounsellingCaseFact:
    """What matching tells of a case; earlier versions without a spell."""
    return kind(counselling_case_id=about, partner_id=partner, region="15087", month=month or f"{TODAY:%Y-%m}",
                spell_id=spell)


def remembered(fact: Fact, number: int) -> CountedFact:
    """The fact as the number-th of its speaker, as the registry keeps it."""
    kept = counted(fact, fact_id=uuid5(SPACE, f"counselling/{number}"), number=number,
                   told_at=START + timedelta(seconds=number))
    assert kept is not None
    return kept


async def figures_in(network: Network, addresses: list[str], headers: dict[str, str]) -> list[int]:
    """The numbers of these indicators."""
    registry = network["registry"].client
    return [ok(await registry.get(one, headers=headers))["actual"] for one in addresses]


@given(st.lists(WORDS, max_size=15), st.randoms(use_true_random=False))
def test_of_each_contact_the_last_word_counts(words: list[tuple[str, str, int]], chance: Random) -> None:
    """Whatever is told of contacts, corrected, moved to another region or struck, in any order and repeated."""
    facts, last = [], {}
    for number, (name, said, minutes) in enumerate(words, 1):
        fields = {"month": "2077-04", "minutes": minutes, "recorded_on": date(2077, 4, 12)}
        fields |= {"region": "05158"} if said == "elsewhere" else {"struck": True} if said == "struck" else {}
        about = uuid5(SPACE, name)
        facts.append(remembered(contact(PROJECT.carrier_id, CounsellingCorrected, about, **fields), number))
        last[name] = minutes if said == "told" else 0
    told_so = [*facts, *chance.sample(facts, len(facts) // 2)]
    chance.shuffle(told_so)

    assert actual(an_indicator(Metric.COUNSELLING_MINUTES, Counted.COUNSELLING_CONTACT), told_so) == sum(last.values())
    assert actual(an_indicator(Metric.RECORDS, Counted.COUNSELLING_CONTACT), told_so) == sum(map(bool, last.values()))


def test_a_contact_lies_on_the_day_it_was_entered_or_at_the_end_of_its_month() -> None:
    """Only the month is told; a correction moves a contact to another month, and to no other day of its own."""
    carrier, about, at = PROJECT.carrier_id, uuid4(), datetime(2077, 6, 3, tzinfo=UTC)
    noted: dict[str, Any] = {"recorded_on": date(2077, 4, 12)}
    days = [counted(one, fact_id=uuid4(), told_at=at) for one in (
        contact(carrier, about=about, month="2077-04", **noted),
        contact(carrier, CounsellingCorrected, about, month="2077-04", **noted),
        contact(carrier, CounsellingCorrected, about, month="2077-02", **noted),
        case(carrier, CounsellingCaseOpened, about, "2077-05"))]

    assert [one and one.occurred_on for one in days] == [
        date(2077, 4, 12), date(2077, 4, 12), date(2077, 2, 28), date(2077, 5, 31)]


def test_a_reopened_case_is_closed_no_longer_and_was_opened_once() -> None:
    """Closed again it counts once, in the month of the last closing; when it began is corrected."""
    about, carrier = uuid4(), PROJECT.carrier_id
    life = [case(carrier, CounsellingCaseOpened, about, "2077-04"),
            case(carrier, CounsellingCaseClosed, about, "2077-05"),
            case(carrier, CounsellingCaseReopened, about, "2077-06"),
            case(carrier, CounsellingCaseClosed, about, "2077-07"),
            case(carrier, CounsellingCaseCorrected, about, "2077-02")]
    facts = [remembered(fact, number) for number, fact in enumerate(life, 1)]
    opened = an_indicator(Metric.RECORDS, Counted.COUNSELLING_CASE_OPENED)
    closed = an_indicator(Metric.RECORDS, Counted.COUNSELLING_CASE_CLOSED)
    until_june = an_indicator(Metric.RECORDS, Counted.COUNSELLING_CASE_CLOSED, deadline=date(2077, 6, 30))

    # The project began in March 2077.
    assert [actual(opened, facts[:until]) for until in range(1, 6)] == [1, 1, 1, 1, 0]
    assert [actual(closed, facts[:until]) for until in range(1, 6)] == [0, 1, 0, 1, 1]
    assert [actual(until_june, facts[:until]) for until in range(1, 6)] == [0, 1, 0, 0, 0]


def test_who_comes_again_leaves_the_closing_where_it_was() -> None:
    """A closing of a spell that is over counts in its month, and the next one in its own; one taken back counts not."""
    about, again, carrier = uuid4(), uuid4(), PROJECT.carrier_id
    life = [case(carrier, CounsellingCaseClosed, about, "2077-04", about),
            case(carrier, CounsellingCaseReopened, about, "2077-04", about),
            case(carrier, CounsellingCaseClosed, about, "2077-05", about),
            case(carrier, CounsellingCaseReopened, about, "2077-07", again),
            case(carrier, CounsellingCaseClosed, about, "2077-08", again)]
    facts = [remembered(fact, number) for number, fact in enumerate(life, 1)]
    closed = an_indicator(Metric.RECORDS, Counted.COUNSELLING_CASE_CLOSED)
    until_june = an_indicator(Metric.RECORDS, Counted.COUNSELLING_CASE_CLOSED, deadline=date(2077, 6, 30))

    assert [actual(closed, facts[:until]) for until in range(1, 6)] == [1, 0, 1, 1, 2]
    assert [actual(until_june, facts[:until]) for until in range(1, 6)] == [1, 0, 1, 1, 1]


def referral(kind: type[ReferralFact], about: UUID) -> ReferralFact:
    """What matching tells of a referral by the carrier's counsellors."""
    return kind(referral_id=about, offer_id=UUID(int=3), region="15087", partner_id=PROJECT.carrier_id)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([ReferralAccepted, ReferralDeclined, ReferralDone])),
                max_size=15), st.randoms(use_true_random=False))
def test_of_the_answers_to_a_referral_the_last_one_counts(
    words: list[tuple[str, type[ReferralFact]]], chance: Random,
) -> None:
    """Whatever is answered, heard in any order and repeated; that it was received counts besides."""
    facts = [remembered(referral(kind, uuid5(SPACE, name)), number) for number, (name, kind) in enumerate(words, 1)]
    last = {name: kind for name, kind in words if kind is not ReferralDone}
    done = {name for name, kind in words if kind is ReferralDone}
    heard = [*facts, *chance.sample(facts, len(facts) // 2)]
    chance.shuffle(heard)

    indicators = [an_indicator(Metric.RECORDS, kind) for kind in (
        Counted.REFERRAL_ACCEPTED, Counted.REFERRAL_DECLINED, Counted.REFERRAL_DONE)]
    figures = [actual(one, [fact for fact in heard if fact.kind in needed_for([one])]) for one in indicators]
    assert figures == [actual(one, heard) for one in indicators]
    assert figures == [list(last.values()).count(ReferralAccepted), list(last.values()).count(ReferralDeclined),
                       len(done)]


@pytest.mark.parametrize("kind", sorted(OF_CARRIER))
def test_what_counselling_tells_is_counted_by_records(kind: Counted) -> None:
    """Each of them is a record; nobody is told apart, and minutes are those of contacts alone."""
    assert actual(an_indicator(Metric.RECORDS, kind), [a_fact(kind, "one"), a_fact(kind, "two", 2)]) == 2
    fitting = {Metric.RECORDS} | ({Metric.COUNSELLING_MINUTES} if kind is Counted.COUNSELLING_CONTACT else set())
    for metric in set(Metric) - fitting:
        with pytest.raises(Invalid, match=metric.replace("_", " ")):
            an_indicator(metric, kind).check(PROJECT)


async def test_the_carriers_counselling_counts_for_its_project(network: Network, registry: Any) -> None:
    """Contacts, minutes, cases, referrals and their answers; not another partner's, nor what was told without one."""
    project, coordinator, carrier = await a_project(network, **TERM)
    kinds = ("counselling_case_opened", "counselling_case_closed", "referral_sent", "referral_accepted",
             "referral_declined", "referral_done")
    wanted = [CONTACTS, MINUTES, *({"metric": "records", "filter": {"facts": [kind]}} for kind in kinds)]
    addresses = [await added_indicator(network, project, coordinator, **fields) for fields in wanted]
    seen, case_id, other = contact(carrier), uuid4(), uuid4()
    referrals = [{"referral_id": uuid4(), "offer_id": uuid4(), "region": "15087", "partner_id": carrier}
                 for _ in range(2)]
    await network.tell(
        "registry", seen, contact(carrier, minutes=15), contact(other), contact(None), contact(carrier, region="05158"),
        case(carrier, CounsellingCaseOpened, case_id), case(carrier, CounsellingCaseClosed, case_id),
        case(other, CounsellingCaseOpened, uuid4()), *(ReferralSent(**one) for one in referrals),
        ReferralAccepted(**referrals[0]), ReferralDeclined(**referrals[1]), ReferralDone(**referrals[0]))
    assert await figures_in(network, addresses, coordinator) == [2, 60, 1, 1, 2, 1, 1, 1]

    funder = await network.key(Role.FUNDER_READER, project_id=id_of(project))
    assert await figures_in(network, addresses, funder) == [2, 60, 1, 1, 2, 1, 1, 1]
    await network.tell("registry", contact(carrier, CounsellingCorrected, seen.contact_id, struck=True, minutes=None))
    assert await figures_in(network, addresses[:2], coordinator) == [1, 15]
    facts = await registry.get(f"{addresses[1]}/facts", headers=coordinator)
    assert [one["value"] for one in ok(facts)["items"]] == [15]
    assert "housing" not in json.dumps(facts.json())
    assert refusal(await registry.get(f"{addresses[1]}/facts", headers=funder)) == (403, "not-allowed")


EVENT_OF_NO_PROJECT = (
    "INSERT INTO counted_fact (id, version, kind, partner_id, region, occurred_on, told_at, number, source_id, value,"
    " random_key) VALUES ($1, 1, 'event_held', $2, '15087', $3, $4, 1, $1, 1, false)")


@pytest.mark.parametrize("kept_before", [False, True])
async def test_the_carriers_event_of_no_project_counts_for_none(
    network: Network, registry: Any, *, kept_before: bool,
) -> None:
    """Read alone, beside counselling or together with it, in the report, by the funder; also if it was kept before."""
    project, coordinator, carrier = await a_project(network, **TERM)
    both = {"metric": "records", "filter": {"facts": ["event_held", "counselling_contact"]}}
    events = {"metric": "records", "filter": {"facts": ["event_held"]}}
    addresses = [await added_indicator(network, project, coordinator, target=2, **fields)
                 for fields in (events, CONTACTS, both)]
    theirs = [an_event(id_of(project), on=TODAY), *(
        an_event(id_of(project), on=TODAY).model_copy(update={"project_id": None}) for _ in range(2))]
    if kept_before:
        now = datetime.now(UTC)
        await network.rows("registry", EVENT_OF_NO_PROJECT, uuid4(), carrier, TODAY, now)
    await network.tell("registry", *(one.model_copy(update={"partner_id": carrier}) for one in theirs))
    await network.settled()

    funder = await network.key(Role.FUNDER_READER, project_id=id_of(project))
    for headers in (coordinator, funder):
        assert await figures_in(network, addresses, headers) == [1, 0, 1]
        report = ok(await registry.get(f"{project}/report", headers=headers))
        assert [one["actual"] for one in report["indicators"]] == [1, 0, 1]
    assert ",reached," not in (await registry.get(f"{project}/report.csv", headers=funder)).text
    assert "registry.indicator.reached.v1" not in await told(network)
    assert len(await network.rows("registry", "SELECT 1 FROM counted_fact")) == 1 + kept_before


async def test_a_contact_that_reaches_the_target_is_told(network: Network, registry: Any) -> None:
    """Of the carrier's open projects; after the report nothing changes any more."""
    project, coordinator, carrier = await a_project(network, **TERM)
    address = await added_indicator(network, project, coordinator, target=1, **CONTACTS)
    await network.settled()
    assert "registry.indicator.reached.v1" not in await told(network)
    await network.tell("registry", contact(carrier))
    await network.settled()
    assert (await told(network)).count("registry.indicator.reached.v1") == 1

    ok(await step(network, f"{project}/close", coordinator))
    await network.tell("registry", contact(carrier))
    await network.settled()
    assert await figures_in(network, [address], coordinator) == [1]


async def test_counselling_is_counted_anew_from_matchings_outbox(network: Network, registry: Any) -> None:
    """A rebuild gives the same figures, also after what was heard went lost here or was heard twice."""
    project, coordinator, carrier = await a_project(network, **TERM)
    addresses = [await added_indicator(network, project, coordinator, **fields) for fields in (CONTACTS, MINUTES)]
    seen, gone = contact(carrier), contact(carrier)
    facts = [seen, gone, contact(carrier, CounsellingCorrected, seen.contact_id, minutes=30),
             contact(carrier, CounsellingCorrected, gone.contact_id, struck=True, minutes=None)]
    heard = [as_heard(fact, number, uuid4()) for number, fact in enumerate(facts, 1)]
    for _ in range(2):
        await network["registry"].running.inbox.take("matching", heard)
    assert await figures_in(network, addresses, coordinator) == [1, 30]
    await network.rows("registry", "DELETE FROM counted_fact WHERE kind = 'correction'")
    assert await figures_in(network, addresses, coordinator) == [2, 75]

    async with (answering(network, "events", {"ask.events.facts.v1": outbox_of([])}),
                answering(network, "matching", {"ask.matching.facts.v1": outbox_of(heard)}),
                network["registry"].running.database.transaction() as transaction):
        await rebuild(transaction)

    assert await figures_in(network, addresses, coordinator) == [1, 30]
