"""`python -m footfall.local.http_apps`: collector, registry and dashboard in one process, mounted by path.

In production each is a deployment of its own, and the Ingress routes the same paths.
"""

import asyncio
import os
from contextlib import AsyncExitStack
from dataclasses import dataclass

import orjson
import uvicorn
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import dashboard.app
import dashboard.metrics
import dashboard.settings
import producer_api.app
import producer_api.metrics
import producer_api.settings
import registry.app
import registry.metrics
import registry.settings
from service_kit import http_server
from service_kit.background import stop_process
from service_kit.kafka import watch
from service_kit.local_requests import is_local, joined
from service_kit.metrics import CONTENT_TYPE, exposition
from service_kit.settings import load_or_exit
from service_kit.startup import begin

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class MountedApp:
    """An ASGI app and the path prefixes that it serves."""

    name: str
    app: ASGIApp
    paths: tuple[str, ...]
    metrics: CollectorRegistry


class PathRouter:
    """Routes each request to the first app with a matching path prefix, else to the last app."""

    def __init__(self, *apps: MountedApp) -> None:
        self._apps = apps

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http" and scope["path"] in ("/healthz", "/readyz"):
            await self._probe(scope, send)
        elif scope["type"] == "http" and scope["path"] == "/metrics":
            await self._metrics(scope, send)
        else:
            await self._find(scope["path"]).app(scope, receive, send)

    def _find(self, path: str) -> MountedApp:
        for mounted in self._apps[:-1]:
            if any(path == prefix or path.startswith(prefix + "/") for prefix in mounted.paths):
                return mounted
        return self._apps[-1]

    async def _probe(self, scope: Scope, send: Send) -> None:
        """Ready when every app is; the response has each app's own."""
        responses = {mounted.name: await _call(mounted.app, scope) for mounted in self._apps}
        status = max(status for status, _body in responses.values())
        body = {name: orjson.loads(content) for name, (_status, content) in responses.items()}
        await _respond(send, status, b"application/json", orjson.dumps(body))

    async def _metrics(self, scope: Scope, send: Send) -> None:
        headers = joined((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
        if not is_local(scope["client"][0], headers.get("host", ""), headers):
            # A page whose name resolves to 127.0.0.1 could read them otherwise.
            await _respond(send, 403, b"text/plain", b"Ask for localhost.\n")
            return
        metrics = exposition(*(mounted.metrics for mounted in self._apps))
        await _respond(send, 200, CONTENT_TYPE.encode(), metrics)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        async with AsyncExitStack() as stack:
            await receive()
            for mounted in self._apps:
                await stack.enter_async_context(_Lifespan(mounted.app))
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


class _Lifespan:
    """Starts and stops an app with the lifespan messages that a server would send it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._from_app: asyncio.Queue[Message] = asyncio.Queue()

    async def __aenter__(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        self._running = asyncio.create_task(self._run(scope))
        await self._exchange("startup")

    async def __aexit__(self, *exception: object) -> None:
        await self._exchange("shutdown")
        await self._running

    async def _run(self, scope: Scope) -> None:
        await self._app(scope, self._to_app.get, self._from_app.put)

    async def _exchange(self, step: str) -> None:
        await self._to_app.put({"type": f"lifespan.{step}"})
        reply = await self._from_app.get()
        if reply["type"] != f"lifespan.{step}.complete":
            raise RuntimeError(reply.get("message", reply["type"]))


async def _call(app: ASGIApp, scope: Scope) -> tuple[int, bytes]:
    """Send a request to an app; the status and body of its response."""
    status, content = 500, b""

    async def send(message: Message) -> None:
        nonlocal status, content
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            content += message.get("body", b"")

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    await app(scope, receive, send)
    return status, content


async def _respond(send: Send, status: int, content_type: bytes, content: bytes) -> None:
    headers = [(b"content-type", content_type), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def main() -> None:
    settings = load_or_exit(producer_api.settings.Settings, os.environ)
    collector = producer_api.app.build_app(settings)
    dashboard_app = dashboard.app.build_app(load_or_exit(dashboard.settings.Settings, os.environ))
    warnings = settings.sessions.warnings()
    begin("http", os.environ, level=settings.log_level, kafka=settings.kafka, warnings=warnings)
    watch.watch(settings.kafka, stop_process)
    paths = ("/api/analytics", "/sdk", "/docs", *([settings.sdk_path] if settings.sdk_path else []))
    app = PathRouter(
        MountedApp("producer_api", collector, paths, producer_api.metrics.REGISTRY),
        MountedApp(
            "registry",
            registry.app.build_app(load_or_exit(registry.settings.Settings, os.environ)),
            ("/registry", "/catalogue", "/asyncapi.json"),
            registry.metrics.REGISTRY,
        ),
        MountedApp("dashboard", dashboard_app, (), dashboard.metrics.REGISTRY),
    )
    uvicorn.run(
        app,
        host=HOST,
        port=settings.port,
        **http_server.options(max(http_server.BODY_TIMEOUT_SECONDS, 2 * settings.body_timeout_seconds)),
        timeout_graceful_shutdown=2,
    )


if __name__ == "__main__":
    main()
