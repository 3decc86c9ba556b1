"""Proofs about a workspace that anyone can repeat: `ml audit`."""

from ml.audit.leakage import audit_leakage
from ml.audit.proof import Proof

__all__ = ["Proof", "audit_leakage"]
