"""`python -m footfall.generate`: write generated files and regions; `--check` lists those out of date."""

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from footfall.contract import python_models, python_sdk, typescript
from footfall.generate import grafana_boards, grafana_storage, known_settings, sdk_limits
from footfall.generate.chart import kafka, readme, schema
from footfall.generate.docs import (
    access,
    collect_reference,
    contracts,
    event_types,
    growing,
    live_aggregates,
    metrics,
    settings,
)
from footfall.generate.regions import RegionError, Regions, fill

ROOT = Path(__file__).parents[2]

# Files that are generated as a whole.
FILES: Mapping[str, Callable[[], str]] = {
    "helm/files/dashboards/overview.json": grafana_boards.overview,
    "helm/files/dashboards/stream-app.json": grafana_boards.stream_app,
    "helm/files/dashboards/storage.json": grafana_storage.storage,
    "service_kit/known_settings.txt": known_settings.text,
    "avro_schemas/models.py": python_models.module,
    "browser/events.d.ts": typescript.declarations,
    "sdk/python/footfall_client/events.py": python_sdk.module,
    "sdk/node/src/events.d.ts": typescript.declarations,
    "browser/src/limits.ts": sdk_limits.module,
    "helm/values.schema.json": schema.schema,
    "helm/files/kafka.json": kafka.description,
}
# Pages that are written by hand, except for their generated regions.
PAGES: Mapping[str, Callable[[], Regions]] = {
    "docs/access.md": access.regions,
    "docs/collect.md": collect_reference.collect_regions,
    "docs/collect-reference.md": collect_reference.regions,
    "docs/contracts.md": contracts.regions,
    "docs/event-types.md": event_types.regions,
    "docs/growing.md": growing.regions,
    "docs/live-aggregates.md": live_aggregates.regions,
    "docs/metrics.md": metrics.regions,
    "docs/settings.md": settings.regions,
    "helm/README.md": readme.regions,
}


def generated() -> Iterator[tuple[str, str]]:
    """Each file with the text it should have. One after the other: the page of metrics reads the dashboards."""
    for name, make in FILES.items():
        yield name, make()
    for name, make_regions in PAGES.items():
        yield name, fill(name, (ROOT / name).read_text(), make_regions())


def main() -> None:
    """Write what is out of date, or report it."""
    check = "--check" in sys.argv
    stale = []
    try:
        for name, text in generated():
            path = ROOT / name
            if path.exists() and path.read_text() == text:
                continue
            stale.append(name)
            if not check:
                _write(path, text)
                sys.stdout.write(f"{name}\n")
    except RegionError as error:
        sys.exit(str(error))
    if check and stale:
        sys.exit(f"Out of date: {', '.join(stale)}. Run `make generate`.")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(text)
    part.replace(path)


if __name__ == "__main__":
    main()
