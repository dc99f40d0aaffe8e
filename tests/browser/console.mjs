// An analyst at the console: real clicks in Chromium, at phone and desktop width, in light and dark, with and without
// scripts. Ends with 1 and a line for each thing that is wrong. SHOTS=dir keeps a picture of each page.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const need = createRequire(process.env.BROWSER_MODULES + "/");
const { chromium } = need("playwright-core");
const axe = readFileSync(need.resolve("axe-core/axe.min.js"), "utf8");
const base = process.env.CONSOLE.replace(/\/$/, "");
const shots = process.env.SHOTS;
const wrong = [];
const hold = (truth, what) => { if (!truth) wrong.push(what); };

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_BIN,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});

// Whatever a page must be: as wide as the screen, with one heading, without errors, and with nothing that axe calls serious.
async function look(page, name) {
  const width = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  hold(width <= 0, `${name}: ${width} px wider than the screen`);
  hold(await page.locator("h1").count() === 1, `${name}: not one heading of the first order`);
  const jumps = await page.evaluate(() => {
    const levels = [...document.querySelectorAll("h1, h2, h3, h4")].map((heading) => Number(heading.tagName[1]));
    return levels.some((level, at) => at > 0 && level > levels[at - 1] + 1);
  });
  hold(!jumps, `${name}: headings skip a level`);
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run({ resultTypes: ["violations"] }));
  for (const violation of found.violations.filter(({ impact }) => impact === "serious" || impact === "critical")) {
    wrong.push(`${name}: axe: ${violation.id}: ${violation.nodes[0].html.slice(0, 200)} (${violation.nodes.length} nodes)`);
  }
  if (shots) await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true });
}

async function walk(view, colorScheme, viewport) {
  const context = await browser.newContext({ viewport, colorScheme, timezoneId: "Asia/Tokyo", hasTouch: viewport.width < 600 });
  const page = await context.newPage();
  page.setDefaultTimeout(20000);
  const name = (what) => `${view}-${colorScheme}-${what}`;
  page.on("console", (message) => { if (message.type() === "error") wrong.push(`${name("console")}: ${message.text()}`); });
  page.on("pageerror", (error) => wrong.push(`${name("error")}: ${error}`));
  await page.goto(base + "/");
  hold(/incidents? needs? somebody/.test(await page.locator("h1").innerText()), name("the overview says that somebody is needed"));
  await look(page, name("overview"));

  // From the overview to the incident, by its sentence.
  const sentence = page.locator(".story .sentence a").first();
  const told = await sentence.innerText();
  await sentence.click();
  await page.waitForURL(/\/incidents\/inc-/);
  hold((await page.locator("h1").innerText()) === told, name("the incident has the overview's sentence"));
  hold(await page.locator(".facts .yours").count() > 0, name("the viewer's own time is beside the moment"));
  hold(await page.locator(".trace tr.evidence").count() > 0, name("the evidence is listed"));
  await look(page, name("incident"));

  // What is open stays open when the page refreshes itself.
  const details = page.locator("main details").first();
  if (await details.count()) {
    await details.locator("summary").click();
    hold(await details.locator("table").isVisible(), name("a picture's table opens"));
  }
  await page.waitForFunction(() => Number(document.documentElement.dataset.fresh || 0) >= 1);
  if (await details.count()) hold(await page.locator("main details").first().evaluate((d) => d.open), name("it stays open over a refresh"));

  // To the bot, and by the navigation to everything else.
  await page.locator(".crumbs a.bot").click();
  await page.waitForURL(/\/bot\?/);
  hold(await page.locator("#normal").isVisible(), name("the bot's normal is shown"));
  await look(page, name("bot"));
  for (const [link, path] of [["Incidents", "/incidents"], ["Bots", "/bots"], ["Inventory", "/inventory"], ["Privileges", "/privileges"], ["Logs", "/logs"]]) {
    await page.getByRole("navigation", { name: "Pages", exact: true }).getByRole("link", { name: link }).click();
    await page.waitForURL((url) => url.pathname === path);
    hold(await page.locator("nav [aria-current=page]").first().innerText() === link, name(`${link} says where it is`));
    await look(page, name(link.toLowerCase()));
  }

  // A filter makes an address that can be shared.
  await page.goto(base + "/incidents");
  await page.getByLabel("At least").selectOption("high");
  await page.getByRole("button", { name: "Show" }).click();
  await page.waitForURL(/severity=high/);
  const severities = await page.locator(".story .severity").allInnerTexts();
  hold(severities.every((severity) => /high|critical/i.test(severity)), name("the filter holds"));

  // The search, by keyboard alone.
  await page.goto(base + "/");
  await page.keyboard.press("Tab");
  hold(await page.locator(".skip").evaluate((skip) => skip === document.activeElement), name("the first stop skips to the content"));
  await page.getByRole("searchbox").fill("zz-nothing-is-called-so");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/search/);
  hold(await page.getByText("Nothing is there.").isVisible(), name("the search says that there is nothing"));
  await look(page, name("search"));
  await context.close();
}

async function withoutScripts() {
  const context = await browser.newContext({ javaScriptEnabled: false, viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  await page.goto(base + "/");
  await page.locator(".story .sentence a").first().click();
  hold(await page.locator(".versus").count() > 0, "without scripts the incident is whole");
  hold(await page.locator("svg.picture").count() + await page.locator(".reason table").count() > 0, "without scripts reasons are drawn");
  await context.close();
}

try {
  for (const [view, viewport] of [["desktop", { width: 1440, height: 900 }], ["phone", { width: 390, height: 844 }]]) {
    for (const scheme of ["light", "dark"]) await walk(view, scheme, viewport);
  }
  await withoutScripts();
} catch (error) {
  wrong.push(String(error.stack || error));
} finally {
  await browser.close();
}
for (const line of wrong) console.log(line);
process.exitCode = wrong.length ? 1 : 0;
