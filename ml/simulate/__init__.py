"""A deterministic company in the genuine layouts: all sources' raw files, and the truth behind."""

from ml.simulate.company import Simulation, simulate

__all__ = ["Simulation", "simulate"]
