// What is wrong with formulas as they are drawn, in parts of their letters' size. The boxes of a
// browser are as high as its letters or as its lines, so each bound has room for both.
globalThis.formulas = (() => {
  const box = (element) => element.getBoundingClientRect();
  const em = (element) => parseFloat(getComputedStyle(element).fontSize);
  const all = (math, selector) => [...math.querySelectorAll(selector)];
  // Where the letters of an element stand; Firefox counts the space beside them as its own.
  const letters = (element) => {
    const range = document.createRange();
    range.selectNodeContents(element);
    return range.getBoundingClientRect();
  };
  const between = (left, right) => (letters(right).left - letters(left).right) / em(left);
  const bottom = (parts) => Math.max(...parts.map((part) => box(part).bottom));
  const top = (parts) => Math.min(...parts.map((part) => box(part).top));

  const FENCES = /^[()[\]{}|‖⟨⟩⌊⌋⌈⌉]$/;
  const isFence = (part) =>
    part.localName === "mo" && FENCES.test(part.textContent) && part.getAttribute("stretchy") !== "false";
  const fences = (math) => all(math, "mrow").flatMap((row) => {
    const parts = [...row.children];
    const edges = [parts[0], parts.at(-1)].filter((part) => isFence(part) && !part.hasAttribute("maxsize"));
    const inner = parts.filter((part) => !edges.includes(part));
    return edges.map((edge) => ["fence", box(edge).height / (bottom(inner) - top(inner)), 0.76, 1.6]);
  });

  // A sign between letters is as large in a display as in a line; a sum is larger. Fractions and
  // scripts get smaller in a line.
  const SIGNS = /^[⊙+−=≤≥≈·×]$/;
  const SMALLER = "mfrac, msub, msup, msubsup, munder, mover, munderover";
  const signs = (math) => {
    const line = math.cloneNode(true);
    line.removeAttribute("display");
    all(line, "[displaystyle]").forEach((part) => part.removeAttribute("displaystyle"));
    math.closest("p, div").append(line);
    const others = all(line, "mo");
    const found = all(math, "mo").flatMap((sign, i) => {
      const [large, small] = [box(sign), box(others[i])];
      if (SIGNS.test(sign.textContent) && !sign.closest(SMALLER))
        return [["sign", (large.width - small.width) / em(sign), -0.05, 0.05]];
      const larger = /^[∑∏]$/.test(sign.textContent) && math.getAttribute("display");
      return larger ? [["sum", large.height / small.height, 1.2, 2]] : [];
    });
    line.remove();
    return found;
  };

  // A name is a text, or an operator among others. A character that nobody sees may follow it, and a
  // space may follow its exponent.
  const isName = (part) => part && /^\p{L}{2,}$/u.test(part.textContent) && !part.childElementCount;
  const names = (math) => all(math, "mi, mo, mtext, msup").flatMap((part) => {
    const isPower = part.localName === "msup" && isName(part.firstElementChild);
    const after = part.nextElementSibling;
    const isApplied = after?.textContent === "\u2061";
    const next = isApplied || (isPower && after?.localName === "mspace")
      ? after.nextElementSibling : after;
    if (!next) return [];
    if (isApplied || isPower || (isName(part) && part.localName === "mo"))
      return [["name", between(part, next), -0.05, 0.29]];
    const isWord = part.localName === "mtext" || part.hasAttribute("mathvariant");
    return isWord && next.localName === "mi" ? [["word", between(part, next), -0.1, 0.1]] : [];
  });

  const accents = (math) => all(math, "mover[accent]").map((over) =>
    ["accent", (box(over).height - box(over.firstElementChild).height) / em(math), 0, 0.4]);

  const powers = (math) => all(math, "msup").filter((power) => !power.querySelector("mrow, mfrac, msup msup"))
    .flatMap((power) => {
      const [base, high] = power.children;
      const raised = (box(high).top - box(base).top) / em(math);
      return [["beside", between(base, high), -0.15, 0.3], ["raised", raised, -0.45, 0.3]];
    });

  const roots = (math) => all(math, "msqrt").map((root) =>
    ["root", box(root).height / (bottom([...root.children]) - top([...root.children])), 1, 1.9]);

  const fractions = (math) => all(math, "mfrac").map((fraction) => {
    const [above, below] = fraction.children;
    return ["fraction", (box(below).top - box(above).bottom) / em(math), -0.3, 0.75];
  });

  const MEASURES = [fences, signs, names, accents, powers, roots, fractions];
  // What lies out of its bounds, and how much was measured.
  const measure = (math) => {
    const found = MEASURES.flatMap((one) => one(math));
    const wrong = found.filter(([, value, least, most]) => !(value >= least && value <= most))
      .map(([what, value, least, most]) => `${what}: ${value.toFixed(2)}, not ${least} to ${most}`);
    return { wrong, measured: found.map(([what]) => what), all: found };
  };
  return { measure };
})();
