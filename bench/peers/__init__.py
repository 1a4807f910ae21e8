"""The comparison of two tables, side by side with other people's tools; `python -m bench.peers` runs all."""
