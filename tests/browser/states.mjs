// What a console is seldom seen in: empty, full, asking who is there, without its engine, and in many tabs.
import { DESKTOP, PHONE, ask, follow, hold, look, open } from "./page.mjs";
import { keep, preview } from "./feedback.mjs";

// Nothing has come yet; then the engine ends.
export async function empty(base) {
  const page = await open({ viewport: PHONE }, /400|503/);
  await page.goto(base + "/");
  hold(await page.getByText("No event has arrived yet").isVisible(), "empty: it says that nothing has come");
  await look(page, "empty-overview");
  for (const [link, path, text] of [["Incidents", "/incidents", "Nothing has been found yet."], ["Bots", "/bots", "The bots are counted once the first ones are at work."], ["Logs", "/logs", "No log numbers its records."]]) {
    await follow(page, link, path);
    hold(await page.getByText(text).isVisible(), `empty: ${link} says so`);
    await look(page, `empty-${link.toLowerCase()}`);
  }
  await page.goto(base + "/bots?page=many");
  hold(/whole number/i.test(await page.locator("h1").innerText()), "empty: a bad address is told on a page");
  await look(page, "bad-query");
  await follow(page, "Overview", "/");
  await page.waitForFunction(() => document.getElementById("fresh").textContent.startsWith("Live"));
  await ask("end the engine");
  await page.waitForFunction(() => document.getElementById("fresh").textContent.startsWith("Not live since"), null, { timeout: 40000 });
  hold(await page.locator("h1").isVisible(), "outage: what was shown stays");
  await page.getByRole("link", { name: "Load it again" }).click();
  hold(await page.locator("h1").innerText() === "The engine has ended.", "outage: the page says what is wrong");
  await look(page, "outage");
  await page.context().close();
}

// As many alerts as are remembered, and as many bots.
export async function crowded(base) {
  const page = await open({ viewport: DESKTOP });
  await page.goto(base + "/incidents");
  hold(/1 to 50 of (9|10).\d{3}/.test(await page.locator(".paging").first().innerText()), "crowded: incidents are counted");
  await look(page, "crowded-incidents");
  await page.getByRole("link", { name: "Next" }).first().click();
  await page.waitForURL(/page=2/);
  hold(/^51 to 100 of/.test(await page.locator(".paging").first().innerText()), "crowded: the next ones follow");
  hold(await page.locator(".story").count() === 50, "crowded: fifty of a page");
  await page.goto(base + "/bots?tenant=crowd&sort=name");
  await page.waitForFunction(() => !document.querySelector("main").textContent.includes("being counted"));
  hold(/1 to 50 of 10.000/.test(await page.locator(".paging").first().innerText()), "crowded: bots are counted");
  await look(page, "crowded-bots");
  await page.setViewportSize(PHONE);
  await look(page, "crowded-bots-phone");
  await page.getByRole("searchbox").fill("bot-009999");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/search/);
  hold(await page.getByRole("link", { name: "bot-009999" }).first().isVisible(), "crowded: one of them is found");
  await page.context().close();
}

async function enter(page, name, password) {
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

// Who asks is asked: a guess, an operator, and one who only reads.
export async function door(base, password) {
  const page = await open({ viewport: DESKTOP }, /40[13]/);
  await page.goto(base + "/incidents?state=open");
  hold(new URL(page.url()).pathname === "/sign-in", "door: whoever comes is asked");
  await look(page, "sign-in");
  await enter(page, "ann", "a guess");
  hold(await page.getByRole("alert").innerText() === "Name and password do not fit.", "door: a guess is refused");
  await look(page, "sign-in-refused");
  await enter(page, "ann", password);
  await page.waitForURL(/\/incidents\?state=open/);
  hold(/Signed in as ann, operator/.test(await page.locator("footer").innerText()), "door: the page says who is there");
  await page.locator(".story .sentence a").first().click();
  await page.waitForURL(/\/incidents\/inc-/);
  const incident = page.url();
  hold(await page.getByLabel("Your name").count() === 0, "door: a name that is known is not asked for");
  await page.getByText("It was real").click();
  await preview(page);
  await keep(page);
  hold(/^ann says it was real/.test(await page.locator(".said li").first().innerText()), "door: the name is the one who signed in");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(/\/sign-in/);

  await page.setViewportSize(PHONE);
  await look(page, "sign-in-phone");
  await page.goto(incident);
  await enter(page, "vic", password);
  await page.waitForURL(incident);
  hold(await page.locator("form#say").count() === 0 && await page.locator(".said button").count() === 0, "door: who only reads has no form");
  hold(await page.getByText("You read here; operators say what it was.").isVisible(), "door: and is told why");
  await look(page, "viewer");
  await page.evaluate(() => {
    const form = document.createElement("form");
    form.method = "post";
    form.action = location.pathname + "/feedback";
    document.body.append(form);
    form.submit();
  });
  await page.waitForURL(/\/feedback$/);
  hold(await page.locator("h1").innerText() === "You may read here and not decide.", "door: a form of their own changes nothing");
  await look(page, "viewer-refused");
  await page.context().close();
}

// More tabs than a browser has connections, one stream for all, and one who takes over.
export async function tabs(base) {
  const first = await open({ viewport: DESKTOP });
  const context = first.context();
  const pages = [first];
  await first.goto(base + "/");
  for (let at = 0; at < 7; at += 1) {
    const page = await context.newPage();
    await page.goto(base + "/incidents", { timeout: 10000 });
    pages.push(page);
  }
  const streams = () => Promise.all(pages.map((page) => page.evaluate(() => document.documentElement.dataset.stream)));
  hold((await streams()).filter((stream) => stream === "own").length === 1, `tabs: one holds the stream: ${await streams()}`);
  const fresh = (page) => page.waitForFunction(() => Number(document.documentElement.dataset.fresh || 0) >= 1, null, { timeout: 20000 });
  await Promise.all(pages.slice(1).map(fresh));
  const holder = (await streams()).indexOf("own");
  await pages.splice(holder, 1)[0].close();
  await Promise.any(pages.map((page) => page.waitForFunction(() => document.documentElement.dataset.stream === "own")));
  hold((await streams()).filter((stream) => stream === "own").length === 1, "tabs: another one takes over");
  await context.close();
}
