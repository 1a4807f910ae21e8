"""Tryton 8.2 as cloud ERP and finance: installed from PyPI, filled over its own JSON-RPC, started as a process."""
