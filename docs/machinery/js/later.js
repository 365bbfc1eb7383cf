// What css/later.css lets wait is laid out a block at a time, each in a task of its own: between two
// of them the browser answers. On most machines all is done before the page counts as loaded.
const WAITING = ".md-content__inner > :is(p, ul, ol, .equation)";

function layOut(block) {
  block.style.contentVisibility = "visible";
  block.getBoundingClientRect(); // now, not together with the next
}

for (const block of document.querySelectorAll(WAITING)) setTimeout(() => layOut(block));
