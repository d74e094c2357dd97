"""What can never be changed of an object that is installed: `python -m tests.helm.immutable` writes it down for a release."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.helm.chart import EXAMPLES, of_example

RELEASED = Path(__file__).parent / "released"
# Paths into `spec`, by kind.
_FIXED = {
    "Deployment": ("selector",),
    "StatefulSet": ("selector", "serviceName", "podManagementPolicy", "volumeClaimTemplates"),
    "Service": ("clusterIP",),
    "KafkaTopic": ("topicName",),
    "KafkaUser": (),
    "Cluster": ("bootstrap", "storage"),
    "CronJob": (),
}


def fields(objects: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Kind and name of what holds data or a name that others know, with the fields of it that are fixed."""
    return {
        f"{each['kind']}/{each['metadata']['name']}": {
            field: each["spec"].get(field) for field in _FIXED[each["kind"]]
        }
        for each in objects
        if each["kind"] in _FIXED
    }


def main() -> None:
    """Write down the chart as it is now."""
    import yaml

    from tests.helm.chart import CHART

    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["version"]
    described = {name: fields(of_example(name)) for name in EXAMPLES}
    (RELEASED / f"{version}.json").write_text(json.dumps(described, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
