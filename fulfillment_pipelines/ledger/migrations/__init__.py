"""How a ledger database came to its present shape, one revision a file. Run by `Ledger.migrate()`."""
