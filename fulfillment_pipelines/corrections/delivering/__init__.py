"""From the outbox into a system and back: order, pace, attempts, and what follows from each answer.

What is delivered was decided in `proposing` and `approving`; whether it has helped is seen in `proving`.
"""
