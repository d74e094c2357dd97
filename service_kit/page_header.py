"""The header of all pages for people, whichever service shows them: the same links under the same names.

Pages come from three services and have styles of their own; those of the header are in `STYLES`.
"""

from html import escape

# Path and name of each page, in the order of the header.
LINKS = (
    ("/", "Live"),
    ("/history", "History"),
    ("/event-types", "Event types"),
    ("/pipeline", "Pipeline"),
    ("/docs/collect", "Sending events"),
    ("/catalogue", "Topics"),
)
_ICON = (
    '<svg viewBox="0 0 16 16" width="22" height="22" aria-hidden="true">'
    '<rect width="16" height="16" rx="4" fill="#2a6fdb"/>'
    '<path d="M4 12V8m4 4V4m4 8V6" stroke="#fff" stroke-width="2" stroke-linecap="round"/></svg>'
)
# The colours `--ink`, `--soft`, `--line`, `--panel` and `--hover` are those of the page.
STYLES = """\
.top { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem 1.25rem; padding: .875rem 0;
  font-size: .875rem; }
.top a { color: inherit; text-decoration: none; }
.brand { display: flex; align-items: center; gap: .5rem; font-size: 1rem; font-weight: 650;
  letter-spacing: -.02em; }
.top nav { display: flex; flex-wrap: wrap; margin-right: auto; }
.top nav a { padding: .375rem .75rem; border-radius: 7px; color: var(--soft); font-weight: 500; }
.top nav a:hover { background: var(--hover); }
.top nav [aria-current] { background: var(--panel); color: var(--ink); box-shadow: 0 0 0 1px var(--line); }
"""


def page_header(path: str, query: str = "") -> str:
    """Brand and links as HTML, the one of the page at this path marked; `query` is for links to the dashboard."""
    links = "".join(
        f'<a href="{escape(to + ("" if to in ("/docs/collect", "/catalogue") else query))}"{_current(path, to)}>'
        f"{name}</a>"
        for to, name in LINKS
    )
    return f'<a class="brand" href="/">{_ICON}footfall</a><nav aria-label="Pages">{links}</nav>'


def _current(path: str, to: str) -> str:
    if path == to:
        return ' aria-current="page"'
    # A topic is a part of the catalogue.
    return ' aria-current="true"' if to != "/" and path.startswith(to + "/") else ""
