// What was it? From an incident over its preview to the next run that stays quiet, and back.
import { DESKTOP, PHONE, ask, hold, look, open } from "./page.mjs";

export async function preview(page) {
  await page.getByRole("button", { name: "See what it changes" }).click();
  await page.waitForURL(/\/feedback$/);
}

export async function keep(page) {
  await page.getByRole("button", { name: "Keep it" }).click();
  await page.waitForURL(/#fb-/);
}

export async function takeBack(page, by) {
  if (by) await page.getByLabel("Your name").fill(by);
  const count = await page.locator(".said li.undone").count();
  await page.getByRole("button", { name: /^Take it back/ }).first().click();
  await page.locator(".said li.undone").nth(count).waitFor();
}

// A run over a real server: one page, one word, the same again, and the word taken back.
export async function acceptance(base) {
  const page = await open({ viewport: DESKTOP }, /502|503|ERR_/);
  await page.goto(base + "/");
  hold(/^One incident needs somebody/.test(await page.locator("h1").innerText()), "nats: one incident needs somebody");
  await page.locator(".story .sentence a").first().click();
  hold(await page.locator(".reason").count() > 0, "nats: the reasons are there");
  hold(await page.locator(".trace tr.evidence").count() > 0, "nats: the evidence is read back from the stream");
  await look(page, "nats-incident");
  const incident = page.url();
  await page.getByText("It is normal for this bot").click();
  const values = page.locator(".value");
  hold(await values.count() > 0, "nats: what it was not known by is offered");
  for (const value of await values.all()) await value.click();
  await page.getByRole("textbox", { name: "Why" }).fill("CHG-7: a new host");
  await page.getByLabel("Your name").fill("ann");
  await look(page, "nats-form-fine");
  await preview(page);
  hold(/says this is normal for the bot/.test(await page.locator("h1").innerText()), "nats: the preview says what is said");
  hold(await page.locator(".changed .severity.low").count() > 0, "nats: a host that is fine makes its own alert low");
  hold(/network 172\.16\.9\.0\/24/.test(await page.locator("main").innerText()), "nats: the preview says what the host came with");
  await look(page, "nats-preview-fine");
  await page.getByRole("link", { name: "Leave it" }).click();
  await page.getByText("It was nothing").click();
  await page.getByRole("textbox", { name: "Why" }).fill("CHG-7: a new host");
  await preview(page);
  hold(await page.locator(".changed .severity.low").count() > 0, "nats: the preview says that it would have been low");
  await keep(page);
  await look(page, "nats-kept");

  await ask("next run");
  await page.goto(base + "/incidents");
  const stories = await page.locator(".story").allInnerTexts();
  const quiet = stories.filter((story) => /suppressed by ann/i.test(story));
  hold(quiet.length > 0 && quiet.every((story) => /^low/i.test(story)), `nats: the same again is told at low, with whose word it is: ${stories.join(" | ")}`);
  hold(stories.filter((story) => /^(medium|high|critical)/i.test(story) && !/ended/i.test(story)).length === 0, "nats: the next run stays quiet");
  await look(page, "nats-next-run");
  await page.goto(base + "/");
  hold(/^All is quiet/.test(await page.locator("h1").innerText()), "nats: nothing pages");
  await page.goto(incident);
  hold(/1 alert went out lower for it/.test(await page.locator(".said li").first().innerText()), "nats: the word says what it did");
  await takeBack(page);
  await look(page, "nats-taken-back");

  // The broker goes away: what is known is still shown, what is not says so, and a word is still taken.
  await page.goto(base + "/incidents");
  await ask("nats away");
  await page.locator(".story", { hasText: "suppressed" }).locator(".sentence a").click();
  await page.waitForURL(/\/incidents\/./);
  hold(await page.getByText("The events cannot be read back now").isVisible(), "nats away: the evidence says why it is not there");
  hold(await page.locator(".reason").count() > 0, "nats away: the reasons are still there");
  hold(/Not well/.test(await page.locator(".pulse").innerText()), "nats away: the head says that it is not well");
  hold(/NATS cannot be reached, so no new events come in/.test(await page.locator(".pulse").innerText()), "nats away: and what that means");
  hold(!await page.locator(".pulse .last code").isVisible(), "nats away: what only a mender needs is folded away");
  await look(page, "nats-away");
  await page.setViewportSize(PHONE);
  await look(page, "nats-away-phone");
  await page.context().close();
}
