// Ways from column to column. A column is named by "node number, tab, column".

const content = JSON.parse(document.getElementById("content").textContent);
const nodes = content.nodes;
nodes.forEach((node, number) => { node.number = number; });

const columnKey = (node, column) => `${node}\t${column}`;
const isValue = (kind) => kind === "copied" || kind === "computed";

/** What each column comes from and goes to: key -> [{node, column, kind}]. */
const comesFrom = new Map();
const goesTo = new Map();
for (const node of nodes) {
  for (const column of node.columns) {
    const inputs = column.inputs
      .filter(([from, , kind]) => typeof from === "number" && isValue(kind))
      .map(([from, name, kind]) => ({ node: from, column: name, kind }));
    comesFrom.set(columnKey(node.number, column.name), inputs);
    for (const input of inputs) {
      const key = columnKey(input.node, input.column);
      if (!goesTo.has(key)) goesTo.set(key, []);
      goesTo.get(key).push({ node: node.number, column: column.name, kind: input.kind });
    }
  }
}

/** Every column on a way through this one: {columns: node -> names, edges: [[key, key]]}. */
function pathOfColumn(node, column) {
  const columns = new Map([[node, new Set([column])]]);
  const edges = [];
  for (const [neighbours, upstream] of [[comesFrom, true], [goesTo, false]]) {
    const waiting = [{ node, column }];
    const seen = new Set([columnKey(node, column)]);
    while (waiting.length > 0) {
      const here = waiting.pop();
      const key = columnKey(here.node, here.column);
      for (const next of neighbours.get(key) ?? []) {
        const nextKey = columnKey(next.node, next.column);
        edges.push(upstream ? [nextKey, key] : [key, nextKey]);
        if (seen.has(nextKey)) continue;
        seen.add(nextKey);
        if (!columns.has(next.node)) columns.set(next.node, new Set());
        columns.get(next.node).add(next.column);
        waiting.push(next);
      }
    }
  }
  return { columns, edges };
}

/** The node, all it is made from and all that is made from it. */
function family(number) {
  const found = new Set([number]);
  for (const side of ["parents", "children"]) {
    const waiting = [number];
    const seen = new Set(waiting);
    while (waiting.length > 0) {
      for (const next of nodes[waiting.pop()][side]) {
        if (!seen.has(next)) { seen.add(next); found.add(next); waiting.push(next); }
      }
    }
  }
  return found;
}
