"""What a later snapshot says of what was delivered: proved, without effect, or going in circles.

Answers of a target are no proof; they belong in `delivering`.
"""
