"""The revisions, oldest first. A revision is never changed after it was released; it declares its own columns."""
