// Keeps the queue as its reader left it while rows come and go: what is selected, where one is, whether it is live.
"use strict";

const boxes = () => [...document.querySelectorAll("#rows input[type=checkbox]")];
const caseOf = (box) => box.value.split(":")[0];

function tellChosen() {
  const count = boxes().filter((box) => box.checked).length;
  const words = document.getElementById("chosen");
  if (words) words.textContent = count ? `${count} selected:` : "With selected:";
}

// --- what is selected stays selected; what was seen stays what was seen ---
let kept = null;
let here = null;
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target.id !== "rows") return;
  const at = document.activeElement?.closest("#rows tr");
  kept = {
    chosen: new Map(boxes().filter((box) => box.checked).map((box) => [caseOf(box), box.value])),
    here: document.querySelector("#rows .here")?.id,
    focus: at?.id,
    onBox: document.activeElement?.type === "checkbox",
    top: scrollY,
  };
});
document.addEventListener("htmx:afterSwap", () => {
  if (!kept || !document.getElementById("rows")) return;
  for (const box of boxes()) {
    const before = kept.chosen.get(caseOf(box));
    if (before !== undefined) { box.checked = true; box.value = before; }
  }
  here = kept.here;
  if (kept.focus) document.getElementById(kept.focus)?.querySelector(kept.onBox ? "input" : "a")?.focus({ preventScroll: true });
  scrollTo({ top: kept.top });
  kept = null;
  tellChosen();
});
// htmx gives new rows their own classes only now.
document.addEventListener("htmx:afterSettle", () => { if (here) document.getElementById(here)?.classList.add("here"); });
document.addEventListener("change", (event) => { if (event.target.closest("table.queue")) tellChosen(); });
document.addEventListener("DOMContentLoaded", tellChosen);

// --- whether it is live ---
function mark(isLive) {
  const shown = document.getElementById("live-mark");
  if (!shown) return;
  shown.dataset.live = isLive ? "on" : "off";
  shown.querySelector(".words").textContent = isLive ? "live" : "not live: load again to see changes";
}
document.addEventListener("htmx:sseOpen", () => mark(true));
document.addEventListener("htmx:sseError", () => mark(false));
document.addEventListener("htmx:sseClose", () => mark(false));

// --- a page that nobody looks at asks for nothing, and is brought up to date when somebody does ---
let missed = false;
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.elt.id === "live" && document.hidden) { missed = true; event.preventDefault(); }
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden || !missed) return;
  missed = false;
  htmx.trigger("#live", "sse:changed");
});

// --- one filter is open at a time ---
document.addEventListener("toggle", (event) => {
  if (!event.target.matches?.(".facet") || !event.target.open) return;
  for (const other of document.querySelectorAll(".facet[open]")) if (other !== event.target) other.open = false;
}, true);
document.addEventListener("click", (event) => {
  if (event.target.closest(".facet")) return;
  for (const open of document.querySelectorAll(".facet[open]")) open.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const open of document.querySelectorAll(".facet[open]")) { open.open = false; open.querySelector("summary").focus(); }
});
