"""Explain one order: what happened to it in every system, what each verdict rests on, and what nearly matched.

`subjects` finds the orders that a number stands for, `story` reads their life, `verdicts` puts findings into words,
`near_misses` says what kept a document from a leg. Everything here only reads; how it is printed belongs to `commands`.
"""
