// The graph: drawn as SVG, moved by dragging, zoomed by the wheel or two fingers, walked by arrow keys.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 210, HEIGHT = 34, GAP_X = 90, GAP_Y = 14, LINE = 17;
/** Below this scale names cannot be read: then what was chosen is shown instead of all. */
const READABLE = 0.5;

function svg(tag, attributes, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes ?? {})) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const cut = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

/**
 * A graph of some nodes. `shown` is a set of numbers. With `path` (of a column) nodes list the columns on it
 * and lines go from column to column.
 */
function graph({ shown, chosen, path, label }) {
  const places = placed(shown, path);
  const canvas = svg("g");
  const edges = svg("g", { "aria-hidden": "true" });
  const lines = path ? columnLines(path, places) : nodeLines(shown, places);
  for (const { d, from, to } of lines) {
    edges.append(svg("path", { class: path ? "edge lit" : "edge", d, "data-from": from, "data-to": to }));
  }
  canvas.append(edges);
  const drawn = new Map();
  for (const [number, place] of places) {
    const box = nodeBox(number, place, path, number === chosen);
    drawn.set(number, box);
    canvas.append(box);
  }
  const picture = svg("svg", { role: "group", "aria-label": label }, canvas);
  const first = drawn.get(chosen) ?? drawn.values().next().value;
  first?.setAttribute("tabindex", "0");

  const view = movable(picture, canvas, places);
  const light = (number) => {
    const near = number === undefined ? undefined : family(number);
    canvas.classList.toggle("dim", near !== undefined && !path);
    for (const [other, box] of drawn) box.classList.toggle("lit", near?.has(other) ?? false);
    for (const edge of edges.children) {
      const both = near?.has(Number(edge.dataset.from)) && near?.has(Number(edge.dataset.to));
      if (!path) edge.classList.toggle("lit", Boolean(both));
    }
  };
  canvas.addEventListener("pointerover", (event) => light(numberOf(event.target) ?? chosen));
  canvas.addEventListener("pointerleave", () => light(chosen));
  canvas.addEventListener("focusin", (event) => light(numberOf(event.target)));
  canvas.addEventListener("focusout", () => light(chosen));
  if (chosen !== undefined) light(chosen);
  picture.addEventListener("keydown", (event) => walk(event, places, drawn, view));

  const button = (text, name, action) => {
    const made = element("button", { type: "button", "aria-label": name, title: name }, text);
    made.addEventListener("click", action);
    return made;
  };
  const tools = element("div", { class: "tools" },
    button("+", "Zoom in", () => view.zoom(1.3)), button("−", "Zoom out", () => view.zoom(1 / 1.3)),
    button("Show all", "Show all", () => view.fit()));
  const whole = element("div", { class: "graph" }, tools, picture);
  whole.tools = tools;
  whole.centre = (number) => view.centre(number);
  const bottom = Math.max(...[...places.values()].map((place) => place.y + place.height), 0);
  if (chosen !== undefined) picture.style.height = `${Math.min(416, Math.max(150, bottom + 60))}px`;
  requestAnimationFrame(() => { if (view.fit() < READABLE && chosen !== undefined) view.centre(chosen); });
  return whole;
}

const numberOf = (target) => {
  const box = target.closest?.(".node");
  return box ? Number(box.dataset.number) : undefined;
};

/** x, y, height and columns of each node: as laid out, without the ranks that are empty here. */
function placed(shown, path) {
  const ranks = new Map();
  for (const number of shown) {
    const { rank } = nodes[number];
    if (!ranks.has(rank)) ranks.set(rank, []);
    ranks.get(rank).push(number);
  }
  const places = new Map();
  const columnsOf = (number) => [...(path?.columns.get(number) ?? [])];
  const height = (number) => HEIGHT + columnsOf(number).length * LINE;
  const total = (rank) => rank.reduce((sum, number) => sum + height(number) + GAP_Y, 0);
  const tallest = Math.max(0, ...[...ranks.values()].map(total));
  [...ranks.keys()].sort((a, b) => a - b).forEach((rank, index) => {
    const members = ranks.get(rank).sort((a, b) => nodes[a].row - nodes[b].row);
    let y = (tallest - total(members)) / 2;
    for (const number of members) {
      const place = { x: index * (WIDTH + GAP_X), y, height: height(number), columns: columnsOf(number) };
      places.set(number, place);
      y += place.height + GAP_Y;
    }
  });
  return places;
}

const curve = (x1, y1, x2, y2) => {
  const bend = Math.max(30, (x2 - x1) / 2);
  return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
};

function nodeLines(shown, places) {
  const lines = [];
  for (const to of shown) {
    for (const from of nodes[to].parents) {
      if (!shown.has(from) || from === to) continue;
      const [a, b] = [places.get(from), places.get(to)];
      lines.push({ from, to, d: curve(a.x + WIDTH, a.y + HEIGHT / 2, b.x, b.y + HEIGHT / 2) });
    }
  }
  return lines;
}

