// The pages: the whole project, and one for each node. Text only ever becomes text, never markup.

function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== undefined && child !== null));
  return made;
}

const pageOf = (node, column) =>
  `#/${encodeURIComponent(node.label)}${column === undefined ? "" : `/${encodeURIComponent(column)}`}`;
const numberText = (number) => number.toLocaleString("en");
const seconds = (milliseconds) => `${(milliseconds / 1000).toFixed(2)} s`;
const size = (bytes) => {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = bytes > 0 ? Math.min(4, Math.floor(Math.log2(bytes) / 10)) : 0;
  return `${(bytes / 1024 ** power).toFixed(power ? 1 : 0)} ${units[power]}`;
};
const day = (text) => new Date(text).toLocaleString();

/** The elements of a description, from its tree. */
function prose(tree) {
  return (tree ?? []).map((part) => (typeof part === "string" ? part
    : element(part.tag, part.href ? { href: part.href, rel: "noreferrer" } : {}, ...prose(part.parts))));
}

/** The same where one paragraph needs none around it. */
const inline = (tree) => (tree?.length === 1 && tree[0].tag === "p" ? prose(tree[0].parts) : prose(tree));

function table(name, titles, rows) {
  const head = element("tr", {}, ...titles.map((title) => element("th", { scope: "col" }, title)));
  return element("div", { class: "table", tabindex: "0", role: "region", "aria-label": name },
    element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows)));
}

function facts(pairs) {
  const list = element("dl", { class: "facts" });
  for (const [name, value] of pairs) {
    if (value === undefined || value === null || value === "") continue;
    list.append(element("div", {}, element("dt", {}, name), element("dd", {}, value)));
  }
  return list;
}

function overview() {
  const count = (test) => nodes.filter(test).length;
  const page = element("div", { class: "whole" }, element("h1", {}, content.project), facts([
    ["models", numberText(count((node) => !["source", "rule", "exposure"].includes(node.kind)))],
    ["rules", numberText(count((node) => node.kind === "rule"))],
    ["sources", numberText(count((node) => node.kind === "source"))],
    ["tests", numberText(new Set(nodes.flatMap((node) => node.tests.map((test) => test.name))).size)],
    ["unit tests", numberText(nodes.reduce((sum, node) => sum + node.unit_tests.length, 0))],
    ["exposures", numberText(content.exposures.length)],
    ["target", content.target], ["written", content.written_at],
  ]));
  if (!content.online) {
    page.append(element("p", { class: "quiet" }, "Written without a database: no rows, sizes or last results."));
  }
  if (content.overview) page.append(element("div", { class: "prose" }, ...prose(content.overview)));
  const place = element("div");
  const draw = (layer, domain) => {
    const shown = new Set(nodes.filter((node) => (!layer || node.layer === layer) && (!domain || node.domain === domain))
      .map((node) => node.number));
    const made = graph({ shown, label: "Graph of all models. Arrow keys walk along it, Enter opens a model." });
    made.tools.append(choice("Layer", ["raw", "stage", "prod"], layer, (value) => draw(value, domain)),
      choice("Domain", [...new Set(nodes.map((node) => node.domain).filter(Boolean))].sort(), domain,
        (value) => draw(layer, value)));
    place.replaceChildren(made);
  };
  draw("", "");
  page.append(place, ...slowest());
  if (content.exposures.length > 0) page.append(element("h2", {}, "Exposures"), ...content.exposures.map(exposureOf));
  return page;
}

/** Where the time of the last runs went. */
function slowest() {
  const timed = nodes.filter((node) => node.last?.duration_ms > 0)
    .sort((a, b) => b.last.duration_ms - a.last.duration_ms);
  if (timed.length === 0) return [];
  const total = timed.reduce((sum, node) => sum + node.last.duration_ms, 0);
  const rows = timed.slice(0, 10).map((node) => element("tr", {},
    element("td", {}, element("a", { href: pageOf(node) }, node.label)), element("td", {}, node.kind),
    element("td", {}, seconds(node.last.duration_ms)),
    element("td", {}, `${Math.round((node.last.duration_ms / total) * 100)} %`),
    element("td", {}, `${node.last.run_id}, ${day(node.last.at)}`)));
  return [element("h2", {}, "Slowest in their last run"),
    element("p", { class: "quiet" }, `All ${numberText(timed.length)} together took ${seconds(total)} of sessions' time.`),
    table("Slowest", ["Model", "Kind", "Took", "Share", "Run"], rows)];
}

function choice(name, values, current, chosen) {
  const select = element("select", { "aria-label": name }, element("option", { value: "" }, `${name}: all`));
  for (const value of values) select.append(element("option", { value }, value));
  select.value = current;
  select.addEventListener("change", () => chosen(select.value));
  return select;
}

function exposureOf(exposure) {
  const safe = /^https?:\/\//.test(exposure.url ?? "");
  return element("div", {}, element("p", {},
    element("a", { href: pageOf(nodes[exposure.number]) }, element("strong", {}, exposure.label ?? exposure.name)), ` ${exposure.kind} `,
    safe ? element("a", { href: exposure.url, rel: "noreferrer" }, exposure.url) : null,
    exposure.owner?.name ? ` of ${exposure.owner.name}` : ""),
  element("div", { class: "prose" }, ...prose(exposure.prose)),
  linksTo(exposure.parents));
}

function linksTo(numbers) {
  if (numbers.length === 0) return element("p", { class: "quiet" }, "none");
  const list = element("ul");
  for (const number of numbers) {
    list.append(element("li", {}, element("a", { href: pageOf(nodes[number]) }, nodes[number].label)));
  }
  return list;
}

