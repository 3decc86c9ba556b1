"""The models of a lake are built in waves: tasks in the buckets, then facts of the whole."""

import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ml.lake.bucket import (
    BucketResult,
    BucketWork,
    Step,
    View,
    named_query,
    rejects_of,
    view_query,
)
from ml.lake.entry import BUCKET, Entry, by_bucket, files_with_rows
from ml.lake.facts import (
    content_of,
    feature_names,
    files_of,
    fingerprint,
    merged,
    months_of,
    replace_table,
    run_python,
)
from ml.lake.project import Model, Project
from ml.lake.scope import is_view, levels, needed_by_customers
from ml.lake.stored import YEAR, Stored, table_of, types_of, write
from ml.workspace.sql import quoted_relation

FILES = "landed.files"
Run = Callable[[str, Sequence[BucketWork]], list[BucketResult]]


@dataclass(frozen=True)
class Place:
    """Folders of a lake: its tables, and what is gone after the build; buckets and their memory.

    `only` are the buckets that are built; all of them where it is empty.
    """

    tables: Path
    scratch: Path
    buckets: int
    memory: str
    only: tuple[int, ...] = ()

    def new_file(self, relation: str) -> str:
        """Return the path of a new file of a fact of the whole."""
        schema, name = relation.split(".")
        folder = self.tables / schema / name
        folder.mkdir(parents=True, exist_ok=True)
        return str(folder / f"{uuid.uuid4().hex}.parquet")


