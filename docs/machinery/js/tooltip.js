// Escape hides the tooltip of a term or a citation. The theme shows it again when it is asked to.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const tooltip of document.querySelectorAll(".md-tooltip2--active")) {
    tooltip.classList.remove("md-tooltip2--active");
  }
});

// A finger does not hover: where it touches a term first, it asks what that means, and then follows
// the link.
let asked = null;

document.addEventListener("pointerdown", ({ target, pointerType }) => {
  asked = pointerType === "touch" ? target.closest("a.term:not([aria-describedby])") : null;
});

document.addEventListener("click", (event) => {
  if (event.target === asked) event.preventDefault();
});
