// The pages of a running `elt serve`, clicked through by a person with the run token: node pages.mjs ADDRESS TOKEN

import assert from "node:assert/strict";
import { inBrowser } from "./browser.mjs";

const [address, token] = process.argv.slice(2);
const LOOKS = [
  { name: "light", scheme: "light", width: 1280, height: 900 },
  { name: "dark", scheme: "dark", width: 1280, height: 900 },
  { name: "phone", scheme: "light", width: 375, height: 740 },
];

await inBrowser(address, LOOKS, async (page, { look, picture, judge }) => {
  const seen = async (name) => {
    const tooWide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(tooWide <= 0, `${name}: sticks out by ${tooWide}`);
    await judge(`${look.name}, ${name}`);
    await picture(name);
  };
  const heading = (name) => page.getByRole("heading", { level: 1, name }).waitFor();
  const go = (name) => page.getByRole("navigation").getByRole("link", { name, exact: true }).click();

  // The first page, and by keyboard past the navigation.
  await heading("What is published");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "To the content");
  await page.keyboard.press("Enter");
  await seen("start");

  // The boards.
  await go("Boards");
  await heading("Boards");
  await page.getByRole("link", { name: "Vouchers" }).last().click();
  await heading("Vouchers");
  assert.ok(await page.locator("svg").count() >= 1, "charts are drawn");
  await page.getByText("The figures").first().click();
  await seen("board");
  // Every kind of picture there is, and the figures behind each.
  await go("Boards");
  await page.getByRole("link", { name: "Customer 360" }).click();
  await heading("Customer 360");
  for (const title of ["Customers by value", "Revenue by month", "Best customers", "Revenue by category", "Satisfaction", "Churn risk", "Recency and frequency"]) {
    await page.getByRole("heading", { level: 2, name: title }).waitFor();
  }
  assert.equal(await page.locator("main svg").count(), 6, "all but the tiles and the table are drawn");
  assert.equal(await page.locator("main .notice").count(), 0, "nothing is missing");
  await seen("customer-360");
  for (const figures of await page.getByText("The figures").all()) await figures.click();
  await seen("customer-360-figures");

  // The form, first with facts that contradict each other.
  await go("Vouchers");
  await heading("Vouchers");
  await page.getByLabel("Customer id").fill("123");
  await page.getByLabel("Country").fill("Peru");
  await page.getByLabel("Total orders", { exact: true }).fill("0");
  await page.getByLabel("Last order (may be empty)").fill("2018-05-03");
  await page.getByRole("button", { name: "Look up" }).click();
  await page.getByText("is 0 though an order date is given").waitFor();
  const focused = () => page.evaluate(() => document.activeElement.id);
  assert.equal(await focused(), "total_orders", "one goes on at the field that is wrong");
  await seen("voucher-wrong");
  await page.getByLabel("Total orders", { exact: true }).fill("15");
  await page.keyboard.press("Enter");
  await page.locator(".figure").waitFor();
  assert.equal(await page.locator("tr.chosen").count(), 1, "its segment is marked");
  await seen("voucher");

  // A run: refused without the token, started with it, followed to its end.
  await go("Runs");
  await heading("Runs");
  await page.getByLabel("Token").fill("wrong");
  // What the browser itself says of the 401 is no complaint of the page.
  const complaints = page.listeners("console");
  page.removeAllListeners("console");
  await page.getByRole("button", { name: "Start a run" }).click();
  await page.getByText("The token is wrong, has expired or was revoked.").waitFor();
  await seen("run-refused");
  complaints.forEach((listener) => page.on("console", listener));
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Start a run" }).click();
  await heading(/^Run \d+$/);
  const node = page.locator("g[data-node='raw.voucher_history']");
  await node.waitFor();
  await page.locator("g.node.built, g.node.unchanged").first().waitFor();
  await page.locator("#log li").nth(1).waitFor();
  await picture("run-live");
  await page.locator("main .badge.succeeded").waitFor({ timeout: 60_000 });
  assert.equal(await page.locator("g.node.waiting, g.node.running").count(), 0, "the graph is all coloured");
  await page.locator("#log li").last().getByText("has succeeded").waitFor();
  await seen("run");
  await page.getByRole("link", { name: "All runs" }).click();
  await heading("Runs");
  await seen("runs");

  // The data: from table to table along the lineage.
  await go("Data");
  await heading("Data");
  await seen("data");
  await page.getByRole("link", { name: "segments_derived" }).click();
  await heading("segments_derived");
  await page.getByText("The value used most.").waitFor();
  assert.ok(await page.getByRole("region", { name: "The first rows" }).getByRole("row").count() > 8, "rows are shown");
  await seen("table");
  await go("Data");
  await page.getByRole("link", { name: "monthly_revenue" }).click();
  await heading("monthly_revenue");
  assert.ok(await page.locator("g.node").count() > 2, "the lineage is drawn");
  await go("Docs");
  await heading("Docs");
  await seen("docs");
  await page.getByRole("link", { name: "The project" }).click();
  await page.getByRole("link", { name: "segments_derived" }).first().waitFor();
  await page.goBack();
  await page.getByRole("link", { name: "API docs" }).click();
  await page.getByText("Answers from what the last successful run published").waitFor();
});

// Without scripts a run's page loads itself anew until the run has ended.
await inBrowser(address, [{ name: "plain", scheme: "light", width: 1280, height: 900, withoutScript: true }], async (page) => {
  await page.goto(new URL("ui/runs", address).href);
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Start a run" }).click();
  await page.locator("main .badge.succeeded").waitFor({ timeout: 60_000 });
});
console.log("pages: good");
