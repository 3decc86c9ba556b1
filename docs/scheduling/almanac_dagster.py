"""A month of Almanac as Dagster's assets: the project's dbt models, then what `feast` and `ml` do.

Copy it, or run it as it is (docs/scheduling.md):

    source .envrc && export DAGSTER_HOME=$ALMANAC_HOME/dagster
    mkdir -p $DAGSTER_HOME && cp docs/scheduling/dagster.yaml $DAGSTER_HOME
    dagster job execute -f docs/scheduling/almanac_dagster.py -j month
"""

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtCliResource, DbtProject, dbt_assets

# `.envrc` sets them.
HOME = Path(os.environ["ALMANAC_HOME"])
PROJECT = DbtProject(
    os.environ["DBT_PROJECT_DIR"],
    target_path=os.environ["DBT_TARGET_PATH"],
    profiles_dir=os.environ["DBT_PROFILES_DIR"],
)
if not PROJECT.manifest_path.exists():
    PROJECT.preparer.prepare(PROJECT)

# Commands can be run again; what fails for a moment, such as a warehouse in use, passes.
AGAIN = dg.RetryPolicy(max_retries=2, delay=60)
AFTER_SCORING = "source:scores+"
# `ml` tells OpenLineage of itself where that is configured; of dbt `ml lineage` does.
LINEAGE = {"OPENLINEAGE_CONFIG", "OPENLINEAGE_URL"} & os.environ.keys()
# Exit codes of `ml monitor`.
WARNED, ALARMED = 3, 4


class Translator(DagsterDbtTranslator):
    """Groups models by their folder; dbt's source of scores is the asset that writes it."""

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """Return a model's folder, such as features."""
        return str(dbt_resource_props["fqn"][1])

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """Return the key of a dbt model, seed or source."""
        if dbt_resource_props["unique_id"] == "source.almanac.scores.scores":
            return dg.AssetKey("scores")
        return super().get_asset_key(dbt_resource_props)


def call(command: str, *fine: int) -> tuple[int, dict[str, Any]]:
    """Run a command; return its exit code, 0 or one of `fine`, and what it printed."""
    done = subprocess.run(command.split(), capture_output=True, text=True, check=False)
    if done.returncode not in (0, *fine):
        raise dg.Failure(
            f"`{command}` ended with exit code {done.returncode}:\n{done.stdout}{done.stderr}"
        )
    return done.returncode, {command: dg.MetadataValue.md(f"```\n{done.stdout}{done.stderr}```")}


def run(*commands: str) -> dg.MaterializeResult[Any]:
    """Run commands one after another; what they print is shown with the asset."""
    printed: dict[str, Any] = {}
    for command in commands:
        printed |= call(command)[1]
    return dg.MaterializeResult(metadata=printed)


def built(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
    """Build the chosen models; artifacts go where `ml` looks for them."""
    yield from dbt.cli(["build"], context=context, target_path=PROJECT.target_path).stream()
    if LINEAGE:
        call("ml lineage")


@dbt_assets(
    manifest=PROJECT.manifest_path,
    exclude=AFTER_SCORING,
    dagster_dbt_translator=Translator(),
    retry_policy=AGAIN,
)
def warehouse(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
    """Raw files become staging, features and targets."""
    yield from built(context, dbt)


@dbt_assets(
    manifest=PROJECT.manifest_path,
    select=AFTER_SCORING,
    dagster_dbt_translator=Translator(),
    retry_policy=AGAIN,
)
def marts(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
    """The new scores reach the marts, and what is monitored."""
    yield from built(context, dbt)


FEATURES = [key for key in warehouse.keys if key.path[0] in ("features", "targets")]


@dg.asset(deps=FEATURES, retry_policy=AGAIN)
def registry() -> dg.MaterializeResult[Any]:
    """Features and targets, known to Feast."""
    return run("feast apply")


@dg.asset(deps=[registry], retry_policy=AGAIN)
def champions() -> dg.MaterializeResult[Any]:
    """The models in use: trained once, then where monitoring says that they are due."""
    if not any(HOME.glob("models/*/*/card.json")):
        return run("ml train", "feast apply")
    # What became known of earlier scores tells what is due.
    outcomes = f"dbt build --quiet --select {AFTER_SCORING},tag:monitoring"
    return run(outcomes, "ml train --if-due", "feast apply")


@dg.asset(deps=[champions], retry_policy=AGAIN)
def online_inputs() -> dg.MaterializeResult[Any]:
    """The champions' inputs in the online store."""
    return run("ml materialize")


@dg.asset(deps=[champions], retry_policy=AGAIN)
def scores() -> dg.MaterializeResult[Any]:
    """Every customer's scores, in `scores.scores`."""
    return run("ml score")


@dg.asset(deps=list(marts.keys), retry_policy=AGAIN)
def published() -> dg.MaterializeResult[Any]:
    """The copy that BI tools open."""
    return run("ml publish")


@dg.asset_check(asset=online_inputs)
def verified() -> dg.AssetCheckResult:
    """The online store answers as the warehouse does."""
    code, printed = call("ml verify", 1)
    return dg.AssetCheckResult(passed=code == 0, metadata=printed)


# With `blocking=True` an alarm would keep the marts from being published.
@dg.asset_check(asset=dg.AssetKey(["marts", "mart_monitoring_scores"]))
def monitored() -> dg.AssetCheckResult:
    """The month is as usual; what `ml monitor` alarms is an error."""
    code, printed = call("ml monitor", WARNED, ALARMED)
    severity = dg.AssetCheckSeverity.WARN if code == WARNED else dg.AssetCheckSeverity.ERROR
    return dg.AssetCheckResult(passed=code == 0, severity=severity, metadata=printed)


month = dg.define_asset_job("month")

defs = dg.Definitions(
    assets=[warehouse, registry, champions, online_inputs, scores, marts, published],
    asset_checks=[verified, monitored],
    jobs=[month],
    # At six on the second of each month, when the files of the last one have arrived.
    schedules=[dg.ScheduleDefinition(job=month, cron_schedule="0 6 2 * *")],
    resources={"dbt": DbtCliResource(PROJECT)},
    # A workspace takes one writer: one step at once here, one run at once in dagster.yaml.
    executor=dg.in_process_executor,
)
