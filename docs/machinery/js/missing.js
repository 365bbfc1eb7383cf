// The page for missing addresses guesses from the address what its reader looks for: at the end of
// .../chapters/06-gate-the-cell/ that is "gate the cell".
const decoded = (address) => {
  try {
    return decodeURIComponent(address);
  } catch {
    return ""; // no text
  }
};

const words = (name) => name.split(/[^\p{L}\p{M}\p{N}]+/u).filter((word) => /\p{L}/u.test(word)).join(" ");

const ENDING = /\.(html?|ipynb|md|py)$/i;

const guess = (address) => {
  const { base } = JSON.parse(document.getElementById("__config").textContent);
  const home = new URL(base, location).pathname;
  const names = address.replace(home, "").split("/");
  const told = names.map((name) => words(decoded(name).replace(ENDING, "")));
  return told.findLast((name) => name && name !== "index") ?? "";
};

const box = document.getElementById("find");
if (box) box.value = guess(location.pathname);
