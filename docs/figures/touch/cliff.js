// The cliff: two descents from the same start on the loss of one unit, one of them clipped.
{
  const STEPS = 40;
  const COLUMNS = 200, ROWS = 120; // of the map
  const VIEWS = {
    near: { w: [1.2, 2.2], b: [-0.75, 0.05], ws: [1.2, 1.4, 1.6, 1.8, 2, 2.2],
      bs: [-0.6, -0.4, -0.2, 0] },
    far: { w: [-0.2, 2.4], b: [-3.6, 0.6], ws: [0, 0.5, 1, 1.5, 2], bs: [-3, -2, -1, 0] },
  };

  // The last state of h_t = tanh(w h_{t-1} + b), and its derivatives by w and b.
  function lossAndGradient({ start, target, T }, w, b) {
    let h = start, byW = 0, byB = 0;
    for (let t = 0; t < T; t++) {
      const before = h;
      h = Math.tanh(w * h + b);
      const slope = 1 - h * h;
      byW = slope * (before + w * byW);
      byB = slope * (1 + w * byB);
    }
    const error = h - target;
    return { loss: error ** 2, dw: 2 * error * byW, db: 2 * error * byB };
  }

  function descend(unit, w, b, rate, longest) {
    const path = [];
    for (let step = 0; step <= STEPS; step++) {
      const { loss, dw, db } = lossAndGradient(unit, w, b);
      const norm = Math.hypot(dw, db), factor = rate * (norm > longest ? longest / norm : 1);
      path.push({ w, b, loss, norm, length: factor * norm });
      [w, b] = [w - factor * dw, b - factor * db];
    }
    return path;
  }

  const compute = ({ unit }, { w, b, rate, clip }) => ({
    free: descend(unit, w, b, rate, Infinity), clipped: descend(unit, w, b, rate, clip),
  });

  // Where the start is the watershed; below w = 4/3 where the upper attractor vanishes.
  function edge({ start }, w) {
    const at = w * (1 - start ** 2) > 1 ? start : Math.sqrt(1 - 1 / w);
    return Math.atanh(at) - w * at;
  }

  function open({ data, stage, change, width, still, svg, html, number, slider, toggle, button }) {
    const controls = [
      slider({ name: "w", label: "Weight w", min: 1.2, max: 2.2, step: 0.01,
        value: data.setting.w }),
      slider({ name: "b", label: "Bias b", min: -0.75, max: 0.05, step: 0.01,
        value: data.setting.b }),
      slider({ name: "rate", label: "Rate α", min: 0.01, max: 0.2, step: 0.01,
        value: data.setting.rate }),
      slider({ name: "clip", label: "Threshold c", min: 0.1, max: 5, step: 0.1,
        value: data.setting.clip }),
      slider({ name: "steps", label: "Steps", min: 0, max: STEPS, step: 1, value: STEPS }),
      toggle({ name: "far", label: "From afar", value: false }),
    ];

    // A map below, and above it a drawing as large as the screen shows it.
    const canvas = html("canvas", { width: COLUMNS, height: ROWS });
    const drawn = svg("g");
    const handle = svg("g", { class: "touch-handle" },
      svg("circle", { r: 22 }), svg("circle", { r: 7 }));
    const over = svg("svg", { width: "100%", height: "100%", "aria-hidden": true }, drawn, handle);
    const map = html("div", { class: "touch-map" }, canvas, over);
    const legend = html("p", { class: "touch-legend" });
    let play;
    stage.classList.add("touch-legended");
    stage.append(map, legend, html("p", {}, button("Watch the steps", watch)));

    let view, box;
    const part = (value, [low, high]) => (value - low) / (high - low);
    const x = (w) => box.left + part(w, view.w) * box.width;
    const y = (b) => box.top + (1 - part(b, view.b)) * box.height;

    // Some rows of the map at a time: a slow phone draws and scrolls in between.
    function paint(now, row = 0) {
      if (now !== view) return;
      const context = canvas.getContext("2d"), end = performance.now() + 6;
      for (; row < ROWS && performance.now() < end; row++)
        for (let column = 0; column < COLUMNS; column++) {
          const w = now.w[0] + ((column + 0.5) / COLUMNS) * (now.w[1] - now.w[0]);
          const b = now.b[1] - ((row + 0.5) / ROWS) * (now.b[1] - now.b[0]);
          const level = part(Math.log10(lossAndGradient(data.unit, w, b).loss), data.levels);
          const last = data.colors.length - 1;
          context.fillStyle = data.colors[
            Math.max(0, Math.min(last, Math.floor(level * data.colors.length)))];
          context.fillRect(column, row, 1, 1);
        }
      if (row < ROWS) setTimeout(paint, 0, now, row);
    }

    // A click anywhere or a drag from the start puts the start elsewhere.
    function place({ clientX, clientY }) {
      const { left, top } = over.getBoundingClientRect();
      const at = (fraction, [low, high]) => low + fraction * (high - low);
      change({
        w: at((clientX - left - box.left) / box.width, view.w).toFixed(2),
        b: at(1 - (clientY - top - box.top) / box.height, view.b).toFixed(2),
      });
    }
    over.addEventListener("click", place);
    handle.addEventListener("pointerdown", (event) => handle.setPointerCapture(event.pointerId));
    handle.addEventListener("pointermove", (event) => {
      if (handle.hasPointerCapture(event.pointerId)) place(event);
    });

    function watch() {
      clearInterval(play);
      let steps = still ? STEPS : 0;
      change({ steps });
      play = setInterval(() => {
        if (steps === STEPS) clearInterval(play);
        else change({ steps: ++steps });
      }, 150);
    }

    // Only what lies within the map is drawn: a line that leaves it ends at its edge.
    const bounds = () => [[box.left, box.left + box.width], [box.top, box.top + box.height]];
    const pixels = ({ w, b }) => [x(w), y(b)];
    const inside = (p) => bounds().every(([low, high], k) => low <= p[k] && p[k] <= high);
    const ended = (p, q) => {
      const parts = bounds().map(([low, high], k) =>
        (Math.max(low, Math.min(high, q[k])) - p[k]) / (q[k] - p[k] || 1));
      const part = inside(q) ? 1 : Math.min(...parts.filter((part) => part >= 0), 1);
      return p.map((start, k) => (start + part * (q[k] - start)).toFixed(1));
    };
    const d = (points) => points.map(pixels).map((q, n, all) => {
      const p = all[n - 1];
      if (!p || !(inside(p) || inside(q))) return "";
      return `M${inside(p) ? p : ended(q, p)}L${inside(p) ? ended(p, q) : q}`;
    }).join("");
    const cased = (kind, d) =>
      ["casing", kind].map((name) => svg("path", { class: `touch-path ${name}`, d }));

    // All stops of a path are one line with a dot wherever it touches; it ends in a larger dot.
    function stops(kind, path) {
      const d = (points) => points.filter(inside).map((point) => `M${point}h0`).join("");
      const points = path.map(pixels);
      return [["", points], ["core", points], ["end", points.slice(-1)], ["core end", points.slice(-1)]]
        .map(([part, points]) => svg("path", { class: `touch-stop ${kind} ${part}`, d: d(points) }));
    }

    function graph(paths) {
      const text = (x, y, word) => svg("text", { x, y, class: "touch-tick" }, word);
      const ws = Array.from({ length: 60 }, (_, n) => 1.01 + n * 0.025);
      return [
        svg("clipPath", { id: "clip-cliff" }, svg("rect",
          { x: box.left, y: box.top, width: box.width, height: box.height })),
        ...view.ws.map((w) => text(x(w), box.bottom + 18, number(w))),
        ...view.bs.map((b) => text(box.left - 22, y(b) + 5, number(b))),
        text(box.left + box.width / 2, box.bottom + 38, "weight w"),
        svg("g", { transform: `translate(14 ${box.top + box.height / 2}) rotate(-90)` },
          text(0, 0, "bias b")),
        svg("g", { "clip-path": "url(#clip-cliff)" },
          svg("path", { class: "touch-edge", d: d(ws.map((w) => ({ w, b: edge(data.unit, w) }))) }),
          ...Object.entries(paths).flatMap(([kind, path]) => cased(kind, d(path))),
          ...Object.entries(paths).flatMap(([kind, path]) => stops(kind, path))),
      ];
    }

    const rounded = (loss) => number(Number(loss.toFixed(8)));
    const NAMES = { free: () => "without clipping", clipped: (clip) => `clipped at ${number(clip)}` };
    const entry = (kind, path, clip) => html("span", {},
      svg("svg", { width: 28, height: 8, "aria-hidden": true }, ...cased(kind, "M2 4H26")),
      `${NAMES[kind](clip)}: loss `, html("b", {}, rounded(path.at(-1).loss)));

    // The step of a path that is the longest.
    function told(name, path) {
      const lengths = path.slice(0, -1).map(({ length }) => length);
      const n = lengths.indexOf(Math.max(...lengths));
      const longest = lengths.length ? `, step ${n + 1} goes ${number(lengths[n])} to b = `
        + `${number(path[n + 1].b)}` : "";
      return `${name[0].toUpperCase()}${name.slice(1)}: loss ${rounded(path.at(-1).loss)}${longest}.`;
    }

    function show(state) {
      const wanted = VIEWS[state.far ? "far" : "near"];
      const wide = width(), height = 80 + 0.5 * wide;
      box = { left: 56, top: 10, width: wide - 68, height: height - 54, bottom: height - 44 };
      if (wanted !== view) setTimeout(paint, 0, wanted);
      view = wanted;
      map.style.width = `${wide}px`;
      map.style.height = `${height}px`;
      handle.setAttribute("transform", `translate(${x(state.w)} ${y(state.b)})`);
      const paths = Object.entries(compute(data, state)).map(([kind, path]) =>
        [kind, path.slice(0, state.steps + 1)]);
      drawn.replaceChildren(...graph(Object.fromEntries(paths)));
      legend.replaceChildren(...paths.map(([kind, path]) => entry(kind, path, state.clip)));
      return paths.map(([kind, path]) => told(NAMES[kind](state.clip), path)).join(" ");
    }

    const close = () => {
      clearInterval(play);
      view = null; // the map is painted no further
    };
    return { controls, show, close };
  }

  touchable("cliff", { compute, open });
}
