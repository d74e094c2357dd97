"""The browser SDK as the collector serves it: compressed ahead, under a short name and one of its content."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import FastAPI, Request, Response

_FOLDER = Path(__file__).parents[1] / "static" / "sdk"
NAMES = ("footfall", "vitals")
# What files end in, by Content-Encoding, the smallest first.
_ENDINGS: Mapping[str, str] = {"br": ".br", "gzip": ".gz", "": ""}
_AN_HOUR = "public, max-age=3600, stale-while-revalidate=86400"
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Script:
    """A file of the SDK. `integrity` is for the tag's attribute, `hashed_path` never changes its content."""

    name: str
    contents: Mapping[str, bytes]
    integrity: str
    hashed_path: str

    @property
    def path(self) -> str:
        """The address that always has the newest."""
        return f"/sdk/{self.name}.js"


@cache
def script(name: str) -> Script:
    """One of the files, read once."""
    contents = {encoding: (_FOLDER / f"{name}.js{ending}").read_bytes() for encoding, ending in _ENDINGS.items()}
    digest = hashlib.sha384(contents[""]).digest()
    integrity = f"sha384-{base64.b64encode(digest).decode()}"
    return Script(name, contents, integrity, f"/sdk/{name}.{digest.hex()[:12]}.js")


def add_sdk(app: FastAPI) -> None:
    """Add the routes to the application."""
    for name in NAMES:
        _add(app, script(name), script(name).path, _AN_HOUR)
        _add(app, script(name), script(name).hashed_path, _FOR_EVER)


def _add(app: FastAPI, served: Script, path: str, keep: str) -> None:
    async def answer(request: Request) -> Response:
        accepted = _accepted(request.headers.get("accept-encoding", ""))
        encoding = next(each for each in served.contents if each in accepted)
        tag = f'"{served.integrity[7:23]}{encoding}"'
        headers = {
            "cache-control": keep,
            "etag": tag,
            "vary": "Accept-Encoding",
            "x-content-type-options": "nosniff",
            # Pages of other origins load it, and browsers check `integrity` only where they may read it.
            "access-control-allow-origin": "*",
            "cross-origin-resource-policy": "cross-origin",
        }
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if encoding:
            headers["content-encoding"] = encoding
        return Response(served.contents[encoding], media_type="text/javascript", headers=headers)

    app.add_api_route(path, answer, methods=["GET", "HEAD"], include_in_schema=False)


def _accepted(header: str) -> set[str]:
    """The encodings that a browser takes; one with q=0 is none."""
    offers = [offer.replace(" ", "").partition(";q=") for offer in header.lower().split(",")]
    return {name for name, _, quality in offers if quality.strip("0.") or not quality} | {""}
