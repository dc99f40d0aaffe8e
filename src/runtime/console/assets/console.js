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

  let asking = false;
  async function refresh() {
    if (asking || document.hidden) return;
    asking = true;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      let changed = false;
      for (const fresh of page.querySelectorAll("[data-live]")) {
        const old = document.querySelector(`[data-live="${fresh.dataset.live}"]`);
        if (old) changed = replace(old, fresh) || changed;
      }
      const status = document.getElementById("fresh");
      status.textContent = "Live";
      document.documentElement.dataset.fresh = String(Number(document.documentElement.dataset.fresh || 0) + 1);
      if (changed) status.textContent = "Live, updated " + new Date().toLocaleTimeString();
    } catch {
      document.getElementById("fresh").textContent = "Not live: the console does not answer";
    } finally {
      asking = false;
    }
  }

  for (const part of document.querySelectorAll("[data-live]")) was.set(part, part.innerHTML);
  localize(document);
  if (zone !== "UTC") document.getElementById("zone").textContent = `; yours (${zone}) is in the tooltips`;
  if (document.querySelector("main [data-live]") && window.EventSource) {
    let first = true;
    const source = new EventSource("/live");
    source.addEventListener("change", () => {
      if (first) { first = false; document.getElementById("fresh").textContent = "Live"; } else refresh();
    });
    source.addEventListener("error", () => { first = true; });
    document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
  }
})();
