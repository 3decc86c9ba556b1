"""The service over HTTP: `ml serve`, and `ml serve keys add | list | revoke`."""

import math
from datetime import UTC, datetime
from typing import Any, cast

import click

from ml.cli.answer import Answer, answers
from ml.cli.group import examples
from ml.cli.text import Columns, Record
from ml.workspace import extras
from ml.workspace.errors import BadInput
from ml.workspace.settings import workspace


class _Finite(click.FloatRange):
    """A number that is neither infinite nor NaN, which compares with nothing."""

    def convert(
        self,
        value: Any,  # noqa: ANN401
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        found = float(super().convert(value, param, ctx))
        if not math.isfinite(found):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return found


EXTRA = ("fastapi", "fastapi_offline", "gunicorn", "prometheus_client", "uvicorn_worker")


@click.group(
    invoke_without_command=True,
    epilog=examples(
        "ml serve", "ml serve --workers 2", "ml serve keys add callcentre --scope customers"
    ),
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option(
    "--port",
    default=8000,
    show_default=True,
    type=click.IntRange(1, 65535),
    help="The port to listen on.",
)
@click.option(
    "--workers", default=1, show_default=True, type=click.IntRange(1), help="Processes; one a core."
)
@click.option(
    "--concurrency",
    default=4,
    show_default=True,
    type=click.IntRange(1),
    help="Requests that a busy worker works on or lets wait; others get 503 at once.",
)
@click.option(
    "--most-megabytes", default=10, show_default=True, type=click.IntRange(1), help="Of a body."
)
@click.option(
    "--most-rows", default=10_000, show_default=True, type=click.IntRange(1), help="Of a request."
)
@click.option("--seconds", default=10.0, show_default=True, type=_Finite(0.1), help="Of a request.")
@click.option(
    "--log-inputs",
    default=0.0,
    show_default=True,
    type=_Finite(0, 1),
    help="Share of answers that are logged with customer and input.",
)
@click.option("--log-ids", is_flag=True, help="Write paths with customer ids to the access log.")
@click.pass_context
def serve(ctx: click.Context, /, **given: object) -> None:
    """Answer requests for scores over HTTP; /docs says how they are asked.

    Without keys it listens on this machine only.
    """
    if ctx.invoked_subcommand is not None:
        return
    _need_extra()
    from ml.service.keys import Keys
    from ml.service.options import MEGABYTE, Options
    from ml.service.server import check
    from ml.service.server import serve as run

    renamed = {"log_inputs": "sampled"}
    options = Options(
        most_body=cast("int", given.pop("most_megabytes")) * MEGABYTE,
        **{renamed.get(name, name): value for name, value in given.items()},  # type: ignore[arg-type]
    )
    ws = workspace()
    champions = check(ws, options)
    for target, held in champions.targets.items():
        click.echo(f"{target}: {held.champion.model_id}")
    for name, problem in champions.problems.items():
        # Not to standard error, where each line is JSON.
        click.echo(f"Warning: {name}: {problem}")
    needed = Keys(ws).are_needed
    who = "with a key" if needed else "without a key, from this machine only"
    click.echo(f"Answers {who}: http://{options.address}/docs")
    run(ws, options, champions)


@serve.group()
def keys() -> None:
    """Keys of those who may ask."""


@keys.command(epilog=examples("ml serve keys add shop --expires 2027-12-31"))
@click.argument("name")
@click.option(
    "--scope",
    type=click.Choice(["score", "customers", "admin"]),
    default="score",
    show_default=True,
    help="score: scores and predictions; customers: these and customers; admin: metrics too.",
)
@click.option("--expires", type=click.DateTime(["%Y-%m-%d"]), help="The first day it is refused.")
def add(name: str, scope: str, expires: datetime | None) -> None:
    """Make a key, and show it this once."""
    from ml.service import keys as kept

    until = expires.replace(tzinfo=UTC) if expires else None
    if until and until <= datetime.now(UTC):
        raise BadInput(f"--expires {until:%Y-%m-%d} is past.", "Give a later day, or leave it out.")
    key = kept.add(workspace(), name, cast("kept.Scope", scope), until)
    click.echo(key)
    click.echo("It is not shown again; keep it where secrets are kept.", err=True)


@keys.command("list", epilog=examples("ml serve keys list"))
@answers
def list_keys(answer: Answer) -> None:
    """List the keys' names, scopes and times; not the keys."""
    from ml.service import keys as kept

    def until(key: Record) -> str:
        day = f"{key['expires']:%Y-%m-%d}" if key["expires"] else "never"
        return f"{day} (expired)" if key["is_expired"] else day

    records = [
        {
            "name": key.name,
            "scope": key.scope,
            "made": key.made,
            "expires": key.expires,
            "is_expired": key.expired,
        }
        for key in kept.read(workspace()).values()
    ]
    columns: Columns = {
        "name": "name",
        "scope": "scope",
        "made": lambda key: f"{key['made']:%Y-%m-%d}",
        "expires": until,
    }
    answer.table("keys", records, columns)


@keys.command(epilog=examples("ml serve keys revoke shop"))
@click.argument("name")
def revoke(name: str) -> None:
    """Remove a key; a service that runs refuses it at once."""
    from ml.service import keys as kept

    ws = workspace()
    left = kept.revoke(ws, name)
    click.echo(f"{name} is revoked.")
    if not left:
        click.echo(
            "No key is left: a service answers nobody. To let this machine ask without a key: "
            f"rm {ws.home / kept.FILE}, and start it anew.",
            err=True,
        )


def _need_extra() -> None:
    from importlib.util import find_spec

    if missing := [name for name in EXTRA if find_spec(name) is None]:
        raise BadInput(
            f"The service needs what is not installed: {', '.join(missing)}.",
            extras.advice("serve"),
        )
