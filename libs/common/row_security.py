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


def enable(table: str, *, using: str, check: str | None = None) -> list[str]:
    """The statements that put a table behind row-level security, for its owner too.

    using says which rows are seen, check which may be written (the same unless given); both are SQL conditions.
    """
    return [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY scope ON {table} USING ({using}) WITH CHECK ({check or using})",
    ]


def scoped(*, region: str = "region", partner: str = "NULL", project: str = "NULL") -> str:
    """The usual condition: the row's region, partner or project lies within the caller's scope."""
    return f"lotse_covers({region}, {partner}::uuid, {project}::uuid)"
