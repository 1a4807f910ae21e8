"""What the platform may ask of other systems: typed messages, their inverses, and their published schemas.

How a message travels belongs to `systems`; whether one is sent, to `corrections`.
"""
