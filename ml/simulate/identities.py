"""The identities file: every source's ids with the company-wide customer they belong to."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ml.simulate.bank_files import client_ids
from ml.simulate.market import Market
from ml.simulate.orders import buyer_ids
from ml.simulate.scenario import Scenario, company_ids
from ml.simulate.sessions import Sessions
from ml.simulate.shop import SourceMembers

IDENTITIES = "identities.csv"
HEADER = "source,source_id,customer_id\n"
SourceIds = tuple[str, list[str], list[str]]


def write_identities(
    scenario: Scenario, root: Path, members: SourceMembers, market: Market, sessions: Sessions
) -> dict[str, int]:
    """Write `identities.csv` below `root`; return its number of rows by name."""
    rows = 0
    with (root / IDENTITIES).open("w", encoding="utf-8", newline="\n") as file:
        file.write(HEADER)
        for source, ids, customers in _ids_by_source(scenario, members, market, sessions):
            pairs = zip(ids, customers, strict=True)
            file.writelines(f"{source},{own},{customer}\n" for own, customer in pairs)
            rows += len(ids)
    return {IDENTITIES: rows}


def _ids_by_source(
    scenario: Scenario, members: SourceMembers, market: Market, sessions: Sessions
) -> Iterator[SourceIds]:
    for block in scenario.blocks:
        customers = np.arange(block.first, block.first + block.size)
        yield "mbd", client_ids(scenario, block), company_ids(customers)
    yield "one_click", [str(i) for i in market.ids.tolist()], company_ids(market.customers)
    own = [str(i) for i in sessions.ids.tolist()]
    yield "retailtech", own, company_ids(sessions.customers)
    buyers = buyer_ids(np.arange(members.ordering.size))
    yield "transactions", buyers, company_ids(members.ordering)
