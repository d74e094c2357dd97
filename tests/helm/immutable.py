"""The immutable fields of installed objects. `python -m tests.helm.immutable` records them for a release."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.helm.chart import EXAMPLES, of_example

RELEASED = Path(__file__).parent / "released"
# Fields of `spec`, by kind.
_IMMUTABLE = {
    "Deployment": ("selector",),
    "StatefulSet": ("selector", "serviceName", "podManagementPolicy", "volumeClaimTemplates"),
    "Service": ("clusterIP",),
    "KafkaTopic": ("topicName",),
    "KafkaUser": (),
    "Cluster": ("bootstrap", "storage"),
    "CronJob": (),
}


def fields(objects: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Each object that holds data or a name that others use, with its immutable fields."""
    return {
        f"{each['kind']}/{each['metadata']['name']}": {
            field: each["spec"].get(field) for field in _IMMUTABLE[each["kind"]]
        }
        for each in objects
        if each["kind"] in _IMMUTABLE
    }


def main() -> None:
    """Record the chart of the working tree."""
    import yaml

    from tests.helm.chart import CHART

    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["version"]
    recorded = {name: fields(of_example(name)) for name in EXAMPLES}
    (RELEASED / f"{version}.json").write_text(json.dumps(recorded, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
