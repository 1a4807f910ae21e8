"""Land what the systems said, unchanged, and find what changed since they last spoke.

`pulling` asks, `landing` keeps the bytes, `decoding` reads records from them, `merging` brings checked rows
into the lake and names the keys that changed, `feeds` says what each feed may be trusted with. What the
fields mean belongs to `sql/10_snapshots` and `canonical`.
"""
