"""The bank's events of one block of customers: transactions, places, dialogues."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ml.simulate.codes import SLOTS, kind_table
from ml.simulate.events import Events, draw_events
from ml.simulate.latent import PRODUCTS, State
from ml.simulate.places import geohashes, visited
from ml.simulate.scenario import Block, Floats, Scenario, standard_normal

TRX_A_MONTH, TRX_SPREAD, TRX_SEASON, TRX_DRIFT = 8.0, 1.0, 0.12, 0.05
# The event kinds of each product are this share of transactions on average; with the customer's
# need for the product they grow in number (NEED_GROWTH) and in log amount (NEED_AMOUNT).
NEEDFUL_SHARE, NEED_GROWTH, NEED_AMOUNT = 0.07, 1.0, 0.5
AMOUNT_LEVEL, AMOUNT_AFFLUENCE, AMOUNT_SPREAD = 10.2, 0.9, 1.5
GEO_A_MONTH, GEO_SPREAD = 4.0, 0.9
DIALOGS_A_MONTH, DIALOG_NEED = 0.08, 0.4
EMBEDDING, AXES_A_SIGNAL, SIGNAL, NOISE = 768, 4, 0.5, 0.5
# Embeddings lie on a grid of 1/64, so that Parquet's dictionaries keep the files small.
GRID = 64
UNKNOWN_REGION, UNKNOWN_INDUSTRY = 0.06, 0.09


@dataclass(frozen=True)
class Stream:
    """The events of one kind (trx, geo or dialog) of a block, and the columns beside their time."""

    events: Events
    columns: Mapping[str, pa.Array]


def transactions(scenario: Scenario, block: Block, state: State) -> Stream:
    """Return the transactions of `block`: amounts, and codes as the scenario's form writes them."""
    random = scenario.random("trx", block.number)
    base, needful = transaction_rates(scenario, state)
    events = draw_events(scenario, random, base + needful.sum(axis=2))
    group = _groups(random, events, base, needful)
    kind = group * np.uint16(SLOTS) + random.integers(0, SLOTS, group.size, dtype=np.uint8)
    table = kind_table(scenario.form)
    amount = np.exp(_log_amounts(random, events, state, group) + table.amount[kind])
    columns: dict[str, pa.Array] = {"amount": pa.array(amount)}
    columns |= {name: pa.array(codes[kind]) for name, codes in table.codes.items()}
    return Stream(events, columns | _sender(random, events))


def transaction_rates(scenario: Scenario, state: State) -> tuple[Floats, Floats]:
    """Return expected transactions: everyday (n, months) and by need (n, months, products)."""
    months = np.arange(scenario.months)
    swing = TRX_SEASON * scenario.season[months] + TRX_DRIFT * scenario.drift[months]
    log_rate = (TRX_SPREAD * state.activity - TRX_SPREAD**2 / 2)[:, None] + swing[None, :]
    here = ~state.silent[:, None] & (state.joined[:, None] <= months)
    rate = (TRX_A_MONTH * np.exp(log_rate) * here).astype(np.float32)
    growth = np.exp(np.float32(NEED_GROWTH) * state.needs[:, 1:] - np.float32(NEED_GROWTH**2 / 2))
    needful = np.float32(NEEDFUL_SHARE) * rate[:, :, None] * growth
    return rate * np.float32(1 - PRODUCTS * NEEDFUL_SHARE), needful


def _groups(
    random: np.random.Generator, events: Events, base: Floats, needful: Floats
) -> NDArray[np.uint16]:
    """Return each event's group of kinds: 0 everyday, p for product p, drawn by expected counts."""
    total = np.maximum(base + needful.sum(axis=2), np.float32(1e-12))
    draw = random.random(events.cell.size, dtype=np.float32)
    group = np.zeros(events.cell.size, dtype=np.uint16)
    below = base
    for product in range(PRODUCTS):
        group += draw > np.repeat((below / total).ravel(), events.per_cell)
        below = below + needful[:, :, product]
    return group


