"""A Spark session of our own: its start, within a time, and its end, with nothing left running.

What Spark says goes to a log file, not to the terminal. The user's own settings count: what
spark-defaults.conf (in SPARK_CONF_DIR) sets is kept but for what right values need.
"""

import os
import re
import shutil
import socket
import sys
import tempfile
import zipfile
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from pathlib import Path
from typing import Any, TypeVar

from pyspark import SparkConf, SparkContext
from pyspark.java_gateway import launch_gateway
from pyspark.sql import SparkSession

from ml.workspace.errors import BadInput
from ml.workspace.settings import environment

T = TypeVar("T")
# Seconds that a master has to answer, and after that to give an executor.
PATIENCE = 60.0
# Seconds that Spark's own process has to end.
FAREWELL = 10.0
ATTEMPTS = "spark.task.maxFailures"
PYTHON = "spark.pyspark.python"
# What the user's own settings may say otherwise.
DEFAULTS = {
    # Spark's pages listen on every address of the machine: they are for who asks for them.
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
    "spark.task.cpus": "1",
    ATTEMPTS: "4",
}
ON_THIS_MACHINE = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
NEEDED = {
    "spark.app.name": "almanac",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    # It could join or split the buckets of an exchange.
    "spark.sql.adaptive.enabled": "false",
}
# What executors get of this project.
PACKAGES = ("ml", "feature_repo")
AGAIN = "then run the command again."


class Session:
    """Spark's process, the session in it, and its log.

    Attributes:
        spark: the session.
        log: the file of what Spark said; it goes with the session, unless `keep_log` was called.
    """

    spark: SparkSession

    def __init__(self, master: str) -> None:
        """Start Spark; `master` is in Spark's words, empty for what the user's settings say.

        Raises:
            BadInput: Java is missing, or the master does not answer.
        """
        check_java()
        if SparkContext._active_spark_context is not None:
            raise BadInput("This process has a Spark session already.", f"Stop it, {AGAIN}")
        self._folder = Path(tempfile.mkdtemp(prefix="almanac-spark-"))
        self._keeps_log = False
        self.log = self._folder / "spark.log"
        self._thread = ThreadPoolExecutor(1)
        try:
            self._gateway = self._launched()
        except BaseException:
            self._remove()
            raise
        try:
            self._connect(master)
        except BaseException:
            self.close()
            raise

    def within(self, call: Callable[[], T], late: str) -> T:
        """Return what `call` returns; it may take PATIENCE seconds.

        Raises:
            BadInput: it takes longer; its text is `late`.
        """
        answer = self.submitted(call)
        try:
            return answer.result(PATIENCE)
        except Late:
            self._gateway.proc.kill()
            raise BadInput(f"{late} within {PATIENCE:.0f} s.", self._cure()) from None

    def submitted(self, call: Callable[[], T]) -> Future[T]:
        """Begin `call` in the session's thread, the only one besides this that talks to Spark."""
        return self._thread.submit(call)

    def refused(self, what: str, error: Exception) -> BadInput:
        """Return an error of Spark as one of a person; its log is kept."""
        self._keeps_log = True
        return BadInput(f"{what}: {reason_of(error)}", self._cure())

    def keep_log(self) -> Path:
        """Return the log's path; it stays when the session ends."""
        self._keeps_log = True
        return self.log

    def close(self) -> None:
        """End the session, Spark's process and what it started."""
        process = self._gateway.proc
        try:
            if process.poll() is None and hasattr(self, "spark"):
                self.spark.stop()
            self._gateway.shutdown()
        finally:
            # Spark's process ends when nobody can write to it any more.
            process.stdin.close()
            try:
                process.wait(FAREWELL)
            except Exception:
                process.kill()
                process.wait()
            self._thread.shutdown()
            SparkContext._gateway = SparkContext._jvm = None
            self._remove()

    def _launched(self) -> Any:  # noqa: ANN401
        with self.log.open("wb") as log:
            try:
                return launch_gateway(  # type: ignore[no-untyped-call]
                    popen_kwargs={"stdout": log, "stderr": log}
                )
            except Exception as error:
                said = self.log.read_text(encoding="utf-8", errors="replace").strip()
                raise BadInput(
                    f"Spark does not start: {said.splitlines()[-1] if said else error}",
                    f"Spark needs Java 17 or later; set JAVA_HOME to its folder, {AGAIN}",
                ) from error

    def _connect(self, master: str) -> None:
        conf = SparkConf(_jvm=self._gateway.jvm)
        self.master = master or str(conf.get("spark.master", "local[*]"))
        check_reachable(self.master)
        self._fill(conf)
        try:
            context = self.within(
                lambda: SparkContext(conf=conf, gateway=self._gateway),
                f"Spark's master {self.master} does not answer",
            )
        except BadInput:
            raise
        except Exception as error:
            raise self.refused(f"Spark's master {self.master} gives no session", error) from error
        self.spark = SparkSession(context)
        for name, value in NEEDED.items():
            if name.startswith("spark.sql."):
                self.spark.conf.set(name, value)
        context.pythonExec = environment().get("PYSPARK_PYTHON") or str(
            context.getConf().get(PYTHON, sys.executable)
        )
        if not in_this_process(self.master):
            context.addPyFile(str(packed_package(self._folder)))

    def _fill(self, conf: SparkConf) -> None:
        """Add to the user's settings what they do not say, and what must be so."""
        here = in_this_process(self.master)
        defaults = DEFAULTS | (ON_THIS_MACHINE if here or is_cluster_here(self.master) else {})
        for name, value in defaults.items():
            conf.setIfMissing(name, value)
        for name, value in NEEDED.items():
            conf.set(name, value)
        conf.set("spark.master", with_attempts(self.master, str(conf.get(ATTEMPTS))))
        if here:
            # Its workers run the very code of this process.
            name = "spark.executorEnv.PYTHONPATH"
            paths = [str(conf.get(name, "")), *(os.path.abspath(each) for each in sys.path)]
            conf.set(name, os.pathsep.join(filter(None, paths)))

    def _cure(self) -> str:
        said = f" Spark's words are in {self.log}." if self._keeps_log else ""
        return f"Correct master below `lake:` in workspace.yml, or start the master, {AGAIN}{said}"

    def _remove(self) -> None:
        self._thread.shutdown()
        if not self._keeps_log:
            shutil.rmtree(self._folder, ignore_errors=True)


