"""What must be true of a settled network, whatever was done to it: R1 of the promises, looked at from outside."""

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence

import nats.js.errors

from libs.common.facts import HEARS
from tests.chaos.due_work import due_work_is_done_once
from tests.chaos.erased import erased_stay_erased
from tests.chaos.ledger import Thing
from tests.chaos.probes import numbers_at_the_end
from tests.chaos.promises import SOME, Promise, some_of
from tests.chaos.world import World

COPIES = {
    "known_key": "SELECT key_id AS id, hash, principal, expires_at, revoked_at IS NULL AS holds FROM known_key",
    "known_grant": """
        SELECT grant_id AS id, principal, role, region, partner_id, project_id, withdrawn_at IS NULL AS holds
        FROM known_grant""",
}
EFFECTS = {
    "grant given": "registry.grant.given.v1", "grant withdrawn": "registry.grant.withdrawn.v1",
    "key issued": "registry.access_key.issued.v1", "key revoked": "registry.access_key.revoked.v1",
}

async def numbers_are_gapless(world: World) -> None:
    """Each speaker's numbers run from 1 without a hole and without one given twice; an aggregate's follow its rows."""
    for service in world.services:
        rows = await world.stage.rows(service, "SELECT id, number, about FROM outbox ORDER BY id")
        numbers = sorted(row["number"] for row in rows if row["number"] is not None)
        if numbers != list(range(1, len(rows) + 1)):
            missing = set(range(1, len(rows) + 1)) - set(numbers)
            world.violated(Promise.NUMBERED, f"{service} misses {some_of(list(missing))} of {len(rows)}")
        last: dict[str, int] = {}
        for row in rows:
            if (row["number"] or 0) < last.get(row["about"], 0):
                world.violated(Promise.ORDERED, f"{service} numbered {row['about']} out of order at {row['number']}")
            last[row["about"]] = row["number"] or 0


async def each_fact_is_heard_once(world: World) -> None:
    """What a speaker announced, and nothing else but what was planted, is in each inbox, in order per aggregate."""
    for speaker in world.services:
        rows = await world.stage.rows(speaker, "SELECT fact_id, number, about FROM outbox")
        abouts = {row["fact_id"]: (row["number"], row["about"]) for row in rows}
        for listener in (one for one in world.services if speaker in HEARS[one]):
            noted = await world.stage.rows(
                listener, "SELECT fact_id FROM chaos_heard WHERE speaker = $1 ORDER BY id", speaker)
            heard = [row["fact_id"] for row in noted]
            if lost := abouts.keys() - set(heard):
                world.violated(Promise.HEARD, f"{listener} never heard {some_of(list(lost))} of {speaker}")
            if foreign := set(heard) - abouts.keys() - world.planted_ids:
                world.violated(Promise.HEARD, f"{listener} heard {some_of(list(foreign))}, never told by {speaker}")
            _in_order(world, listener, speaker, [abouts[fact] for fact in heard if fact in abouts])


def _in_order(world: World, listener: str, speaker: str, heard: list[tuple[int, str]]) -> None:
    last: dict[str, int] = defaultdict(int)
    for number, about in heard:
        if number < last[about]:
            world.violated(Promise.ORDERED,
                           f"{listener} heard {about} of {speaker} at {number} after {last[about]}")
            return
        last[about] = number


async def effects_happen_once(world: World) -> None:
    """Each fact about keys and grants has had its effect in each listener exactly once, a repeated one none."""
    planted = {one.about.split("/")[-1] for one in world.planted}
    told = await world.stage.rows("registry", "SELECT subject, about FROM outbox")
    wanted = Counter((effect, row["about"].split("/")[1]) for row in told for effect, subject in EFFECTS.items()
                     if subject == row["subject"])
    for listener in world.services:
        rows = await world.stage.rows(listener, "SELECT effect, about FROM chaos_effect")
        done = Counter((row["effect"], str(row["about"])) for row in rows)
        for effect, about in sorted(done.keys() | wanted.keys()):
            if done[effect, about] != wanted[effect, about] and about not in planted:
                ran, due = done[effect, about], wanted[effect, about]
                world.violated(Promise.EFFECTS, f"{listener}: {effect} {about} ran {ran} times, told {due} times")
                return


async def copies_equal_their_source(world: World) -> None:
    """What every service knows of keys and grants is what the registry has given and taken."""
    for table, query in COPIES.items():
        source = {row["id"]: dict(row) for row in await world.stage.rows("registry", query)}
        for service in world.services:
            copy = {row["id"]: dict(row) for row in await world.stage.rows(service, query)}
            if wrong := [key for key in source.keys() | copy.keys() if source.get(key) != copy.get(key)]:
                world.violated(Promise.COPIED, f"{table} of {service} differs in {some_of(wrong)}")


