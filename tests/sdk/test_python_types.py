"""The types of the Python SDK: a misspelt event type or field does not pass mypy."""

import os
import re
import subprocess
import sys
from pathlib import Path

SDK = Path(__file__).parents[2] / "sdk" / "python"
VALID = """
from datetime import datetime
from footfall_client import Client, context, set_context

client = Client("https://a", "k", spool_dir="/tmp")
event_id: str | None = client.track("page_view", {"page": "/"}, user_id=7, release="1", timestamp=datetime.min)
client.track("feature_used", {"feature": "export", "nested": {"list": [1, None]}})
client.track("feature_used")
client.track_custom("an_event_of_our_own", {"anything": True}, session_id=None)
accepted: int = client.counters.accepted
done: bool = client.flush()
with context(user_id="u", site="shop"):
    set_context(language="de")
""".strip().splitlines()
INVALID = [
    'client.track("page_veiw", {"page": "/"})',
    'client.track("an_event_of_our_own")',
    'client.track("page_view")',
    'client.track("page_view", {"page": 7})',
    'client.track("button_click", {"buton": "buy"})',
    'client.track("feature_used", {}, user="u")',
    'set_context(relase="1")',
]


def error_lines(folder: Path, lines: list[str]) -> set[int]:
    (folder / "program.py").write_text("\n".join(lines))
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-incremental", "program.py"]
    environ = os.environ | {"MYPYPATH": str(SDK)}
    ran = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    return {int(number) - 1 for number in re.findall(r"^program\.py:(\d+): error", ran.stdout, re.M)}


def test_every_event_type_passes_and_a_misspelt_one_does_not(tmp_path: Path) -> None:
    assert error_lines(tmp_path, VALID) == set()
    wrong = set(range(len(VALID), len(VALID) + len(INVALID)))
    assert error_lines(tmp_path, VALID + INVALID) == wrong
