"""Progress where standard error is no terminal: lines now and then, nothing at the end."""

import pytest

from ml.workspace import progress
from ml.workspace.progress import Progress


def test_short_work_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in Progress(range(1000), desc="rows"):
        pass
    assert capsys.readouterr().err == ""


def test_long_work_says_a_line_each_time_seconds_passed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with Progress(total=10, desc="targets", mininterval=0) as bar:
        for second in range(0, 100, 10):
            now[0] = float(second)
            bar.update()
    lines = capsys.readouterr().err.splitlines()
    assert [line.split("|")[0] for line in lines] == [
        "targets:  40%",
        "targets:  70%",
        "targets: 100%",
    ]
