"""What Dagster shows: one asset per feed, table, rule and mart, and the two steps that make them all."""
