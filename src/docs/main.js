// The list of models, the search, and which page is shown.

const main = document.getElementById("main");
const list = document.getElementById("models");
const search = document.getElementById("search");
const results = document.getElementById("results");
const menu = document.getElementById("menu");

const grouped = (items, key) => {
  const groups = new Map();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return groups;
};

for (const layer of ["prod", "stage", "raw", "exposure"]) {
  const members = nodes.filter((node) => node.layer === layer);
  if (members.length === 0) continue;
  list.append(element("h2", {}, layer));
  for (const [domain, models] of [...grouped(members, (node) => node.domain)].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (domain) list.append(element("h3", {}, domain));
    const items = models.sort((a, b) => (a.name < b.name ? -1 : 1))
      .map((node) => element("li", {}, element("a", { href: pageOf(node), "data-number": node.number }, node.name)));
    list.append(element("ul", {}, ...items));
  }
}

function show() {
  const [label, column] = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  const node = nodes.find((one) => one.label === label);
  const known = node?.columns.some((one) => one.name === column);
  const missing = label && !node ? element("p", { class: "warned" }, `There is no ${label} here.`) : null;
  main.replaceChildren(...[missing, node ? nodePage(node, known ? column : undefined) : overview()].filter(Boolean));
  document.title = node ? `${node.label} - ${content.project}` : content.project;
  for (const link of list.querySelectorAll("a")) {
    const isHere = Number(link.dataset.number) === node?.number;
    if (isHere) { link.setAttribute("aria-current", "page"); link.scrollIntoView({ block: "nearest" }); }
    else link.removeAttribute("aria-current");
  }
  open(false);
  main.scrollTop = 0;
}

function open(isOpen) {
  list.classList.toggle("open", isOpen);
  menu.setAttribute("aria-expanded", String(isOpen));
}
menu.addEventListener("click", () => open(!list.classList.contains("open")));

// Search: names first, then columns, then descriptions.
function found(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (where) => words.every((word) => where.toLowerCase().includes(word));
  const hits = [];
  for (const node of nodes) {
    if (fits(node.label)) hits.push({ weight: node.name.toLowerCase().startsWith(words[0]) ? 0 : 1, text: node.label, page: pageOf(node) });
    else if (fits(`${node.label} ${node.description}`)) hits.push({ weight: 3, text: node.label, page: pageOf(node) });
    for (const column of node.columns) {
      if (fits(column.name) || fits(`${node.name}.${column.name}`)) {
        hits.push({ weight: 2, text: `${node.label}.${column.name}`, page: pageOf(node, column.name) });
      }
    }
  }
  return hits.sort((a, b) => a.weight - b.weight || a.text.length - b.text.length).slice(0, 40);
}

let at = -1;
function offer() {
  const hits = search.value.trim() ? found(search.value) : [];
  results.replaceChildren(...hits.map((hit, index) => {
    const item = element("li", { role: "option", id: `result-${index}`, "aria-selected": "false", "data-page": hit.page }, hit.text);
    item.addEventListener("pointerdown", (event) => { event.preventDefault(); go(item); });
    return item;
  }));
  if (search.value.trim() && hits.length === 0) {
    results.append(element("li", { role: "option", "aria-disabled": "true", "aria-selected": "false" }, "Nothing found"));
  }
  results.hidden = !search.value.trim();
  search.setAttribute("aria-expanded", String(!results.hidden));
  at = hits.length > 0 ? 0 : -1;
  mark();
}

function mark() {
  [...results.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === at)));
  if (at < 0) return search.removeAttribute("aria-activedescendant");
  search.setAttribute("aria-activedescendant", `result-${at}`);
  results.children[at].scrollIntoView({ block: "nearest" });
}

function go(item) {
  if (!item?.dataset.page) return;
  search.value = "";
  offer();
  if (location.hash === item.dataset.page) show();
  else location.hash = item.dataset.page;
  main.focus();
}

search.addEventListener("input", offer);
search.addEventListener("blur", () => { results.hidden = true; search.setAttribute("aria-expanded", "false"); });
search.addEventListener("focus", () => { if (search.value) offer(); });
search.addEventListener("keydown", (event) => {
  const count = results.querySelectorAll("[data-page]").length;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    at = count === 0 ? -1 : (at + (event.key === "ArrowDown" ? 1 : count - 1)) % count;
    mark();
  } else if (event.key === "Enter") {
    go(results.children[at]);
  } else if (event.key === "Escape") {
    search.value = "";
    offer();
    main.focus();
  }
});
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches?.("input, select, textarea");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    search.focus();
  }
});
document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); main.focus(); });
window.addEventListener("hashchange", () => { show(); if (document.activeElement === document.body) main.focus(); });
show();