def _log_amounts(
    random: np.random.Generator, events: Events, state: State, group: NDArray[np.uint16]
) -> Floats:
    lift = np.zeros((*state.needs[:, 1:, 0].shape, PRODUCTS + 1), dtype=np.float32)
    lift[:, :, 1:] = np.float32(NEED_AMOUNT) * state.needs[:, 1:]
    lift += np.float32(AMOUNT_LEVEL) + np.float32(AMOUNT_AFFLUENCE) * state.affluence[:, None, None]
    noise = standard_normal(random, group.size) * np.float32(AMOUNT_SPREAD)
    return np.asarray(noise + lift.reshape(-1, PRODUCTS + 1)[events.cell, group], dtype=np.float32)


def _sender(random: np.random.Generator, events: Events) -> dict[str, pa.Array]:
    """Return src_type21 .. src_type32: attributes of the customer, unknown for some."""
    size = len(events.counts)
    region = np.minimum(random.zipf(1.3, size), 1_000).astype(np.int32)
    industry = random.integers(1, 25, size, dtype=np.int32)
    named = {
        "src_type21": (region, random.random(size) < UNKNOWN_REGION),
        "src_type22": ((region % 40 + 1).astype(np.int32), random.random(size) < UNKNOWN_REGION),
        "src_type31": (industry, random.random(size) < UNKNOWN_INDUSTRY),
        "src_type32": ((industry % 6 + 1).astype(np.int32), random.random(size) < UNKNOWN_INDUSTRY),
    }
    times = events.per_customer
    return {
        name: pa.array(np.repeat(values, times), mask=np.repeat(unknown, times))
        for name, (values, unknown) in named.items()
    }


def places(scenario: Scenario, block: Block, state: State) -> Stream:
    """Return the places of `block`'s customers; active and mobile customers are away more often."""
    random = scenario.random("geo", block.number)
    months = np.arange(scenario.months)
    log_rate = np.float32(GEO_SPREAD) * (
        np.float32(0.5) * state.activity + standard_normal(random, block.size)
    )
    here = ~state.silent[:, None] & (state.joined[:, None] <= months)
    level = GEO_A_MONTH * np.exp(-1.25 * GEO_SPREAD**2 / 2)
    events = draw_events(
        scenario, random, (level * np.exp(log_rate)[:, None] * here).astype(np.float32)
    )
    wander = state.mobility[:, None] * np.float32(0.7) + state.needs[:, 1:, 3] * np.float32(0.5)
    away = (1 / (1 + np.exp(np.float32(0.9) - wander))).astype(np.float32)
    return Stream(
        events,
        geohashes(
            visited(scenario, random, events, np.repeat(away.ravel(), events.per_cell)),
            scenario.form,
        ),
    )


def dialogs(scenario: Scenario, block: Block, state: State) -> Stream:
    """Return the dialogues of `block` as embeddings (n, 768) that depend on the needs."""
    random = scenario.random("dialog", block.number)
    months = np.arange(scenario.months)
    pull = DIALOG_NEED * state.needs[:, 1:].sum(axis=2) - PRODUCTS * DIALOG_NEED**2 / 2
    here = state.joined[:, None] <= months
    events = draw_events(
        scenario, random, (DIALOGS_A_MONTH * np.exp(pull) * here).astype(np.float32)
    )
    topics = state.needs[:, 1:].reshape(-1, PRODUCTS)[events.cell]
    topics = np.column_stack([topics, state.affluence[events.customer]])
    return Stream(events, {"embedding": _vectors(_embed(scenario, random, topics))})


def _embed(scenario: Scenario, random: np.random.Generator, topics: Floats) -> Floats:
    """Return embeddings: normal noise in 256 levels, plus each topic along AXES_A_SIGNAL axes."""
    levels = np.sort(standard_normal(scenario.random("levels"), 256)) * np.float32(NOISE)
    levels = (np.round(levels * GRID) / GRID).astype(np.float32)
    embedding = levels[random.integers(0, 256, (len(topics), EMBEDDING), dtype=np.uint8)]
    axes = scenario.random("axes").permutation(EMBEDDING)
    for topic in range(topics.shape[1]):
        chosen = axes[topic * AXES_A_SIGNAL : (topic + 1) * AXES_A_SIGNAL]
        lean = np.round(np.float32(SIGNAL * GRID) * topics[:, topic]) / np.float32(GRID)
        embedding[:, chosen] += lean[:, None]
    return np.asarray(embedding, dtype=np.float32)


def _vectors(rows: Floats) -> pa.Array:
    offsets = np.arange(len(rows) + 1, dtype=np.int32) * rows.shape[1]
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(rows.ravel()))
