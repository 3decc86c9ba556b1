"""Writing one simulated company: every source, the identities that join them, and the truth."""

import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from tqdm import tqdm

from ml.simulate import folder
from ml.simulate.bank import Stream, dialogs, places, transactions
from ml.simulate.bank_files import PART, Files, client_ids, stream_table, target_table
from ml.simulate.identities import write_identities
from ml.simulate.latent import PRODUCTS, State, draw_state, purchase_probability
from ml.simulate.market import Market, draw_market, write_market
from ml.simulate.orders import FIRST_ORDER, draw_orders, write_month
from ml.simulate.scenario import UNLABELLED_FOLD, Block, Doubles, Plan, company_ids, make_plan
from ml.simulate.sessions import Sessions, draw_sessions, write_sessions
from ml.simulate.shop import Members, Shoppers, draw_members, join_shoppers, shoppers
from ml.simulate.truth import TRUTH, truth_table


@dataclass(frozen=True)
class Simulation:
    """What was written: `rows` of each file by its path below the workspace, and how fast.

    `transactions` counts the bank's; `seconds` is the time of the whole run, all sources included.
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
        """Return bank transactions a second, the time of every other source counted in."""
        return self.transactions / self.seconds


def simulate(
    home: Path, *, customers: int, months: int, seed: int, form: str = "detail"
) -> Simulation:
    """Write a company of `customers` and `months` months of events below `home`; return its counts.

    The events end with 2022-12, the labels with 2023-01, as in the genuine bank data. Written are
    `raw/`, the settings in `workspace.yml` and, kept aside, `truth/probabilities.parquet`: the
    chance from which each label was drawn. The truth names purchase_any, purchase_product_1..4,
    activity_decline, session_purchase and spend_next_month; it leaves out spend_decline, whose
    chance over three months of changing order rates has no closed form. The same arguments give
    the same bytes.

    Args:
        home: the workspace's folder; made if absent.
        customers: 100 or more.
        months: months of events, 4 to 240; the newest 12 months are labelled, or all but three.
        seed: 0 or more.
        form: how the bank's events are written: `detail` (a row an event) or `ptls` (arrays).

    Raises:
        AlmanacError: an argument is out of range, or the folder holds files of someone else.
    """
    began = time.perf_counter()
    plan = make_plan(customers, months, seed, form)
    work = folder.start(home)
    with closing(Files(work)) as files:
        everyone, count = _write_bank(plan, files)
        rows = _write_shop(plan, files, everyone) | files.rows
    folder.finish(home, work, plan)
    seconds = time.perf_counter() - began
    return Simulation(home, customers, months, seed, form, rows, count, seconds)


def _write_bank(plan: Plan, files: Files) -> tuple[Shoppers, int]:
    """Write the bank's files block by block; return what the shop needs, and the transactions."""
    parts, count = [], 0
    for block in tqdm(plan.blocks, desc="Simulating the bank", unit="block", disable=None):
        state = draw_state(plan, block)
        parts.append(shoppers(plan, state))
        count += _write_block(plan, files, block, state)
    return join_shoppers(parts), count


def _write_block(plan: Plan, files: Files, block: Block, state: State) -> int:
    clients = client_ids(plan, block)
    trx = transactions(plan, block, state)
    streams = {
        "trx": trx,
        "geo": places(plan, block, state),
        "dialog": dialogs(plan, block, state),
    }
    for name, stream in streams.items():
        path = f"raw/{plan.form}/{name}/fold={block.fold}/{PART}"
        files.append(path, stream_table(plan, clients, stream))
    split = pa.table({"client_id": pa.array(clients)})
    files.append(f"raw/client_split/fold={block.fold}/{PART}", split)
    if block.fold != UNLABELLED_FOLD:
        _write_targets(plan, files, block, state, trx)
    return int(trx.events.cell.size)


def _write_targets(plan: Plan, files: Files, block: Block, state: State, trx: Stream) -> None:
    """Draw the purchases of `block` and write them, and their probabilities to the truth."""
    chance = purchase_probability(plan, state)
    labels = plan.random("purchases", block.number).random(chance.shape) < chance
    table = target_table(plan, client_ids(plan, block), labels.astype(np.int64), trx)
    files.append(f"raw/targets/fold={block.fold}/{PART}", table)
    customers = company_ids(np.arange(block.first, block.first + block.size))
    chances: dict[str, Doubles] = {"purchase_any": 1 - np.prod(1 - chance, axis=2)}
    chances |= {f"purchase_product_{i + 1}": chance[:, :, i] for i in range(PRODUCTS)}
    for target, values in chances.items():
        files.append(TRUTH, truth_table(plan, target, customers, plan.label_months, values))


def _write_shop(plan: Plan, files: Files, everyone: Shoppers) -> dict[str, int]:
    """Write the shop's sources and who is who; return the rows of those files."""
    members = draw_members(plan)
    market = draw_market(plan, everyone, members.market)
    sessions = draw_sessions(plan, everyone, members)
    raw = files.root / "raw"
    named = write_market(plan, raw, market)
    named |= write_sessions(raw, sessions, members.raw_sessions.size)
    named |= write_identities(plan, raw, members, market, sessions)
    _tell_snapshots(plan, files, market, sessions)
    named |= _write_orders(plan, files, everyone, members)
    return {f"raw/{name}": rows for name, rows in named.items()}


def _tell_snapshots(plan: Plan, files: Files, market: Market, sessions: Sessions) -> None:
    """Write the truth of the two undated sources: they are known when the last month ends."""
    known = {
        "activity_decline": (market.customers, market.probability),
        "session_purchase": (sessions.customers, sessions.probability),
    }
    for target, (customers, chance) in known.items():
        names = company_ids(customers)
        files.append(TRUTH, truth_table(plan, target, names, [plan.months], chance[:, None]))


def _write_orders(plan: Plan, files: Files, everyone: Shoppers, members: Members) -> dict[str, int]:
    """Write a file of orders a month, and for earlier buyers the chance to order in the next."""
    names = company_ids(members.ordering)
    bought = np.zeros(members.ordering.size, dtype=np.bool_)
    rows, first = {}, FIRST_ORDER
    for orders in draw_orders(plan, everyone, members.ordering):
        name = f"transactions/{plan.calendar[orders.month]}.csv"
        rows[name] = write_month(plan, files.root / "raw" / name, orders, first)
        first += orders.buyer.size
        bought[orders.buyer] = True
        rate = everyone.order_rates[members.ordering, orders.month + 1].astype(np.float64)
        chance = np.where(bought, 1 - np.exp(-rate), np.nan)[:, None]
        table = truth_table(plan, "spend_next_month", names, [orders.month + 1], chance)
        files.append(TRUTH, table)
    return rows
