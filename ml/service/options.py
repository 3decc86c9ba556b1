"""What the service is told when it starts."""

from dataclasses import dataclass

LOOPBACK = ("127.0.0.1", "::1", "localhost")
MEGABYTE = 2**20


@dataclass(frozen=True)
class Options:
    """Where the service listens, and its limits.

    `concurrency` is how many requests a busy worker works on or lets wait; `most_body` (bytes) and
    `most_rows` limit one request, `seconds` its time. `sampled` is the share of answers whose
    input is logged whole, `most_logged` (bytes) what the log of answers may take. `log_ids` writes
    paths with customer ids to the access log.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    concurrency: int = 4
    most_body: int = 10 * MEGABYTE
    most_rows: int = 10_000
    seconds: float = 10.0
    sampled: float = 0.0
    most_logged: int = 1024 * MEGABYTE
    log_ids: bool = False

    @property
    def address(self) -> str:
        """Host and port as they stand in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the service."""
        return self.host in LOOPBACK
