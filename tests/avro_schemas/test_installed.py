"""The contract of a process is the shipped one, and a team's where the setting names a folder that can be used."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from avro_schemas.contract import UnusableContract
from avro_schemas.installed import OwnContract, with_own

SHOW = """
import json
from avro_schemas.event_types import event_type_names
from avro_schemas.installed import installed, shipped
print(json.dumps(["shop_left" in event_type_names(), installed() == shipped()]))
"""


def shown(contract: Path | str) -> list[bool]:
    environ = os.environ | {"FOOTFALL_CONTRACT": str(contract)}
    ran = subprocess.run([sys.executable, "-c", SHOW], env=environ, capture_output=True, text=True, check=True)
    found: list[bool] = json.loads(ran.stdout)
    return found


def test_a_process_has_the_types_of_the_folder_that_the_setting_names(tmp_path: Path) -> None:
    (tmp_path / "custom_events.yaml").write_text("shop_left: A user left.\n")
    assert shown(tmp_path) == [True, False]
    assert OwnContract.from_setting(str(tmp_path)).folder == tmp_path
    assert shown("") == [False, True]


def test_a_folder_that_cannot_be_used_is_left_out_while_modules_are_imported(tmp_path: Path) -> None:
    (tmp_path / "custom_events.yaml").write_text("shop_left: A user left.\nclick: A click.\n")
    assert shown(tmp_path) == [False, True]
    with pytest.raises(UnusableContract, match='click: there is an event type "click" already'):
        OwnContract.from_setting(str(tmp_path))


def test_an_empty_folder_is_refused_and_an_empty_list_of_custom_events_is_not(tmp_path: Path) -> None:
    with pytest.raises(UnusableContract, match="has neither a schema"):
        with_own(str(tmp_path))
    (tmp_path / "custom_events.yaml").write_text("# None yet.\n")
    with_own(f"{tmp_path}/")


def test_a_schema_without_an_id_is_refused(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "footfall", "types", "new", "shop_left", "--about", "A user left."]
    subprocess.run([*command, "--into", tmp_path], check=True, capture_output=True)
    with_own(str(tmp_path))
    (tmp_path / "lock.json").unlink()
    with pytest.raises(UnusableContract, match=r"footfall\.ShopLeft, version 1, has no id yet"):
        with_own(f"{tmp_path}/")
