"""What people decide: who may, on what, until when, in whose name, one by one or many at once.

What needs no person is decided in `proposing`; carrying decisions out belongs in `delivering`.
"""
