"""The error that a person can mend."""

import click


class AlmanacError(click.ClickException):
    """A mistake a person can mend: the message names the thing, the place and the next command.

    Every command line it reaches, Feast's too, prints the message alone.
    """
