"""The dbt files of an exported model: a macro with the formula, a dbt model and its tests.

The dbt project is shared by all workspaces, and an export belongs to one: its files bear a mark of
the workspace's folder, and are enabled in that workspace alone.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ml.data.training_set import Matrix, Vector
from ml.serving.export.formula import number
from ml.workspace.sql import literal, quoted

TOLERANCE = 1e-9


class ExportedFamily(NamedTuple):
    """A feature view: its dbt model, the exported model's features in it, its time to live."""

    model: str
    features: tuple[str, ...]
    ttl: timedelta


class ExportedModel(NamedTuple):
    """A model to export: its target, its id, and the folder of its workspace."""

    target: str
    model_id: str
    home: Path

    @property
    def relation(self) -> str:
        """The name of its table."""
        return f"sql_{self.target}"

    @property
    def name(self) -> str:
        """The name of its macro and its dbt model, one of each workspace."""
        return f"{self.relation}_{hashlib.sha256(str(self.home).encode()).hexdigest()[:8]}"

    @property
    def enabled(self) -> str:
        """The Jinja condition that holds in its workspace alone."""
        return f"env_var('ALMANAC_HOME', 'data') == {literal(self.home)}"


def files(
    model: ExportedModel,
    formula: str,
    families: Sequence[ExportedFamily],
    probes: tuple[Matrix, Vector],
) -> Mapping[str, str]:
    """Return the files' contents by their paths below the dbt project.

    Args:
        model: what is exported, and of which workspace.
        formula: the SQL of its probability.
        families: the families that its features come from.
        probes: rows of features, columns in the order of `families`, and their probabilities;
            they become a test of the build.
    """
    name = model.name
    names = [feature for family in families for feature in family.features]
    return {
        f"macros/exports/{name}.sql": _macro(model, formula),
        f"models/exports/{name}.sql": _model(model, families),
        f"models/exports/{name}.yml": _properties(model),
        f"tests/exports/assert_{name}_is_its_model.sql": _test(model, names, *probes),
    }


def _macro(model: ExportedModel, formula: str) -> str:
    return (
        f"{{#- The probability that {model.model_id} gives; written by `ml export sql`. -#}}\n"
        f"{{% macro {model.name}() -%}}\n    {formula}\n{{%- endmacro %}}\n"
    )


def _model(model: ExportedModel, families: Sequence[ExportedFamily]) -> str:
    known = "\n    union all\n".join(
        "    select\n        feature_month,\n        event_timestamp,\n"
        f"    from {{{{ ref('{family.model}') }}}}"
        for family in families
    )
    views = "".join(_view(family) for family in families)
    values = "".join(
        f"        {_model_value(f'{family.model}.{quoted(feature)}')} as {quoted(feature)},\n"
        for family in families
        for feature in family.features
    )
    joins = "".join(
        f"\n    left join {family.model} on customers.customer_id = {family.model}.customer_id"
        for family in families
    )
    features = [quoted(feature) for family in families for feature in family.features]
    present = " or ".join(f"{feature} is not null" for feature in features)
    return f"""\
-- one row a customer: what {model.model_id} predicts of the newest complete month; key: customer_id
-- Written by `ml export sql`; an export of another model replaces it.
{_config(model)}
with months as (
    select * from {{{{ ref('int_customer_months') }}}}
),

known as (
{known}
),

moment as (
    select max(event_timestamp) as as_of from known
    where feature_month in (select feature_month from months where is_complete)
),

newest as (
    select max(event_timestamp) as event_timestamp from months
    where event_timestamp <= (select as_of from moment)
),

customers as (
    select distinct customer_id from months
    where event_timestamp = (select event_timestamp from newest)
),
{views}
inputs as (
    select
        customers.customer_id,
{values}\
    from customers{joins}
)

select
    customer_id,
    '{model.model_id}' as model_id,
    (select as_of from moment) as as_of,
    {{{{ {model.name}() }}}} as score,
from inputs
where {present}
"""


def _config(model: ExportedModel) -> str:
    return f"""\
{{{{ config(
    schema='exports',
    alias='{model.relation}',
    materialized='table',
    enabled={model.enabled},
) }}}}"""


def _view(family: ExportedFamily) -> str:
    columns = "".join(f"        {quoted(feature)},\n" for feature in family.features)
    return f"""
{family.model} as (
    select
        customer_id,
{columns}\
    from {{{{ ref('{family.model}') }}}}
    where
        event_timestamp <= (select as_of from moment)
        and event_timestamp
        >= (select as_of from moment) - interval {int(family.ttl.total_seconds())} second
    qualify row_number() over (partition by customer_id order by event_timestamp desc) = 1
),
"""


def _model_value(column: str) -> str:
    """Return the column as the model reads it: rounded to 32 bits, null where infinite."""
    rounded = f"try_cast({column} as float)"
    return f"case when isfinite({rounded}) then {rounded}::double end"


def _properties(model: ExportedModel) -> str:
    return f"""\
version: 2

models:
  - name: {model.name}
    description: The probabilities of {model.model_id} for the newest complete month, in plain SQL.
    data_tests:
      - agrees_with_scores:
          arguments: {{target: {model.target}, model_id: {model.model_id}, tolerance: {TOLERANCE}}}
    columns:
      - name: customer_id
        description: The customer.
        data_tests: [not_null, unique]
      - name: model_id
        description: The model artifact that was exported.
      - name: as_of
        description: Nothing known later was used (UTC).
      - name: score
        description: Probability, 0 to 1.
        data_tests: [not_null]
"""


def _test(model: ExportedModel, names: Sequence[str], matrix: Matrix, expected: Vector) -> str:
    columns = ", ".join(quoted(feature) for feature in names)
    rows = ",\n        ".join(
        f"({', '.join(map(_literal, [*row, probability]))})"
        for row, probability in zip(matrix.astype(np.float64), expected, strict=True)
    )
    return f"""\
-- What the model itself answered, for rows with nulls and with values that training did not see.
{{{{ config(enabled={model.enabled}) }}}}
with probes as (
    select * from (values
        {rows}
    ) t ({columns}, expected)
),

answered as (
    select
        expected,
        {{{{ {model.name}() }}}} as score,
    from probes
)

select * from answered
where score is null or abs(score - expected) > {TOLERANCE}
"""


def _literal(value: float) -> str:
    return "null::double" if np.isnan(value) else number(value)
