"""The retailtech sessions: a raw file with gaps, and a pre-cleaned one of other customers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.simulate.latent import logistic, solve_intercept
from ml.simulate.scenario import Doubles, Flags, Integers, Scenario
from ml.simulate.shop import Shoppers, SourceMembers

MISSING = {
    "time_spent": 65 / 500,
    "pages_viewed": 42 / 500,
    "basket_value": 83 / 500,
    "device_type": 19 / 500,
    "customer_type": 27 / 500,
}
# Purchases are likely, and much less so where the session's time is missing (UNTIMED_LOSS).
PREVALENCE, STEEPNESS, UNTIMED_LOSS = 0.805, 0.95, 1.5
TIME, PAGES, ENGAGEMENT, RETURNING = 0.62, 0.48, 0.55, 0.29
DEVICES, DEVICE_WEIGHTS = ("Desktop", "Mobile", "Tablet"), (0.35, 0.48, 0.17)


@dataclass(frozen=True)
class Sessions:
    """One session a customer: complete values, and by column which are `missing` in the files."""

    customers: Integers
    ids: Integers
    values: pd.DataFrame
    probability: Doubles
    missing: dict[str, Flags]


def draw_sessions(scenario: Scenario, shoppers: Shoppers, members: SourceMembers) -> Sessions:
    """Return the sessions of both files, the raw file's first; ids run from 1."""
    random = scenario.random("sessions")
    customers = np.concatenate([members.raw_sessions, members.clean_sessions])
    size = customers.size
    time, pages, basket = (random.standard_normal(size) for _ in range(3))
    returning = random.random(size) < 0.6
    missing = {name: random.random(size) < share for name, share in MISSING.items()}
    engagement = shoppers.engagement[customers, 2]
    propensity = TIME * time + PAGES * pages + ENGAGEMENT * engagement
    propensity += RETURNING * np.where(returning, 0.8165, -1.2247)
    probability = _probability(propensity, missing["time_spent"])
    affluence = shoppers.affluence[customers]
    values = pd.DataFrame(
        {
            "time_spent": 7 + 53 * _uniform(time),
            "pages_viewed": np.floor(1 + 19 * _uniform(pages)),
            "basket_value": np.maximum(0.0, 49.5 + 9 * affluence + 26.5 * basket),
            "device_type": random.choice(DEVICES, size, p=DEVICE_WEIGHTS),
            "customer_type": np.where(returning, "Returning", "New"),
            "purchase": (random.random(size) < probability).astype(np.int64),
        }
    )
    return Sessions(customers, 1 + np.arange(size), values, probability, missing)


def _probability(propensity: NDArray[Any], untimed: Flags) -> Doubles:
    share = MISSING["time_spent"]
    shifts, weights = (0.0, -UNTIMED_LOSS), (1 - share, share)
    level = solve_intercept(PREVALENCE, STEEPNESS, shifts, weights)
    return logistic(level + STEEPNESS * propensity.astype(np.float64) - UNTIMED_LOSS * untimed)


def _uniform(normal: Doubles) -> Doubles:
    """Return a number strictly between 0 and 1 that is about evenly spread for normal values."""
    spread = logistic(normal * (1.5976 + 0.070565992 * normal**2))
    return np.asarray(np.clip(spread, 0.0, 1 - 1e-9), dtype=np.float64)


def write_sessions(root: Path, sessions: Sessions, raw_rows: int) -> dict[str, int]:
    """Write the raw file (the first `raw_rows`) and the clean file; return their rows by name."""
    frame = sessions.values.copy()
    for name, missing in sessions.missing.items():
        frame[name] = frame[name].mask(missing)
    frame.insert(0, "customer_id", sessions.ids)
    files = {
        "raw_customer_data.csv": frame.iloc[:raw_rows],
        "model_data.csv": cleaned(frame.iloc[raw_rows:]),
    }
    for name, rows in files.items():
        rows.to_csv(root / name, index=False, lineterminator="\n")
    return {name: len(rows) for name, rows in files.items()}


def cleaned(frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` cleaned by the source's own rules: median, mean, 0, Unknown, New."""
    filled = frame.fillna(
        {
            "time_spent": frame["time_spent"].median(),
            "pages_viewed": round(float(frame["pages_viewed"].mean())),
            "basket_value": 0.0,
            "device_type": "Unknown",
            "customer_type": "New",
        }
    )
    return filled.astype({"pages_viewed": np.int64})
