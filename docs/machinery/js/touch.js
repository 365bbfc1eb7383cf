// Figures that a reader may touch. The picture stands, and below it a button, which only a script can
// need. When a pointer or the focus comes to the figure, its scripts are fetched: the kit, then its own.
// The button opens the figure, and so does an address that holds a setting of it.
const loading = new Map();

// No modules: a browser takes none from the file system.
function load(url) {
  if (!loading.has(url))
    loading.set(url, new Promise((done, fail) => {
      const script = document.createElement("script");
      Object.assign(script, { src: url, onload: done, onerror: fail });
      document.head.append(script);
    }));
  return loading.get(url);
}

async function fetchScripts(figure) {
  const own = new URL(figure.dataset.touch, location);
  await load(new URL("kit.js", own).href);
  await load(own.href);
}

const toggle = (figure) => fetchScripts(figure).then(() => touchable.toggle(figure));
const settings = [...new URLSearchParams(location.search).keys()];

for (const figure of document.querySelectorAll("figure[data-touch]")) {
  const place = figure.querySelector(".touch");
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = place.dataset.invitation;
  button.setAttribute("aria-expanded", false);
  button.addEventListener("click", () => toggle(figure));
  place.append(button);
  for (const kind of ["pointerenter", "focusin"])
    figure.addEventListener(kind, () => fetchScripts(figure).catch(() => {}), { once: true });
  const name = figure.id.replace("figure-", "");
  if (settings.some((key) => key.startsWith(`${name}.`))) toggle(figure);
}
