"use strict";
/* Searching as one types, opening what was found, and the keyboard. */

const search = (() => {
  const AT_ONCE = 100;
  const TITLE = document.title;
  const ids = ["query", "results", "counted", "more", "found"];
  const [query, results, counted, more, found] = ids.map((id) => document.getElementById(id));
  const boxes = [...document.querySelectorAll(".kinds input")];
  let matching = [];
  let shown = 0;
  let opened = "";

  function start() {
    query.addEventListener("input", refresh);
    query.addEventListener("focus", () => document.body.classList.toggle("searching", true));
    boxes.forEach((box) => box.addEventListener("change", refresh));
    more.addEventListener("click", () => {
      const next = shown;
      extend();
      links()[next].focus();
    });
    document.querySelector(".skip").addEventListener("click", (event) => {
      event.preventDefault();
      found.focus();
    });
    results.addEventListener("click", (event) => {
      // What is open already, and hidden by the results on a phone, changes no address.
      if (event.target.closest("a")?.getAttribute("href") === location.hash) open(true);
    });
    addEventListener("hashchange", () => open(true));
    addEventListener("keydown", keys);
    refresh();
    open(false);
  }

  /* Return the words that are typed, each with a test of a name; `*` is any characters. */
  function parsed(text) {
    const words = text.trim().toLowerCase().split(/\s+/).filter(Boolean);
    return words.map((word) => {
      const pattern = word.split("*").map(literally).join(".*");
      const glob = word.includes("*") && new RegExp(pattern);
      return { word, glob, isNamed: (name) => (glob ? glob.test(name) : name.includes(word)) };
    });
  }

  function literally(text) {
    return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  }

  /* Return how well an item fits, smaller being better; Infinity where it does not. */
  function rank(item, typed, words) {
    const fits = ({ word, glob }) => (glob ? glob.test(item.lower) : item.text.includes(word));
    if (!words.every(fits)) return Infinity;
    if (item.lower === typed) return 0;
    if (item.lower.startsWith(typed)) return 1;
    if (item.lower.includes(typed)) return 2;
    if (words.every(({ isNamed }) => isNamed(item.lower))) return 3;
    const isTagged = ({ word, isNamed }) => isNamed(item.lower) || item.tags.includes(word);
    return words.every(isTagged) ? 4 : 5;
  }

  /* Return what matches what is typed, best first: exact names, beginnings, names, tags, words. */
  function match(text, kinds) {
    const words = parsed(text);
    const typed = text.trim().toLowerCase();
    const fitting = catalogue.items.filter((item) => !kinds.size || kinds.has(item.kind));
    if (!words.length) return fitting;
    return fitting
      .map((item) => [rank(item, typed, words), item])
      .filter(([rank]) => rank < Infinity)
      .sort(([one], [other]) => one - other)
      .map(([, item]) => item);
  }

  function refresh() {
    const chosen = boxes.filter((box) => box.checked).map((box) => box.value);
    matching = match(query.value, new Set(chosen));
    results.replaceChildren();
    results.scrollTop = 0;
    shown = 0;
    extend();
    counted.textContent = matching.length
      ? `${count(matching.length)} found`
      : "Nothing found. Fewer or shorter words find more.";
    const asked = query.value !== "" || chosen.length > 0;
    document.body.classList.toggle("searching", asked);
    if (asked) document.body.classList.remove("reading");
  }

  function extend() {
    const typed = query.value.split(/[\s*]+/).filter(Boolean);
    results.append(...matching.slice(shown, shown + AT_ONCE).map((item) => row(item, typed)));
    shown = Math.min(shown + AT_ONCE, matching.length);
    more.hidden = shown >= matching.length;
    more.textContent = `Show more of the other ${count(matching.length - shown)}`;
  }

  function row(item, typed) {
    const words = item.words.replaceAll("`", "");
    const what = item.kind === "feature" ? words : `${item.kind} · ${words}`;
    const current = item.id === opened ? "page" : null;
    return make(
      "li",
      null,
      make(
        "a",
        { href: address(item.kind, item.name), "aria-current": current },
        make("span", { class: "name" }, marked(item.name, typed)),
        make("span", { class: "words" }, cut(what, 110)),
      ),
    );
  }

  /* Return a name whose parts that were typed are marked. */
  function marked(name, typed) {
    if (!typed.length) return name;
    const parts = name.split(new RegExp(`(${typed.map(literally).join("|")})`, "i"));
    return parts.map((part, place) => (place % 2 ? make("mark", null, part) : part));
  }

  function links() {
    return [...results.querySelectorAll("a")];
  }

  /* Show what the address names: an item, or the beginning. */
  async function open(byHand) {
    let id = "";
    try {
      id = decodeURIComponent(location.hash.slice(1));
    } catch {
      // An address that was cut off names nothing.
    }
    opened = id;
    links().forEach((each) => {
      if (each.getAttribute("href") === location.hash) each.setAttribute("aria-current", "page");
      else each.removeAttribute("aria-current");
    });
    document.body.classList.toggle("reading", id !== "");
    document.body.classList.remove("searching");
    const item = catalogue.byId.get(id);
    const shownNow = id === "" ? beginning() : item ? await page(item) : missing(id);
    // Another may have been opened meanwhile.
    if (opened !== id) return;
    document.title = item ? `${item.name} · ${TITLE}` : TITLE;
    found.replaceChildren(...shownNow.flat(2).filter(Boolean));
    if (byHand) {
      scrollTo(0, 0);
      found.querySelector("h1").focus({ preventScroll: true });
    }
  }

  async function page(item) {
    const head = [
      make("a", { href: "#", class: "back" }, "← Beginning"),
      make("p", { class: "kicker" }, item.kind),
      make("h1", { tabindex: "-1" }, item.name),
      item.words ? make("p", { class: "lead" }, prose(item.words)) : null,
    ];
    const read = await catalogue.read(item.group).catch(() => null);
    if (read) return [...head, ...details[item.kind](item, read.facts[item.name], read.shared)];
    const why = `facts/${item.group}.js cannot be read. Write the catalogue again: ml catalogue`;
    return [...head, make("p", { class: "warning" }, why)];
  }

  function missing(id) {
    const title = make("h1", { tabindex: "-1" }, "Not in this catalogue");
    return [title, make("p", { class: "lead" }, id)];
  }

  /* Return the first page: what there is, targets and families. */
  function beginning() {
    const of = (kind) => catalogue.items.filter((item) => item.kind === kind);
    const families = new Map();
    of("feature").forEach((item) => families.set(item.group, (families.get(item.group) || 0) + 1));
    const moved = of("feature").filter((item) => /\b(warned|alarmed)\b/.test(item.tags));
    const line = (item) => make("li", null, link(item.kind, item.name));
    const named = (items) => make("ul", { class: "names" }, items.map(line));
    const heads = ["family", "features", "what they are about"];
    const rows = [...families].map(([group, number]) => {
      const family = decodeURIComponent(group.slice(group.indexOf("/") + 1));
      const held = catalogue.byId.get(`table/features.ftr_${family}`);
      const name = held ? link("table", held.name, family) : family;
      return [name, count(number), held ? prose(held.words) : ""];
    });
    return [
      make("h1", { tabindex: "-1" }, "What there is"),
      make(
        "p",
        { class: "lead" },
        "Features, the targets and models that use them, the tables and files they are made from.",
      ),
      moved.length
        ? chapter(
            "Features to look at",
            named(moved),
            note("Their newest month is warned of or alarmed."),
          )
        : null,
      chapter("Targets", named(of("target"))),
      chapter("Sources", named(of("source"))),
      chapter("Families of features", table("Families", heads, rows, [1])),
      chapter("Marts", named(of("mart"))),
    ];
  }

  function keys(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const places = links();
    const place = places.indexOf(document.activeElement);
    const typing = document.activeElement === query;
    const focus = (element) => {
      event.preventDefault();
      element?.focus();
    };
    if (event.key === "/" && !typing) {
      focus(query);
      query.select();
    } else if (event.key === "Escape" && !typing) focus(query);
    else if (event.key === "Escape" && query.value) {
      event.preventDefault();
      query.value = "";
      refresh();
    } else if (event.key === "Enter" && typing && matching.length && query.value) {
      event.preventDefault();
      query.blur();
      links()[0].click();
    } else if (event.key === "ArrowDown" && typing) focus(places[0]);
    else if (place < 0) return;
    else if (event.key === "ArrowDown") focus(places[place + 1] || more);
    else if (event.key === "ArrowUp") focus(places[place - 1] || query);
    else if (event.key === "Home") focus(places[0]);
    else if (event.key === "End") focus(places[places.length - 1]);
  }

  return { start, match };
})();
