"""X12: interchanges are read, documents of ours are written in release 004010.

`reader.py` takes text apart and `writer.py` puts it together; the guides say where each document's facts stand. How an
interchange travels belongs to `edi/sink.py`, what a document says to `domain/x12_documents.py`.
"""
