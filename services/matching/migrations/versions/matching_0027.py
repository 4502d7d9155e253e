"""Languages are kept as they are spoken: ar-SY is ar, so that who speaks it and who speaks ar have a language in common."""

from alembic import op

revision = "matching_0027"
down_revision = "matching_0026"
branch_labels = None
depends_on = None

# Of two varieties the one that is spoken better stays.
AS_SPOKEN = """
UPDATE {table} SET version = version + 1, languages = (
    SELECT jsonb_object_agg(tag, level) FROM (
        SELECT DISTINCT ON (split_part(key, '-', 1)) split_part(key, '-', 1) AS tag, value AS level
        FROM jsonb_each_text(languages)
        ORDER BY split_part(key, '-', 1), array_position(
            ARRAY['C2', 'C1', 'B2', 'B1', 'A2', 'A1', 'literacy', 'none'], value)) AS spoken)
WHERE EXISTS (SELECT FROM jsonb_object_keys(languages) AS tag WHERE tag LIKE '%-%')
"""


def upgrade() -> None:
    """Go forward; which variety it was is not kept."""
    op.execute("SET LOCAL lotse.scope = 'all'")
    for table in ("mentor", "mentor_group", "household"):
        op.execute(AS_SPOKEN.format(table=table))
