"""Progress of long work: a bar on a terminal, a line every half minute elsewhere."""

import sys
import time
from typing import Any

from tqdm import tqdm

SECONDS = 30.0


class Progress(tqdm):  # type: ignore[type-arg]
    """tqdm's bar on standard error; where that is no terminal, a line each time SECONDS passed."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401
        """Take what tqdm takes."""
        self._is_terminal = sys.stderr.isatty()
        self._told = time.monotonic()
        if not self._is_terminal:
            # At the end a bar that stays would write a line of its own.
            options["leave"] = False
        super().__init__(*args, **options)

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Show the bar, or write a line if it is time."""
        if self._is_terminal:
            # tqdm's own, which its annotations deny: whether there is a bar to clear.
            return super().display(msg, pos)
        now = time.monotonic()
        if msg is None and now - self._told >= SECONDS:
            self._told = now
            self.fp.write(f"{self}\n")
            self.fp.flush()
        return None
