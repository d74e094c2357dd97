"""The Postgres that `footfall up` starts."""

from pathlib import Path

import pytest
from psycopg import conninfo

from footfall.local import postgres

pytestmark = pytest.mark.integration


def test_another_stacks_server_on_the_same_port_is_not_mistaken_for_ours(
    postgres_server: str, tmp_path: Path
) -> None:
    port = int(conninfo.conninfo_to_dict(postgres_server)["port"] or postgres.DEFAULT_PORT)
    ours = postgres.server(tmp_path, port=port, environ={})
    assert not ours.is_ready()
