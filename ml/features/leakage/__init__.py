"""The leakage audit: a repeatable proof that features do not use later data (`ml audit`)."""

from ml.features.leakage.leakage_audit import audit_leakage
from ml.features.leakage.proof import Proof

__all__ = ["Proof", "audit_leakage"]
