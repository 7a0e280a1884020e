for (const button of document.querySelectorAll("button.copy")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async (event) => {
    event.preventDefault();
    await navigator.clipboard.writeText(button.closest(".sample").querySelector("pre").textContent);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
}
document.addEventListener("toggle", (event) => {
  const nest = event.target;
  if (!nest.open || !nest.dataset || !nest.dataset.schema) return;
  const fields = document.querySelector(`#schema-${nest.dataset.schema} > .fields`);
  if (fields) nest.replaceChildren(nest.querySelector("summary"), fields.cloneNode(true));
  delete nest.dataset.schema;
}, true);
const bar = document.querySelector(".bar");
if (bar) {
  const wide = matchMedia("(min-width: 64rem)");
  const fit = () => { bar.open = wide.matches; };
  wide.addEventListener("change", fit);
  fit();
  bar.addEventListener("click", (event) => { if (event.target.closest("a") && !wide.matches) bar.open = false; });
  const filter = bar.querySelector("input");
  const said = new Map();
  const textOf = (item) => {
    if (!said.has(item)) {
      const place = document.getElementById(item.querySelector("a").hash.slice(1));
      const about = place && (place.querySelector(".columns > div") || place);
      said.set(item, `${item.dataset.find} ${about ? about.textContent.toLowerCase() : ""}`);
    }
    return said.get(item);
  };
  filter.hidden = false;
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const group of bar.querySelectorAll("[data-group]")) {
      let shown = 0;
      for (const item of group.querySelectorAll("li")) {
        const match = words.every((word) => textOf(item).includes(word));
        item.hidden = !match;
        shown += match;
      }
      const whole = group.querySelector("ul[data-found]");
      if (whole) whole.hidden = words.length === 0;
      group.hidden = !shown && words.length > 0;
    }
  });
}
