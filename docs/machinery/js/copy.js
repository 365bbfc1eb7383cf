// Copied text has the TeX of its formulas between dollars; what is copied as HTML keeps the MathML.
const formula = (node) => (node.closest ? node : node.parentElement).closest("math");

// A formula is copied whole.
const wholeFormulas = (range) => {
  const first = formula(range.startContainer);
  const last = formula(range.endContainer);
  if (first) range.setStartBefore(first);
  if (last) range.setEndAfter(last);
  return range.cloneContents();
};

// The number of an equation follows it.
const tex = (math) => {
  const display = math.getAttribute("display") === "block";
  return display ? `$$${math.dataset.tex}$$ ` : `$${math.dataset.tex}$`;
};

// Only what is in the page has line breaks where its blocks end.
const plain = (box) => {
  box.querySelectorAll("math").forEach((math) => math.replaceWith(tex(math)));
  document.body.append(box);
  const text = box.innerText;
  box.remove();
  return text;
};

document.addEventListener("copy", (event) => {
  const selection = getSelection();
  if (selection.isCollapsed || !event.clipboardData) return;
  const box = document.createElement("div");
  box.append(wholeFormulas(selection.getRangeAt(0).cloneRange()));
  if (!box.querySelector("math")) return;
  box.querySelectorAll("button").forEach((button) => button.remove());
  event.clipboardData.setData("text/html", box.innerHTML);
  event.clipboardData.setData("text/plain", plain(box));
  event.preventDefault();
});
