"""What requests and answers hold, for checks and for the OpenAPI document."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SkipValidation

LONGEST_ID = 500
CustomerId = Annotated[str, Field(min_length=1, max_length=LONGEST_ID)]
Probability = Annotated[float, Field(ge=0, le=1)]
# A record's fields are checked by the model that it is for.
Record = Annotated[dict[str, float | str | None], SkipValidation]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ScoreRequest(_Request):
    """Customers to score with what the online store holds of them."""

    customers: list[CustomerId] = Field(min_length=1)
    reasons: bool = Field(False, description="Whether to say what moved each score most.")


class PredictRequest(_Request):
    """Records to predict: features by name, or the raw fields that they are computed from."""

    records: list[Record] = Field(min_length=1)
    reasons: bool = Field(False, description="Whether to say what moved each prediction most.")


class Answered(BaseModel):
    """Which model answered."""

    model_config = ConfigDict(protected_namespaces=())

    target: str
    model_id: str


class Score(BaseModel):
    """A customer's score, or why there is none."""

    customer_id: str
    status: Literal["scored", "missing", "stale", "empty"] = Field(
        description="missing: nothing is materialized of the customer; stale: the customer's row "
        "is older than `as_of` by more than its time to live; empty: all that is materialized of "
        "the customer is null."
    )
    score: Probability | None
    reasons: list[str] | None = None


class Scores(Answered):
    """The customers' scores in the order asked; all of one model and one generation."""

    as_of: datetime = Field(description="The moment that the features are as of.")
    scores: list[Score]


class RecordPrediction(BaseModel):
    """The prediction of a record."""

    model_config = ConfigDict(populate_by_name=True)

    id: str | None
    class_: Literal[0, 1] = Field(alias="class")
    probability: Probability
    confidence: Literal["low", "medium", "high"]
    reasons: list[str] | None = None


class Predictions(Answered):
    """The records' predictions in the order asked."""

    at: datetime
    threshold: Probability
    predictions: list[RecordPrediction]


class Published(BaseModel):
    """What the online store holds for a target: which model's input, as of when."""

    model_config = ConfigDict(protected_namespaces=())

    model_id: str
    as_of: datetime


class TargetState(Answered):
    """A target that is served."""

    family: str
    features: int
    published: Published | None = Field(description="Null where customers cannot be scored by id.")


class Targets(BaseModel):
    """All targets that are served."""

    targets: list[TargetState]


class ModelEssentials(Answered):
    """The essentials of a champion's card."""

    family: str
    threshold: Probability
    prevalence: Probability
    dataset: str | None
    metrics: dict[str, Any]
    features: dict[str, str]
    drivers: list[str]


class CustomerScore(BaseModel):
    """A customer's newest score of a target, as the marts have it."""

    model_config = ConfigDict(protected_namespaces=())

    target: str
    model_id: str
    as_of: datetime
    score: Probability
    percentile: Probability
    reasons: list[str]


class Offer(BaseModel):
    """The offer that a rule makes to the customer."""

    offer: str
    category: str | None
    discount_percent: int
    target: str
    as_of: datetime


class Customer(BaseModel):
    """What the published marts say of a customer; no scores and no offer without consent."""

    customer_id: str
    contactable: bool
    contact_basis: str
    scores: list[CustomerScore]
    segment: str | None
    offer: Offer | None
    published_at: datetime


class State(BaseModel):
    """Whether the service answers, what it could not take over, and whose place another takes."""

    status: Literal["ready", "degraded"]
    targets: dict[str, str]
    problems: dict[str, str]


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"]
