"""What commands find that a workspace made by hand has not, each beside where it is found."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from ml.features.catalogue.cost import FamilyCost
from ml.features.catalogue.lookup import CatalogueFeature
from ml.features.catalogue.stops import CustomerRows, Stop
from ml.features.catalogue.trace import Trace
from ml.features.leakage.corrupted_copy import RawProof
from ml.features.leakage.differences import FeatureDifference, RelationProof
from ml.features.leakage.proof import FeatureVerdict, Proof, Sample
from ml.features.refit.version import Fit, Version
from ml.lake.build import Built
from ml.lake.status import LakeStatus, TableStatus
from ml.lake.verify import Difference, Verified
from ml.landing.rejects import RejectedRow, RejectionReason
from ml.pages.profile.profile_page import ProfileFiles
from ml.serving.parity import ParityDifference, ParityResult

AT = datetime(2023, 2, 1)
DIFFERENT = ParityResult(
    "spend", AT, 2, 1, (ParityDifference("spend_sum__1m", 0, 0, 1, "c001", 1.5, float("nan")),)
)
FEATURE = CatalogueFeature(
    "spend_sum__1m", "spend", "shop", "features.ftr_spend", "models/features/_spend.yml", 1,
    "Money spent.", "sum", "1m", "double", 0.0, 3, 1.5, 0.0, 3.0, None, 10,
)  # fmt: skip
LEAK = {"customer_id": "c1", "feature_month": "2023-01", "value": 1, "value_in_copy": 2}
DIFFERENCE = FeatureDifference(1, 0, 0, LEAK)
PROOF = Proof(
    at=AT,
    made=AT.replace(tzinfo=UTC),
    versions={},
    raw_files=(RawProof("a.csv", "shop", "orders", 3, 1, "", "", "no column is a time"),),
    relations=(RelationProof("features.ftr_spend", "spend", 3, 3, 0, 0, "", "", 1, {}),),
    features=(FeatureVerdict("spend_sum__1m", "spend", "features.ftr_spend", "leaks", DIFFERENCE),),
    blind_sources=(),
    sample=Sample((1,), 4, (), (), ()),
)
ONE = np.ones(1)
RESULTS = {
    "ml simulate": {"ml.simulate.simulate": None},
    "ml rejects": {
        "ml.landing.rejects.rejection_reasons": [RejectionReason("shop", "a.csv", "no amount", 2)]
    },
    "ml rejects shop": {
        "ml.landing.rejects.rejected_rows": ([RejectedRow("a.csv", 2, "no amount", "1,,")], 2)
    },
    "ml profile": {"ml.pages.profile.write_profile": ProfileFiles(Path("a"), Path("b"))},
    "ml features": {"ml.features.catalogue.lookup.read_features": (FEATURE,)},
    "ml features --cost": {
        "ml.features.catalogue.lookup.read_features": (FEATURE,),
        "ml.features.catalogue.cost.costs": (FamilyCost("spend", 1, 9, 80, None, None, None),),
    },
    "ml trace c1": {
        "ml.features.catalogue.trace.trace": Trace(
            "c1", "1", None, (Stop(1, "Raw", (CustomerRows("a.csv", 1, ("x",), ((AT,),)),)),)
        )
    },
    "ml rollback activity": {
        "ml.registry.champions.rollback": ("later", "earlier"),
        "ml.registry.champions.read_the_same": False,
    },
    "ml refit dialog": {
        "ml.features.refit.refit_dialogs": Version(
            2, AT, AT, Fit(9, ONE, np.ones((1, 1)), ONE, np.ones((2, 1)), ONE)
        )
    },
    "ml audit leakage": {"ml.features.leakage.audit_leakage": PROOF},
    "ml lake build": {"ml.lake.build.build_lake": Built(["a note"], ["features.ftr_spend"], 3, 9)},
    "ml lake status": {
        "ml.lake.status.lake_status": LakeStatus(
            Path("lake"), "processes", "1", 4, "2.0.0", (TableStatus("a.b", 1, 9, 1, 80, 3),)
        )
    },
    "ml lake verify": {
        "ml.lake.verify.verify_lake": Verified(
            (1,), 9, 80, 700, (Difference(1, "a.b", 3, 4, ("amount",)),)
        )
    },
}
