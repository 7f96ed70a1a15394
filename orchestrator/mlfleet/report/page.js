"use strict";
// Chips hide what nobody chose; where none of a kind is pressed, all of that kind is shown. The choice stands in the
// address, #f=linfa,tch&o=refused, with the place in the page behind it as at=cells. The page is whole without this.
(() => {
  const bar = document.getElementById("filters");
  const told = document.getElementById("filtered");
  const chips = [...bar.querySelectorAll("button[data-key]")];
  const items = [...document.querySelectorAll("main :is([data-framework], [data-outcome], [data-workload])")];
  const outcomes = [...document.querySelectorAll(".outcomes > li")];
  let at = "";

  const isPressed = (chip) => chip.getAttribute("aria-pressed") === "true";
  const press = (chip, on) => chip.setAttribute("aria-pressed", String(on));

  // Pressed chips by the key of their kind.
  function chosen() {
    const found = new Map();
    for (const chip of chips.filter(isPressed)) {
      found.set(chip.dataset.key, [...(found.get(chip.dataset.key) ?? []), chip]);
    }
    return found;
  }

  function show() {
    const wanted = [...chosen().values()].map((mine) => [mine[0].dataset.name, mine.map((chip) => chip.value)]);
    for (const item of items) {
      const off = wanted.some(([name, values]) => name in item.dataset && !values.includes(item.dataset[name]));
      item.classList.toggle("off", off);
    }
    const gone = outcomes.filter((one) => one.closest(".off"));
    const refused = gone.filter((one) => one.dataset.outcome === "refused");
    const counts = `${gone.length} of ${outcomes.length} outcomes hidden, ${refused.length} of them REFUSED`;
    told.textContent = wanted.length === 0 ? "" : `Filtered: ${counts}.`;
  }

  // Replaces the entry of the history: the way back leads to places and pages, not through every chip.
  function keep() {
    const parts = [...chosen()].map(([key, mine]) => `${key}=${mine.map((one) => encodeURIComponent(one.value))}`);
    if (parts.length > 0 && at) parts.push(`at=${at}`);
    const fragment = parts.join("&") || at;
    history.replaceState(null, "", fragment ? `#${fragment}` : location.href.split("#")[0]);
  }

  function decoded(text) {
    try {
      return decodeURIComponent(text);
    } catch {
      return "";
    }
  }

  // No id of this page holds "=", so what does is a choice; anything else is a place, and leaves the choice as it is.
  function read() {
    const fragment = location.hash.slice(1);
    const isChoice = fragment.includes("=");
    const parts = new Map(isChoice ? fragment.split("&").map((part) => part.split("=", 2)) : [["at", fragment]]);
    for (const chip of isChoice ? chips : []) {
      press(chip, (parts.get(chip.dataset.key) ?? "").split(",").map(decoded).includes(chip.value));
    }
    at = parts.get("at") ?? "";
    show();
    keep();
    const place = document.getElementById(at);
    const closed = place?.closest("details:not([open])");
    closed?.setAttribute("open", "");
    if (isChoice || closed) place?.scrollIntoView();
  }

  bar.addEventListener("click", (event) => {
    const chip = event.target.closest("button");
    const isReset = chip?.id === "reset";
    for (const one of isReset ? chips : [chip]) if (one) press(one, !isReset && !isPressed(one));
    show();
    keep();
  });
  window.addEventListener("hashchange", read);
  bar.hidden = false;
  read();
})();
