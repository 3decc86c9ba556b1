"""A simulated company: every source's raw files in the genuine layouts, and the true chances.

The same arguments give the same bytes.
"""

from ml.simulate.company import Simulation, simulate

__all__ = ["Simulation", "simulate"]
