"""From cases to cures: what is proposed, who may decide it, how it is delivered, and when it is proved.

Which differences exist belongs in `exceptions`; how a system is spoken to, in `systems`.
"""
