"""Proofs about a workspace that anyone can repeat: `ml audit`."""

from ml.features.leakage.leakage_audit import audit_leakage
from ml.features.leakage.proof import Proof

__all__ = ["Proof", "audit_leakage"]
