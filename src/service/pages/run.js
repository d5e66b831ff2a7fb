// Keeps a run's page up to date: rows, graph and count change as steps are taken. The end loads the page anew.
"use strict";
const run = document.getElementById("run");
const events = new EventSource(run.dataset.events);
const ended = new Set(["built", "passed", "warned", "failed", "skipped", "unchanged", "kept"]);
const doing = new Set();

function show(node, state, facts) {
  for (const place of document.querySelectorAll(`[data-node="${CSS.escape(node)}"]`)) {
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
  if (ended.has(state)) doing.delete(node);
  else doing.add(node);
  const badges = [...document.querySelectorAll("tr .badge")];
  document.getElementById("done").textContent = badges.filter((badge) => ended.has(badge.textContent)).length;
  tell(doing.size ? `, doing ${[...doing].slice(0, 3).join(", ")}` : "");
}

function tell(words) {
  document.getElementById("doing").textContent = words;
}

events.addEventListener("started", (event) => show(JSON.parse(event.data).node, "running"));
events.addEventListener("finished", (event) => {
  const facts = JSON.parse(event.data);
  show(facts.node, facts.status, facts);
});
events.addEventListener("publishing", () => tell(", publishing"));
events.addEventListener("state", () => tell(", in another process"));
events.addEventListener("end", () => {
  events.close();
  location.reload();
});
events.addEventListener("error", () => {
  // Refused, e.g. because too many follow: the browser does not try again by itself.
  if (events.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 5000);
});
