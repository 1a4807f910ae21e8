"""How policies are changed: one person proposes, another of governance decides, and the file follows.

What the files mean belongs beside their shapes; whether a text fits is asked of who reads it.
"""
