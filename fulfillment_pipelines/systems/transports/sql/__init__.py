"""Systems that are reached through their database: tables, statements, interface tables."""
