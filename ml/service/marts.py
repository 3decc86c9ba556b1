"""What the published file says of a customer, read while `ml publish` replaces it."""

import hashlib
import hmac
from datetime import UTC, datetime
from threading import Lock
from typing import Any

import duckdb

from ml.serving.pseudonyms import key_of
from ml.workspace.errors import NotBuilt
from ml.workspace.settings import Workspace

_CUSTOMER = "select is_contactable, contact_basis from marts.dim_customers where customer_id = ?"
_SCORES = """
    select target, model_id, as_of, score, percentile,
        list_filter([reason_1, reason_2, reason_3], lambda r: r is not null) as reasons
    from marts.mart_scores where customer_id = ? order by target
"""
_SEGMENT = "select segment from marts.mart_segments where customer_id = ?"
_OFFER = """
    select offer, category, discount_percent, target, as_of
    from marts.mart_offers where customer_id = ?
"""


class PublishedMarts:
    """The marts of `published.duckdb`, opened again when a new one takes its place."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws
        self._lock = Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._seen: tuple[int, int] | None = None

    def customer(self, customer_id: str) -> dict[str, Any] | None:
        """Return what is published of the customer; None where there is no such customer.

        Raises:
            AlmanacError: nothing is published, or by a version without these marts.
        """
        key = key_of(self._ws)
        published_as = (
            hmac.new(key, customer_id.encode(), hashlib.sha256).hexdigest() if key else customer_id
        )
        with self._lock:
            connection = self._opened()
            try:
                return self._read(connection, customer_id, published_as)
            except duckdb.Error as error:
                raise NotBuilt(
                    f"{self._ws.published} lacks what is asked: {str(error).splitlines()[0]}",
                    "Publish it anew: dbt build && ml publish",
                ) from error

    def _read(
        self, connection: duckdb.DuckDBPyConnection, customer_id: str, published_as: str
    ) -> dict[str, Any] | None:
        known = _rows(connection, _CUSTOMER, published_as)
        if not known:
            return None
        segments = _rows(connection, _SEGMENT, published_as)
        offers = _rows(connection, _OFFER, published_as)
        assert self._seen
        return {
            "customer_id": customer_id,
            "contactable": known[0]["is_contactable"],
            "contact_basis": known[0]["contact_basis"],
            "scores": _rows(connection, _SCORES, published_as),
            "segment": segments[0]["segment"] if segments else None,
            "offer": offers[0] if offers else None,
            "published_at": datetime.fromtimestamp(self._seen[1] / 1e9, UTC),
        }

    def _opened(self) -> duckdb.DuckDBPyConnection:
        path = self._ws.published
        try:
            status = path.stat()
        except OSError as error:
            raise NotBuilt(f"{path} is absent.", "Publish it: ml publish") from error
        seen = (status.st_ino, status.st_mtime_ns)
        if self._connection is None or seen != self._seen:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            try:
                self._connection = duckdb.connect(path, read_only=True, config={"threads": 1})
            except duckdb.Error as error:
                raise NotBuilt(
                    f"{path} cannot be read: {error}", "Publish it anew: ml publish"
                ) from error
            self._seen = seen
        return self._connection


def _rows(connection: duckdb.DuckDBPyConnection, sql: str, customer: str) -> list[dict[str, Any]]:
    cursor = connection.execute(sql, [customer])
    names = [column[0] for column in cursor.description or ()]
    return [
        {name: _utc(value) for name, value in zip(names, row, strict=True)}
        for row in cursor.fetchall()
    ]


def _utc(value: object) -> object:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
