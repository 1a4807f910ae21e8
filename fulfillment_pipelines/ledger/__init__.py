"""What people and the platform decided: cases, corrections, outbox, receipts, switches and the audit chain.

This package is the only one that knows SQLAlchemy and the tables of the ledger; it hands out plain values of
`domain` and its own frozen dataclasses. What a decision should be belongs in `exceptions` and `corrections`.
"""
