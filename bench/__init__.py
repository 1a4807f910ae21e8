"""Measurements: each module measures one thing and writes its table under results/. Never run by the tests."""
