"""Settings of the dashboard."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from avro_schemas.installed import HELP as CONTRACT_HELP
from avro_schemas.installed import OwnContract
from dashboard import api_keys
from service_kit import setting_checks
from service_kit.bucket import bucket_url, is_bucket, require_library
from service_kit.kafka.settings import KafkaSettings
from service_kit.postgres import DEFAULT_SCHEMA, SCHEMA_HELP, PostgresSettings, schema_name
from service_kit.public_url import PublicUrlSettings
from service_kit.retention import RetentionSettings
from service_kit.sessions.settings import SessionSettings
from service_kit.settings import Secret, setting


def columns_url(text: str) -> None:
    """An absolute path as a URL, or a bucket."""
    if is_bucket(text):
        return bucket_url(text)
    url = urlsplit(text)
    if url.scheme != "file" or url.netloc not in ("", "localhost") or not url.path.startswith("/"):
        raise ValueError(
            "an absolute path of this machine, like file:///var/lib/footfall/columns, or s3://BUCKET/FOLDER"
        )
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    kafka: KafkaSettings
    contract: OwnContract | None = setting(None, help=CONTRACT_HELP)
    host: str = setting("0.0.0.0", help="Host to listen on when served alone.")
    port: int = setting(3000, help="Port to listen on when served alone.", minimum=1, maximum=65535)
    url: PublicUrlSettings = field(default_factory=PublicUrlSettings)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = setting("INFO", help="What to log.")

    postgres_dsn: Secret | None = setting(
        None, help="DSN of the Postgres that the sinks land in. Without it there is no history page."
    )
    postgres_schema: str = setting(DEFAULT_SCHEMA, help=SCHEMA_HELP, check=schema_name)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    columns_url: str | None = setting(
        None,
        help="Folder for column files, as file:///path, or s3://BUCKET/FOLDER. They make the history fast, are"
        " made from Postgres, and made again if they are lost. Without it every query reads rows.",
        check=columns_url,
    )
    columns_copies: Path | None = setting(
        None,
        help="Folder of this machine for copies of the column files of a bucket, which queries read. Needed where"
        " FOOTFALL_COLUMNS_URL is a bucket.",
    )

    dashboard_token: Secret | None = setting(
        None,
        help="A secret that grants read access, sent as a bearer token or typed in.",
        min_length=16,
        check=setting_checks.hard_to_guess,
    )
    dashboard_role: str | None = setting(
        None, help="The role that grants a session read access. Without it no session has access."
    )
    dashboard_editor_role: str | None = setting(
        None,
        help="The role that lets a session read, and accept proposed event types. Without it nobody may accept"
        " them on the page.",
    )
    dashboard_role_claim: str = setting(
        "roles", help="The claim that holds a session's roles: a list, or text separated by spaces."
    )
    dashboard_keys: Secret | None = setting(
        None,
        help="API keys, a line each, as `footfall key create` prints it. A file of them is read at each request:"
        " a key whose line is removed has no access any more.",
        check=api_keys.usable,
    )
    sessions: SessionSettings = field(default_factory=SessionSettings)
    trust_loopback: bool = setting(
        False, help="Let requests from this machine read and edit without a token or session. Development only."
    )

    @property
    def columns_folder(self) -> Path | None:
        """Where column files are on this machine, if there are any."""
        if self.columns_bucket:
            return self.columns_copies
        return Path(unquote(urlsplit(self.columns_url).path)) if self.columns_url else None

    @property
    def columns_bucket(self) -> str | None:
        """The bucket of column files, if they are in one."""
        return self.columns_url if self.columns_url and is_bucket(self.columns_url) else None

    @property
    def postgres(self) -> PostgresSettings | None:
        """The Postgres of the sinks, if there is one."""
        if self.postgres_dsn is None:
            return None
        return PostgresSettings(postgres_dsn=self.postgres_dsn, postgres_schema=self.postgres_schema)

    def __post_init__(self) -> None:
        """Raise ValueError where settings contradict each other."""
        if self.columns_bucket:
            require_library()
            if not self.columns_copies:
                raise ValueError("FOOTFALL_COLUMNS_URL is a bucket: set FOOTFALL_COLUMNS_COPIES to a folder, too.")
        for name, role in (("ROLE", self.dashboard_role), ("EDITOR_ROLE", self.dashboard_editor_role)):
            if role and not self.sessions.has_keys:
                keys = "FOOTFALL_SESSION_KEY or FOOTFALL_SESSION_JWKS_URL"
                raise ValueError(f"FOOTFALL_DASHBOARD_{name} needs {keys}.")
