"""How long what was decided is kept, and what a legal hold keeps longer.

Moving and verifying rows of the audit log belongs in the ledger.
"""
