"""The means by which pages of `docs/` are run, and what README and every page must keep to."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from ml.cli import main
from tests.pages import DOCS, comparable, fences, make_place, run_page
from tests.workspaces import REPOSITORY

TEXTS = (REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md")))
# A page of tasks opens with its task and ends with its limits.
TASKS = (
    "bi",
    "catalogue",
    "demo",
    "features",
    "glossary",
    "metrics",
    "models",
    "monitoring",
    "predictor",
    "recipes",
    "scaling",
    "scheduling",
    "serving",
    "training-sets",
    "workspaces",
)
README_LINES = 180
# Below the repository, or below the dbt project, which tables of files leave out.
ROOTS = {
    "": "(?:ml|dbt_project|feature_repo|tests|docs)/",
    "dbt_project/": "(?:macros|mappings|seeds|models/(?:staging|intermediate|features|targets))/",
}
PATHS = {below: re.compile(rf"(?<![\w./-]){root}[\w./<>*{{}},-]*") for below, root in ROOTS.items()}
LINK = re.compile(r"\]\(([^)\s#]*)(?:#([^)\s]*))?\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
MADE_BY_A_PAGE = re.compile(r"^`([\w./-]+)`(?:, at its end)?:$", re.MULTILINE)

PAGE = """
`raw/a.csv`:

```csv
x
```

`raw/a.csv`, at its end:

```csv
y
```

```bash
cat "$ALMANAC_HOME/raw/a.csv"; echo "$ALMANAC_HOME"; echo progress >&2
```

```text
old
```

```python
print("z")
```

```text
```
"""


@pytest.fixture
def found(tmp_path):
    def run(text: str) -> str:
        page = tmp_path / "page.md"
        page.write_text(text, encoding="utf-8")
        return run_page(page, make_place(tmp_path / "home"))

    return run


def test_outputs_become_what_is_really_printed(found):
    after = PAGE.replace("old\n", "x\ny\n$ALMANAC_HOME\n").replace("text\n```", "text\nz\n```")
    assert found(PAGE) == after


def test_what_the_page_does_not_show_is_refused(found):
    with pytest.raises(AssertionError, match="not shown by the page"):
        found("```bash\necho 1\n```\n")


def test_a_command_that_fails_is_shown_with_its_error(found):
    with pytest.raises(AssertionError, match="no such thing"):
        found("```bash\necho no such thing >&2; false\necho on\n```\n\n```text\non\n```\n")


def test_only_the_hash_of_a_model_is_not_compared():
    assert comparable("decline-0123456789  0.5") == comparable("decline-abcdef0123  0.5")
    assert comparable("decline-0123456789  0.5") != comparable("decline-0123456789  0.6")


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def patterns(path: str) -> list[str]:
    """`a/<name>.{sql,yml}` as the globs `a/*.sql` and `a/*.yml`."""
    path = re.sub(r"<[^>]*>", "*", path.rstrip(".,/"))
    braces = re.search(r"\{([^}]*)\}", path)
    if not braces:
        return [path]
    return [
        found for each in braces[1].split(",") for found in patterns(path.replace(braces[0], each))
    ]


def anchors(path: Path) -> set[str]:
    """The names under which GitHub links the headings of a page."""
    headings = (heading.lower().replace("`", "") for heading in HEADING.findall(text_of(path)))
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_every_path_that_is_named_exists(page):
    text = text_of(page)
    named = {below + path for below, found in PATHS.items() for path in found.findall(text)}
    missing = [
        path
        for path in named - set(MADE_BY_A_PAGE.findall(text))
        for each in patterns(path)
        if not list(REPOSITORY.glob(each))
    ]
    assert not missing, f"{page.name} names {missing}"


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    for name, anchor in LINK.findall(text_of(page)):
        if name.startswith("http"):
            continue
        linked = page.parent / name if name else page
        assert linked.exists(), f"{page.name}: {name}"
        assert not anchor or anchor in anchors(linked), f"{page.name}: {name}#{anchor}"


def test_nothing_tells_to_install_a_strangers_package_of_the_same_name():
    others = (REPOSITORY / "data" / "README.md", *(REPOSITORY / "ml").rglob("*.py"))
    named = [path.name for path in (*TEXTS, *others) if "almanac[" in text_of(path)]
    assert not named


def shown_commands(page: Path) -> Iterator[list[str]]:
    """The `ml` commands of the fences that are only shown, as words."""
    for fence in fences(text_of(page).splitlines(keepends=True)):
        if fence.language == "console":
            for line in fence.text.splitlines():
                if line.startswith("$ ml "):
                    yield shlex.split(line, comments=True)[1:]


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_commands_that_are_only_shown_can_be_typed(page):
    for words in shown_commands(page):
        command: click.Command = main
        context = click.Context(main)
        rest = words[1:]
        while isinstance(command, click.Group) and rest:
            found = command.get_command(context, rest[0])
            assert found, f"{page.name}: {shlex.join(words)}"
            command, rest = found, rest[1:]
        options = {name for each in command.params for name in each.opts}
        unknown = [word for word in rest if word.startswith("-") and word not in options]
        assert not unknown, f"{page.name}: {shlex.join(words)}"


def test_the_readme_is_short():
    assert len(text_of(REPOSITORY / "README.md").splitlines()) <= README_LINES


@pytest.mark.parametrize("name", TASKS)
def test_pages_open_with_their_task_and_end_in_their_limits(name):
    text = text_of(DOCS / f"{name}.md")
    assert text.splitlines()[2].startswith("This page ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE)[-1] == "Limits"
