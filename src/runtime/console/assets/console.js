// What the pages can do without: the viewer's own time beside each moment, and pages that stay fresh.
"use strict";
(() => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  const own = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

  // Each moment gets the viewer's own time as its tooltip, and those of a page's head beside it.
  function localize(root) {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const at = new Date(time.dateTime);
      if (zone === "UTC" || Number.isNaN(at.getTime())) continue;
      const text = own.format(at) + " for you";
      time.title = text;
      if (time.closest(".facts") && !time.nextElementSibling?.classList.contains("yours")) {
        const yours = document.createElement("span");
        yours.className = "meta yours";
        yours.textContent = " " + text;
        time.after(yours);
      }
    }
  }

  const was = new WeakMap();

  // What is open stays open, and what has the focus keeps it.
  function replace(old, fresh) {
    if (was.get(old) === fresh.innerHTML) return false;
    const open = [...old.querySelectorAll("details")].map((details) => details.open);
    const scrolled = [...old.querySelectorAll(".scroll")].map((region) => region.scrollLeft);
    const focused = [...old.querySelectorAll("a, summary, [tabindex]")].indexOf(document.activeElement);
    was.set(old, fresh.innerHTML);
    old.replaceChildren(...fresh.childNodes);
    old.querySelectorAll("details").forEach((details, at) => { details.open = open[at] || false; });
    old.querySelectorAll(".scroll").forEach((region, at) => { region.scrollLeft = scrolled[at] || 0; });
    if (focused >= 0) old.querySelectorAll("a, summary, [tabindex]")[focused]?.focus({ preventScroll: true });
    localize(old);
    return true;
  }

  const status = document.getElementById("fresh");
  let lost = null;

  function live(text) {
    lost = null;
    status.textContent = text;
  }

  // What is shown is old from here on, and says since when.
  function stale(why) {
    lost ??= new Date();
    const at = lost.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    const again = document.createElement("a");
    again.href = location.pathname + location.search;
    again.textContent = "Load it again";
    status.replaceChildren(`Not live since ${at}: ${why}. `, again);
  }

  let asking = false;
  async function refresh() {
    if (asking || document.hidden) return;
    asking = true;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html", "x-humdrum-refresh": "1" } });
      if (answer.redirected) return stale("the console asks who you are");
      if (!answer.ok) return stale(`the console answers with ${answer.status}`);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      let changed = false;
      for (const fresh of page.querySelectorAll("[data-live]")) {
        const old = document.querySelector(`[data-live="${fresh.dataset.live}"]`);
        if (old) changed = replace(old, fresh) || changed;
      }
      document.documentElement.dataset.fresh = String(Number(document.documentElement.dataset.fresh || 0) + 1);
      if (lost && source?.readyState !== EventSource.OPEN) return;
      if (changed || lost) live("Live, updated " + new Date().toLocaleTimeString());
      else live("Live");
    } catch {
      stale("the console does not answer");
    } finally {
      asking = false;
    }
  }

  // A stream ends with its connection, which is no trouble; one that does not come again is. Hidden tabs have none, since
  // a browser opens only six connections to one console.
  const RETRY_MS = 2000;
  const RETRY_MAX_MS = 60000;
  let source = null;
  let timer = 0;
  let fails = 0;
  let first = true;

  function close() {
    clearTimeout(timer);
    source?.close();
    source = null;
  }

  function connect() {
    close();
    if (document.hidden) return;
    source = new EventSource("/live");
    source.addEventListener("change", () => {
      fails = 0;
      if (first && !lost) live("Live"); else refresh();
      first = false;
    });
    source.addEventListener("error", () => {
      const refused = source?.readyState === EventSource.CLOSED;
      close();
      if (refused || fails > 0) stale(refused ? "the console refuses to tell of changes" : "the console does not answer");
      timer = setTimeout(connect, Math.min(RETRY_MS * 2 ** fails, RETRY_MAX_MS));
      fails += 1;
    });
  }

  for (const part of document.querySelectorAll("[data-live]")) was.set(part, part.innerHTML);
  localize(document);
  if (zone !== "UTC") document.getElementById("zone").textContent = `; yours (${zone}) is in the tooltips`;
  if (document.querySelector("main [data-live]") && window.EventSource) {
    connect();
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) return close();
      fails = 0;
      connect();
      refresh();
    });
  }
})();
