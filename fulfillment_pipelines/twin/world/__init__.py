"""The true world of the twin: master data, demand, message plan and the flows that carry an order through.

What a system looks like from outside belongs to `systems`; what is broken on purpose belongs to `faults`.
"""
