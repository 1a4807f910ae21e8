"""Decide, in SQL alone, where systems differ: the rules, their verdicts, the ledgers and the invariants.

A rule is one file of `sql/30_reconcile/rules`; Python here only points it at the right rows and keeps what it
says. What follows from a finding belongs to `exceptions` and `corrections`.
"""
