"""How this process gets memory from the system, and gives it back."""

import ctypes

# glibc's numbers for `mallopt`, and its own initial value for both.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_THRESHOLD_BYTES = 128 * 1024


def give_back_large_blocks() -> bool:
    """Have blocks of 128 KiB and more returned to the system as soon as they are free; False without glibc.

    glibc does so at first, but raises the threshold to the size of the largest block that was ever freed, up to
    32 MiB. Fetches and records of about a megabyte then leave holes in the heap that small objects keep open: a
    process grows by far more than it ever holds.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return all(mallopt(option, _THRESHOLD_BYTES) for option in (_MMAP_THRESHOLD, _TRIM_THRESHOLD))
