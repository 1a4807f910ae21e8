"""EDIFACT: interchanges are read, documents of ours become messages of directory D.96A.

Envelopes are followed by `edi/envelopes.py`. What a document says belongs to `domain/x12_documents.py`: an ORDERS is
the same purchase order as an 850.
"""
