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
document.getElementById("__search").addEventListener("change", enterSearch);
