"""The versioned API: one module for each resource under `/api/v1`."""
