// Chromium for the tests of pages: each page is watched for errors and for requests to the outside, and can be
// judged by axe. Takes pictures into the folder $PICTURES where that is set.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { mkdirSync } from "node:fs";
import { chromium } from "playwright-core";

const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];

/** Runs `story(page, tools)` for each of `looks` in a fresh profile; fails on any error the page logs. */
export async function inBrowser(address, looks, story) {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: FLAGS });
  try {
    for (const look of looks) {
      const context = await browser.newContext({ viewport: { width: look.width, height: look.height }, colorScheme: look.scheme, javaScriptEnabled: !look.withoutScript });
      const page = await context.newPage();
      const wrong = [];
      page.on("console", (message) => { if (["error", "warning"].includes(message.type())) wrong.push(message.text()); });
      page.on("pageerror", (error) => wrong.push(String(error)));
      const home = new URL(address);
      page.on("request", (request) => {
        const url = new URL(request.url());
        if (url.protocol !== "data:" && (url.protocol !== home.protocol || url.host !== home.host)) wrong.push(`asks for ${url}`);
      });
      await page.goto(address);
      await story(page, {
        look,
        picture: (name) => picture(page, `${name}-${look.name}`),
        judge: (what) => judge(page, what),
      });
      assert.deepEqual(wrong, [], `${look.name}: the page complains`);
      await context.close();
    }
  } finally {
    await browser.close();
  }
}

async function picture(page, name) {
  const folder = process.env.PICTURES;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
}

/** axe finds nothing serious. */
async function judge(page, what) {
  // By evaluate, not by a script element: a page's content security policy forbids that, and should.
  await page.evaluate((await import("node:fs")).readFileSync(axe, "utf8"));
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  const told = serious.map(({ id, help, nodes }) => `${id}: ${help}\n    ${nodes.slice(0, 3).map((node) => `${node.html}\n      ${node.failureSummary}`).join("\n    ")}`);
  assert.deepEqual(told, [], what);
}
