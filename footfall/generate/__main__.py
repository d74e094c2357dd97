"""`python -m footfall.generate`: write every generated file; `--check` only tells which are old."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from footfall.generate import (
    access_page,
    collect_reference,
    event_types_page,
    grafana_boards,
    growing_page,
    live_aggregates_page,
    metrics_page,
    python_models,
    settings_page,
    typescript,
)
from footfall.generate.chart import kafka, readme, schema

ROOT = Path(__file__).parents[2]

FILES: Mapping[str, Callable[[], str]] = {
    "docs/collect-reference.md": collect_reference.page,
    "docs/event-types.md": event_types_page.page,
    "docs/live-aggregates.md": live_aggregates_page.page,
    "docs/access.md": access_page.page,
    # Before the page of metrics, which says where each is looked at.
    "helm/files/dashboards/overview.json": grafana_boards.overview,
    "helm/files/dashboards/stream-app.json": grafana_boards.stream_app,
    "helm/files/dashboards/storage.json": grafana_boards.storage,
    "docs/growing.md": growing_page.page,
    "docs/settings.md": settings_page.page,
    "docs/metrics.md": metrics_page.page,
    "service_kit/known_settings.py": settings_page.known_settings,
    "avro_schemas/models.py": python_models.module,
    "browser/events.d.ts": typescript.declarations,
    "helm/README.md": readme.page,
    "helm/values.schema.json": schema.schema,
    "helm/files/kafka.json": kafka.description,
}


def old() -> list[str]:
    """The generated files that are not as the code says."""
    return [name for name, make in FILES.items() if _text(ROOT / name) != make()]


def main() -> None:
    """Write, or compare."""
    found = old()
    if "--check" in sys.argv:
        sys.exit(f"Old: {', '.join(found)}. Run `make generate`." if found else 0)
    for name in found:
        path = ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        part.write_text(FILES[name]())
        part.replace(path)
        sys.stdout.write(f"{name}\n")


def _text(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


if __name__ == "__main__":
    main()
