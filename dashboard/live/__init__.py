"""The live page: the last hour, merged from `live-aggregates` in memory and streamed to viewers."""
