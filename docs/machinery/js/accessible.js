// What the theme's script and markup leave out for readers without a mouse.

// The theme's own limit between a side bar and a drawer.
const narrow = matchMedia("(max-width: 76.2344em)");

// A box that scrolls can be reached by keyboard.
function reachTables() {
  for (const box of document.querySelectorAll(".md-typeset__scrollwrap")) {
    box.tabIndex = 0;
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", "Table");
  }
}

const LABELS = `.md-sidebar label,
  :is(.md-header__button, .md-search__icon):is([for="__drawer"], [for="__search"])`;

// Labels open the drawer, its parts and the search; beside a side bar there is nothing to open.
function reachLabels() {
  for (const label of document.querySelectorAll(LABELS))
    label.tabIndex = narrow.matches ? 0 : -1;
}

// The theme lets Enter press a label, but a space only scrolls the page.
function pressLabel(event) {
  if (event.key !== " " || !event.target.matches("label[tabindex='0']")) return;
  event.preventDefault();
  event.target.click();
}

// The scheme is chosen by one radio button of three, each with a label of its own; the theme shows
// that of the one that holds. Enter goes on to the next, and so does a space.
const palette = document.querySelector("[data-md-component=palette]");

function goOn(event) {
  if (event.key !== " ") return;
  event.preventDefault();
  palette.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
}

// Tab comes to the button that is checked, and the theme checks none before the first choice.
function checkScheme() {
  palette.querySelector("label:not([hidden])").previousElementSibling.checked = true;
}

// An arrow turns the page, unless it moves something on it: a control, or a box that scrolls.
const TURNS = { ArrowLeft: "prev", ArrowRight: "next" };
const OPEN = ":is(#__drawer, #__search):checked";
const CONTROLS = "input, select, textarea, button, summary, [contenteditable], [tabindex]";

const scrolls = (box) =>
  box.scrollWidth > box.clientWidth && /auto|scroll/.test(getComputedStyle(box).overflowX);

function takesArrows(element) {
  if (!element || element === document.body) return false;
  return element.matches(CONTROLS) || scrolls(element) || takesArrows(element.parentElement);
}

function turnPage(event) {
  const link = document.querySelector(`.md-footer__link--${TURNS[event.key]}`);
  const held = event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.repeat;
  if (!link || held || event.defaultPrevented || document.querySelector(OPEN)) return;
  // A click puts the cursor into a box that scrolls, where there may be nothing for the focus.
  const cursor = getSelection().focusNode?.parentElement;
  if (takesArrows(event.target) || takesArrows(cursor)) return;
  event.preventDefault();
  location.assign(link.href);
}

// The theme asks for the focus before the closed search, which nothing may reach, can be seen again.
function enterSearch({ target }) {
  if (target.checked)
    requestAnimationFrame(() => document.querySelector(".md-search__input").focus());
}

// The theme has put its tables into such boxes when this asks for them.
document$.subscribe(reachTables);
reachLabels();
narrow.addEventListener("change", reachLabels);
document.addEventListener("keydown", pressLabel);
document.addEventListener("keydown", turnPage);
palette.addEventListener("keydown", goOn);
document$.subscribe(checkScheme);
document.getElementById("__search").addEventListener("change", enterSearch);
