"""Other people's systems: what they are declared to be, how to read them, how to write to them.

A system is declared in YAML (`declaration/`), found in the registry, and reached through one of the
transports. Nothing outside this package knows a URL, a token or a table of another system, and no
error of a foreign library leaves it. What the answers mean belongs in `canonical/`.
"""
