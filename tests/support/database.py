"""A database, as services have it in their settings."""

from service_kit.postgres import DEFAULT_SCHEMA, PostgresSettings
from service_kit.settings import Secret


def at(dsn: str, schema: str = DEFAULT_SCHEMA) -> PostgresSettings:
    """The settings for a DSN."""
    return PostgresSettings(postgres_dsn=Secret(dsn), postgres_schema=schema)
