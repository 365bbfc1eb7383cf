// A find in the sections of a page leads to the page as well. The theme lets that link mark no word,
// where the page has none before its first section; so it gets those of the best section.
const words = (link) => new URL(link.href).searchParams.get("h");

function lend(item) {
  const links = [...item.querySelectorAll("a[href]")];
  const found = links.map(words).find(Boolean);
  for (const link of links.filter((link) => found && !words(link))) {
    const url = new URL(link.href);
    url.searchParams.set("h", found);
    link.href = url;
  }
}

const lending = new MutationObserver((changes) =>
  changes.flatMap(({ addedNodes }) => [...addedNodes]).forEach(lend),
);
lending.observe(document.querySelector(".md-search-result__list"), { childList: true });
