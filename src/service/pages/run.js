// Keeps a run's page up to date: rows, graph, count and log change as steps are taken. The end loads the page anew.
"use strict";
const run = document.getElementById("run");
const log = document.getElementById("log");
const view = log.parentElement;
const events = new EventSource(run.dataset.events);
const ended = new Set(["built", "passed", "warned", "failed", "skipped", "unchanged", "kept"]);
const places = new Map();
const states = new Map();
const doing = new Set();
let done = 0;

for (const place of document.querySelectorAll("[data-node]")) {
  const node = place.dataset.node;
  if (!places.has(node)) places.set(node, []);
  places.get(node).push(place);
  const badge = place.querySelector(".badge");
  if (badge) states.set(node, badge.textContent);
}
for (const state of states.values()) if (ended.has(state)) done += 1;

function show(node, state, facts) {
  for (const place of places.get(node) || []) {
    if (place.tagName !== "TR") {
      place.setAttribute("class", `node ${state}`);
      continue;
    }
    const badge = place.querySelector(".badge");
    badge.className = `badge ${state}`;
    badge.textContent = state;
    if (!facts) continue;
    if (facts.rows !== null) place.querySelector(".rows").textContent = facts.rows.toLocaleString("en");
    place.querySelector(".took").textContent = `${(facts.duration_ms / 1000).toFixed(2)} s`;
  }
  if (ended.has(state)) {
    if (!ended.has(states.get(node))) done += 1;
    doing.delete(node);
  } else {
    doing.add(node);
  }
  states.set(node, state);
  document.getElementById("done").textContent = done;
  tell(doing.size ? `, doing ${[...doing].slice(0, 3).join(", ")}` : "");
}

function tell(words) {
  document.getElementById("doing").textContent = words;
}

// What was there when the page was made comes again with the first events.
const told = new Set([...log.children].map((line) => line.textContent));

function write(at, text) {
  const time = document.createElement("time");
  time.dateTime = at;
  time.textContent = at.slice(11, 19);
  const line = document.createElement("li");
  line.append(time, ` ${text}`);
  if (told.has(line.textContent)) return;
  const follows = view.scrollTop + view.clientHeight >= view.scrollHeight - 8;
  log.append(line);
  if (follows) view.scrollTop = view.scrollHeight;
}

view.scrollTop = view.scrollHeight;
events.addEventListener("log", (event) => {
  const line = JSON.parse(event.data);
  write(line.at, line.text);
});
events.addEventListener("started", (event) => {
  const node = JSON.parse(event.data).node;
  if (!ended.has(states.get(node))) show(node, "running");
});
events.addEventListener("finished", (event) => {
  const facts = JSON.parse(event.data);
  show(facts.node, facts.status, facts);
});
events.addEventListener("publishing", () => tell(", publishing"));
events.addEventListener("end", () => {
  events.close();
  location.reload();
});
events.addEventListener("error", () => {
  // Refused, e.g. because too many follow: the browser does not try again by itself.
  if (events.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 5000);
});