function exposurePage(node) {
  const label = `What ${node.label} is made from`;
  return element("div", {}, element("h1", {}, node.label), exposureOf(content.exposures[node.exposures[0]]),
    facts([["file", node.file], ["tags", node.tags.join(", ")]]),
    element("h2", { id: "way" }, label), graph({ shown: family(node.number), chosen: node.number, label }));
}

function nodePage(node, column) {
  if (node.kind === "exposure") return exposurePage(node);
  const { last } = node;
  const page = element("div", {}, element("h1", {}, node.label),
    element("div", { class: "prose" }, ...prose(node.prose)), facts([
      ["kind", node.kind], ["relation", node.kind === "ephemeral" ? "" : node.relation],
      ["file", node.file], ["tags", node.tags.join(", ")],
      ["rows", node.rows ?? last?.rows ?? null].map((value) => (typeof value === "number" ? `about ${numberText(value)}` : value)),
      ["size", node.bytes ? size(node.bytes) : null], ["owner", node.owner],
      ["last run", last ? `${last.run_id}, ${last.status} in ${seconds(last.duration_ms)}, ${day(last.at)}` : null],
    ]));
  const way = element("div");
  const choose = (name) => {
    const path = name === undefined ? undefined : pathOfColumn(node.number, name);
    const shown = path ? new Set(path.columns.keys()) : family(node.number);
    const label = path ? `Where ${node.label}.${name} comes from and goes to` : `What ${node.label} is made from, and what from it`;
    const title = element("h2", { id: "way" }, label);
    const made = graph({ shown, chosen: node.number, path, label });
    if (path) {
      const all = element("button", { type: "button" }, "All of the model");
      all.addEventListener("click", () => { location.hash = pageOf(node); });
      made.tools.append(all);
    }
    way.replaceChildren(title, made);
  };
  choose(column);
  page.append(way, element("h2", {}, "Columns"), columnsOf(node, column));
  for (const doubt of node.doubts) {
    page.append(element("p", { class: "warned" }, `${doubt.place ?? node.file}: ${doubt.message}`));
  }
  page.append(element("h2", {}, "Tests"), testsOf(node));
  if (node.unit_tests.length > 0) page.append(element("h2", {}, "Unit tests"), unitTestsOf(node));
  page.append(element("h2", {}, "Parents"), linksTo(node.parents), element("h2", {}, "Children"), linksTo(node.children.filter((number) => nodes[number].kind !== "exposure")));
  if (node.exposures.length > 0) {
    page.append(element("h2", {}, "Exposures"), ...node.exposures.map((number) => exposureOf(content.exposures[number])));
  }
  if (Object.keys(node.config).length > 0) {
    page.append(element("h2", {}, "Config"), element("pre", { tabindex: "0" }, JSON.stringify(node.config, null, 2)));
  }
  if (node.written) page.append(element("h2", {}, "As written"), highlighted(node.written));
  if (node.compiled) page.append(element("h2", {}, "Compiled"), highlighted(node.compiled));
  return page;
}

function columnsOf(node, chosen) {
  const rows = node.columns.map((column) => {
    const pick = element("button", { type: "button", class: "code", "aria-pressed": String(column.name === chosen) }, column.name);
    pick.addEventListener("click", () => {
      location.hash = column.name === chosen ? pageOf(node) : pageOf(node, column.name);
    });
    const from = element("td", { class: "code" });
    column.inputs.filter(([, , kind]) => isValue(kind)).forEach(([source, name, kind], index) => {
      if (index > 0) from.append(", ");
      if (typeof source === "number") {
        from.append(element("a", { href: pageOf(nodes[source], name) }, `${nodes[source].name}.${name}`));
      } else {
        from.append(`${source}.${name}`);
      }
      if (kind === "computed") from.append(" (computed)");
    });
    if (column.unsure) from.append(element("span", { class: "warned" }, " not all is known"));
    return element("tr", {}, element("td", {}, pick), element("td", { class: "code" }, column.type ?? ""),
      element("td", {}, ...inline(column.prose)), from);
  });
  const more = node.complete ? null : element("p", { class: "quiet" }, "There may be more columns: not all that it reads is known.");
  const made = table("Columns", ["Column", "Type", "Description", "Comes from"], rows);
  made.append(...[more].filter(Boolean));
  return made;
}

/** How a test ended last: three cells of a table. */
function ended(test) {
  const result = test.last
    ? element("td", { class: test.last.status }, test.last.status)
    : element("td", { class: "quiet" }, content.online ? "not run yet" : "");
  const when = test.last ? `run ${test.last.run_id}, ${seconds(test.last.duration_ms)}` : "";
  return [result, element("td", {}, when), element("td", {}, test.last?.message ?? "")];
}

function unitTestsOf(node) {
  const rows = node.unit_tests.map((test) => element("tr", {}, element("td", { class: "code", title: test.file }, test.name),
    element("td", {}, ...inline(test.prose)), element("td", { class: "code" }, test.given.join(", ")), ...ended(test)));
  return table("Unit tests", ["Unit test", "Description", "Given", "Result", "When", "Said"], rows);
}

function testsOf(node) {
  if (node.tests.length === 0) return element("p", { class: "quiet" }, "none");
  const rows = node.tests.map((test) => element("tr", {}, element("td", { class: "code" }, test.name),
    element("td", { class: "code" }, test.column ?? ""), ...ended(test)));
  return table("Tests", ["Test", "Column", "Result", "When", "Said"], rows);
}
