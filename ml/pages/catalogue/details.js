"use strict";
/* What the page shows of an item: a function for each kind. */

const WAYS = { up: "likelier", down: "less likely", mixed: "neither likelier nor less likely" };

const details = {
  feature(item, facts, shared) {
    const route = facts.steps.map ? facts.steps.map((place) => shared.steps[place]) : [];
    const lag = shared.lag_days ? ` plus ${shared.lag_days} days` : "";
    return [
      known([
        ["Family", link("table", shared.relation, shared.family)],
        ["Source", link("source", shared.source), small(`table ${shared.table}`)],
        ["Aggregation", facts.aggregation],
        ["Window", facts.window],
        ["Type", facts.type],
        ["Known from", `the first day of the next month${lag}`, validFor(shared.ttl_months)],
        ["Declared in", code(shared.spec), small(`feature ${facts.position} of the family`)],
      ]),
      chapter("Lineage", lineageOf(item, facts, shared, route)),
      chapter("Who uses it", users(facts, shared)),
      chapter("Statistics", statistics(facts.statistics)),
      chapter("By month", monthly(facts.months)),
      chapter("How it is made", route.length ? way(route) : note(facts.steps)),
      chapter("Cost of its family", cost(shared.cost)),
    ];
  },

  target(item, facts) {
    const positive = `${count(facts.positives)} positive, ${share(facts.positives / facts.rows)}`;
    return [
      known([
        ["Label rows", count(facts.rows), small(positive)],
        ["Horizon", months(facts.horizon_months)],
        ["Validation", facts.validation],
        ["Judged by", facts.metric],
        ["Families it may use", facts.families.join(", ")],
        ["Baseline", facts.baseline ? link("feature", facts.baseline) : NOTHING],
        ["Relation", relation(facts.relation)],
      ]),
      chapter("Models over time", models(facts)),
      chapter("Positives by label month", positives(facts.months)),
      chapter(
        "Label SQL",
        facts.condition ? make("p", null, "Rows where ", code(facts.condition), ".") : null,
        block(facts.sql),
      ),
    ];
  },

  model(item, facts) {
    const metrics = facts.metrics.map(([name, value, trivial, what]) => [
      name, decimals(value), decimals(trivial), what,
    ]);
    const features = facts.features.map((each) => [
      link("feature", each.feature), share(each.importance), WAYS[each.direction] || NOTHING,
    ]);
    const left = facts.reads - facts.features.length;
    return [
      make("p", null, badge(facts.champion ? "champion" : "not champion"), badge(facts.family)),
      known([
        ["Target", link("target", facts.target)],
        ["Trained (UTC)", moment(facts.trained)],
        [
          "Learnt from",
          `${count(facts.training_rows)} rows`,
          small(`${count(facts.training_positives)} positive`),
        ],
        ["Judged on", facts.judged_on, small(`${count(facts.judged_rows)} rows`)],
        ["Threshold", short(facts.threshold)],
        ["Training set", code(facts.dataset || NOTHING)],
      ]),
      chapter(
        "How good it is",
        table("Metrics", ["metric", "model", "trivial answer", "which is"], metrics, [1, 2]),
        make("ul", null, facts.protocol.map((line) => make("li", null, line))),
      ),
      chapter(
        "What it looks at",
        table("Features", ["feature", "importance", "a higher value makes yes"], features, [1]),
        left > 0 ? note(`${count(left)} more features matter less.`) : null,
      ),
      chapter("What happened to it", happened(facts.history)),
    ];
  },

  source(item, facts) {
    const rejects = facts.rejects.map(([file, reason, rows]) => [code(file), reason, count(rows)]);
    const files = facts.files.map((each) => [
      code(each.file), each.table, size(each.bytes), moment(each.changed), count(each.rows),
    ]);
    const heads = ["file", "table", "size", "changed (UTC)", "rows accepted"];
    return [
      facts.present ? null : make("p", null, badge("no files in this workspace", true)),
      known([
        ["Newest file changed (UTC)", facts.landed || NOTHING],
        ["Events until", facts.last_day || NOTHING],
        ["Last complete month", facts.last_month || NOTHING],
        ["Form", facts.form || NOTHING],
        ["Rows set aside", count(facts.rejected_rows)],
      ]),
      chapter("Tables", facts.tables.map(landed)),
      chapter(
        "Rows set aside",
        rejects.length ? table("Rejects", ["file", "reason", "rows"], rejects, [2]) : note("None."),
      ),
      chapter(
        "Files",
        files.length ? table("Files", heads, files, [2, 4]) : note("None."),
        facts.more_files ? note(`${count(facts.more_files)} more.`) : null,
      ),
    ];
  },

  table(item, facts) {
    const columns = facts.columns.map(([name, type, told]) => [
      link("feature", name),
      type.toLowerCase(),
      prose(told || catalogue.byId.get(`feature/${name}`)?.words || ""),
    ]);
    return [
      known([
        ["Layer", facts.layer],
        ["Type", facts.type, facts.stored ? small(`kept as ${facts.stored}`) : null],
        ["Declared in", code(facts.declared)],
      ]),
      chapter("Reads", relations(facts.reads)),
      chapter(
        "Is read by",
        relations(facts.read_by),
        facts.outside.length ? [heading("Outside the project"), outside(facts.outside)] : null,
      ),
      chapter("Columns", table("Columns", ["column", "type", "description"], columns)),
      facts.sql ? chapter("SQL", block(facts.sql)) : null,
    ];
  },
};
details.mart = details.table;

