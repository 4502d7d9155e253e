"""Erased persons, looked at from outside: keys are destroyed, rows are blank, and no other row leads to them."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from tests.chaos.promises import Promise, some_of
from tests.chaos.world import World

# $1: person_refs. Rows of persons which are not as an erasure leaves them.
EVERYWHERE = {
    "keys that were not destroyed": """
        SELECT person_ref AS id FROM person_key WHERE person_ref = ANY($1) AND wrapped IS NOT NULL""",
    "persons who are not blanked": """
        SELECT person_ref AS id FROM person WHERE person_ref = ANY($1) AND (details IS NOT NULL OR erased_at IS NULL
        OR email_index IS NOT NULL OR phone_index IS NOT NULL OR languages <> '{}' OR region IS NOT NULL)""",
}
SAID = "(languages <> '{}' OR slots <> 0 OR postcode IS NOT NULL OR lat IS NOT NULL OR consented_on IS NOT NULL"
OF_HOUSEHOLD = "household_id IN (SELECT id FROM household WHERE person_ref = ANY($1))"
OF_MENTOR = "mentor_id IN (SELECT id FROM mentor WHERE person_ref = ANY($1))"
OWN = {
    "events": {
        "registrations that still say something": """
            SELECT id FROM registration WHERE person_ref = ANY($1) AND (adults <> 0 OR children <> '{}'
            OR note IS NOT NULL OR language IS NOT NULL OR interpretation IS NOT NULL OR home_region IS NOT NULL
            OR sector IS NOT NULL)""",
    },
    "matching": {
        "households that still say something": f"""
            SELECT id FROM household WHERE person_ref = ANY($1) AND {SAID} OR members <> '[]' OR note IS NOT NULL
            OR wishes <> '{{}}' OR state <> 'closed')""",
        "mentors that still say something": f"""
            SELECT id FROM mentor WHERE person_ref = ANY($1) AND {SAID} OR record_seen_on IS NOT NULL
            OR gender <> 'not_stated' OR state <> 'left' OR trainings_shown <> '[]' OR available_until IS NOT NULL)""",
        "members that still say something": """
            SELECT id FROM mentor_group_member WHERE person_ref = ANY($1)
            AND (consented_on IS NOT NULL OR record_seen_on IS NOT NULL OR gender <> 'not_stated'
            OR left_on IS NULL OR trainings_shown <> '[]')""",
        "decisions with words for which they are named": """
            SELECT id FROM decision WHERE note_ref = ANY($1)""",
        "concerns with their words": """
            SELECT id FROM concern WHERE person_ref = ANY($1) AND (text IS NOT NULL OR outcome IS NOT NULL)""",
        "check-ins with their answers": """
            SELECT id FROM checkin WHERE answered_by = ANY($1) AND (mood IS NOT NULL OR note IS NOT NULL)""",
        "closings with what they said": f"""
            SELECT id FROM closing WHERE (person_ref = ANY($1) OR tandem_id IN (SELECT id FROM tandem
            WHERE {OF_MENTOR})) AND (draft IS NOT NULL OR mentors_rating IS NOT NULL OR household_rating IS NOT NULL
            OR goals_reached <> '{{}}')""",
        "proposals with their reasons": f"""
            SELECT id FROM proposal WHERE ({OF_HOUSEHOLD} OR {OF_MENTOR}) AND (reasons <> '[]' OR points <> '{{}}'
            OR besides <> '{{}}' OR shared <> '{{}}' OR obstacles <> '{{}}')""",
        "rows about why nobody was found": f"""
            SELECT id FROM unserved WHERE {OF_HOUSEHOLD} AND (removed <> '{{}}' OR alone <> '{{}}'
            OR missing <> '{{}}')""",
        "tandems with their goals": f"""
            SELECT id FROM tandem WHERE {OF_HOUSEHOLD} AND (goals <> '{{}}' OR obstacles <> '{{}}')""",
    },
    "notify": {
        "recipients who said something": """
            SELECT id FROM recipient WHERE person_ref = ANY($1) AND (erased_at IS NULL OR languages <> '{}')""",
        "consents in a language": """
            SELECT id FROM consent WHERE person_ref = ANY($1) AND (language <> '' OR withdrawn_at IS NULL)""",
        "deliveries in a language": """
            SELECT id FROM delivery WHERE person_ref = ANY($1) AND (to_forget
            OR state NOT IN ('sent', 'delivered', 'suppressed'))""",
    },
}
# Where the opaque reference itself may stay; of anywhere else it must be gone.
MAY_NAME = {
    "": {"person", "person_key", "audit", "outbox", "waiting"}, "registry": {"erasure"}, "events": {"registration"},
    "matching": {"household", "mentor", "mentor_group_member", "concern", "closing", "checkin", "meeting"},
    "notify": {"recipient", "consent", "delivery"},
}
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'chaos%'"
SEVERAL_PARTS = """
SELECT erasure_id AS id FROM erasure_part GROUP BY erasure_id HAVING count(*) <> 4 OR count(DISTINCT service) <> 4
"""
PARTS = "SELECT service FROM erasure_part WHERE erasure_id = $1"


async def erased_stay_erased(world: World) -> None:
    """Each acknowledged erasure is finished in all four services; nothing of the erased is left or has come back."""
    refs: list[UUID] = []
    for erasure in world.ledger.of("erasure"):
        shown = (await world.operate("registry", "GET", f"/v1/erasures/{erasure.id}")).json
        services = sorted(part["service"] for part in shown["parts"])
        if shown["state"] != "completed" or services != sorted(world.services) or not shown["signature_holds"]:
            world.violated(Promise.ERASED, f"{erasure.about} is {shown['state']}, erased in {services}, its signature "
                                           f"{'holds' if shown['signature_holds'] else 'does not hold'}")
        if json.loads(shown["receipt"] or "{}").get("persons") != shown["persons"]:
            world.violated(Promise.ERASED, f"the receipt of {erasure.about} counts other persons: {shown['receipt']}")
        found = (await world.stage.rows("registry", "SELECT person_refs FROM erasure WHERE id = $1",
                                        UUID(erasure.id)))[0]["person_refs"]
        if missed := erasure.more["refs"] - set(map(str, found)):
            world.violated(Promise.ERASED, f"{erasure.about} passed over {some_of(list(missed))}")
        refs += found
    for service in world.services if refs else ():
        await _look(world, service, refs)


async def _look(world: World, service: str, refs: Sequence[UUID]) -> None:
    for what, query in (EVERYWHERE | OWN.get(service, {})).items():
        if rows := [row["id"] for row in await world.stage.rows(service, query, refs)]:
            world.violated(Promise.ERASED, f"{service} has {what}: {some_of(list(map(str, rows)))}")
    pattern = "|".join(map(str, refs))
    tables: set[Any] = {row["tablename"] for row in await world.stage.rows(service, TABLES)}
    for table in sorted(tables - MAY_NAME[""] - MAY_NAME[service]):
        rows = await world.stage.rows(service, f'SELECT t::text AS row FROM "{table}" t WHERE t::text ~ $1', pattern)
        if rows:
            world.violated(Promise.ERASED, f"{table} of {service} still names the erased: {rows[0]['row'][:200]} "
                                           f"({len(rows)} in all)")
