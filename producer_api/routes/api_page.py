"""`/api/analytics/docs`: the API in Swagger UI. Nothing is inline, and nothing is loaded from elsewhere."""

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

PATH = "/api/analytics/docs"
ASSETS = "/api/analytics/docs-assets"
# Whoever has these files of Swagger UI can replace this package: nothing else of it is used.
_FILES = ("fastapi_offline", "static")
OPENAPI = "/api/analytics/openapi.json"
_START = f"{PATH}/start.js"

# Swagger UI sets styles. It sends requests, though only to the origin that serves it.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>footfall collector: API</title>
<link rel="icon" href="{root}{assets}/favicon.png">
<link rel="stylesheet" href="{root}{assets}/swagger-ui.css">
<div id="api"></div>
<script src="{root}{assets}/swagger-ui-bundle.js"></script>
<script src="{root}{start}" data-url="{root}{openapi}"></script>
</html>
"""
_SCRIPT = 'SwaggerUIBundle({url: document.currentScript.dataset.url, dom_id: "#api", deepLinking: true});\n'


def add_api_page(app: FastAPI) -> None:
    """Add the page, the script that starts it, and the files of Swagger UI."""
    app.mount(ASSETS, StaticFiles(packages=[_FILES]))

    @app.get(PATH, include_in_schema=False)
    async def page(request: Request) -> HTMLResponse:
        root = request.scope.get("root_path", "")
        content = _PAGE.format(root=root, assets=ASSETS, start=_START, openapi=OPENAPI)
        return HTMLResponse(content, headers={"content-security-policy": _POLICY})

    @app.get(_START, include_in_schema=False)
    async def start() -> Response:
        return Response(_SCRIPT, media_type="text/javascript")