function lineageOf(item, facts, shared, route) {
  if (!route.length) return note(facts.steps);
  const from = route[route.length - 1].relation;
  const alt = `${item.name}, from ${from} on; the chapter How it is made says the same in words`;
  return lineagePicture(featureBoxes(item, facts, shared, route), alt);
}

function users(facts, shared) {
  if (!facts.uses.length) {
    const may = shared.targets.map((name) => [" ", link("target", name)]);
    const allowed = may.length ? make("p", null, "Models of these targets may:", may) : null;
    return [note("No champion reads it."), allowed];
  }
  const rows = facts.uses.map((use) => [
    link("target", use.target),
    link("model", use.model),
    share(use.importance),
    WAYS[use.direction] || NOTHING,
  ]);
  const marts = catalogue.scored.marts.map((name) => [" ", relation(name)]);
  return [
    table("Champions", ["target", "champion", "importance", "a higher value makes yes"], rows, [2]),
    marts.length ? make("p", { class: "through" }, "Through scores:", marts) : null,
    catalogue.scored.outside.length ? outside(catalogue.scored.outside) : null,
  ];
}

function statistics(found) {
  if (!found) return note("None: the family has no rows, or was not built since.");
  const measured = [
    share(found.null_share),
    `about ${count(found.distinct_values)}`,
    short(found.mean),
    short(found.minimum),
    short(found.maximum),
    found.drift === null ? "one month only" : short(found.drift),
  ];
  const heads = ["without a value", "distinct values", "mean", "minimum", "maximum", "drift"];
  return [
    table("Statistics", heads, [measured], [0, 1, 2, 3, 4, 5]),
    note(
      `Measured on ${count(found.rows)} customer-months of the newest two months when the family ` +
        "was last built. Drift is the population stability index (PSI) between the two.",
    ),
  ];
}

function monthly(by) {
  if (!by.feature_month) {
    return note(
      "Not measured yet. A whole dbt build measures each month of the families that a champion " +
        "reads, or of all where monitoring: {reference: …} in workspace.yml names months.",
    );
  }
  const [first, last] = [by.reference_from.slice(0, 7), by.reference_until.slice(0, 7)];
  const reference = first === last ? first : `${first} to ${last}`;
  const newest = by.feature_month.at(-1);
  const status = by.status.at(-1);
  return [
    make(
      "p",
      null,
      badge(status, status === "alarmed" || status === "warned"),
      `in ${newest}${by.cause ? `: ${by.cause}` : ""}.`,
    ),
    make("div", { class: "figures" }, monthPictures(by, newest, reference)),
    folded("Numbers by month", monthNumbers(by)),
    folded("Bins", binNumbers(by, newest)),
  ];
}

function monthPictures(by, newest, reference) {
  const at = by.feature_month;
  const excess = by.psi.map((each, place) => Math.max(each - by.psi_noise[place], 0));
  const limits = [[by.warn, "warned of"], [by.alarm, "alarmed"]];
  return [
    histogram(
      "Values",
      `Shares of customers on the tenths of the reference (${reference}, pale); dark, ${newest}.`,
      by.bins,
      by.reference_bins,
      by.edges,
    ),
    lines("PSI less noise", "How far the values are from the reference.", at, excess, {
      low: 0,
      limits,
    }),
    lines("Without a value", "Share of customers without a value.", at, by.null_share, {
      low: 0,
      format: share,
    }),
    lines("Mean", `In the reference ${short(by.reference_mean)}.`, at, by.mean),
    lines("Median", "The band holds the middle half of the values.", at, quantile(by, 2), {
      band: [quantile(by, 1), quantile(by, 3)],
    }),
  ];
}

function quantile(by, place) {
  return by.quantiles.map((each) => (each ? each[place] : null));
}

function monthNumbers(by) {
  const heads = [
    "month", "customers", "without a value", "mean", "5 %", "median", "95 %", "PSI", "noise",
    "status",
  ];
  const rows = by.feature_month.map((month, place) => [
    month,
    count(by.rows[place]),
    share(by.null_share[place]),
    short(by.mean[place]),
    ...[0, 2, 4].map((each) => short(quantile(by, each)[place])),
    short(by.psi[place]),
    short(by.psi_noise[place]),
    by.status[place],
  ]);
  return table("Numbers by month", heads, rows, [1, 2, 3, 4, 5, 6, 7, 8]);
}

