// A block of code is completed when it comes in sight: a page may have seventy.
const BUTTON = (id) => `<span class="md-code__nav"><button type="button" class="md-code__button"
  title="Copy to clipboard" data-md-type="copy" data-clipboard-target="#${id}"></button></span>`;

// The theme's script listens to every button that names what to copy.
function addButton(code) {
  const block = code.closest("pre");
  if (!block.querySelector("button")) block.insertAdjacentHTML("afterbegin", BUTTON(code.id));
}

// A box that scrolls can be reached by keyboard.
function reach(code) {
  if (code.scrollWidth > code.clientWidth) code.tabIndex = 0;
  else code.removeAttribute("tabindex");
}

const watch = new IntersectionObserver((entries) => {
  for (const { target: code, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    addButton(code);
    reach(code);
  }
}, { rootMargin: "50%" });

// To watch anew asks of every block again whether it is in sight.
function watchAll() {
  watch.disconnect();
  document.querySelectorAll("pre code").forEach((code, number) => {
    code.id = `code-${number}`;
    watch.observe(code);
  });
}

watchAll();
addEventListener("resize", watchAll);
