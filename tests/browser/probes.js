// What the browser tests ask a page. A finding is a text: the selector of an element and how its
// source begins.
window.probes = (() => {
  const all = (selector, top = document) => [...top.querySelectorAll(selector)];
  const style = (element, pseudo) => getComputedStyle(element, pseudo);
  const box = (element) => element.getBoundingClientRect();

  const seen = (element) =>
    element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) &&
    box(element).width > 0 && box(element).height > 0;

  const selector = (element) => {
    const own = element.localName + (element.id ? `#${element.id}`
      : [...element.classList].map((name) => `.${name}`).join(""));
    const parent = element.parentElement;
    return element.id || !parent || parent === document.body ? own : `${selector(parent)} > ${own}`;
  };
  const finding = (element, what = "") =>
    `${what && `${what}: `}${selector(element).split(" > ").slice(-4).join(" > ")}` +
    `  ${element.outerHTML.replace(/\s+/g, " ").slice(0, 160)}`;

  const VISIBLE = /[^\s\u200b\u2061-\u2064]/; // neither space nor an unwritten operator of MathML
  const texts = (top) => {
    const walker = document.createTreeWalker(top, NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) {
      if (VISIBLE.test(walker.currentNode.data)) found.push(walker.currentNode);
    }
    return found;
  };

  // Colours ----------------------------------------------------------------------------------

  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const known = new Map();
  const colour = (text) => { // whatever CSS calls it, as red, green, blue of 255 and alpha of 1
    if (!known.has(text)) {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = text;
      canvas.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
      known.set(text, [r, g, b, a / 255]);
    }
    return known.get(text);
  };
  const over = ([r, g, b, a], below) =>
    [r, g, b].map((value, i) => a * value + (1 - a) * below[i]).concat(1);

  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((value) => {
      const s = value / 255;
      return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };

  // The colour behind an element's text, and how opaque the element is with all that holds it.
  // Neighbours share most of what is behind them, so `grounds` keeps what was found.
  const ground = (element, grounds) => {
    if (!element) return { below: [255, 255, 255, 1], opacity: 1, image: false };
    if (!grounds.has(element)) {
      const own = style(element);
      const { below, opacity, image } = ground(element.parentElement, grounds);
      const painted = colour(own.backgroundColor);
      grounds.set(element, {
        below: over(painted, below),
        opacity: opacity * own.opacity,
        image: own.backgroundImage !== "none" || (image && painted[3] < 1),
      });
    }
    return grounds.get(element);
  };

  const contrastOf = (element, grounds) => {
    const own = style(element);
    const { below, opacity, image } = ground(element, grounds);
    const [r, g, b, a] = colour(own.color);
    const size = parseFloat(own.fontSize);
    const large = size >= 24 || (size >= 18.66 && own.fontWeight >= 700);
    return { value: ratio(over([r, g, b, a * opacity], below), below), least: large ? 3 : 4.5, image };
  };

  // Text whose computed colours are too close: all of it, not only where axe is undecided.
  const lowContrast = () => {
    const asked = new Set(texts(document.body).map((text) => text.parentElement));
    const grounds = new Map();
    return [...asked].filter((element) =>
      seen(element) && !element.closest("script, style, noscript, [disabled]"))
      .map((element) => ({ element, ...contrastOf(element, grounds) }))
      .filter(({ value, least, image }) => value < least || image)
      .map(({ element, value, image }) =>
        finding(element, image ? "text on a background image" : `contrast ${value.toFixed(2)}`));
  };

  // Boxes ------------------------------------------------------------------------------------

  const scrolls = (element) => ["auto", "scroll"].includes(style(element).overflowX);
  const inScrollBox = (element) => {
    const parent = element.parentElement;
    return parent && parent !== document.body && (scrolls(parent) || inScrollBox(parent));
  };

  // Elements beyond the edges of the window. What is wholly left of it is a closed drawer.
  const sticksOut = () => {
    const out = new Set(all("body *").filter((element) => {
      const { left, right } = box(element);
      return (right > innerWidth + 0.5 || (left < -0.5 && right > 0)) &&
        element.checkVisibility({ visibilityProperty: true }) && !inScrollBox(element);
    }));
    return [...out].filter((element) => !out.has(element.parentElement))
      .map((element) => finding(element, `from ${box(element).left} to ${box(element).right}`));
  };

  // On paper nothing scrolls: what does not fit its box is lost.
  const cutOff = () => all("article *").filter((element) =>
    seen(element) && style(element).overflowX !== "visible" && style(element).display !== "inline" &&
    element.scrollWidth > element.clientWidth + 1)
    .map((element) => finding(element, `${element.scrollWidth} in ${element.clientWidth} pixels`));

  const withoutSize = () => all("img").filter((image) =>
    !(image.getAttribute("width") > 0 && image.getAttribute("height") > 0)).map((e) => finding(e));

  // Text of the article that nobody sees: not drawn, and not one click away without scripts.
  const hiddenText = () => {
    const excused = "script, style, annotation, annotation-xml, details:not([open]), .headerlink, "
      + ".tabbed-block, option, template, noscript";
    const hidden = texts(document.querySelector("article")).map((text) => text.parentElement)
      .filter((element) => !element.closest(excused) && !seen(element));
    return [...new Set(hidden)].map((e) => finding(e));
  };

  // Formulas that are not drawn, or not in a font that came with the page. It waits for nothing:
  // without scripts Firefox keeps no promise.
  const badFormulas = () => {
    const unquoted = (family) => family.trim().replace(/^["']|["']$/g, "");
    const loaded = [...document.fonts].filter(({ status }) => status === "loaded")
      .map(({ family }) => unquoted(family));
    return all("math").filter((math) => !math.closest("details:not([open]), .tabbed-block"))
      .filter((math) => !seen(math) || !loaded.includes(unquoted(style(math).fontFamily.split(",")[0])))
      .map((e) => finding(e, style(e).fontFamily));
  };

  // What has two or three parts, but not all of them.
  const incomplete = () => [...all("mfrac, mroot, msub, msup, munder, mover")
    .filter((element) => element.children.length !== 2),
  ...all("msubsup, munderover").filter((element) => element.children.length !== 3)]
    .map((e) => finding(e, "parts"));

  // Fences that are lower than what they enclose.
  const shortFences = () => all("mrow > mo:first-child, mrow > mo:last-child").filter((mo) =>
    /^[()[\]{}|‖]$/.test(mo.textContent.trim()) && mo.getAttribute("stretchy") !== "false" &&
    box(mo).height < 0.8 * box(mo.parentElement).height)
    .map((mo) => finding(mo, `${box(mo).height} of ${box(mo.parentElement).height} pixels`));

  // Layout shifts since the page was opened.
  let shifted = 0;
  const count = (entries) => entries.forEach((entry) => {
    if (!entry.hadRecentInput) shifted += entry.value;
  });
  const shifts = new PerformanceObserver((list) => count(list.getEntries()));
  shifts.observe({ type: "layout-shift", buffered: true });

  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const layoutShift = async () => {
    const page = document.scrollingElement;
    for (let y = 0; y < page.scrollHeight; y += innerHeight * 0.8) {
      page.scrollTo({ top: y, behavior: "instant" });
      await frame();
      await frame();
    }
    await frame();
    count(shifts.takeRecords());
    return shifted;
  };

  // Shapes -----------------------------------------------------------------------------------

  // From now on all shows at once: a colour or a ring that fades in is not there yet when asked for.
  // Not an element: the policy of the page allows no style in it.
  const sheet = new CSSStyleSheet();
  sheet.replaceSync("*, ::before, ::after { transition: none !important; scroll-behavior: auto !important }");
  const still = () => {
    document.adoptedStyleSheets = [sheet];
  };

  // The page, and its side bars, which the theme scrolls to the entry of the page.
  const toTop = () => [window, ...all(".md-sidebar__scrollwrap")]
    .forEach((bar) => bar.scrollTo({ top: 0, left: 0, behavior: "instant" }));

  // Wait until a change of the window or the scheme shows.
  const settle = async () => {
    await frame();
    await frame();
  };

  // All that axe goes by but for colours: the markup, where everything is, and how it shows.
  const SHAPE = ["display", "visibility", "contentVisibility", "opacity", "overflow", "position",
    "zIndex", "clip", "clipPath", "textIndent", "fontSize", "fontWeight", "pointerEvents"];
  const shape = () => document.body.innerHTML + all("body, body *").map((element) => {
    const { x, y, width, height } = box(element);
    const own = style(element);
    return [x, y, width, height, ...SHAPE.map((name) => own[name])];
  }).join();

  // Whether that has changed since this was last asked; true at first.
  let lastShape;
  const reshaped = () => {
    const before = lastShape;
    lastShape = shape();
    return lastShape !== before;
  };

  // The colours of all that is seen.
  const look = () => all("body *").filter(seen).map((element) => {
    const { color, backgroundColor, borderColor, opacity } = style(element);
    return [selector(element), color, backgroundColor, borderColor, opacity].join("  ");
  });

  // Motion -----------------------------------------------------------------------------------

  const seconds = (text) => Math.max(...text.split(",").map((part) =>
    parseFloat(part) * (part.trim().endsWith("ms") ? 0.001 : 1)));
  const moves = () => all("*").flatMap((element) => [null, "::before", "::after"]
    .map((pseudo) => style(element, pseudo))
    .filter((own) => own.transitionProperty !== "none" && seconds(own.transitionDuration) > 0.01 ||
      own.animationName !== "none" && seconds(own.animationDuration) > 0.01 ||
      own.scrollBehavior === "smooth")
    .slice(0, 1).map(() => finding(element)));

  // Keyboard ---------------------------------------------------------------------------------

  const overflows = (element) => {
    const { overflowX, overflowY } = style(element);
    return /auto|scroll/.test(overflowX) && element.scrollWidth > element.clientWidth + 1 ||
      /auto|scroll/.test(overflowY) && element.scrollHeight > element.clientHeight + 1;
  };
  const CONTROLS = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]";
  // Where a control shows: some are drawn by a label, or by what stands beside them.
  const bearers = (element) =>
    [element, ...(element.labels ?? []), element.nextElementSibling].filter(Boolean);
  const usable = (element) => element.tabIndex >= 0 && element.checkVisibility() &&
    !element.matches(":disabled") && !element.closest("[inert]") &&
    (seen(element) || (element.matches("input") && bearers(element).some(seen)));

  // What the keyboard has to reach: controls, and boxes that scroll, by themselves or by what is in
  // them. One of a group of radio buttons stands for all.
  const toReach = () => {
    const boxes = all("body *").filter((e) => overflows(e) && seen(e));
    return [...new Set([...all(CONTROLS).filter(usable), ...boxes])];
  };

  // Labels that work by mouse, of a control that the keyboard cannot have; in a form, another one
  // does the same.
  const mouseOnly = () => all("label[for]").filter((label) =>
    seen(label) && !all(CONTROLS, label.closest("form") ?? label).some(usable) && label.tabIndex < 0 && style(label).cursor === "pointer" &&
    label.control && !label.control.checkVisibility()).map((e) => finding(e));

  const looks = (element) => {
    const own = style(element);
    return [own.outlineStyle === "none" ? "" : own.outline, own.boxShadow].join();
  };
  const ringBearers = (element) => [...bearers(element), element.parentElement];

  let expected = [];
  let plain = new Map();
  let stops = [];
  // Some point of it is in the window, and nothing lies over it.
  const inView = (element) => bearers(element).filter(seen).some((bearer) =>
    [...bearer.getClientRects()].some(({ left, right, top, bottom }) =>
      [0.1, 0.5, 0.9].some((part) => {
        const hit = document.elementFromPoint(left + part * (right - left), top + part * (bottom - top));
        return hit && (bearer.contains(hit) || hit.contains(bearer));
      })));
  const startWalk = () => {
    still();
    document.activeElement?.blur();
    expected = toReach();
    plain = new Map(all(CONTROLS).concat(expected).flatMap(ringBearers)
      .map((element) => [element, looks(element)]));
    stops = [];
    return new Set([...expected, ...all(CONTROLS).filter((e) => e.tabIndex >= 0)]).size;
  };
  // Note where the focus is; false when it has left the page.
  const step = () => {
    const element = document.activeElement;
    if (!element || element === document.body) return false;
    const ring = ringBearers(element).some((bearer) => looks(bearer) !== (plain.get(bearer) ?? "none,none"));
    stops.push({ element, ring, inView: inView(element) });
    return true;
  };
  const endWalk = () => {
    const reached = stops.map(({ element }) => element);
    const group = (element) => element.type === "radio" && element.name;
    const got = (element) => reached.some((other) => other === element ||
      (group(element) && group(element) === group(other)) || (!element.matches(CONTROLS) && element.contains(other)));
    return {
      missed: expected.filter((element) => !got(element)).map((e) => finding(e)),
      ringless: stops.filter(({ ring }) => !ring).map(({ element }) => finding(element)),
      covered: stops.filter((stop) => !stop.inView).map(({ element }) => finding(element)),
    };
  };

  return {
    seen, finding, all, lowContrast, sticksOut, cutOff, withoutSize, hiddenText, badFormulas, incomplete, shortFences,
    layoutShift, still, toTop, settle, reshaped, look, moves, mouseOnly, startWalk, step, endWalk,
  };
})();
