"""The loop as one thing: the composition root and the order of the stages.

What a stage does belongs to its own package; what runs it when belongs to `orchestration` and `cli`.
"""
