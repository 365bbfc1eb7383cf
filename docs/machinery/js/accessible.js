// What the theme's script makes of code and tables, made reachable and nameable for everyone.

function repair() {
  // The box of a copy button is no navigation.
  for (const box of document.querySelectorAll("nav.md-code__nav:not([role])"))
    box.setAttribute("role", "none");
  // The theme lets the keyboard scroll code only where a mouse can hover.
  if (!matchMedia("(hover)").matches)
    for (const code of document.querySelectorAll("pre > code:not([tabindex])")) code.tabIndex = 0;
  for (const box of document.querySelectorAll(".md-typeset__scrollwrap:not([tabindex])")) {
    box.tabIndex = 0;
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", "Table");
  }
}

repair();
new MutationObserver(repair).observe(document.body, {
  attributeFilter: ["tabindex"],
  childList: true,
  subtree: true,
});
