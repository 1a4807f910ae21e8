"""From cases to cures: what is proposed, who may decide it, how it is delivered, and when it is proved.

A room for each step: `proposing`, `approving`, `delivering`, `proving`; `rights` bounds them all, `retaining` lets old
decisions go. Here is what the rooms share. Which differences exist belongs in `exceptions`; how a system is spoken to,
in `systems`.
"""
