"""For which projects a tandem counted before, and for which its beginning and its end count."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "matching_0025"
down_revision = "matching_0024"
branch_labels = None
depends_on = None

COUNTED = """
WITH told AS (
    SELECT DISTINCT ON (about, subject) about, subject, CAST(CAST(body AS jsonb) ->> 'project_id' AS uuid) AS project_id
    FROM outbox WHERE subject IN ('matching.tandem.started.v1', 'matching.tandem.completed.v1')
    ORDER BY about, subject, id),
known AS (
    SELECT tandem.id, tandem.project_id AS named, begun.project_id AS started_for, done.project_id AS completed_for
    FROM tandem
    LEFT JOIN told AS begun ON begun.about = 'tandem/' || tandem.id AND begun.subject = 'matching.tandem.started.v1'
    LEFT JOIN told AS done ON done.about = 'tandem/' || tandem.id AND done.subject = 'matching.tandem.completed.v1'),
counted AS (
    SELECT tandem_id, project_id, met_on FROM meeting
    UNION ALL SELECT id, started_for, CAST('-infinity' AS date) FROM known
    UNION ALL SELECT id, completed_for, CAST('infinity' AS date) FROM known),
former AS (
    SELECT tandem_id, counted.project_id, min(met_on) AS since
    FROM counted JOIN known ON known.id = tandem_id
    WHERE counted.project_id IS NOT NULL AND counted.project_id IS DISTINCT FROM named
    GROUP BY tandem_id, counted.project_id)
UPDATE tandem SET started_for = known.started_for, completed_for = known.completed_for, former_project_ids = ARRAY(
    SELECT former.project_id FROM former WHERE former.tandem_id = tandem.id ORDER BY since, former.project_id)
FROM known WHERE known.id = tandem.id AND (
    known.started_for IS NOT NULL OR known.completed_for IS NOT NULL OR tandem.id IN (SELECT tandem_id FROM former))
"""
# What was not counted for a project that was named later is counted once somebody is there to tell it.
TO_COUNT = """
INSERT INTO due (kind, about, due_at)
SELECT 'tandem_count', id, now() FROM tandem
WHERE project_id IS NOT NULL AND (started_for IS NULL OR (state = 'completed' AND completed_for IS NULL) OR EXISTS (
    SELECT FROM meeting WHERE meeting.tandem_id = tandem.id AND meeting.project_id IS NULL))
"""


def upgrade() -> None:
    """Go forward; what was counted for a project until now still is, as far as the outbox goes back."""
    op.add_column("tandem", sa.Column("former_project_ids", postgresql.ARRAY(sa.Uuid()), nullable=False,
                                      server_default="{}"))
    for name in ("started_for", "completed_for"):
        op.add_column("tandem", sa.Column(name, sa.Uuid(), nullable=True))
    op.execute("SET LOCAL lotse.scope = 'all'")
    for statement in (COUNTED, TO_COUNT):
        op.execute(statement)
