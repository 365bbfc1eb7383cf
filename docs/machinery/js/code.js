// A block of code gets its button when it comes in sight: a page may have seventy.
const BUTTON = (id) => `<span class="md-code__nav"><button type="button" class="md-code__button"
  title="Copy to clipboard" data-md-type="copy" data-clipboard-target="#${id}"></button></span>`;

// The theme's script listens to every button that names what to copy.
function addButton(code) {
  const block = code.closest("pre");
  if (!block.querySelector("button")) block.insertAdjacentHTML("afterbegin", BUTTON(code.id));
}

// A box that scrolls can be reached by keyboard. First all are measured, then all are changed: in
// turns the page would be laid out anew for each.
function reach(codes) {
  const wide = new Set(codes.filter((code) => code.scrollWidth > code.clientWidth));
  for (const code of codes)
    if (wide.has(code)) code.tabIndex = 0;
    else code.removeAttribute("tabindex");
}

const sight = new IntersectionObserver((entries) => {
  const near = entries.filter((entry) => entry.isIntersecting).map((entry) => entry.target);
  near.forEach(addButton);
  reach(near);
}, { rootMargin: "50%" });

// What a closed box holds is measured when it is opened, and so comes in sight.
const all = [...document.querySelectorAll("pre code")];
const reachShown = () => reach(all.filter((code) => code.checkVisibility()));

all.forEach((code, number) => {
  code.id = `code-${number}`;
  sight.observe(code);
});
reachShown();
addEventListener("resize", reachShown);
