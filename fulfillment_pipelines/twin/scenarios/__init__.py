"""The acceptance scenarios of the domain book as scripts: what happens to the distributor, and what must follow."""
