"""How a twin is driven by its own commands and by tests, from this process or from another."""
