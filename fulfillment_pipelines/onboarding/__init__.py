"""Onboarding: from what a system shows of itself to a first declaration, with every guess marked.

Looking at a sample, guessing and writing the YAML belong here. What a declaration means belongs to `systems` and
`canonical`; nothing here is used by the loop.
"""
