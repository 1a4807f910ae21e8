"""From findings to cases: which difference is which case, who owns it, by when, and when it is proved cured.

What is sent to other systems to cure a case belongs in `corrections`; finding differences, in `reconcile`.
"""
