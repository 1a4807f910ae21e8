"""The checks: each a function from a system on the bench to what it saw. `suite.py` lists them."""
