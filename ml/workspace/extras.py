"""Optional packages: what installs an extra of `pyproject.toml`."""

from importlib.metadata import version

from ml.workspace.settings import is_checkout


def advice(extra: str) -> str:
    """Return what to do where an extra is not installed.

    By name alone pip would fetch another project, which the index has under the same one.
    """
    if is_checkout():
        place, what = "in the repository's folder", f"-e '.[{extra}]'"
    else:
        wheel = f"almanac-{version('almanac')}-py3-none-any.whl"
        place, what = "from the wheel of Almanac", f"'wheels/{wheel}[{extra}]'"
    return f"Install it, {place}: pip install --constraint constraints.txt {what}"