class Waves:
    """Builds what changed of a project, wave by wave.

    Args:
        connection: the driver's: facts of the whole are tables in it, the workspace's own tables
            and seeds among them.
        project: the compiled project.
        entries: the relations of the lake, landed tables included; those that change are replaced.
        run: runs tasks, with words for their progress, and returns their results.
        place: where the lake is.
        known: facts of the whole that were given, and are not computed.
    """

    def __init__(  # noqa: PLR0913
        self,
        connection: duckdb.DuckDBPyConnection,
        project: Project,
        entries: dict[str, Entry],
        run: Run,
        place: Place,
        *,
        known: Collection[str] = (),
    ) -> None:
        self._connection = connection
        self._project = project
        self._entries = entries
        self._run = run
        self._place = place
        self._known = known
        self._levels = levels(project)
        self._needed = needed_by_customers(project)
        self.features = feature_names(connection, project)
        # A hash of what each relation is made of, as of this build.
        self._prints: dict[str, str] = {}
        self.results: list[BucketResult] = []

    def build(self) -> None:
        """Build every wave; afterwards the entries are those of the next snapshot."""
        for relation in self._project.sources:
            if relation in self._entries and not self._entries[relation].is_fact:
                self._prints[relation] = self._entries[relation].fingerprint
        for model in self._project.models:
            # What buckets returned in earlier builds counts until they return something else.
            if model.totals and model.relation in self._entries:
                known = self._entries[model.relation].whole.query
                replace_table(self._connection, model.relation, known)
        self.keep(FILES)
        for wave in range(max(self._levels.values()) + 1):
            models = [
                m
                for m in self._project.models
                if self._levels[m.relation] == wave and m.relation not in self._known
            ]
            for model in models:
                if model.relation in self._needed:
                    self._compute(model)
            steps = [s for m in models if not m.is_whole for s in self._due(m)]
            if steps:
                self._work(wave, steps)

    def _content(self, relation: str) -> str:
        return content_of(self._connection, relation)

    def _made_of(self, model: Model) -> str:
        return fingerprint(model.sql, [(r, self._print_for(model, r)) for r in model.reads])

    def _print_for(self, model: Model, relation: str) -> str | None:
        """Return the hash of what a model reads: of the list of files, those of its own sources."""
        own = [f"{s}__{t}" for s, t in self._tables_read(model)]
        if relation != FILES or not own:
            return self._prints.get(relation)
        rows = self._connection.execute(
            f"select sum(hash(files))::varchar from {FILES} as files "
            "where list_contains(?, source || '__' || table_name)",
            [own],
        ).fetchone()
        return fingerprint(rows)

    def _tables_read(self, model: Model) -> list[tuple[str, str]]:
        """Return source and table of the landed tables of customers that a model reads itself."""
        return [
            (node["source_name"], node["name"])
            for relation in model.reads
            if (node := self._project.sources.get(relation)) is not None
            and node["source_name"] != "workspace"
        ]

    # Facts of the whole.

    def _compute(self, model: Model) -> None:
        """Compute a model of the whole that customer models read."""
        if model.sql:
            replace_table(self._connection, model.relation, model.sql)
        else:
            for relation in model.reads:
                self._show(relation)
            known = self._has(model.relation)
            run_python(self._connection, self._project, model, known)
        self.keep(model.relation)

    def keep(self, relation: str, made_of: str = "") -> None:
        """Write the rows of a fact into the lake, unless they are those that it has."""
        content = self._content(relation)
        self._prints[relation] = content
        types = types_of(self._connection, f"from {quoted_relation(relation)}")
        entry = self._entries.setdefault(relation, Entry(types))
        if entry.content != content:
            path = self._place.new_file(relation)
            write(self._connection, f"from {quoted_relation(relation)}", types, path)
            entry.types, entry.content = types, content
            entry.replace([path], "everything")
        entry.fingerprint = made_of

    def _has(self, relation: str) -> bool:
        schema, name = relation.split(".")
        found = self._connection.execute(
            "select count(*) from duckdb_tables() where schema_name = ? and table_name = ? "
            "and not temporary",
            [schema, name],
        ).fetchall()
        return found != [(0,)]

    def _show(self, relation: str) -> None:
        """Make customers' rows, as staging has them, readable on the driver."""
        model = self._project.find(relation)
        if model is None or model.kind != "staged":
            return
        for read in model.reads:
            if read in self._entries and not self._has(read):
                self._view(read, self._entries[read].whole.query)
        self._view(relation, view_query(model))

    def _view(self, relation: str, query: str) -> None:
        name = quoted_relation(relation)
        self._connection.execute(f"create schema if not exists {name.split('.')[0]}")
        self._connection.execute(f"create or replace view {name} as {query}")

    # Customer models.

    def _due(self, model: Model) -> list[Step]:
        """Return the step that builds a customer model, if anything that it is made of changed."""
        if model.month:
            return self._due_months(model)
        made_of = self._prints[model.relation] = self._made_of(model)
        relation = rejects_of(model) if model.kind == "staged" else model.relation
        kept = self._entries.get(relation)
        if model.kind == "view":
            return []
        if kept is not None and kept.fingerprint == made_of:
            if model.totals:
                self._prints[model.relation] = kept.content
            return []
        if model.files_query is None:
            return [Step(model)]
        return [Step(model, files=self._files_read(model))]

    def _files_read(self, model: Model) -> tuple[tuple[str, int], ...]:
        """Return the files that a model of event files has read and that are as they were."""
        known = files_of(self._connection, model)
        if not self._has(model.relation):
            return ()
        read = self._connection.execute(
            f"select distinct file, stamp from {quoted_relation(model.relation)}"
        ).fetchall()
        return tuple(sorted(set(known) & set(read)))

    def _due_months(self, model: Model) -> list[Step]:
        kept = self._entries.get(model.rows)
        built = kept.months if kept else {}
        versions = dict(months_of(self._connection, model))
        features = self.features.get(model.relation, ())
        self._prints[model.relation] = fingerprint(versions, features)
        differ = [m for m in built.keys() | versions.keys() if built.get(m) != versions.get(m)]
        years = tuple(sorted({month.year for month in differ}))
        if not years and kept is not None:
            return []
        return [
            Step(
                model,
                features,
                built=tuple(sorted(built.items())),
                versions=tuple(sorted(versions.items())),
                years=years,
            )
        ]

    def _work(self, wave: int, steps: list[Step]) -> None:
        """Build models in every bucket, and take over what they wrote and returned."""
        views, facts, stored = self._inputs(steps)
        buckets = self._place.only or range(self._place.buckets)
        rows = {relation: by_bucket(self._entries[relation].whole, buckets) for relation in stored}
        tasks = [
            BucketWork(
                bucket=bucket,
                memory=self._place.memory,
                scratch=self._place.scratch,
                tables=self._place.tables,
                views=views,
                facts=facts,
                stored={relation: parts[bucket] for relation, parts in rows.items()},
                steps=tuple(steps),
            )
            for bucket in buckets
        ]
        results = self._run(f"building, wave {wave + 1}", tasks)
        self.results += results
        for step in steps:
            self._absorb(step, results)

    def _inputs(
        self, steps: Sequence[Step]
    ) -> tuple[tuple[View, ...], dict[str, Stored], list[str]]:
        """Return what the steps read: views, facts of the whole, and relations of the bucket."""
        made = {step.model.relation for step in steps}
        views: dict[str, View] = {}
        facts: dict[str, Stored] = {}
        stored = [s.model.rows for s in steps if s.model.month and s.model.rows in self._entries]
        waiting = [relation for step in steps for relation in step.model.reads]
        seen: set[str] = set()
        while waiting:
            relation = waiting.pop()
            model = self._project.find(relation)
            if relation in seen or (relation in made and not (model and model.totals)):
                continue
            seen.add(relation)
            if model is not None and is_view(model) and not model.is_whole:
                views[relation] = View(model.place, relation, view_query(model))
                waiting += model.reads
            elif model is not None and model.kind == "vectors":
                names = self.features.get(relation, ())
                views[relation] = View(model.place, relation, named_query(model.rows, names))
                stored.append(model.rows)
            elif relation in self._entries:
                entry = self._entries[relation]
                if entry.is_fact:
                    facts[relation] = entry.whole
                else:
                    stored.append(relation)
        order = sorted(views.values(), key=lambda view: view.place)
        return tuple(order), facts, sorted(set(stored))

    def _absorb(self, step: Step, results: Sequence[BucketResult]) -> None:
        model = step.model
        relation = rejects_of(model) if model.kind == "staged" else model.rows
        types = results[0].types[relation]
        if model.totals:
            parts = [result.totals[relation] for result in results]
            query = merged(model.totals, parts, types)
            if step.files:
                kept = table_of({"file": "VARCHAR", "stamp": "UBIGINT"}, step.files)
                query += (
                    f" union all by name select * from {quoted_relation(relation)} "
                    f"where (file, stamp) in ({kept})"
                )
            replace_table(self._connection, relation, query)
            self.keep(relation, self._prints[relation])
            return
        files = files_with_rows(w for result in results for w in result.written[relation])
        by = (BUCKET, YEAR) if model.month else (BUCKET,)
        entry = self._entries.setdefault(relation, Entry(types, by))
        # Other columns are another version of every month.
        is_whole = not model.month or entry.types != types or entry.base is None
        entry.types = types
        entry.replace(files, "everything" if is_whole else {YEAR: step.years})
        entry.fingerprint = self._prints[model.relation]
        entry.months = dict(step.versions)
