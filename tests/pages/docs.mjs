// The site of `elt docs` in a real browser, opened from disk: node docs.mjs SITE/index.html

import assert from "node:assert/strict";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { inBrowser } from "./browser.mjs";

const address = pathToFileURL(resolve(process.argv[2])).href;
const LOOKS = [
  { name: "light", scheme: "light", width: 1280, height: 800 },
  { name: "dark", scheme: "dark", width: 1280, height: 800 },
  { name: "phone", scheme: "light", width: 375, height: 740 },
];

await inBrowser(address, LOOKS, async (page, { look, picture, judge }) => {
  // The whole graph, in view.
  const drawn = page.locator(".graph .node");
  assert.ok(await drawn.count() >= 8, "all models are drawn");
  await page.waitForTimeout(100);
  const [frame, box] = [await page.locator(".graph svg").boundingBox(), await drawn.first().boundingBox()];
  assert.ok(box.x >= frame.x && box.x + box.width <= frame.x + frame.width + 1, "the graph fits its frame");
  await judge("overview");
  await picture("overview");
  const before = await drawn.first().boundingBox();
  await page.getByRole("button", { name: "Zoom in" }).click();
  assert.ok((await drawn.first().boundingBox()).width > before.width, "zooms");
  await page.getByRole("button", { name: "Show all" }).click();
  const { x, y } = await page.locator(".graph svg").boundingBox();
  await page.mouse.move(x + 5, y + 5);
  await page.mouse.down();
  await page.mouse.move(x + 45, y + 25, { steps: 4 });
  await page.mouse.up();
  const after = await drawn.first().boundingBox();
  assert.ok(Math.abs(after.x - before.x - 40) < 2, "is dragged");
  await page.getByLabel("Layer").selectOption("prod");
  const shown = await drawn.locator("title").allTextContents();
  assert.ok(shown.length >= 2 && shown.every((title) => title.startsWith("prod.")), `one layer alone: ${shown}`);

  // Search by keyboard, to a column.
  await page.locator("main").focus();
  await page.keyboard.press("/");
  await page.keyboard.type("segments voucher_am");
  assert.match(await page.getByRole("option").first().textContent(), /prod\.segments_derived\.voucher_amount/);
  await picture("search");
  await judge("search");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "prod.segments_derived" }).waitFor();
  const way = page.getByRole("group", { name: /voucher_amount comes from/ });
  const names = await way.locator(".node > text:first-of-type").allTextContents();
  assert.deepEqual(names.sort(), ["segments_derived", "voucher_history", "vouchers_clean", "vouchers_judged", "vouchers_typed"]);
  assert.equal(await way.locator(".edge.lit").count(), 4, "a line for each step of the column");
  await page.waitForTimeout(200);
  await judge("column");
  await picture("column");

  // From column to column, and back to the model.
  await page.getByRole("button", { name: "lower_value" }).click();
  await page.getByRole("group", { name: /lower_value comes from/ }).waitFor();
  await page.getByRole("button", { name: "All of the model" }).click();
  const family = page.getByRole("group", { name: /is made from/ });
  await family.waitFor();
  await family.locator(".node.chosen").focus();
  await page.keyboard.press("ArrowLeft");
  const reached = await page.evaluate(() => document.activeElement.querySelector("title").textContent);
  assert.match(reached, /^stage\./, "an arrow key goes to a parent");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: reached.split(" ")[0] }).waitFor();
  await page.waitForTimeout(200);
  await judge("model");
  await picture("model");
  await page.getByRole("heading", { name: "Compiled" }).scrollIntoViewIfNeeded();
  await picture("sql");

  // The list of models.
  if (look.width < 500) {
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing sticks out");
    await page.getByRole("button", { name: "Models" }).click();
    await picture("menu");
  }
  await page.getByRole("navigation").getByRole("link", { name: "voucher_history" }).click();
  await page.getByRole("heading", { level: 1, name: "raw.voucher_history" }).waitFor();
});
console.log("docs: good");
