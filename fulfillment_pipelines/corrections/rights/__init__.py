"""Who may write what: the decision rights, checked at start-up and at the last door before a system.

Whether a correction is made at all belongs in `proposing` and `approving`.
"""
