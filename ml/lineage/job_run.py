"""A command's run as OpenLineage has it: it starts, then completes or fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from ml.lineage.described import JobRun
from ml.workspace.settings import lineage_is_configured


def is_on() -> bool:
    """Return whether runs are told: OpenLineage is configured, and its client installed."""
    return lineage_is_configured() and find_spec("openlineage") is not None


@contextmanager
def run(job: str, whole: JobRun | None = None) -> Iterator[JobRun | None]:
    """Tell OpenLineage of what happens inside: its start, and its end with what it read and wrote.

    Yields None where nobody is told, so that nothing is described in vain:

        with lineage.run("publish") as told:
            …
            if told:
                told.reads += […]

    A server that does not answer stops no command: a warning says so.

    Args:
        job: the job's name.
        whole: the run that this one is a part of.
    """
    if not is_on():
        yield None
        return
    from ml.lineage.run_events import Teller

    teller = Teller()
    told = JobRun(teller.new_id(), job, whole)
    teller.start(told)
    try:
        yield told
    except BaseException as error:
        teller.fail(told, error)
        raise
    else:
        teller.complete(told)
    finally:
        teller.close()
