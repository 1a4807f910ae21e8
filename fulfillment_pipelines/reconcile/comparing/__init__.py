"""Comparing two tables row by row and field by field, whatever they are about: an old feed with the new one.

What a difference between systems means is said by rules, in `sql/30_reconcile/rules`; nothing here opens a case.
"""
