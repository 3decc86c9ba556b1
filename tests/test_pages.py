"""The means by which pages of `docs/` are run."""

import pytest

from tests.pages import comparable, make_place, run_page

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
