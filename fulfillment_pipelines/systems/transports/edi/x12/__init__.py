"""Writing X12 interchanges of release 004010: documents become segments, segments an interchange.

Envelope and delimiters are shared with the reader, `reader.py`. How an interchange travels belongs to
`edi/sink.py`, what a document says to `domain/x12_documents.py`.
"""
