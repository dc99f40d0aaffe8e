// People at the console: real clicks in Chromium, at phone and desktop width, in light and dark, with and without scripts.
// Ends with 1 and a line for each thing that is wrong. SHOTS=dir keeps a picture of each page.
import { DESKTOP, PHONE, launch, wrong } from "./page.mjs";
import { incidents, kinds, walk, withoutScripts } from "./analyst.mjs";
import { acceptance } from "./feedback.mjs";
import { crowded, door, empty, tabs } from "./states.mjs";

const at = (name) => (process.env[name] || "").replace(/\/$/, "");
const lively = at("LIVELY");

const walks = [
  ["nats", () => acceptance(at("NATS"))],
  ["empty", () => empty(at("EMPTY"))],
  ["crowded", () => crowded(at("CROWDED"))],
  ["door", () => door(at("DOOR"), process.env.PASSWORD)],
  ["tabs", () => tabs(lively)],
  ["kinds", () => kinds(lively)],
];

const browser = await launch();
const links = await incidents(lively);
if (links.length < 4) wrong.push(`three walks need an open incident each, one is to stay, and there are ${links.length}`);
walks.push(["desktop", () => walk(lively, "desktop", DESKTOP, links[0])]);
walks.push(["phone", () => walk(lively, "phone", PHONE, links[1])]);
walks.push(["without scripts", () => withoutScripts(lively, links[2])]);
const only = process.env.ONLY;
const todo = walks.filter(([name]) => !only || name.includes(only));
// A few at a time: each waits for pages and clocks more than it computes.
const worker = async () => {
  for (let next = todo.shift(); next; next = todo.shift()) {
    const [name, work] = next;
    const began = Date.now();
    try {
      await work();
    } catch (error) {
      wrong.push(`${name}: ${error.stack || error}`);
    }
    console.log(`${name}: ${((Date.now() - began) / 1000).toFixed(1)} s`);
  }
};
await Promise.all([worker(), worker(), worker(), worker()]);
await browser.close();
for (const line of wrong) console.log("wrong: " + line);
process.exit(wrong.length ? 1 : 0);
