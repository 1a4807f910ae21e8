"""Vendure 3.7 as a B2B portal: a process of its own, seeded and read over its GraphQL interfaces only."""
