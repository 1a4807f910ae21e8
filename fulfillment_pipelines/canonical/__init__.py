"""From a landed snapshot to one vocabulary: contracts, their checks, and quarantine.

What a column means, which values it may have and which columns identify a row is declared once, in
`contracts`; the row checks, the Great Expectations suite, the JSON Schema, the Dagster metadata and the
documentation derive from it. Comparing systems with each other does not belong here (`reconcile`).
"""
