"""The registry in the process, and on a real port for clients that bring their own HTTP."""

import functools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvicorn
from fastapi import FastAPI

from registry.app import build_app


@functools.cache
def shared_app() -> FastAPI:
    """The registry as it is installed by default. No request changes it, and it takes a tenth of a second to build."""
    return build_app()


def registry_client() -> httpx.AsyncClient:
    """A client of it. An exception in the app reaches the test instead of an answer with 500."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(shared_app()), base_url="http://registry")


@contextmanager
def registry_server() -> Iterator[str]:
    """Serve it in a thread; the URL."""
    server = uvicorn.Server(uvicorn.Config(shared_app(), host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the registry did not start"
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
