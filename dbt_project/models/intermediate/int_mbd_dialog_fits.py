"""One row a vector of a version; key: version, kind, position.

Fits the first version once there are dialogues enough; `ml refit dialog` adds further ones.
"""


def model(dbt, session):  # noqa: ANN001, ANN201, D103
    dbt.config(materialized="incremental", incremental_strategy="append", full_refresh=False)
    dialogs, settings = dbt.ref("stg_mbd__dialog"), dbt.source("workspace", "settings")
    if dbt.is_incremental and session.execute(f"from {dbt.this} limit 1").fetchall():
        return session.sql(f"from {dbt.this} limit 0")

    from ml.features.refit import Size, first_fit

    until = dict(settings.fetchall())["mbd.dialog_fit_until"]
    size = dbt.config.get("meta")
    return first_fit(dialogs, until, Size(size["components"], size["clusters"]))
