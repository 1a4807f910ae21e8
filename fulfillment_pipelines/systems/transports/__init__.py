"""How bytes move: one room per transport, each translating its library's errors before they leave.

Shapes belong in `systems/declaration/`; what the bytes mean is decided in `snapshots/` and `canonical/`.
"""