def check_java() -> None:
    """Check that there is a Java.

    Raises:
        BadInput: there is none.
    """
    home = environment().get("JAVA_HOME")
    if not shutil.which(f"{home}/bin/java" if home else "java"):
        where = f"JAVA_HOME names {home}, which has none" if home else "there is none on the path"
        raise BadInput(
            f"The engine spark needs Java 17 or later; {where}.",
            "apt-get install openjdk-17-jre-headless, or set JAVA_HOME to the folder of a Java.",
        )


def check_reachable(master: str) -> None:
    """Check that one of the addresses of a `spark://` master takes connections.

    Raises:
        BadInput: none does.
    """
    if not master.startswith("spark://"):
        return
    reasons = []
    for address in master.removeprefix("spark://").split(","):
        host, _, port = address.rpartition(":")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), PATIENCE):
                return
        except (OSError, ValueError) as error:
            reasons.append(str(error))
    raise BadInput(
        f"Spark's master {master} does not answer: {'; '.join(reasons)}.",
        f"Correct master below `lake:` in workspace.yml, or start the master, {AGAIN}",
    )


def in_this_process(master: str) -> bool:
    """Return whether Spark's tasks run below this process, with its files and its Python."""
    return master == "local" or master.startswith("local[")


def is_cluster_here(master: str) -> bool:
    """Return whether the master is Spark's cluster for trials, all on this machine."""
    return master.startswith("local-cluster[")


def with_attempts(master: str, attempts: str) -> str:
    """Return the master so that it tries tasks again, which a local one by itself does not."""
    cores = re.fullmatch(r"local(?:\[([^,\]]+)\])?", master)
    return f"local[{cores[1] or 1},{attempts}]" if cores else master


def packed_package(folder: Path) -> Path:
    """Write the packages whose tasks run, as a zip file, into `folder`; return its path."""
    home = Path(__file__).resolve().parents[3]
    place = folder / "ml.zip"
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(f for name in PACKAGES for f in (home / name).rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                archive.write(file, file.relative_to(home))
    return place


def reason_of(error: Exception) -> str:
    """Return the line of an error of Spark that says why, without the traceback of Java."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    causes = [
        re.match(r"(?:: |Caused by: )?(?:[\w$]+\.)*(\w+(?:Exception|Error): .+)", line)
        for line in lines
    ]
    # The cause of all is named last; that of an error in Python ends the traceback of Python.
    found = [cause[1] for cause in causes if cause and "Traceback (most recent" not in cause[1]]
    return (found[-1:] or lines[:1] or [type(error).__name__])[0]
