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

  // A sign between letters is as large in a display as in a line; a sum is larger.
  const SIGNS = /^[⊙+−=≤≥≈·×]$/;
  const signs = (math) => {
    const line = math.cloneNode(true);
    line.removeAttribute("display");
    all(line, "[displaystyle]").forEach((part) => part.removeAttribute("displaystyle"));
    math.closest("p, div").append(line);
    const pairs = all(math, "mo").map((sign, i) => [sign, all(line, "mo")[i]]);
    const found = pairs.flatMap(([sign, small]) => {
      const sizes = [box(sign), box(small)];
      if (SIGNS.test(sign.textContent)) return [["sign", sizes[0].width - sizes[1].width, -1, 1]];
      const larger = /^[∑∏]$/.test(sign.textContent) && math.getAttribute("display");
      return larger ? [["sum", sizes[0].height / sizes[1].height, 1.2, 2]] : [];
    });
    line.remove();
    return found;
  };

  const upright = (part) => /^(mi|mtext)$/.test(part?.localName) &&
    (part.localName === "mtext" || part.textContent.length > 1 || part.hasAttribute("mathvariant"));
  const names = (math) => all(math, "mi, mtext, msup").flatMap((part) => {
    const isName = upright(part) || upright(part.firstElementChild);
    const [next, argument] = [part.nextElementSibling, part.nextElementSibling?.nextElementSibling];
    if (isName && next?.textContent === "\u2061" && argument) return [["name", between(part, argument), 0, 0.25]];
    return upright(part) && next?.localName === "mi" ? [["word", between(part, next), -0.1, 0.1]] : [];
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
    return ["fraction", (box(below).top - box(above).bottom) / em(math), -0.3, 0.6];
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
