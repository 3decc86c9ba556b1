"""Names and values as SQL writes them."""


def quoted(name: str) -> str:
    """Return an identifier in double quotes, whatever it holds."""
    return '"' + name.replace('"', '""') + '"'


def quoted_relation(name: str) -> str:
    """Return `schema.table` with both names quoted."""
    return ".".join(quoted(part) for part in name.split("."))


def no_glob(path: str) -> str:
    """Return `path` escaped, so that DuckDB does not read it as a glob."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in path)


def literal(value: object) -> str:
    """Return a value's text in single quotes."""
    return "'" + str(value).replace("'", "''") + "'"
