// An analyst at a console of a fleet under attack: from the overview to the evidence, and through everything else.
import { DESKTOP, PHONE, follow, hold, look, open } from "./page.mjs";
import { preview, keep, takeBack } from "./feedback.mjs";

export async function walk(base, view, viewport, incident) {
  const page = await open({ viewport, hasTouch: viewport.width < 600 }, /422/);
  const name = (what) => `${view}-${what}`;
  await page.goto(base + "/");
  hold(/incidents? needs? somebody/.test(await page.locator("h1").innerText()), name("the overview says that somebody is needed"));
  await look(page, name("overview"));
  await follow_up(page, name, incident);
  await say(page, name);

  // To the bot, and by the navigation to everything else.
  await page.locator(".crumbs a.bot").click();
  await page.waitForURL(/\/bot\?/);
  hold(await page.locator("#normal").isVisible(), name("the bot's normal is shown"));
  hold(await page.locator(".said li.holds").count() === 1, name("the bot's page tells what was said of it"));
  await look(page, name("bot"));
  await takeBack(page);
  hold(/\/bot\?.*#fb-/.test(page.url()), name("what is taken back there leads back there"));
  hold(/taken back by ann/.test(await page.locator(".said li").first().innerText()), name("it is taken back, and by whom"));
  for (const [link, path] of [["Incidents", "/incidents"], ["Bots", "/bots"], ["Inventory", "/inventory"], ["Privileges", "/privileges"], ["Logs", "/logs"]]) {
    await follow(page, link, path);
    hold(await page.locator("nav [aria-current=page]").first().innerText() === link, name(`${link} says where it is`));
    await look(page, name(link.toLowerCase()));
  }
  await find(page, base, name);
  await page.context().close();
}

// Open incidents of bots, as the overview has them: one for each walk, so that none speaks of another's.
export async function incidents(base) {
  const page = await open({ viewport: DESKTOP });
  await page.goto(base + "/");
  const stories = page.locator(".story", { has: page.locator("a.bot") }).locator(".sentence a");
  const links = await stories.evaluateAll((all) => all.map((one) => one.getAttribute("href")));
  await page.context().close();
  return [...new Set(links)];
}

// An incident, by the overview's sentence.
async function follow_up(page, name, incident) {
  const sentence = page.locator(`.story .sentence a[href="${incident}"]`);
  const told = await sentence.innerText();
  await sentence.click();
  await page.waitForURL(/\/incidents\/inc-/);
  hold((await page.locator("h1").innerText()) === told, name("the incident has the overview's sentence"));
  hold(await page.locator(".facts .yours").count() > 0, name("the viewer's own time is beside the moment"));
  hold(/UTC \w{3} \d\d:\d\d/.test(await page.locator(".timeline .at").first().innerText()), name("the timeline has the bot's own time"));
  hold(await page.locator(".trace tr.evidence").count() > 0, name("the evidence is listed"));
  await look(page, name("incident"));

  // What is open stays open when the page refreshes itself, and what was typed stays where it is.
  const details = page.locator("[data-live] .figure details").first();
  const opens = await details.count() > 0 && await details.isVisible();
  if (opens) {
    await details.locator("summary").click();
    hold(await details.locator("table").isVisible(), name("a picture's table opens"));
  }
  const why = page.getByRole("textbox", { name: "Why" });
  await why.fill("half a thought");
  const fresh = await page.evaluate(() => Number(document.documentElement.dataset.fresh || 0));
  await page.waitForFunction((before) => Number(document.documentElement.dataset.fresh || 0) > before, fresh);
  hold(await why.inputValue() === "half a thought", name("a refresh leaves what was typed"));
  if (opens) hold(await details.evaluate((d) => d.open), name("it stays open over a refresh"));
}

// What it was, looked at before it is kept, and kept.
async function say(page, name) {
  const form = page.locator("form#say");
  hold(!await form.getByLabel("Until the end of").isVisible(), name("a day is asked for where it matters"));
  await form.getByText("It is expected").click();
  hold(await form.getByLabel("Until the end of").isVisible(), name("what is expected has an end"));
  await form.getByRole("textbox", { name: "Why" }).fill("");
  await form.getByLabel("Your name").fill("ann");
  await preview(page);
  hold(await page.getByRole("alert").innerText() === "Say why it is expected, so that the next one who looks knows.", name("what is missing is said"));
  await look(page, name("feedback-again"));
  await page.getByRole("textbox", { name: "Why" }).fill("CHG-7: the month's end");
  await preview(page);
  hold(/^ann expects it until the end of \d/.test(await page.locator("h1").innerText()), name("the preview says who says what"));
  hold(await page.locator(".changed li").count() > 0, name("the preview lists what it would have changed"));
  await look(page, name("feedback-preview"));
  await page.getByRole("link", { name: "Leave it" }).click();
  await page.waitForURL(/#feedback$/);
  const before = await page.locator(".said li").count();
  await page.getByText("It was nothing").click();
  await page.getByRole("textbox", { name: "Why" }).fill("our new build host\n<b>not bold</b>");
  hold(await page.getByLabel("Your name").inputValue() === "ann", name("the name is typed once"));
  await preview(page);
  await keep(page);
  hold(await page.locator(".said li").count() === before + 1, name("leaving it kept nothing, keeping it one thing"));
  const said = page.locator(".said li").first();
  hold(/ann says it was nothing\s*holds/.test(await said.innerText()), name("what was said is told with its name"));
  hold(await said.locator("b", { hasText: "not bold" }).count() === 0, name("what was typed stays text"));
  await look(page, name("feedback-kept"));
}

// A filter makes an address that can be shared, and the search is a matter of keys.
async function find(page, base, name) {
  await page.goto(base + "/incidents");
  await page.getByLabel("At least").selectOption("high");
  await page.getByRole("button", { name: "Show" }).click();
  await page.waitForURL(/severity=high/);
  const severities = await page.locator(".story .severity").allInnerTexts();
  hold(severities.length > 0 && severities.every((severity) => /high|critical/i.test(severity)), name("the filter holds"));
  await page.goto(base + "/");
  await page.keyboard.press("Tab");
  hold(await page.locator(".skip").evaluate((skip) => skip === document.activeElement), name("the first stop skips to the content"));
  await page.getByRole("searchbox").fill("zz-nothing-is-called-so");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/search/);
  hold(await page.getByText("Nothing is there.").isVisible(), name("the search says that there is nothing"));
  await look(page, name("search"));
}

// An incident of each kind of reason, whatever it is about, and what is not there.
export async function kinds(base) {
  const page = await open({ viewport: PHONE, hasTouch: true }, /404/);
  await page.goto(base + "/incidents");
  const rows = await page.evaluate(async () => (await fetch("/api/v1/incidents?per_page=500")).json());
  const first = new Map();
  for (const row of rows) {
    const kind = row.dimensions.split(",")[0];
    if (!first.has(kind)) first.set(kind, row.incident);
  }
  hold(first.size >= 4, `kinds: only of ${[...first.keys()]}`);
  for (const [kind, incident] of first) {
    await page.goto(`${base}/incidents/${incident}`);
    hold(await page.locator(".versus").count() > 0, `kinds: ${kind} says what was observed and what expected`);
    hold(!/\dT\d\d:\d\d:\d\d/.test(await page.locator("main").innerText()), `kinds: ${kind} has a time that no person writes`);
    hold(await page.locator("tr.rest").evaluateAll((rows) => rows.every((row) => !row.checkVisibility())), `kinds: ${kind} folds what is secondary`);
    await look(page, `kind-${kind}`);
  }
  await page.goto(base + "/nothing");
  hold(await page.locator("h1").innerText() === "There is no such page.", "kinds: what is not there is said");
  await look(page, "not-there");
  await page.context().close();
}

// Everything that matters, with no script at all.
export async function withoutScripts(base, incident) {
  const page = await open({ javaScriptEnabled: false, viewport: DESKTOP });
  await page.goto(base + "/incidents");
  await page.locator(`.story .sentence a[href="${incident}"]`).click();
  hold(await page.locator(".versus").count() > 0, "without scripts the incident is whole");
  await page.getByText("It was real").click();
  await page.getByLabel("Your name").fill("bob");
  await preview(page);
  await keep(page);
  hold(/bob says it was real\s*holds/.test(await page.locator(".said li").first().innerText()), "without scripts it is kept");
  await takeBack(page, "bob");
  hold(/taken back by bob/.test(await page.locator(".said li").first().innerText()), "without scripts it is taken back");
  await page.getByLabel("Your name").fill("bob");
  await page.getByRole("button", { name: "I am on it" }).click();
  await page.waitForURL(/#fb-/);
  hold(/bob is on it/.test(await page.locator(".said li").first().innerText()), "without scripts somebody is on it at once");
  await page.goto(base + "/incidents?state=open");
  hold(await page.locator("svg.picture, .story").count() > 0, "without scripts incidents are listed");
  await page.context().close();
}
