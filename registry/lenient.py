"""What Confluent's server does with every request before it looks at it."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from registry.contexts import without_context
from registry.installation import PATH

MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
_PLAIN_JSON = b"application/json"


class LenientRequests:
    """The middleware: HEAD is a GET without a body, a slash at the end means nothing, and a path may begin with
    `/registry`, then with a context. Clients that accept only `application/json` get that."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_head = scope["method"] == "HEAD"
        media_type = _media_type(scope)

        async def adapted(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [_with(media_type, header) for header in message["headers"]]}
            elif is_head:
                message = {**message, "body": b""}
            await send(message)

        await self._app(_rewritten(scope), receive, adapted)


def _rewritten(scope: Scope) -> Scope:
    path = "/" + scope["path"].strip("/")
    if path == PATH or path.startswith(f"{PATH}/"):
        # So one host can have the registry beside everything else, and no proxy has to remove the prefix.
        path = path.removeprefix(PATH) or "/"
    path, query = without_context(path, scope["query_string"].decode("latin-1"))
    method = "GET" if scope["method"] == "HEAD" else scope["method"]
    return {**scope, "method": method, "path": path, "query_string": query.encode("latin-1")}


def _media_type(scope: Scope) -> bytes:
    accepted = b",".join(value for name, value in scope["headers"] if name == b"accept")
    wants_plain = _PLAIN_JSON in accepted and b"schemaregistry" not in accepted and b"*/*" not in accepted
    return _PLAIN_JSON if wants_plain else MEDIA_TYPE.encode()


def _with(media_type: bytes, header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    name, value = header
    return (name, media_type) if name == b"content-type" and value == MEDIA_TYPE.encode() else header
