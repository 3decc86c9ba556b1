"""Options that several commands have."""

import click

CUSTOMERS = click.option(
    "--customers",
    type=click.FloatRange(0, 1, min_open=True),
    help="Only this share of the customers, such as 0.1; the same ones each time. Default: all.",
)
