"""An environment for Feast's own DuckDB store, which needs packages that we do not."""

import sys
import venv
from pathlib import Path

from tests.benchmarks.process import run
from tests.workspaces import REPOSITORY

PACKAGES = ("feast[duckdb]==0.67.0", "hypothesis")


def stock_python(folder: Path) -> Path:
    """Return the Python of an environment in `folder` that has Feast with its DuckDB store."""
    home = folder / "stock"
    python = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not python.exists():
        venv.create(home, with_pip=True)
        pins = str(REPOSITORY / "constraints.txt")
        pip = [str(python), "-m", "pip", "install", "--quiet", "--constraint", pins]
        run([*pip, *PACKAGES])
    return python
