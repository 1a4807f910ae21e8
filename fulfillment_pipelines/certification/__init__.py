"""Certification: whether a declared system keeps the promises the product is built on, shown on that system itself.

`suite.py` holds the one list of checks; the product's own tests run the same list against systems under their hands.
A check looks at the system through a bench (`benches/`), which can bend what the transport hears on our side of the
wire. Nothing here changes a system unless an example correction was handed over for that.
"""
