"""One module for each screen: its routes, and nothing that another screen needs."""
