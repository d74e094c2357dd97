"""Large blocks go back to the system."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Blocks that grow, each followed by a small one that stays: what frees them leaves holes.
_PROGRAM = """
from pathlib import Path
from service_kit import memory
{first}
bytearray(4 * 2**20)  # raises the threshold
held, small = [], []
for size in range(200, 1_000):
    held.append(bytearray(size * 1024))
    small.append(bytes(600))
    del held[:-40]
held.clear()
fields = Path("/proc/self/statm").read_text().split()
print(int(fields[1]) * 4096)
"""


def resident_bytes(first: str) -> int:
    ran = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(first=first)], cwd=ROOT, capture_output=True, check=True, text=True
    )
    return int(ran.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc has such thresholds")
def test_what_large_blocks_took_is_given_back_although_small_ones_stay() -> None:
    before = resident_bytes("")
    after = resident_bytes("assert memory.give_back_large_blocks()")
    assert after < before / 2
