// A browser for all walks, what each page must be, and what is asked of the test that started this.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const need = createRequire(process.env.BROWSER_MODULES + "/");
const { chromium } = need("playwright-core");
const axe = readFileSync(need.resolve("axe-core/axe.min.js"), "utf8");
const shots = process.env.SHOTS;

// What is wrong; the test fails with any of it.
export const wrong = [];
export const hold = (truth, what) => { if (!truth) wrong.push(what); };

// Whoever started this does what it is asked for, one thing after the other, and says so.
const said = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
export async function ask(what) {
  console.log("ask " + what);
  await said.next();
}

let browser = null;
export async function launch() {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM_BIN,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
  return browser;
}

export const DESKTOP = { width: 1440, height: 900 };
export const PHONE = { width: 390, height: 844 };

// A page of a context of its own. `quiet` are errors that a walk brings about.
export async function open(options, quiet = /^$/) {
  const context = await browser.newContext({ timezoneId: "Asia/Tokyo", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(20000);
  page.on("console", (message) => {
    if (message.type() === "error" && !quiet.test(message.text())) wrong.push(`${page.url()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => wrong.push(`${page.url()}: ${error}`));
  return page;
}

// What axe calls serious.
async function examine(page, name, options) {
  const found = await page.evaluate((asked) => window.axe.run({ resultTypes: ["violations"], ...asked }), options);
  hold(found.passes.length > 0, `${name}: axe looked at nothing`);
  for (const violation of found.violations.filter(({ impact }) => impact === "serious" || impact === "critical")) {
    wrong.push(`${name}: axe: ${violation.id}: ${violation.nodes[0].html.slice(0, 200)} (${violation.nodes.length} nodes)`);
  }
  if (shots) await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true });
}

// Whatever a page must be, in light and in dark: as wide as the screen, with one heading, and with nothing that axe calls
// serious. What is dark differs in its colors only.
export async function look(page, name) {
  const width = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  hold(width <= 0, `${name}: ${width} px wider than the screen`);
  hold(await page.locator("h1").count() === 1, `${name}: not one heading of the first order`);
  const jumps = await page.evaluate(() => {
    const levels = [...document.querySelectorAll("h1, h2, h3, h4")].map((heading) => Number(heading.tagName[1]));
    return levels.some((level, at) => at > 0 && level > levels[at - 1] + 1);
  });
  hold(!jumps, `${name}: headings skip a level`);
  await page.evaluate(axe);
  await page.emulateMedia({ colorScheme: "light" });
  await examine(page, `${name}-light`, {});
  await page.emulateMedia({ colorScheme: "dark" });
  await examine(page, `${name}-dark`, { runOnly: ["color-contrast"] });
}

// A page by the navigation.
export async function follow(page, link, path) {
  await page.getByRole("navigation", { name: "Pages", exact: true }).getByRole("link", { name: link }).click();
  await page.waitForURL((url) => url.pathname === path);
}
