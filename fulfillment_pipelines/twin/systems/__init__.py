"""The systems of the twin as they look from outside: their interfaces, and what they do with a message.

What is true belongs to `world`.
"""
