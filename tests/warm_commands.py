"""`dbt`, `feast` and `ml` for tests, each in a process forked from one that has imported them.

A command spends two to five seconds on imports before it does anything, and the tests run hundreds.
`folder()` makes a folder of scripts by these names, to stand first on PATH. A script hands its
arguments, environment, working directory and streams to the server over a Unix socket; the server
forks, and the child calls the entry point of the real command. The server has imported libraries
alone, nothing that reads the environment, and ends with the process that started it.
"""

import atexit
import ctypes
import functools
import gc
import importlib
import json
import os
import resource
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

COMMANDS = ("dbt", "feast", "ml")
# What a test asks of a command's process: see `bound`.
FILE_LIMIT, ORDINARY = "TEST_FILE_LIMIT", "TEST_ORDINARY_USER"
LIBRARIES = (
    "dbt.cli.main",
    "dbt.adapters.duckdb",
    "feast.cli.cli",
    "feast.repo_operations",
    "lightgbm",
    "sklearn.ensemble",
    "sklearn.linear_model",
)
SCRIPT = """#!{python} -IS
import json, os, signal, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    socket.send_fds(server, [b"!"], [0, 1, 2])
    signal.signal(signal.SIGTERM, lambda *_: server.shutdown(socket.SHUT_WR))
    request = [{command!r}, sys.argv[1:], dict(os.environ), os.getcwd()]
    server.sendall(json.dumps(request).encode() + b"\\n")
    sys.exit(int(server.recv(8)))
"""


@functools.cache
def folder() -> Path:
    """The folder of the scripts; their server is started with the first call."""
    place = Path(tempfile.mkdtemp(prefix="warm-commands-"))
    address = str(place / "socket")
    for command in COMMANDS:
        script = place / command
        script.write_text(SCRIPT.format(python=sys.executable, address=address, command=command))
        script.chmod(0o755)
    server = subprocess.Popen(
        [sys.executable, "-P", __file__, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    atexit.register(_end, server, place)
    assert server.stdout
    assert server.stdout.readline() == b"ready\n"
    return place


def _end(server: subprocess.Popen[bytes], place: Path) -> None:
    # Closed streams alone end it: a child that lives on would keep its output open.
    for stream in (server.stdin, server.stdout):
        assert stream
        stream.close()
    server.wait()
    shutil.rmtree(place)


def serve(address: str) -> Callable[[], object] | None:
    """Wait for requests; in the process of a command return its entry point, at the end None."""
    for library in LIBRARIES:
        importlib.import_module(library)
    gc.freeze()
    with (
        socket.socket(socket.AF_UNIX) as listener,
        selectors.DefaultSelector() as selector,
    ):
        listener.bind(address)
        listener.listen()
        print("ready", flush=True)
        selector.register(listener, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        while all(key.fileobj is listener for key, _ in selector.select()):
            client, _ = listener.accept()
            with client:
                if not os.fork():
                    return answer(client)
    return None


def answer(client: socket.socket) -> Callable[[], object] | None:
    """Fork once more: the parent sends the exit code, the child becomes the command.

    A script that is killed, or told to end, takes its command with it.
    """
    _, streams, _, _ = socket.recv_fds(client, 1, 3)
    with client.makefile() as request:
        command, arguments, environment, place = json.loads(request.readline())
    child = os.fork()
    if child:
        for stream in streams:
            os.close(stream)
        status = wait(child, client)
        client.sendall(str(os.waitstatus_to_exitcode(status)).encode())
        return None
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    bound(environment.pop(FILE_LIMIT, None), environment.pop(ORDINARY, None))
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(place)
    sys.argv = [str(Path(sys.executable).with_name(command)), *arguments]
    (entry_point,) = entry_points(group="console_scripts", name=command)
    return entry_point.load()


def bound(file_limit: str | None, ordinary: str | None) -> None:
    """Let this process meet a full disk, or the rights of files that the superuser passes over.

    Args:
        file_limit: the bytes that no file may grow beyond; Python ignores the signal, so that a
            write fails as on a full disk.
        ordinary: whether the superuser is to be refused what the rights of a file refuse.
    """
    if file_limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(file_limit), int(file_limit)))
    if ordinary and os.geteuid() == 0:
        give_up_override()


def give_up_override() -> None:
    """Take CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH from this process (see man 2 capset)."""
    header = struct.pack("Ii", 0x20080522, 0)
    held = ctypes.create_string_buffer(24)
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.capget(header, held) == 0
    effective, permitted, *others = struct.unpack("6I", held.raw)
    left = struct.pack("6I", effective & ~0b110, permitted & ~0b110, *others)
    assert libc.capset(header, left) == 0


def wait(child: int, client: socket.socket) -> int:
    """Return the status with which the child ends; end it where the script is told to end."""
    with selectors.DefaultSelector() as selector:
        ended = os.pidfd_open(child)
        selector.register(ended, selectors.EVENT_READ)
        selector.register(client, selectors.EVENT_READ)
        if all(key.fileobj is client for key, _ in selector.select()):
            os.kill(child, signal.SIGTERM)
    os.close(ended)
    return os.waitpid(child, 0)[1]


def run(main: Callable[[], object]) -> int:
    """The exit code of a command, which ends as the interpreter would end it."""
    try:
        ended = main()
    except SystemExit as exited:
        ended = exited.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    if ended is None or isinstance(ended, int):
        return ended or 0
    print(ended, file=sys.stderr)
    return 1


if __name__ == "__main__":
    command = serve(sys.argv[1])
    code = run(command) if command else 0
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    # The interpreter would take a second to free what the server has imported.
    os._exit(code)
