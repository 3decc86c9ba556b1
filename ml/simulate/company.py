"""Writing one simulated company: every source, the identities that join them, the true chances."""

import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from ml.simulate import folder
from ml.simulate.bank import Stream, dialogs, places, transactions
from ml.simulate.bank_files import PART, ParquetFiles, client_ids, stream_table, target_table
from ml.simulate.identities import write_identities
from ml.simulate.latent import PRODUCTS, State, draw_state, purchase_probability
from ml.simulate.market import Market, draw_market, write_market
from ml.simulate.orders import draw_orders, write_month
from ml.simulate.plants import kept_share
from ml.simulate.scenario import (
    UNLABELLED_FOLD,
    Block,
    Doubles,
    Scenario,
    company_ids,
    make_scenario,
)
from ml.simulate.sessions import Sessions, draw_sessions, write_sessions
from ml.simulate.shop import Shoppers, SourceMembers, draw_members, join_shoppers, shoppers
from ml.simulate.truth import TRUTH, truth_table
from ml.workspace.progress import Progress


@dataclass(frozen=True)
class Simulation:
    """What a run wrote and how long it took.

    `rows` has each file's rows by its path below the workspace; `transactions` counts the bank's;
    `seconds` is the time of the whole run, all sources included.
    """

    home: Path
    customers: int
    months: int
    seed: int
    form: str
    rows: Mapping[str, int]
    transactions: int
    seconds: float

    @property
    def transactions_per_second(self) -> float:
        """Return bank transactions per second of the whole run."""
        return self.transactions / self.seconds


def simulate(  # noqa: PLR0913
    home: Path,
    *,
    customers: int,
    months: int,
    seed: int,
    form: str = "detail",
    plants: Iterable[str] = (),
) -> Simulation:
    """Write a company of `customers` and `months` months of events below `home`; return its counts.

    The events end with 2022-12, the labels with 2023-01, as in the genuine bank data. Written are
    `raw/`, the settings in `workspace.yml` and, separately, `truth/probabilities.parquet`: the
    probability from which each label was drawn. It has purchase_any, purchase_product_1..4,
    activity_decline, session_purchase and spend_next_month, but not spend_decline, whose
    probability over three months of changing order rates has no closed form. The same arguments
    give the same bytes.

    Args:
        home: the workspace's folder; made if absent.
        customers: 100 or more.
        months: months of events, 4 to 240; the newest 12 months are labelled, or all but three.
        seed: 0 or more.
        form: how the bank's events are written: `detail` (a row an event) or `ptls` (arrays).
        plants: changes of the shop's orders, such as `cents@2022-09`: a kind of
            `ml.simulate.plants.KINDS`, each at most once, and the first of the months it changes.

    Raises:
        AlmanacError: an argument is out of range, a plant is not known, or the folder holds files
            of someone else.
    """
    began = time.perf_counter()
    scenario = make_scenario(customers, months, seed, form, plants)
    work = folder.make_work_folder(home)
    with closing(ParquetFiles(work)) as files:
        everyone, count = _write_bank(scenario, files)
        rows = _write_shop(scenario, files, everyone) | files.rows
    folder.move_into_place(home, work, scenario)
    seconds = time.perf_counter() - began
    return Simulation(home, customers, months, seed, form, rows, count, seconds)


def _write_bank(scenario: Scenario, files: ParquetFiles) -> tuple[Shoppers, int]:
    """Write the bank's files block by block; return the shoppers and the number of transactions."""
    blocks, count = [], 0
    for block in Progress(scenario.blocks, desc="Simulating the bank", unit="block"):
        state = draw_state(scenario, block)
        blocks.append(shoppers(scenario, state))
        count += _write_block(scenario, files, block, state)
    return join_shoppers(blocks), count


def _write_block(scenario: Scenario, files: ParquetFiles, block: Block, state: State) -> int:
    clients = client_ids(scenario, block)
    trx = transactions(scenario, block, state)
    streams = {
        "trx": trx,
        "geo": places(scenario, block, state),
        "dialog": dialogs(scenario, block, state),
    }
    for name, stream in streams.items():
        path = f"raw/{scenario.form}/{name}/fold={block.fold}/{PART}"
        files.append(path, stream_table(scenario, clients, stream))
    split = pa.table({"client_id": pa.array(clients)})
    files.append(f"raw/client_split/fold={block.fold}/{PART}", split)
    if block.fold != UNLABELLED_FOLD:
        _write_targets(scenario, files, block, state, trx)
    return int(trx.events.cell.size)


def _write_targets(
    scenario: Scenario, files: ParquetFiles, block: Block, state: State, trx: Stream
) -> None:
    """Draw the purchases of `block`, and write the labels and their probabilities."""
    chance = purchase_probability(scenario, state)
    labels = scenario.random("purchases", block.number).random(chance.shape) < chance
    table = target_table(scenario, client_ids(scenario, block), labels.astype(np.int64), trx)
    files.append(f"raw/targets/fold={block.fold}/{PART}", table)
    customers = company_ids(np.arange(block.first, block.first + block.size))
    chances: dict[str, Doubles] = {"purchase_any": 1 - np.prod(1 - chance, axis=2)}
    chances |= {f"purchase_product_{i + 1}": chance[:, :, i] for i in range(PRODUCTS)}
    for target, values in chances.items():
        files.append(TRUTH, truth_table(scenario, target, customers, scenario.label_months, values))


def _write_shop(scenario: Scenario, files: ParquetFiles, everyone: Shoppers) -> dict[str, int]:
    """Write the shop's sources and the identities; return the rows of those files by path."""
    members = draw_members(scenario)
    market = draw_market(scenario, everyone, members.market)
    sessions = draw_sessions(scenario, everyone, members)
    raw = files.root / "raw"
    rows = write_market(scenario, raw, market)
    rows |= write_sessions(raw, sessions, members.raw_sessions.size)
    rows |= write_identities(scenario, raw, members, market, sessions)
    _write_snapshot_truth(scenario, files, market, sessions)
    rows |= _write_orders(scenario, files, everyone, members)
    return {f"raw/{name}": count for name, count in rows.items()}


def _write_snapshot_truth(
    scenario: Scenario, files: ParquetFiles, market: Market, sessions: Sessions
) -> None:
    """Write the probabilities of the two undated sources, at the end of the last month."""
    known = {
        "activity_decline": (market.customers, market.probability),
        "session_purchase": (sessions.customers, sessions.probability),
    }
    for target, (customers, chance) in known.items():
        names = company_ids(customers)
        files.append(
            TRUTH, truth_table(scenario, target, names, [scenario.months], chance[:, None])
        )


def _write_orders(
    scenario: Scenario, files: ParquetFiles, everyone: Shoppers, members: SourceMembers
) -> dict[str, int]:
    """Write a file of orders a month, and earlier buyers' chance to order in the next month."""
    names = company_ids(members.ordering)
    affluence = everyone.affluence[members.ordering]
    bought = np.zeros(members.ordering.size, dtype=np.bool_)
    rows = {}
    for orders in draw_orders(scenario, everyone, members.ordering):
        name = f"transactions/{scenario.calendar[orders.month]}.csv"
        rows[name] = write_month(scenario, files.root / "raw" / name, orders)
        bought[orders.buyer] = True
        following = orders.month + 1
        rate = everyone.order_rates[members.ordering, following].astype(np.float64)
        rate *= kept_share(scenario.plants, following, affluence)
        chance = np.where(bought, 1 - np.exp(-rate), np.nan)[:, None]
        table = truth_table(scenario, "spend_next_month", names, [following], chance)
        files.append(TRUTH, table)
    return rows
