"""Trading partners: documents in, documents out, acknowledgements."""
