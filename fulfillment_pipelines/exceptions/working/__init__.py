"""What people do to a case: take it, hand it over, say something about it, put it off, link it.

Each is a function within a running transaction that the caller commits: it writes the case, one event of its history
and one row of the audit log. What corrects a case belongs in `corrections`; what a snapshot does to it, in `intake`.
"""
