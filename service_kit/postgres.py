"""Which Postgres, and the schema in it that is footfall's own."""

import re
from dataclasses import dataclass

from service_kit.settings import Secret, setting

DEFAULT_SCHEMA = "footfall"
_NAME = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,55}")


def schema_name(text: str) -> None:
    """A name that needs no quotes, and is not Postgres's own."""
    if not _NAME.fullmatch(text) or text == "information_schema":
        raise ValueError("a name of lower-case letters, digits and underscores that does not begin with pg_")


SCHEMA_HELP = "Schema of the database that holds everything of footfall."


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresSettings:
    postgres_dsn: Secret = setting(help="Where events land, as postgresql://user:password@host/database.")
    postgres_schema: str = setting(DEFAULT_SCHEMA, help=SCHEMA_HELP, check=schema_name)
