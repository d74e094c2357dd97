"""Proxies of a site in front of the collector, configured as docs/proxies.md shows: nginx, Caddy, Vite."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.npm import NODE

_DOCS = Path(__file__).parents[2] / "docs" / "proxies.md"
_START_SECONDS = 30.0
NGINX = """
user root; worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
  {servers}
}}
"""
NGINX_SERVER = """server {{
    listen 127.0.0.1:{port} ssl http2;
    location = /shop {{ default_type text/html; return 200 '{page}'; }}
    {example}
  }}"""
# As rewrites of Next.js are: they say who asked, and which host.
LIKE_NEXT = """"/next": {
    target: "http://localhost:3000", changeOrigin: true, xfwd: true, rewrite: (path) => path.slice("/next".length),
},"""
# The npm package, without installing it.
PACKAGE_FROM_SOURCE = f"""
define: {{ VERSION: '"0"', APART: "false" }},
resolve: {{ alias: {{ "footfall-browser": "{Path(__file__).parents[2] / "browser/src/index.ts"}" }} }},
"""
# React runs effects twice in strict mode, and renders on servers too.
REACT = """
import React, { StrictMode, useEffect } from "react";
import { createRoot } from "react-dom/client";
import { renderToString } from "react-dom/server.browser";
import { capture, flush, init, track } from "footfall-browser";

function App() {
  track("feature_used", { feature: "before the start" });
  useEffect(() => {
    init({ endpoint: "/api/analytics/collect", bots: true, storage: "none" }) && capture();
  }, []);
  return <button onClick={() => track("feature_used", { feature: "export" })}>Export</button>;
}
document.body.dataset.html = renderToString(<App />);
createRoot(document.getElementById("root")).render(<StrictMode><App /></StrictMode>);
window.flush = flush;
"""
CADDYFILE = """
{{
	admin off
	auto_https disable_redirects
}}
https://localhost:{port} {{
	tls {folder}/cert.pem {folder}/key.pem
	handle /shop {{
		header Content-Type text/html
		respond `{page}`
	}}
	{example}
}}
"""


def page(script: str, **data: str) -> str:
    """A page with the tag; `script` is the path of the first file."""
    attributes = "".join(f' data-{name}="{value}"' for name, value in data.items())
    return f'<!doctype html><title>Shop</title><script defer src="{script}" data-bots="on"{attributes}></script>'


def examples(language: str) -> list[str]:
    """The examples of the page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", _DOCS.read_text(), re.MULTILINE | re.DOTALL)


class SiteProxies:
    """Proxies in front of a collector on a port of this machine. Each URL serves a page with the tag."""

    def __init__(self, folder: Path, collector_port: int) -> None:
        self._folder, self._collector_port = folder, collector_port
        self._processes: list[subprocess.Popen[bytes]] = []
        self._make_certificate()

    def nginx(self) -> list[str]:
        """The URLs of two servers: one without the path of the collector's own, and one with it."""
        ports = [_free_port(), _free_port()]
        scripts = ["/insights/sdk/footfall.js", "/insights/script.js"]
        servers = [
            NGINX_SERVER.format(port=port, page=page(script), example=self._with_collector(example))
            for port, script, example in zip(ports, scripts, examples("nginx"), strict=True)
        ]
        config = self._folder / "nginx.conf"
        config.write_text(NGINX.format(folder=self._folder, servers="\n".join(servers)))
        self._start(ports, [_program("nginx"), "-p", str(self._folder), "-c", str(config)])
        return [f"https://localhost:{port}/shop" for port in ports]

    def caddy(self) -> str:
        """The URL of Caddy."""
        (example,) = examples("caddyfile")
        port, config = _free_port(), self._folder / "Caddyfile"
        config.write_text(
            CADDYFILE.format(
                port=port,
                folder=self._folder,
                page=page("/insights/sdk/footfall.js"),
                example=self._with_collector(example),
            )
        )
        self._start([port], [_program("caddy"), "run", "--config", str(config), "--adapter", "caddyfile"])
        return f"https://localhost:{port}/shop"

    def vite(self, node_modules: Path) -> str:
        """The URL of a development server with the short form of its proxy."""
        port, folder = _free_port(), self._folder / "vite"
        folder.mkdir()
        (folder / "node_modules").symlink_to(node_modules)
        (folder / "package.json").write_text('{"type": "module"}')
        (folder / "index.html").write_text(page("/sdk/footfall.js"))
        (folder / "react.html").write_text('<div id="root"></div><script type="module" src="/main.jsx"></script>')
        (folder / "main.jsx").write_text(REACT)
        (example, *_others) = examples("js")
        config = example.replace("proxy: {", f"fs: {{ strict: false }}, proxy: {{ {LIKE_NEXT}", 1)
        config = config.replace("export default {", f"export default {{ {PACKAGE_FROM_SOURCE}", 1)
        (folder / "vite.config.js").write_text(
            config.replace("localhost:3000", f"localhost:{self._collector_port}")
        )
        vite = node_modules / "vite/bin/vite.js"
        address = ["--port", str(port), "--strictPort", "--host", "127.0.0.1"]
        self._start([port], [str(NODE), str(vite), *address], folder)
        return f"http://localhost:{port}/"

    def stop(self) -> None:
        """End all proxies."""
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):  # it has ended by itself
                os.killpg(process.pid, signal.SIGTERM)  # the program `node` of the wheel runs Node.js as a child
        for process in self._processes:
            process.wait()

    def _with_collector(self, example: str) -> str:
        return example.replace("collector:3000", f"127.0.0.1:{self._collector_port}")

    def _make_certificate(self) -> None:
        command = (
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
        )
        files = ["-keyout", "key.pem", "-out", "cert.pem", "-addext", "subjectAltName=DNS:localhost"]
        subprocess.run([*command.split(), *files], cwd=self._folder, check=True, capture_output=True)

    def _start(self, ports: list[int], command: list[str], folder: Path | None = None) -> None:
        environ = os.environ | {"HOME": str(self._folder), "XDG_DATA_HOME": str(self._folder)}
        log = self._folder / f"{Path(command[0]).name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, cwd=folder, env=environ, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        self._processes.append(process)
        for port in ports:
            _wait_for(port, process, log)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} does not listen: {log.read_text()[-2_000:]}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def _program(name: str) -> str:
    """Where a program is. Without it the test is skipped, or fails in CI."""
    if found := shutil.which(name):
        return found
    missing = f"{name} is not installed; scripts/install-test-programs installs it on Debian"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)


def running(folder: Path, collector_port: int) -> Iterator[SiteProxies]:
    """For a fixture: stopped at the end."""
    proxies = SiteProxies(folder, collector_port)
    try:
        yield proxies
    finally:
        proxies.stop()
