// What the pages can do without: the viewer's own time beside each moment, a name that is typed once, and pages that stay fresh.
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

  // A name that was typed once stands there the next time. Where nothing may be kept, it is typed again.
  function remember(field) {
    const key = "humdrum-" + field.dataset.keep;
    try {
      field.value ||= localStorage.getItem(key) || "";
      field.form.addEventListener("submit", () => { try { localStorage.setItem(key, field.value); } catch { /* not kept */ } });
    } catch { /* not kept */ }
  }

  const was = new WeakMap();

  // What is open stays open, and what has the focus keeps it.
  function replace(old, fresh) {
    if (was.get(old) === fresh.innerHTML) return false;
    const stops = "a, summary, button, input, [tabindex]";
    const open = [...old.querySelectorAll("details")].map((details) => details.open);
    const checked = [...old.querySelectorAll("input[type=checkbox]")].map((box) => box.checked);
    const scrolled = [...old.querySelectorAll(".scroll")].map((region) => region.scrollLeft);
    const focused = [...old.querySelectorAll(stops)].indexOf(document.activeElement);
    was.set(old, fresh.innerHTML);
    old.replaceChildren(...fresh.childNodes);
    old.querySelectorAll("details").forEach((details, at) => { details.open = open[at] ?? details.open; });
    old.querySelectorAll("input[type=checkbox]").forEach((box, at) => { box.checked = checked[at] || false; });
    old.querySelectorAll(".scroll").forEach((region, at) => { region.scrollLeft = scrolled[at] || 0; });
    if (focused >= 0) old.querySelectorAll(stops)[focused]?.focus({ preventScroll: true });
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
  async function refresh(told) {
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
      // The page answers, and whether changes are told of is another matter.
      if (lost && !told) return;
      if (changed || lost) live("Live, updated " + new Date().toLocaleTimeString());
      else live("Live");
    } catch {
      stale("the console does not answer");
    } finally {
      asking = false;
    }
  }

  // One stream for all tabs, since a browser opens only six connections to one console: of the tabs that are shown, one
  // holds the lock and the stream, and tells the others what it hears. Whoever is hidden lets go.
  const NAME = "humdrum-live";
  const RETRY_MS = 2000;
  const RETRY_MAX_MS = 60000;
  const others = window.BroadcastChannel ? new BroadcastChannel(NAME) : null;
  let source = null;
  let timer = 0;
  let fails = 0;
  let turn = null;

  function heard(what) {
    if (what.change === undefined) return stale(what.lost);
    const first = what.change === "first";
    if (first && !lost) live("Live"); else refresh(true);
  }

  function tell(what) {
    heard(what);
    others?.postMessage(what);
  }

  function connect() {
    let first = true;
    source = new EventSource("/live");
    document.documentElement.dataset.stream = "own";
    source.addEventListener("change", () => {
      fails = 0;
      tell({ change: first ? "first" : "more" });
      first = false;
    });
    source.addEventListener("error", () => {
      // A stream ends with its connection, which is no trouble; one that does not come again is.
      const refused = source?.readyState === EventSource.CLOSED;
      source?.close();
      if (refused || fails > 0) tell({ lost: refused ? "the console refuses to tell of changes" : "the console does not answer" });
      timer = setTimeout(connect, Math.min(RETRY_MS * 2 ** fails, RETRY_MAX_MS));
      fails += 1;
    });
  }

  function leave() {
    clearTimeout(timer);
    turn?.abort();
    turn = null;
    source?.close();
    source = null;
    delete document.documentElement.dataset.stream;
  }

  function join() {
    leave();
    if (document.hidden) return;
    fails = 0;
    if (!navigator.locks || !others) return connect();
    const mine = new AbortController();
    turn = mine;
    document.documentElement.dataset.stream = "shared";
    const hold = () => new Promise((release) => {
      mine.signal.addEventListener("abort", release);
      if (mine.signal.aborted) release(); else connect();
    });
    navigator.locks.request(NAME, { signal: mine.signal }, hold).catch(() => { /* hidden before its turn came */ });
    others.postMessage({ who: true });
  }

  for (const part of document.querySelectorAll("[data-live]")) was.set(part, part.innerHTML);
  // What is secondary waits to be asked for where there is little room.
  if (matchMedia("(max-width: 640px)").matches) document.querySelectorAll("details.fold").forEach((fold) => { fold.open = false; });
  localize(document);
  document.querySelectorAll("[data-keep]").forEach(remember);
  if (zone !== "UTC") document.getElementById("zone").textContent = `; yours (${zone}) is in the tooltips`;
  if (document.querySelector("main [data-live]") && window.EventSource) {
    others?.addEventListener("message", ({ data }) => {
      if (!data.who) heard(data);
      else if (source?.readyState === EventSource.OPEN) others.postMessage({ change: "first" });
    });
    join();
    document.addEventListener("visibilitychange", () => {
      join();
      refresh();
    });
    // A page that the browser keeps for the way back must hold nothing.
    window.addEventListener("pagehide", leave);
    window.addEventListener("pageshow", ({ persisted }) => {
      if (!persisted) return;
      join();
      refresh();
    });
  }
})();
