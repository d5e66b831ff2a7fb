// SQL and templates in colours.

const KEYWORDS = new Set(`all and any array as asc between by case cast coalesce create cross current_date current_timestamp
  date delete desc distinct else end except exists extract false fetch filter first following for from full group having
  ilike in inner insert intersect interval into is join lateral left like limit natural not null nulls offset on only or
  order outer over partition preceding range recursive right row rows select set some table then true union unnest update
  using values when where window with within`.split(/\s+/));

const TOKENS = new RegExp([
  /(?<template>\{\{[^]*?\}\}|\{%[^]*?%\})/, /(?<comment>\{#[^]*?#\}|--[^\n]*|\/\*[^]*?\*\/)/,
  /(?<string>'(?:[^']|'')*')/, /(?<name>"(?:[^"]|"")*")/, /(?<number>\b\d+(?:\.\d+)?\b)/, /(?<word>[\p{L}_][\p{L}\d_$]*)/,
].map((part) => part.source).join("|"), "gu");

/** A `pre` with the text, coloured. */
function highlighted(text) {
  const code = element("code");
  let at = 0;
  for (const match of text.matchAll(TOKENS)) {
    const { groups } = match;
    let kind = ["template", "comment", "string", "number"].find((name) => groups[name] !== undefined);
    if (groups.word !== undefined && KEYWORDS.has(groups.word.toLowerCase())) kind = "keyword";
    if (!kind) continue;
    code.append(text.slice(at, match.index), element("span", { class: kind }, match[0]));
    at = match.index + match[0].length;
  }
  code.append(text.slice(at));
  return element("pre", { tabindex: "0" }, code);
}
