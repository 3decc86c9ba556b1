"""The errors that a person can mend: each says what is wrong and what to do next.

They know nothing of command lines. `ml.cli.group`, `feature_repo.command_line` and the plugin of
dbt print them there, without a traceback.
"""


class AlmanacError(Exception):
    """Something a person can mend; its text is `what`, and `next` on lines of its own.

    Attributes:
        what: what is wrong, naming the thing and the place.
        next: what to do about it, usually a command; empty where `what` says it all.
        target: the target that `what` or `next` names; empty where they name none.
    """

    def __init__(self, what: str, next: str = "", *, target: str = "") -> None:
        super().__init__(what, next)
        self.what = what
        self.next = next
        self.target = target

    def __str__(self) -> str:
        return f"{self.what}\n{self.next}" if self.next else self.what


class NotBuilt(AlmanacError):  # noqa: N818
    """The warehouse, dbt's manifest, a relation or Feast's registry is missing or damaged."""


class NotTrained(AlmanacError):  # noqa: N818
    """A model, a training set or scores are missing, damaged, or of what is no longer there."""


class BadInput(AlmanacError):  # noqa: N818
    """A file, a setting, an option or a record does not say what it must."""


class Held(AlmanacError):  # noqa: N818
    """Another process works on the warehouse, the online store or the published file."""
