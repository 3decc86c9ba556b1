"""Optional packages: what installs an extra of `pyproject.toml`."""


def advice(extra: str) -> str:
    """Return what to do where an extra is not installed.

    By name alone pip would fetch another project, which the index has under the same one.
    """
    return (
        "Install it, in the repository's folder: "
        f"pip install --constraint constraints.txt -e '.[{extra}]'"
    )
