"""One thing that was looked at: how it is, in words, and what to do next."""

from dataclasses import dataclass

FINE, WARNING, BROKEN = "fine", "warning", "broken"


@dataclass(frozen=True)
class Finding:
    """What a check found: its state, in words, and the command that helps; empty where none does.

    Of what is fine, `next` is a step that was not taken yet, and need not be.
    """

    state: str
    what: str
    next: str = ""


def fine(what: str, next: str = "") -> Finding:
    """Return that all is as it should be."""
    return Finding(FINE, what, next)


def warning(what: str, next: str) -> Finding:
    """Return that something is old, absent or unusual; commands may still work."""
    return Finding(WARNING, what, next)


def broken(what: str, next: str) -> Finding:
    """Return that commands fail because of this."""
    return Finding(BROKEN, what, next)


@dataclass(frozen=True)
class Check:
    """A check by its name, with what it found."""

    name: str
    state: str
    what: str
    next: str


@dataclass(frozen=True)
class Diagnosis:
    """All checks, in the order in which a workspace is made."""

    checks: tuple[Check, ...]

    @property
    def state(self) -> str:
        """The worst state of a check."""
        found = {check.state for check in self.checks}
        return next(state for state in (BROKEN, WARNING, FINE) if state in {*found, FINE})

    @property
    def next(self) -> str:
        """What to do first: about what is broken, else warned of, else not done yet; or empty."""
        for state in (BROKEN, WARNING, FINE):
            for check in self.checks:
                if check.state == state and check.next:
                    return check.next
        return ""
