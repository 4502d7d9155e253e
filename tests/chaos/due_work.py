"""Due work, looked at from outside: what has fallen due was done, and done once."""

from tests.chaos.promises import Promise, some_of
from tests.chaos.world import World

REMINDED = """
    SELECT split_part(about, '/', 2)::uuid AS id, (body::json ->> 'due')::timestamptz AS due FROM outbox
    WHERE subject = 'registry.offer.assurance_due.v1'
"""
# Put back, since somebody was just changing the offer: by then the change may have made it moot.
PUT_BACK = """
    (SELECT i.about, i.id FROM chaos_due i JOIN chaos_due o ON o.xid = i.xid AND o.kind = i.kind AND o.about = i.about
     WHERE i.kind = 'offer_reminder' AND i.change = 'INSERT' AND o.change = 'DELETE')
"""
REGISTRY = {
    "nobody has let these offers go stale": """
        SELECT o.id FROM offer o, network n
        WHERE o.state = 'published' AND o.assurance_due <= clock_timestamp() + n.ahead""",
    "nobody was reminded of these offers": f"""
        SELECT o.id FROM offer o, network n WHERE o.state IN ('published', 'stale')
        AND o.assurance_due - interval '14 days' <= clock_timestamp() + n.ahead
        AND NOT EXISTS (SELECT 1 FROM ({REMINDED}) r WHERE r.id = o.id AND r.due = o.assurance_due)""",
    "a reminder was crossed out in a transaction that told nothing of these offers": f"""
        SELECT d.about AS id FROM chaos_due d WHERE d.kind = 'offer_reminder' AND d.change = 'DELETE'
        AND NOT EXISTS (SELECT 1 FROM {PUT_BACK} b WHERE b.about = d.about AND b.id < d.id)
        AND NOT EXISTS (SELECT 1 FROM chaos_told t WHERE t.xid = d.xid AND t.about = 'offer/' || d.about)
        AND NOT EXISTS (SELECT 1 FROM chaos_due a WHERE a.xid = d.xid AND a.change = 'INSERT' AND a.about = d.about)""",
    "these offers were reminded of twice": f"SELECT id FROM ({REMINDED}) r GROUP BY id, due HAVING count(*) > 1",
    "these offers went stale more often than they were confirmed": """
        SELECT split_part(about, '/', 2) AS id FROM outbox WHERE subject LIKE 'registry.offer.%' GROUP BY about
        HAVING count(*) FILTER (WHERE subject = 'registry.offer.staled.v1')
             > count(*) FILTER (WHERE subject IN ('registry.offer.published.v1', 'registry.offer.assured.v1'))""",
}
# A thing that waits for its time has a piece of due work; done and told of, it has none, and waits no longer.
FORGOTTEN = """
    SELECT t.id FROM {table} t WHERE {waits} AND NOT EXISTS (SELECT 1 FROM due d WHERE d.kind = '{kind}'
    AND d.about = t.id)"""
MATCHING = {
    "nobody will end these invitations": FORGOTTEN.format(
        table="proposal", waits="t.state IN ('invited', 'accepted_one')", kind="invitation_end"),
    "nobody will be asked in these check-ins": FORGOTTEN.format(
        table="checkin", kind="checkin_due", waits="""t.state = 'planned' AND EXISTS (
            SELECT 1 FROM tandem WHERE tandem.id = t.tandem_id AND tandem.state IN ('trial', 'active'))"""),
    "nobody will look after these check-ins if they are missed": FORGOTTEN.format(
        table="checkin", waits="t.state = 'due'", kind="checkin_missed"),
    "what fell due was told of twice": """
        SELECT about AS id FROM outbox WHERE subject IN ('matching.proposal.expired.v1', 'matching.checkin.due.v1',
        'matching.checkin.missed.v1', 'matching.tandem.trial_ended.v1') GROUP BY subject, about HAVING count(*) > 1""",
}
LOOKED_AT = {"registry": REGISTRY, "matching": MATCHING}


async def due_work_is_done_once(world: World) -> None:
    """Offers went stale, invitations ended and sides were asked once, when their time had come: none was forgotten."""
    for service in world.services:
        for sentence, query in LOOKED_AT.get(service, {}).items():
            if found := [str(row["id"]) for row in await world.stage.rows(service, query)]:
                world.violated(Promise.DUE, f"{sentence}: {some_of(found)}")
