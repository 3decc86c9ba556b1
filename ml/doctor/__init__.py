"""What may keep a workspace from working, and the very next command: `ml doctor`."""

from ml.doctor.check import BROKEN, FINE, WARNING, Check, Diagnosis
from ml.doctor.examine import examine

__all__ = ["BROKEN", "FINE", "WARNING", "Check", "Diagnosis", "examine"]
