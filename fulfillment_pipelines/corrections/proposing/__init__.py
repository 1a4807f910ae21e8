"""From a finding to a proposed correction: its dossier, and the gate that says whether a person must decide.

What people decide belongs in `approving`.
"""
