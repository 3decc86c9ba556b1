"""The command that proves that features use no later data: `ml audit`."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from ml.cli import text
from ml.cli.answer import Answer, answers
from ml.cli.group import examples
from ml.workspace.plain import plain
from ml.workspace.settings import workspace

if TYPE_CHECKING:
    from ml.features.leakage import Proof
    from ml.features.leakage.proof import FeatureVerdict, Sample


@click.group(epilog=examples("ml audit leakage"))
def audit() -> None:
    """Prove what the workspace promises."""


@audit.command(epilog=examples("ml audit leakage", "ml audit leakage --at 2022-11-01"))
@click.option(
    "--at",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help="The instant (00:00 UTC). Default: the first day of the last complete month.",
)
@click.option("--keep", is_flag=True, help="Keep the corrupted copy and its warehouse.")
@click.option(
    "--buckets",
    type=click.IntRange(min=1),
    metavar="N",
    help="Of a lake alone: how many of its buckets are audited. Default: 1.",
)
@answers
def leakage(answer: Answer, at: datetime | None, keep: bool, buckets: int | None) -> int:
    """Show that no feature depends on what happened later.

    Every raw row at or after an instant is corrupted in a copy, features are built from the copy,
    and all that was known at the instant is compared with the workspace's own. Takes about as long
    as a fresh build. The exit code is 1 where anything differs. Of a lake, sampled buckets are
    audited, and what that leaves out is named.
    """
    from ml.features.leakage import audit_leakage
    from ml.features.leakage.proof import proof_path

    ws = workspace()
    proof = audit_leakage(ws, at, keep, buckets)
    corrupted = sum(each.corrupted for each in proof.raw_files)
    answer.give(
        f"{corrupted} raw rows at or after {proof.at:%Y-%m-%d} corrupted; rows known by then:\n",
        at=proof.at,
        holds=proof.holds,
        corrupted=corrupted,
    )
    _give_families(answer, proof)
    answer.give(
        features=[plain(each) for each in proof.features if each.verdict != "clean"],
        blind_sources=proof.blind_sources,
        not_corrupted=_not_corrupted(proof),
        sample=proof.sample,
    )
    for line in _remarks(proof):
        answer.say(line)
    path = proof_path(ws.home, proof.at)
    copy = ws.home / "audit" / f".leakage-{proof.at:%Y-%m-%d}" if keep else None
    answer.give(f"\nProof: {path}", proof=path, copy=copy)
    if keep:
        answer.say(f"Corrupted copy: {copy}")
    return 0 if proof.holds else 1


def _give_families(answer: Answer, proof: "Proof") -> None:
    from ml.features.leakage.proof import VERDICTS

    families: list[dict[str, Any]] = []
    for each in proof.relations:
        found = [f.verdict for f in proof.features if f.relation == each.relation]
        families.append(
            {
                "family": each.family,
                "relation": each.relation,
                "rows": each.rows,
                "only_here": each.only_here,
                "only_in_copy": each.only_in_copy,
                "features": len(found),
                **{verdict: found.count(verdict) for verdict in VERDICTS},
            }
        )
    verdicts = ["clean", "blind", "leaks", *(["stale"] if proof.of("stale") else [])]
    columns = {name: name for name in ("family", "rows", "features", *verdicts)}
    total: dict[str, Any] = {"family": "all", "rows": sum(each.rows for each in proof.relations)}
    total |= {"features": len(proof.features)}
    total |= {verdict: len(proof.of(verdict)) for verdict in verdicts}
    answer.give(text.records_table([*families, total], columns), families=families)


def _remarks(proof: "Proof") -> list[str]:
    lines = _on_sample(proof.sample) if proof.sample else []
    lines += [f"\n{f.name} leaks: {_example(f)}" for f in proof.of("leaks")]
    mend = (
        "remove the lake's folder, then: ml lake build"
        if proof.sample
        else "dbt build --full-refresh"
    )
    lines += [f"\n{f.name} is stale (mend it: {mend}): {_example(f)}" for f in proof.of("stale")]
    lines += [
        f"\n{each.relation}: of the rows known at the instant, {each.only_here} vanish and "
        f"{each.only_in_copy} appear when later rows change."
        for each in proof.uneven
    ]
    if proof.blind_sources:
        names = ", ".join(proof.blind_sources)
        lines.append(f"\nNothing is proved about {names}: no feature shows the corruption.")
    if skipped := _not_corrupted(proof):
        lines.append(f"\nNot corrupted, for no column is a time: {', '.join(skipped)}.")
    if proof.of("blind"):
        lines.append("\nblind: the same before and after the instant, so nothing is proved.")
    return lines


def _not_corrupted(proof: "Proof") -> list[str]:
    files = [each for each in proof.raw_files if "no column" in each.treatment]
    return sorted({f"{each.source}.{each.table}" for each in files})


def _on_sample(sample: "Sample") -> list[str]:
    """Say what was audited of a lake, and name all that was not."""
    named = ", ".join(map(str, sample.buckets))
    lines = [
        f"\nAudited: the customers of {len(sample.buckets)} of {sample.of} buckets ({named}). "
        "Nothing is proved about those of other buckets, nor about how raw files land."
    ]
    if sample.facts and len(sample.buckets) < sample.of:
        lines.append(
            "\nMade of these customers' rows alone, not of all: " + ", ".join(sample.facts) + "."
        )
    if sample.families:
        lines.append(
            "\nThese families read what is computed from all customers, so they were audited as if "
            f"the sample were all of them: {', '.join(sample.families)}. Nothing is to be done; "
            "ml lake verify compares the lake's own values."
        )
    if sample.absent:
        lines.append(f"\nNot audited, for no row is in these buckets: {', '.join(sample.absent)}.")
    return lines


def _example(feature: "FeatureVerdict") -> str:
    found = feature.difference
    shown = found.example or {}
    return (
        f"{found.before} rows, such as customer {shown.get('customer_id')} in "
        f"{shown.get('feature_month')}: {shown.get('value')}, "
        f"with other rows afterwards {shown.get('value_in_copy')}"
    )
