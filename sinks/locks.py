"""Advisory locks. They belong to a whole database, so the schema is in each key: two installations do not wait for
each other. All our connections have the schema alone in their search path, also while it does not exist yet.
"""

from psycopg import sql


def lock_key(name: str) -> sql.Composed:
    """The key of a lock of this schema, as an expression in SQL."""
    key = sql.SQL("hashtextextended(current_setting('search_path') || {}, 0)")
    return key.format(sql.Literal(f" footfall {name}"))
