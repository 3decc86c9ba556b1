"use strict";
/* What the catalogue lists, and the facts of it, which are read from files when they are needed. */

const catalogue = {
  kinds: [],
  items: [],
  scored: {},
  byId: new Map(),
  loaded: new Map(),

  /* Called by items.js: rows of [place of the kind, name, words, group, tags]. */
  list(kinds, scored, rows) {
    this.kinds = kinds;
    this.scored = scored;
    this.items = rows.map(([kind, name, words, group, tags]) => ({
      kind: kinds[kind],
      id: `${kinds[kind]}/${name}`,
      name,
      words,
      group,
      lower: name.toLowerCase(),
      tags: tags.toLowerCase(),
      text: `${name} ${tags} ${kinds[kind]} ${words}`.toLowerCase(),
    }));
    this.items.forEach((item) => this.byId.set(item.id, item));
    search.start();
  },

  /* Called by each file of facts. */
  facts(group, shared, facts) {
    this.loaded.set(group, { shared, facts });
  },

  /* Return what the facts of an item's group are, read from its file once. */
  read(group) {
    if (this.loaded.has(group)) return Promise.resolve(this.loaded.get(group));
    return new Promise((done, failed) => {
      const script = document.createElement("script");
      script.src = `facts/${encodeURI(group)}.js`;
      script.onload = () => done(this.loaded.get(group));
      script.onerror = () => failed(new Error(`${script.src} cannot be read`));
      document.head.append(script);
    });
  },
};
