"""Guides: where each field of a document stands, said once and followed both ways, in writing and in reading.

`kinds.py` knows how values are spelled, `parts.py` where they stand in a segment, `segments.py` which segments there
are, `documents.py` how they follow each other. Which document has which guide belongs to `x12/` and `edifact/`.
"""