function binNumbers(by, newest) {
  const [now, before] = [shares(by.bins), shares(by.reference_bins)];
  const rows = now.map((each, place) => [
    binName(place, by.edges, now.length), share(each), share(before[place]),
  ]);
  return table("Bins", ["values", newest, "reference"], rows, [1, 2]);
}

/* Return a feature's steps in words and SQL, from the feature down to the raw files. */
function way(route) {
  const step = (each) => {
    const sql = each.expressions.map((one) => `${one.name} =\n    ${one.sql}`).join("\n");
    const files = each.files.slice(0, 5).map((file) => [code(file), " "]);
    const more = each.files.length > 5 ? `and ${each.files.length - 5} more` : "";
    const columns = each.columns.join(", ") || "rows, whatever their columns";
    return make(
      "li",
      null,
      make("p", { class: "layer" }, each.layer),
      make("p", null, relation(each.relation), `: ${columns}`),
      sql ? block(sql) : null,
      files.length ? make("p", null, "Raw files: ", files, more) : null,
    );
  };
  return make("ol", { class: "way" }, route.map(step));
}

function cost(found) {
  const seconds = (value) => (value === null ? NOTHING : `${value.toFixed(1)}\u202fs`);
  const heads = ["features", "rows", "size", "bytes a row", "seconds"];
  const row = [
    count(found.features),
    count(found.rows),
    size(found.bytes),
    found.rows ? count(found.bytes / found.rows) : NOTHING,
    seconds(found.seconds),
  ];
  if (found.partial) {
    heads.push(`seconds of ${found.partial}`);
    row.push(seconds(found.partial_seconds));
  }
  return [
    table("Cost", heads, [row], [0, 1, 2, 3, 4, 5]),
    note(
      "Size: the whole blocks of the warehouse file that hold the family's columns. Seconds: of " +
        "the last dbt command, where it built the model.",
    ),
  ];
}

function models(facts) {
  if (!facts.models.length) return note("None is trained yet: ml train");
  const heads = [
    "model", "trained (UTC)", "family", "judged on", "ROC-AUC", "PR-AUC", "Brier", "place",
  ];
  const rows = facts.models.map((each) => [
    link("model", each.id),
    moment(each.trained),
    each.family,
    each.judged_on,
    decimals(each.roc_auc),
    decimals(each.pr_auc),
    decimals(each.brier),
    each.champion ? "champion" : "",
  ]);
  return [
    table("Models", heads, rows, [4, 5, 6]),
    heading("What happened"),
    happened(facts.history),
  ];
}

function positives(labels) {
  const at = labels.map((each) => each.month);
  const shared = labels.map((each) => each.positives / each.rows);
  const rows = labels.map((each, place) => [
    each.month, count(each.rows), count(each.positives), share(shared[place]),
  ]);
  const pictures = [
    lines("Share of positives", "Of the labels that begin in each month.", at, shared, {
      low: 0,
      format: share,
    }),
    lines("Label rows", "Customers with a label.", at, labels.map((each) => each.rows), { low: 0 }),
  ];
  const numbers = table("Labels by month", ["month", "rows", "positive", "share"], rows, [1, 2, 3]);
  if (labels.length < 2) return numbers;
  return [make("div", { class: "figures" }, pictures), folded("Numbers by month", numbers)];
}

function landed(each) {
  const [at, rows] = [each.months.map(([month]) => month), each.months.map(([, number]) => number)];
  const caption = "Accepted rows by the month of their event.";
  return [
    heading(relation(each.relation)),
    make("p", null, prose(each.words)),
    note(each.rows ? `${count(each.rows)} rows accepted.` : "No row is accepted, or none counted."),
    at.length
      ? make("div", { class: "figures" }, lines("Rows by month", caption, at, rows, { low: 0 }))
      : null,
  ];
}

function happened(events) {
  if (!events.length) return note("Nothing is recorded.");
  const rows = events.map((each) => [
    moment(each.at), each.what, link("model", each.model), each.why,
  ]);
  return table("What happened", ["when (UTC)", "what", "model", "why"], rows);
}

function outside(uses) {
  const use = (each) => [make("strong", null, each.name), ` (${each.kind}): `, prose(each.words)];
  return make("ul", null, uses.map((each) => make("li", null, use(each))));
}

function relations(names) {
  if (!names.length) return note("Nothing.");
  return make("ul", { class: "names" }, names.map((name) => make("li", null, relation(name))));
}

function validFor(ttl) {
  return ttl ? small(`used for ${months(ttl)}`) : null;
}

function months(number) {
  return `${number} month${number === 1 ? "" : "s"}`;
}

function moment(text) {
  return make("time", null, (text || NOTHING).slice(0, 16).replace("T", " "));
}

function decimals(number) {
  return number === null || number === undefined ? NOTHING : number.toFixed(4);
}
