"""Benches: for each transport, how its systems are reached under a fault that is made on our side of the wire."""
