"""A model's card as Hugging Face's hub shows it: Markdown after metadata in YAML."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from ml.registry import artifact
from ml.registry.artifact import Artifact
from ml.registry.card import Card
from ml.workspace.files import write_text
from ml.workspace.settings import Workspace
from ml.workspace.targets import Target
from ml.workspace.texts import one_line

MOST_FEATURES = 20
ROWS = {"cv": "training rows, out of fold", "test": "the newest label month"}
TASK = {"type": "tabular-classification", "name": "Tabular Classification"}


def export_card(ws: Workspace, target: Target, folder: Path) -> Path:
    """Write the card of the target's champion into `folder` as `<model id>.md`.

    Raises:
        AlmanacError: there is no champion, or its artifact is damaged.
    """
    champion = artifact.champion(ws, target.name)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{champion.model_id}.md"
    write_text(path, hub_card(champion, target.description))
    return path


def hub_card(champion: Artifact, description: str) -> str:
    """Return the card's text; `description` says what the target is."""
    card = champion.card
    metadata = yaml.safe_dump(_metadata(card), sort_keys=False, allow_unicode=True)
    return f"---\n{metadata}---\n\n" + "\n".join(_chapters(champion, description))


def _metadata(card: Card) -> dict[str, Any]:
    """Return the metadata, whose `model-index` names the metrics that are known."""
    results = [
        {
            "task": dict(TASK),
            "dataset": {
                "type": "tabular",
                "name": card.dataset or card.target,
                "split": part,
            },
            "metrics": [
                {"type": metric.name, "value": metric.value, "name": metric.name}
                for metric in measured.metrics
                if metric.value is not None
            ],
        }
        for part, measured in card.metrics.items()
    ]
    return {
        "library_name": "almanac",
        "pipeline_tag": TASK["type"],
        "tags": [TASK["type"], "feature-store", card.family],
        "model-index": [{"name": card.model_id, "results": results}],
    }


def _chapters(champion: Artifact, description: str) -> Iterator[str]:
    card = champion.card
    yield f"# {card.model_id}\n"
    yield f"{_sentence(description)} A model of the family {card.family}: the answer is a"
    yield f"probability; at {card.threshold:.4f} or above it says yes.\n"
    yield "## Training data\n"
    yield f"- {card.training_rows:,} rows, {card.training_positives:,} positives"
    yield f"- training set `{card.dataset}`, SHA-256 of its rows `{card.training_set_hash}`"
    yield f"- {len(card.features):,} features of {len({f.view for f in card.features}):,} families"
    yield "\n## How it was judged\n"
    yield from (f"- {each}" for each in card.protocol)
    for part, measured in card.metrics.items():
        yield f"\n### {ROWS.get(part, part).capitalize()}\n"
        yield f"{measured.rows:,} rows, {measured.positives:,} positives.\n"
        yield from _table(
            ["metric", "value", "a trivial answer", "which"],
            [[m.name, m.value, m.trivial, m.trivial_is] for m in measured.metrics],
        )
    if card.comparison:
        yield "\n## Beside what else was tried\n"
        yield from _table(
            ["what", "ROC-AUC", "average precision", "Brier score"],
            [[each.name, each.roc_auc, each.pr_auc, each.brier] for each in card.comparison],
        )
    yield "\n## What it looks at\n"
    yield from _table(
        ["feature", "share of all contributions", "what it is"],
        [
            [f"`{each['feature']}`", each["importance"], each.get("description")]
            for each in champion.importance()[:MOST_FEATURES]
        ],
    )
    if len(card.features) > MOST_FEATURES:
        yield f"\nThe first {MOST_FEATURES} of {len(card.features):,}."
    yield "\n## Made with\n"
    yield from (f"- {name} {number}" for name, number in card.packages.items())
    yield ""


def _table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    yield f"| {' | '.join(headers)} |"
    yield f"|{' --- |' * len(headers)}"
    for row in rows:
        yield f"| {' | '.join(_cell(value) for value in row)} |"


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = f"{value:.4f}" if isinstance(value, float) else str(value)
    return one_line(text.replace("|", "\\|"))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
