"""Row-level security: the second wall behind each query's own scope; reads settings local to the transaction."""

COVERS_REGION = """
CREATE FUNCTION lotse_covers_region(region text) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT EXISTS (
        SELECT 1 FROM unnest(string_to_array(nullif(current_setting('lotse.regions', true), ''), ',')) AS own
        WHERE starts_with(region, own))
$$
"""
COVERS = """
CREATE FUNCTION lotse_covers(region text, partner uuid, project uuid) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(current_setting('lotse.scope', true) = 'all'
        OR lotse_covers_region(region)
        OR partner::text = ANY (string_to_array(current_setting('lotse.partners', true), ','))
        OR project::text = ANY (string_to_array(current_setting('lotse.projects', true), ',')), false)
$$
"""
FUNCTIONS = (COVERS_REGION, COVERS)


def enable(table: str, *, using: str, check: str | None = None, adding: str | None = None) -> list[str]:
    """The statements that put a table behind row-level security, for its owner too.

    using says which rows are seen; check which of them may be locked, changed or removed, and what they may become
    (the same unless given); adding which may be added (those of check unless given). All are SQL conditions.
    """
    check = check or using
    return [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY scope ON {table} FOR SELECT USING ({using})",
        f"CREATE POLICY adding ON {table} FOR INSERT WITH CHECK ({adding or check})",
        f"CREATE POLICY changing ON {table} FOR UPDATE USING ({check}) WITH CHECK ({check})",
        f"CREATE POLICY removing ON {table} FOR DELETE USING ({check})",
    ]


def scoped(*, region: str = "region", partner: str = "NULL", project: str = "NULL") -> str:
    """The usual condition: the row's region, partner or project lies within the caller's scope."""
    return f"lotse_covers({region}, {partner}::uuid, {project}::uuid)"
