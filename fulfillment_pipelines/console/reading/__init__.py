"""What screens and the API show, gathered from the lake and the ledger into plain values; nothing here writes."""
