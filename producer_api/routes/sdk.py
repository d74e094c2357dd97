"""The browser SDK as the collector serves it: compressed in advance, under a short path and one with its hash."""

import base64
import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from fastapi import FastAPI, Request, Response

from producer_api.own_path import SCRIPT, SEND

_FOLDER = Path(__file__).parents[1] / "static" / "sdk"
# The first one is for the script tag, and imports those after it. The last one has everything, for pages that pin
# a hash.
NAMES = ("footfall", "more", "console", "vitals", "all")
# File suffixes by Content-Encoding, smallest file first.
_SUFFIXES: Mapping[str, str] = {"br": ".br", "gzip": ".gz", "": ""}
# Where the script sends events, relative to itself.
_ENDPOINT = b"../api/analytics/collect"
_ONE_HOUR = "public, max-age=3600, stale-while-revalidate=86400"
_FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Script:
    """A file of the SDK. `integrity` is for the script tag; what `hashed_path` serves never changes."""

    name: str
    contents: Mapping[str, bytes]
    integrity: str
    hashed_path: str

    @property
    def path(self) -> str:
        """The path that always serves the newest version."""
        return f"/sdk/{self.name}.js"


@cache
def script(name: str) -> Script:
    """One of the files; read once, then cached."""
    contents = {encoding: (_FOLDER / f"{name}.js{suffix}").read_bytes() for encoding, suffix in _SUFFIXES.items()}
    digest = hashlib.sha384(contents[""]).hexdigest()
    return Script(name, contents, _integrity(contents[""]), f"/sdk/{name}.{digest[:12]}.js")


def add_sdk(app: FastAPI, own_path: str = "") -> None:
    """Add the routes to the application, and those under the operator's own path if there is one."""
    for name in NAMES:
        _add(app, script(name), script(name).path, _ONE_HOUR)
        _add(app, script(name), script(name).hashed_path, _FOREVER)

    if own_path:
        for name in NAMES:
            file = SCRIPT if name == "footfall" else f"{name}.js"
            _add(app, _sends_to_own_path(script(name)), f"{own_path}/{file}", _ONE_HOUR)


def _sends_to_own_path(file: Script) -> Script:
    """The same file, but it sends events to the route beside it."""
    code = file.contents[""].replace(_ENDPOINT, SEND.encode())
    contents = {"gzip": gzip.compress(code, mtime=0), "": code}
    return replace(file, contents=contents, integrity=_integrity(code))


def _integrity(code: bytes) -> str:
    return f"sha384-{base64.b64encode(hashlib.sha384(code).digest()).decode()}"


def _add(app: FastAPI, served: Script, path: str, cache_control: str) -> None:
    async def answer(request: Request) -> Response:
        accepted = _accepted(request.headers.get("accept-encoding", ""))
        encoding = next(each for each in served.contents if each in accepted)
        etag = f'"{served.integrity[7:23]}{encoding}"'
        headers = {
            "cache-control": cache_control,
            "etag": etag,
            "vary": "Accept-Encoding",
            "x-content-type-options": "nosniff",
            # Pages of other origins load the script, and browsers check `integrity` only if they may read it.
            "access-control-allow-origin": "*",
            "cross-origin-resource-policy": "cross-origin",
        }
        if etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if encoding:
            headers["content-encoding"] = encoding
        return Response(served.contents[encoding], media_type="text/javascript", headers=headers)

    app.add_api_route(path, answer, methods=["GET", "HEAD"], include_in_schema=False)


def _accepted(header: str) -> set[str]:
    """The encodings that a browser accepts; q=0 excludes one."""
    offers = [offer.replace(" ", "").partition(";q=") for offer in header.lower().split(",")]
    return {name for name, _, quality in offers if quality.strip("0.") or not quality} | {""}
