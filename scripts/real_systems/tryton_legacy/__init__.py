"""Tryton 6.0 as legacy warehouse: unpacked from Debian, filled over its own JSON-RPC, read by SQL."""
