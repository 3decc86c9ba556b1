"""The command line; commands are listed in the order of use."""

from ml.cli.audit import audit
from ml.cli.catalogue import features, trace
from ml.cli.dataset import dataset
from ml.cli.doctor import doctor
from ml.cli.evaluate import evaluate
from ml.cli.export import export
from ml.cli.forget import forget
from ml.cli.group import main
from ml.cli.init import init
from ml.cli.lake import lake
from ml.cli.lineage import lineage
from ml.cli.models import list_targets, score, train
from ml.cli.monitor import monitor
from ml.cli.online import materialize, verify
from ml.cli.outputs import catalogue, publish, report, simulate
from ml.cli.predict import predict
from ml.cli.profile import profile
from ml.cli.refit import refit
from ml.cli.registry import models, promote, rollback
from ml.cli.rejects import rejects
from ml.cli.serve import serve

__all__ = ["main"]

for command in (
    init,
    doctor,
    simulate,
    rejects,
    profile,
    list_targets,
    features,
    dataset,
    train,
    evaluate,
    models,
    promote,
    rollback,
    materialize,
    score,
    predict,
    export,
    serve,
    verify,
    trace,
    monitor,
    publish,
    lineage,
    report,
    catalogue,
    refit,
    forget,
    lake,
    audit,
):
    main.add_command(command)
