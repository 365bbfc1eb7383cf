// Which chapters this reader has read. The browser keeps it, and nobody else; a browser that keeps
// nothing remembers it until the page is left.
const KEY = "bptt-read";

function remembered() {
  try {
    const names = JSON.parse(localStorage.getItem(KEY));
    return new Set(Array.isArray(names) ? names : []);
  } catch {
    return new Set();
  }
}

function remember(names) {
  try {
    localStorage.setItem(KEY, JSON.stringify([...names]));
  } catch {
    // Nothing is kept, and nothing else depends on it.
  }
}

const CHAPTER = /\/chapters\/([^/]+)\/(?:index\.html)?$/;
const chapterOf = (link) => CHAPTER.exec(link.pathname)?.[1];
const read = remembered();

// Every link in a list of chapters says whether its chapter is read.
function mark() {
  for (const link of document.querySelectorAll(".card h3 a, .md-nav__link[href]"))
    link.toggleAttribute("data-read", link.hash === "" && read.has(chapterOf(link)));
  for (const button of document.querySelectorAll("[data-chapter] button"))
    button.setAttribute("aria-pressed", read.has(button.parentElement.dataset.chapter));
  goOn();
}

// Who has begun goes on with the first chapter that is not read.
function goOn() {
  const begin = document.getElementById("begin");
  const cards = [...document.querySelectorAll(".card:has(img) h3 a")];
  const next = cards.find((link) => !read.has(chapterOf(link)));
  if (!begin || !next || !cards.some((link) => read.has(chapterOf(link)))) return;
  begin.href = next.href;
  begin.textContent = `Go on with chapter ${cards.indexOf(next) + 1}`;
}

// Without scripts there would be nothing to press.
for (const place of document.querySelectorAll("[data-chapter]")) {
  const { chapter } = place.dataset;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "md-button";
  button.textContent = "I have read this chapter";
  button.addEventListener("click", () => {
    if (!read.delete(chapter)) read.add(chapter);
    remember(read);
    mark();
  });
  place.append(button);
}
mark();
