"""The Postgres that `footfall up` starts."""

from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo

from footfall.local import containers, ports, postgres
from tests.support.services import _end, _run

pytestmark = pytest.mark.integration


def test_another_stacks_server_on_the_same_port_is_not_mistaken_for_ours(
    postgres_server: str, tmp_path: Path
) -> None:
    port = int(conninfo.conninfo_to_dict(postgres_server)["port"] or postgres.DEFAULT_PORT)
    ours = postgres.server(tmp_path, port=port, password="tests", environ={})
    assert not ours.is_ready()


def test_nobody_connects_without_the_password_also_after_it_changed(tmp_path: Path) -> None:
    if containers.docker_available():
        pytest.skip("needs a Postgres server on this machine")
    port = ports.choose()
    for password in ("first", "second", "second"):
        program = postgres.server(tmp_path, port=port, password=password, environ={})
        process = _run(program, tmp_path)
        try:
            for wrong in ("", "first" if password == "second" else "second"):
                with pytest.raises(psycopg.OperationalError, match="password"):
                    psycopg.connect(host="127.0.0.1", port=port, user="postgres", password=wrong)
            psycopg.connect(host="127.0.0.1", port=port, user="postgres", password=password).close()
        finally:
            _end(process)
