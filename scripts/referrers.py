"""Writes producer_api/intake/referrers.json: search engines, social networks and assistants, from Matomo's list.

    python scripts/referrers.py CHECKOUT

The list is github.com/matomo-org/searchengine-and-social-list, in the public domain (CC0).
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

TARGET = Path(__file__).parents[1] / "producer_api/intake/referrers.json"
FILES = {"search": "SearchEngines.yml", "social": "Socials.yml", "ai": "AIAssistants.yml"}


def main(checkout: Path) -> None:
    commit = subprocess.run(
        ["git", "-C", str(checkout), "log", "-1", "--format=%h, %cs"], check=True, capture_output=True, text=True
    ).stdout.strip()
    about = f"Matomo's searchengine-and-social-list (CC0) at {commit}; written by scripts/referrers.py"
    lists = {channel: _list(yaml.safe_load((checkout / name).read_text())) for channel, name in FILES.items()}
    TARGET.write_text(json.dumps({"about": about} | lists, indent=0, ensure_ascii=False) + "\n")


def _list(entries: dict[str, Any]) -> dict[str, list[str]]:
    """Hosts and names. Entries with a path are left out: browsers send no more than the origin to other sites."""
    urls = [url for entry in entries.values() for part in entry for url in _urls(part)]
    hosts = sorted({url.lower() for url in urls if "/" not in url})
    return {"hosts": hosts, "names": sorted({str(name).lower() for name in entries})}


def _urls(part: Any) -> list[str]:
    return [part] if isinstance(part, str) else part["urls"]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
