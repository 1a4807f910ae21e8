"""A system that takes messages over HTTP, fails in every way it can, and counts every effect it ever had.

It runs in a process of its own (`python -m hostile_target`) and keeps its books in a SQLite file, so that a test or a
benchmark that is killed does not lose the count. The product meets it as it meets any system: through a declaration
beside this file. Tests import this package as `hostile_target`; the way in is `HostileTarget`.
"""

from .faults import Fault
from .process import HostileTarget, Tally

__all__ = ["Fault", "HostileTarget", "Tally"]
