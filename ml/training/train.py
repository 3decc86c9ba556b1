"""Training: one target's rows in, judged on rows they never saw, one artifact out."""

from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from ml import lineage
from ml.data.split import Split, stratified, temporal
from ml.data.training_set import TrainingSet
from ml.dataset import Dataset, RowsReader, current
from ml.dataset.recipe import to_json
from ml.models import importance_and_contributions
from ml.registry import artifact, champions
from ml.registry.card import Card, Member, Tried
from ml.registry.champions import Contest
from ml.training.crossfit import CrossFit
from ml.training.ensemble import learn
from ml.training.leaderboard import baseline_ranking
from ml.training.model_card import Fitted, HeldOut, card_of, described, predictions_table
from ml.training.plan import Plan
from ml.training.window import weights_of, windowed
from ml.workspace.errors import BadInput
from ml.workspace.settings import Workspace
from ml.workspace.targets import Target, sampled


@dataclass(frozen=True)
class Trained:
    """What came of training one target; `tried` are all candidates with their ROC-AUC."""

    target: str
    folder: Path
    card: Card
    contest: Contest
    tried: Tried = ()


def train(
    ws: Workspace, target: Target, plan: Plan | None = None, reader: RowsReader | None = None
) -> Trained:
    """Train `target` on the training set of today, as `train_on` does.

    Who trains several targets gives each the same `reader`, which reads rows that they share once.

    Raises:
        AlmanacError: the warehouse is not ready, or as `train_on` raises.
    """
    plan = plan or Plan()
    target = sampled(ws, target, plan.customers)
    if advice := target.nearly_constant:
        raise BadInput(
            f"{advice}.",
            "Choose another target or horizon, or see what the labels are: ml targets",
            target=target.name,
        )
    # Better refused now than after the search.
    champions.events_of(ws, target.name)
    dataset, rows = current(ws, target, reader)
    return train_on(ws, dataset, rows, plan)


def train_on(
    ws: Workspace, dataset: Dataset, rows: TrainingSet, plan: Plan | None = None
) -> Trained:
    """Train on the rows of `dataset`, write the artifact; champion unless it is worse than it.

    A search is kept in the target's folder of models, by the dataset's id: the same call goes on
    where it was stopped.

    Args:
        ws: the workspace.
        dataset: says what to predict; the artifact carries its id and manifest.
        rows: its rows.
        plan: what to try; by default the families that suit the rows, as they come.

    Raises:
        AlmanacError: the labels cannot carry a model, or none of the plan's families can be had.
    """
    name = f"train.{dataset.manifest.target.name}"
    with lineage.run(name) as told, rows.elsewhere or nullcontext():
        trained = _trained(ws, dataset, rows, plan or Plan())
        if told:
            read = lineage.folder(ws.datasets / dataset.id)
            origins = {"score": [(read, each.name) for each in trained.card.features]}
            told.reads.append(read)
            told.writes.append(lineage.folder(trained.folder, {"score": "double"}, origins))
    return trained


def _trained(ws: Workspace, dataset: Dataset, rows: TrainingSet, plan: Plan) -> Trained:
    """Search, fit, judge, write and settle, as `train_on` says."""
    target = dataset.manifest.target
    split, baseline = split_of(rows, target), baseline_ranking(rows, target)
    train, plan = windowed(rows, split.train, target, plan)
    split = replace(split, train=train)
    training, test = rows.take(split.train), rows.take(split.test)
    cross_fit = CrossFit.of(training, target, plan, weights_of(training, plan))
    journal = ws.models / target.name / "search" / f"{dataset.manifest.id}.journal"
    fitted = Fitted(learn(cross_fit, plan, title=target.name, journal=journal), training, plan)
    held_out = [HeldOut.cross_validated(fitted, baseline[split.train])]
    if len(test):
        held_out.append(HeldOut.of_test_month(fitted.learnt, test, baseline[split.test]))
    card = card_of(dataset.manifest, fitted, held_out, split)
    records = {artifact.DATASET: to_json(dataset.manifest), **_importance(ws, fitted)}
    predictions = predictions_table(held_out)
    folder = artifact.save(ws, card, fitted.learnt.model, predictions, records)
    tried = tuple(
        (Member(family=each.family, parameters=each.parameters, sampling=each.sampling), auc)
        for each, auc in fitted.learnt.tried
    )
    contest = champions.settle(ws, artifact.load(folder))
    return Trained(target.name, folder, card, contest, tried)


def split_of(rows: TrainingSet, target: Target) -> Split:
    """Return the split that the target's validation asks for."""
    if target.temporal:
        return temporal(rows.times, target.horizon_months)
    return stratified(rows.times)


def _importance(ws: Workspace, fitted: Fitted) -> dict[str, artifact.Record]:
    """Return the files on the features' importance and contributions."""
    entries, contributions = importance_and_contributions(
        fitted.learnt.model, fitted.sample(), fitted.names
    )
    return {
        artifact.IMPORTANCE: described(ws, entries),
        artifact.CONTRIBUTIONS: contributions,
    }
