"""The Postgres that `footfall up` starts."""

from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo

from footfall.local import containers, ports, postgres
from service_kit.postgres import PostgresSettings
from service_kit.settings import load
from sinks.connect import connect
from tests.support.services import _end, _run

pytestmark = pytest.mark.integration


def test_another_stacks_server_on_the_same_port_is_not_mistaken_for_ours(
    postgres_server: str, tmp_path: Path
) -> None:
    port = int(conninfo.conninfo_to_dict(postgres_server)["port"] or postgres.DEFAULT_PORT)
    ours = postgres.server(
        tmp_path, postgres.programs_for(tmp_path).folder, port=port, password="tests", environ={}
    )
    assert not ours.is_ready()


def test_nobody_connects_without_the_password_also_after_it_changed(tmp_path: Path) -> None:
    """Who has it from a file connects with the new one, as every connection reads it again."""
    if containers.docker_available():
        pytest.skip("needs a Postgres server on this machine")
    port, where, file = ports.choose(), None, tmp_path / "dsn"
    for password in ("first", "second", "second"):
        programs = postgres.programs_for(tmp_path)
        program = postgres.server(tmp_path, programs.folder, port=port, password=password, environ={})
        process = _run(program, tmp_path)
        try:
            for wrong in ("", "first" if password == "second" else "second"):
                with pytest.raises(psycopg.OperationalError, match="password"):
                    psycopg.connect(host="127.0.0.1", port=port, user="postgres", password=wrong)
            psycopg.connect(host="127.0.0.1", port=port, user="postgres", password=password).close()
            file.write_text(f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres\n")
            where = where or load(PostgresSettings, {"FOOTFALL_POSTGRES_DSN_FILE": str(file)})
            connect(where, "test").close()
        finally:
            _end(process)
