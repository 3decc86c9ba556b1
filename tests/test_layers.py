"""The rules of the house that no linter knows, read from the source without importing it."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest

from ml.cli import main
from tests.workspaces import REPOSITORY

# A module of ml imports only from rows below its own; a package counts as one module.
LAYERS = (
    ("cli", "__init__"),
    ("doctor",),
    ("pages", "privacy", "scaffold", "service", "simulate"),
    ("features", "monitoring"),
    ("serving",),
    ("training",),
    ("dataset",),
    ("registry",),
    ("store", "evaluation", "models"),
    ("lake", "lineage"),
    ("data", "landing"),
    ("workspace",),
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
PACKAGES = ("ml", "feature_repo")
MODULE_LINES = 400
FUNCTION_LINES = 60
MODEL_LINES = 80


def python_files(*folders: str) -> list[Path]:
    # What dbt compiled below its target folder is no source, nor are files of a new project.
    found = [
        path
        for folder in folders
        for path in sorted((REPOSITORY / folder).rglob("*.py"))
        if not {"target", "templates"}.intersection(path.relative_to(REPOSITORY).parts)
    ]
    assert found, f"no Python file in {folders}"
    return found


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def place(path: Path, line: int = 1) -> str:
    return f"{path.relative_to(REPOSITORY)}:{line}"


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Every import of a file, inside functions too: its line and the full name it takes."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{place(path, node.lineno)}: a relative import"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def module_of(path: Path) -> str:
    """The module or package below ml that a file belongs to; empty outside ml."""
    if not path.is_relative_to(REPOSITORY / "ml"):
        return ""
    return path.relative_to(REPOSITORY / "ml").parts[0].removesuffix(".py")


def taken_from_ml(path: Path) -> Iterator[tuple[int, str]]:
    """The modules of ml that a file imports: line and the module's name below ml."""
    for line, name in imports(path):
        package, _, rest = name.partition(".")
        if package == "ml":
            yield line, rest.split(".")[0]


def dotted(node: ast.AST) -> str:
    """`os.environ` as a text; empty for what is not a name."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def assert_none(broken: list[str]) -> None:
    assert not broken, "\n" + "\n".join(broken)


def test_every_module_of_ml_has_a_layer():
    modules = {module_of(path): path for path in python_files("ml")}
    assert_none([f"{place(modules[name])}: in no layer" for name in modules.keys() - LEVEL.keys()])
    assert_none([f"LAYERS names {name}, which ml lacks" for name in LEVEL.keys() - modules.keys()])


def test_imports_of_ml_run_one_way():
    assert_none(
        [
            f"{place(path, line)}: {module_of(path)} imports {name}, which is not below it"
            for path in python_files("ml")
            for line, name in taken_from_ml(path)
            if name != module_of(path)
            and LEVEL.get(name, -1) <= LEVEL.get(module_of(path), len(LAYERS))
        ]
    )


def test_no_imports_go_in_a_circle():
    files = {
        ".".join(path.relative_to(REPOSITORY).with_suffix("").parts): path
        for path in python_files("ml", "feature_repo")
    }
    lines = {
        (path, files[owner]): line
        for path in files.values()
        for line, taken in imports(path)
        for owner in (taken, taken.rpartition(".")[0])
        if owner in files
    }
    needs = {path: {other for user, other in lines if user == path} for path in files.values()}
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        steps = pairwise(reversed(error.args[1]))
        assert_none(
            [f"{place(user, lines[user, used])}: imports in a circle" for user, used in steps]
        )


def test_only_the_store_imports_feast():
    assert_none(
        [
            f"{place(path, line)}: imports {name}; only ml/store/ may"
            for path in python_files("ml", "dbt_project")
            for line, name in imports(path)
            if name.split(".")[0] in ("feast", "feature_repo") and module_of(path) != "store"
        ]
    )


@pytest.mark.parametrize(
    ("folder", "allowed"),
    [
        (
            "feature_repo",
            ("ml.workspace", "ml.features.request", "ml.lake.shown", "ml.data.mapped"),
        ),
        ("dbt_project", ("ml.features.refit",)),
    ],
)
def test_feast_and_dbt_take_little_from_ml(folder, allowed):
    assert_none(
        [
            f"{place(path, line)}: imports {name}; only {' and '.join(allowed)} may be"
            for path in python_files(folder)
            for line, name in imports(path)
            if name.split(".")[0] == "ml"
            and not f"{name}.".startswith(tuple(f"{a}." for a in allowed))
        ]
    )


def test_only_the_command_line_prints():
    assert_none(
        [
            f"{place(path, node.lineno)}: {dotted(node.func)}(); only ml/cli/ prints"
            for path in python_files(*PACKAGES)
            if module_of(path) != "cli"
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Call)
            and dotted(node.func)
            in ("print", "click.echo", "click.secho", "sys.stdout.write", "sys.stderr.write")
        ]
    )


def test_only_the_settings_read_the_environment():
    forbidden = {"os.environ", "os.getenv", "os.environb"}
    broken = [
        (path, node.lineno, dotted(node))
        for path in python_files(*PACKAGES)
        for node in ast.walk(tree(path))
        if dotted(node) in forbidden
    ] + [
        (path, line, name)
        for path in python_files(*PACKAGES)
        for line, name in imports(path)
        if name in forbidden
    ]
    assert_none(
        [
            f"{place(path, line)}: {name}; only ml/workspace/settings.py reads the environment"
            for path, line, name in broken
            if path != REPOSITORY / "ml/workspace/settings.py"
        ]
    )


def test_modules_fit_in_their_length():
    files = python_files(*PACKAGES, "tests")
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in files}
    assert_none(
        [
            f"{place(path, MODULE_LINES + 1)}: {length} lines; a module has at most {MODULE_LINES}"
            for path, length in lengths.items()
            if length > MODULE_LINES
        ]
    )


def test_functions_fit_on_a_screen():
    functions = [
        (path, node, (node.end_lineno or node.lineno) - node.lineno + 1)
        for path in python_files(*PACKAGES)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert_none(
        [
            f"{place(path, node.lineno)}: {node.name} has {length} lines; at most {FUNCTION_LINES}"
            for path, node, length in functions
            if length > FUNCTION_LINES
        ]
    )


def test_models_fit_in_their_length():
    models = sorted((REPOSITORY / "dbt_project" / "models").rglob("*.sql"))
    assert models
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in models}
    assert_none(
        [
            f"{place(path, MODEL_LINES + 1)}: {length} lines; a model has at most {MODEL_LINES}"
            for path, length in lengths.items()
            if length > MODEL_LINES
        ]
    )


@pytest.mark.parametrize("command", sorted(main.commands))
def test_every_command_is_explained_and_in_the_readme(command):
    assert (main.commands[command].help or "").strip(), f"ml/cli/: `ml {command}` has no help"
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert re.search(rf"\bml {command}\b", readme), f"README.md:1: does not name `ml {command}`"


def test_without_the_extras_nothing_of_them_is_imported():
    extras = (
        "deltalake",
        "pyspark",
        "xgboost",
        "mlflow",
        "onnx",
        "onnxruntime",
        "polars",
        "lifetimes",
        "openlineage",
    )
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({extras}))\n"
        "import feature_repo.stores.duckdb_offline, ml.cli, ml.features.leakage, ml.store\n"
        "import ml.service.server, ml.serving.batch, ml.serving.publish, ml.training.train"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
