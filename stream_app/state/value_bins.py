"""Bins for values, as wide as a share of the values in them: quantiles out of counts, as in a DDSketch."""

import math
import sys

from avro_schemas.live_aggregates import WEB_VITAL_ACCURACY

_BASE = (1 + WEB_VITAL_ACCURACY) / (1 - WEB_VITAL_ACCURACY)
_LOG_BASE = math.log(_BASE)
# Smaller values have no logarithm that can be relied on.
_SMALLEST = sys.float_info.min * _BASE


def middle_of_bin(value: float) -> float:
    """The middle of the bin of a value of at least 0: at most `WEB_VITAL_ACCURACY` away from it."""
    if value <= _SMALLEST:
        return 0.0
    return float(_BASE ** math.ceil(math.log(value) / _LOG_BASE)) * 2 / (1 + _BASE)
