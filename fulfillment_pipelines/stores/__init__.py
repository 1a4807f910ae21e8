"""How the stores that several machines share are reached: the object store, and the catalogue's PostgreSQL server.

What is kept in them belongs to `warehouse`, `ledger` and `snapshots`; where they are, to `settings`.
"""