async def facts_equal_commands(world: World) -> None:
    """Every acknowledged command has announced its fact, and none has announced it twice."""
    announced: dict[str, Counter[str]] = defaultdict(Counter)
    for service in world.services:
        after = 0
        while True:
            page = (await world.operate(service, "GET", f"/v1/facts?limit=500&after={after}")).json
            for fact in page:
                announced[fact["about"]][fact["subject"]] += 1
            if not page:
                break
            after = page[-1]["number"]
    for thing in world.ledger.things:
        if thing.id:
            _compare_facts(world, thing, announced[thing.about])


def _compare_facts(world: World, thing: Thing, announced: Counter[str]) -> None:
    for subject, count in thing.facts.items():
        if not count <= announced[subject] <= count + thing.again[subject]:
            world.violated(Promise.ANNOUNCED,
                           f"{thing.about}: {count} commands, {announced[subject]} facts {subject}")


async def audit_chains_hold(world: World) -> None:
    """Every chain verifies and links every entry, and every acknowledged read of contacts is in it."""
    for service in world.services:
        answer = (await world.operate(service, "GET", "/v1/audit/chain")).json
        entries = (await world.stage.rows(service, "SELECT count(*) AS count FROM audit"))[0]["count"]
        if answer["wrong"] or answer["position"] != entries:
            world.violated(Promise.AUDITED,
                           f"{service}: {answer['position']} links of {entries} entries, {answer['wrong'][:SOME]}")
    read = (await world.stage.rows("registry", "SELECT count(*) AS count FROM audit WHERE action = 'read'"))[0]["count"]
    if read < world.ledger.reads_audited:
        world.violated(Promise.AUDITED, f"{world.ledger.reads_audited} reads were answered, {read} are noted")


async def only_poison_is_parked(world: World) -> None:
    """What is parked was planted, and what was planted and cannot be read is parked, with what came behind it."""
    for listener in world.services:
        there = {row["fact_id"]: row for row in await world.stage.rows(
            listener, "SELECT fact_id, about, subject, raised FROM waiting WHERE parked_at IS NOT NULL")}
        for fact_id, row in there.items():
            if fact_id not in world.planted_ids:
                world.violated(Promise.PARKED, f"{listener} parked {row['subject']} {row['about']}: {row['raised']}")
        due = await world.stage.rows(listener, "SELECT kind, about, raised FROM due WHERE parked_at IS NOT NULL")
        for row in due:
            world.violated(Promise.PARKED, f"{listener} parked due work {row['kind']} {row['about']}: {row['raised']}")
        heard = {row["fact_id"] for row in await world.stage.rows(listener, "SELECT fact_id FROM chaos_heard")}
        for one in world.planted:
            # The bus may have lost it before it was heard: it stands in no outbox.
            must = one.parks and (one.fact_id in heard or one.behind) and one.speaker in HEARS[listener]
            if must and one.fact_id not in there:
                world.violated(Promise.PARKED, f"{listener} passed over {one.fact_id} about {one.about}")
    await _behind(world)


async def _behind(world: World) -> None:
    for one in (each for each in world.planted if each.behind):
        for listener in (each for each in world.services if one.speaker in HEARS[each]):
            parked = (await world.operate(listener, "GET", "/v1/parked")).json
            behind = next((row["behind"] for row in parked if row["about"] == one.about), 0)
            if behind != one.behind:
                world.violated(Promise.BEHIND, f"{listener}: {behind} of {one.behind} facts wait behind {one.about}")


async def streams_end_as_outboxes_do(world: World) -> None:
    """What is noted as published is in the stream: its newest fact is the outbox's."""
    for service in world.services:
        row = (await world.stage.rows(service, "SELECT number, fact_id FROM outbox ORDER BY number DESC LIMIT 1"))
        if not row:
            continue
        async with world.stage.bus("ops") as client:
            try:
                stored = await numbers_at_the_end(client.jetstream(timeout=5), service)
            except nats.js.errors.NotFoundError:
                stored = {}
        number, fact_id = row[0]["number"], str(row[0]["fact_id"])
        if stored.get(number) != fact_id:
            given = [other for other in stored if other <= (number or 0)]
            world.violated(Promise.FILLED, f"{service} announced {number}, its stream ends at {max(given, default=0)}")


async def answers_are_no_bugs(world: World) -> None:
    """Whatever was killed, a request was answered, refused, or told that something is away."""
    if world.door.bugs:
        world.violated(Promise.NO_BUG, f"{world.door.bugs[0]} ({len(world.door.bugs)} in all)")


INVARIANTS: Sequence[Callable[[World], Awaitable[None]]] = (
    numbers_are_gapless, facts_equal_commands, each_fact_is_heard_once, effects_happen_once, only_poison_is_parked,
    due_work_is_done_once, audit_chains_hold, streams_end_as_outboxes_do, answers_are_no_bugs, erased_stay_erased,
)
AT_EVERY_QUIET = (numbers_are_gapless, each_fact_is_heard_once, effects_happen_once)
# Only once what was parked has been discarded: until then it holds back what came behind it.
AFTER_DISCARDING: Sequence[Callable[[World], Awaitable[None]]] = (copies_equal_their_source,)