function columnLines(path, places) {
  const middle = (key) => {
    const [number, column] = key.split("\t");
    const place = places.get(Number(number));
    return { place, number, y: place.y + HEIGHT + (place.columns.indexOf(column) + 0.5) * LINE - 4 };
  };
  return path.edges.map(([from, to]) => {
    const [a, b] = [middle(from), middle(to)];
    return { from: a.number, to: b.number, d: curve(a.place.x + WIDTH, a.y, b.place.x, b.y) };
  });
}

function nodeBox(number, place, path, isChosen) {
  const node = nodes[number];
  const box = svg("a", {
    class: `node ${node.layer}${isChosen ? " chosen" : ""}`, href: pageOf(node), tabindex: "-1",
    transform: `translate(${place.x} ${place.y})`, "data-number": number,
  }, svg("title", {}, `${node.label} (${node.kind})`), svg("rect", { width: WIDTH, height: place.height, rx: 6 }),
    svg("text", { x: 10, y: 22 }, cut(node.name, 27)));
  place.columns.forEach((column, index) => {
    box.append(svg("text", { class: "column", x: 14, y: HEIGHT + index * LINE + 9 }, cut(column, 25)));
  });
  return box;
}

/** Left to a parent, right to a child, up and down among those beside. */
function walk(event, places, drawn, view) {
  const number = numberOf(event.target);
  const side = { ArrowLeft: "parents", ArrowRight: "children" }[event.key];
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (number === undefined || (!side && !step)) return;
  event.preventDefault();
  let next;
  if (side) {
    next = nodes[number][side].find((other) => drawn.has(other));
  } else {
    const beside = [...places].filter(([, place]) => place.x === places.get(number).x)
      .sort(([, a], [, b]) => a.y - b.y).map(([other]) => other);
    next = beside[beside.indexOf(number) + step];
  }
  if (next === undefined) return;
  event.target.closest(".node").setAttribute("tabindex", "-1");
  drawn.get(next).setAttribute("tabindex", "0");
  drawn.get(next).focus({ preventScroll: true });
  view.centre(next);
}

function movable(picture, canvas, places) {
  let scale = 1, x = 0, y = 0;
  const draw = () => canvas.setAttribute("transform", `translate(${x} ${y}) scale(${scale})`);
  const box = () => picture.getBoundingClientRect();
  const zoomAt = (factor, px, py) => {
    const wanted = Math.min(3, Math.max(0.02, scale * factor));
    x = px - (px - x) * (wanted / scale);
    y = py - (py - y) * (wanted / scale);
    scale = wanted;
    draw();
  };
  picture.addEventListener("wheel", (event) => {
    event.preventDefault();
    const { left, top } = box();
    zoomAt(Math.exp(-event.deltaY / 400), event.clientX - left, event.clientY - top);
  }, { passive: false });

  const fingers = new Map();
  let moved = false;
  picture.addEventListener("pointerdown", (event) => {
    fingers.set(event.pointerId, event);
    moved = false;
  });
  picture.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const [dx, dy] = [event.clientX - before.clientX, event.clientY - before.clientY];
    if (fingers.size === 2) {
      const other = [...fingers].find(([id]) => id !== event.pointerId)[1];
      const distance = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
      const { left, top } = box();
      zoomAt(distance(event) / Math.max(1, distance(before)), other.clientX - left, other.clientY - top);
    } else if (moved || Math.hypot(dx, dy) > 4) {
      if (!moved) picture.setPointerCapture(event.pointerId);
      moved = true;
      x += dx;
      y += dy;
      draw();
    } else {
      return;
    }
    fingers.set(event.pointerId, event);
  });
  for (const name of ["pointerup", "pointercancel"]) {
    picture.addEventListener(name, (event) => fingers.delete(event.pointerId));
  }
  // The end of a drag is no click on what lies below.
  picture.addEventListener("click", (event) => { if (moved) event.preventDefault(); }, true);
  picture.addEventListener("dragstart", (event) => event.preventDefault());

  return {
    zoom: (factor) => zoomAt(factor, box().width / 2, box().height / 2),
    fit() {
      const all = [...places.values()];
      if (all.length === 0) return 1;
      const right = Math.max(...all.map((place) => place.x)) + WIDTH;
      const bottom = Math.max(...all.map((place) => place.y + place.height));
      const { width, height } = box();
      scale = Math.min(1.2, Math.max(0.02, Math.min((width - 30) / right, (height - 30) / bottom)));
      x = (width - right * scale) / 2;
      y = (height - bottom * scale) / 2;
      draw();
      return scale;
    },
    centre(number) {
      const place = places.get(number);
      if (!place) return;
      scale = Math.max(scale, 0.7);
      x = box().width / 2 - (place.x + WIDTH / 2) * scale;
      y = box().height / 2 - (place.y + place.height / 2) * scale;
      draw();
    },
  };
}
