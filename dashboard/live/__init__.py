"""What happens now: counts of the last hour, merged from `live-aggregates`, and told to viewers."""
