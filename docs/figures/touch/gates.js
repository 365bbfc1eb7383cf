// Turn the gates: one step of one LSTM unit, built up in four stages, forwards and backwards. What
// is said and where it stands, for each wire, equation and line of code, comes with the data.
{
  const STAGES = { 1: "1. A line that keeps", 2: "2. The forget gate", 3: "3. The input gate",
    4: "4. The output gate" };
  const gatesOf = (stage) => [...["g", "fg", "ifg", "ifgo"][stage - 1]];
  // A gate's words, the place of its box, and its colour.
  const GATES = { i: ["write", "σ", 146, "touch-gate-i"], f: ["keep", "σ", 92, "touch-gate-f"],
    g: ["new", "tanh", 218, "touch-gate-g"], o: ["show", "σ", 276, "touch-gate-o"] };

  // The value on each wire, and the gradient with respect to it. A gate that a stage lacks is 1, so
  // its slope y (1 - y) is 0.
  function compute({ W_x, W_h }, state) {
    const gates = gatesOf(state.stage);
    const v = { x: state.x, h_prev: state.h, c_prev: state.c };
    [..."ifgo"].forEach((gate, n) => {
      const a = state.x * W_x[n] + state.h * W_h[n] + state[`b_${gate}`];
      v[`a_${gate}`] = a;
      v[gate] = !gates.includes(gate) ? 1 : gate === "g" ? Math.tanh(a) : 1 / (1 + Math.exp(-a));
    });
    v.kept = v.f * v.c_prev;
    v.written = v.i * v.g;
    v.sum = v.read = v.c = v.kept + v.written;
    v.tanh_c = Math.tanh(v.c);
    v.h = v.o * v.tanh_c;

    const d = { h: gates.includes("o") ? state.dh : 0, c: state.dc };
    d.o = d.h * v.tanh_c;
    d.tanh_c = d.h * v.o;
    d.read = d.tanh_c * (1 - v.tanh_c ** 2);
    d.sum = d.kept = d.written = d.c + d.read;
    d.i = d.written * v.g;
    d.g = d.written * v.i;
    d.f = d.kept * v.c_prev;
    d.c_prev = d.kept * v.f;
    d.x = d.h_prev = 0;
    [..."ifgo"].forEach((gate, n) => {
      const y = v[gate];
      const da = d[gate] * (gate === "g" ? 1 - y ** 2 : y * (1 - y));
      d[`a_${gate}`] = da;
      d.x += da * W_x[n];
      d.h_prev += da * W_h[n];
    });
    return { values: v, gradients: d };
  }

  // Text without the parts that are not there: {f:...} is there with f, {!o:...} without o.
  function partsOf(text, there) {
    const cut = text.replace(/\{(!?)(\w):([^{}]*)\}/g,
      (_, not, sign, part) => (there.includes(sign) === !not ? part : ""));
    return cut === text ? text : partsOf(cut, there);
  }

  // The formula of a text like "c_t = f_t c_t−1": gates in their colours, gradients in theirs.
  const formula = (text) => text.replace(/tanh|(d?)([a-zA-Z]\u0304?)(?:_(t−1|\w))?/g,
    (all, d, base, sub) => (base ? `<i class="${d ? "touch-gradient" : GATES[base]?.[3] ?? ""}">${
      d}${base}</i>${sub ? `<sub>${sub}</sub>` : ""}` : all)).replace(/\^(.)/g, "<sup>$1</sup>");

  // As in the pictures, with a true minus.
  const short = (value) => (Math.abs(value) < 0.005 ? 0 : value).toFixed(2).replace("-", "−");

  // Draw a wire as wide as its number is large, with a tip at the last of its corners.
  function drawWire({ line, tip, corners }, number, scale) {
    const width = Math.min(10, 1 + scale * Math.abs(number));
    const [from, to] = corners.slice(-2);
    const length = Math.hypot(to[0] - from[0], to[1] - from[1]);
    const along = to.map((at, n) => (at - from[n]) / length);
    const size = tip ? Math.min(6 + width, length) : 0;
    const end = to.map((at, n) => at - size * along[n]);
    const side = (half) => [end[0] - half * along[1], end[1] + half * along[0]];
    line.setAttribute("d", `M${[...corners.slice(0, -1), end].join("L")}`);
    line.setAttribute("stroke-width", width);
    const half = 3 + width * 0.7;
    if (tip) tip.setAttribute("d", `M${to}L${side(half)}L${side(-half)}z`);
  }

  function open({ data, stage, change, svg, html, number, slider, choice, toggle }) {
    const inputOf = ({ element }) => element.querySelector("input, select");
    const written = (element, text) => Object.assign(element, { innerHTML: formula(text) });
    function chooser(name, label, texts, value) {
      const control = choice({ name, label, options: Object.keys(texts), value });
      for (const option of inputOf(control)) {
        option.value = option.text;
        option.text = texts[option.value];
      }
      return control;
    }
    const slide = (name, symbol, range, value, say) => slider({ name, min: -range, max: range,
      step: 0.1, value, label: written(html("span"), symbol), say });

    const built = chooser("stage", "Stage", STAGES, "4");
    const backwards = toggle({ name: "backward", label: "Backwards", value: false });
    const chosen = chooser("wire", "Wire",
      Object.fromEntries(data.wires.map(([, name, what]) => [name, what])), "c");
    const x = slide("x", "x_t", 2, data.x);
    const h = slide("h", "h_t−1", 1, data.h);
    const c = slide("c", "c_t−1", 3, data.c);
    const dh = slide("dh", "dh_t", 1, data.dh);
    const dc = slide("dc", "dc_t", 1, data.dc);
    // The slider stands at the pre-activation, which follows x and h; what is set is its bias.
    const [a_i, a_f, a_g, a_o] = [..."ifgo"].map((gate, n) => {
      let bias = data.b[n];
      const shift = () => x.read() * data.W_x[n] + h.read() * data.W_h[n];
      const control = slide(`b_${gate}`, `a_${gate}`, 8, bias, () => number(bias + shift()));
      const { set } = control;
      control.element.firstChild.prepend(`${GATES[gate][0]} `);
      inputOf(control).addEventListener("input", ({ target }) => {
        bias = Number((target.value - shift()).toFixed(4));
      });
      return Object.assign(control, {
        read: () => bias,
        set: (value) => set((bias = Math.max(-14, Math.min(14, value))) + shift()),
      });
    });
    const sliders = { x, h, c, a_f, a_i, a_g, a_o, dh, dc };

    const drawing = html("div", { class: "touch-cell" });
    const lists = ["touch-equations", "touch-code"].map((name) => html("div", { class: name }));
    let drawn, wires, grips;

    const box = (x, y, width, height, ...texts) => [
      svg("rect", { x: x - width / 2, y, width, height, rx: width > 22 ? 5 : 11 }),
      ...texts.map((text, n) => svg("text", { x, y: y + 17 + 17 * n }, text))];
    const joint = (x, y, sign) => box(x, y - 11, 22, 22, sign);

    function wireOf([, name, , symbol, , , way, place], backward) {
      const [x, y, end = "middle"] = place.split(" ").map((part) => Number(part) || part);
      const corners = way.match(/\S+ \S+/g).map((corner) => corner.split(" ").map(Number));
      if (backward) corners.reverse();
      const line = svg("path");
      // At the dot, where values part, no line ends.
      const tip = name !== (backward ? "c" : "sum") && svg("path", { class: "touch-tip" });
      const [base, sub = ""] = symbol.split("_");
      const value = svg("tspan", { x, dy: 15 });
      const plate = /^\d+ \d+$/.test(place)
        && svg("rect", { x: x - 25, y: y - 20, width: 50, height: 40, rx: 6 });
      return { corners, line, tip, value,
        group: svg("g", { "data-wire": name,
          class: !backward && GATES[name.replace("a_", "")]?.[3] },
        svg("path", { class: "touch-reach", d: `M${corners.join("L")}` }), line, tip || ""),
        label: !place ? "" : svg("g", { "data-wire": name, class: name in grips && "touch-grip" },
          plate || "",
          svg("text", { x, y: y - 4, class: `${end}${backward ? " backward" : ""}` },
            svg("tspan", { class: "touch-symbol" }, (symbol && backward ? "d" : "") + base),
            svg("tspan", { class: "touch-sub", dy: 3 }, sub), value)),
      };
    }

    function build(gates, backward) {
      const there = [...gates, ...(backward ? ["b"] : [])];
      const [f, i, o] = [..."fio"].map((gate) => gates.includes(gate));
      const present = (rows) => rows.map((row) => row.map((text) => partsOf(text, there)))
        .filter(([gate]) => gates.includes(gate));
      grips = backward ? { h: dh, c: dc } : { x, h_prev: h, c_prev: c, a_f, a_i, a_g, a_o };
      wires = Object.fromEntries(present(data.wires).map((row) => [row[1], wireOf(row, backward)]));
      const all = Object.values(wires);
      drawing.classList.toggle("touch-gradient", backward);
      drawing.replaceChildren(svg("svg", { viewBox: "0 0 360 406", "aria-hidden": true },
        ...all.map(({ group }) => group),
        ...joint(182, 64, "+"),
        ...(f ? joint(92, 64, "×") : []),
        ...(i ? joint(182, 136, "×") : []),
        ...(o ? [...joint(326, 176, "×"), ...box(326, 92, 48, 24, "tanh"),
          ...box(191, 334, 254, 28, "times W, plus b"),
          svg("circle", { class: "touch-tip", cx: 326, cy: 64, r: 5 })] : []),
        ...gates.flatMap((gate) => box(GATES[gate][2], 226, 50, 40, ...GATES[gate].slice(0, 2))),
        ...all.map(({ label }) => label)));
      lists.forEach((list, n) => list.replaceChildren(
        ...present(data[backward ? "backward" : "forward"][n]).map(([, lit, text]) =>
          (n ? html("code", { "data-lit": lit }, text)
            : written(html("span", { "data-lit": lit }), text)))));
      const shown = { x: o, h: o, a_f: f, a_i: i, a_o: o, dh: o && backward, dc: backward };
      for (const name of Object.keys(shown)) sliders[name].element.hidden = !shown[name];
      for (const option of inputOf(chosen)) option.disabled = !(option.value in wires);
    }

    function show(state) {
      const { backward } = state;
      const gates = gatesOf(state.stage);
      if (drawn !== state.stage + backward) build(gates, backward);
      drawn = state.stage + backward;
      const { values, gradients } = compute(data, state);
      const numbers = backward ? gradients : values;
      const wire = state.wire in wires ? state.wire : "c";
      if (wire !== state.wire) inputOf(chosen).value = wire;
      for (const [name, parts] of Object.entries(wires)) {
        parts.group.classList.toggle("lit", name === wire);
        const text = short(numbers[name]);
        if (text === parts.value.textContent) continue;
        parts.value.textContent = text;
        drawWire(parts, numbers[name], backward ? 6 : 2.5);
      }
      for (const row of stage.querySelectorAll("[data-lit]")) {
        const lit = String(row.matches(`[data-lit~=${wire}]`));
        if (lit !== row.ariaCurrent) row.ariaCurrent = lit;
      }
      const [, , what, , ...rules] = data.wires.find(([, name]) => name === wire);
      const rule = partsOf(rules[Number(backward)], gates).replace(/[a-z]\w*/g, (name) =>
        (name in values ? number(values[name])
          : name[0] === "d" ? number(gradients[name.slice(1)]) : name));
      return `${backward ? "Gradient of " : ""}${what}: ${rule && `${rule} = `}${
        number(numbers[wire])}. ${backward
        ? `Along the line ${number(gradients.c)} comes in and ${number(gradients.c_prev)} goes on.`
        : `The line holds ${number(values.c_prev)} before and ${number(values.c)} after.`}`;
    }

    const wireAt = ({ target }) => target.closest("[data-wire]")?.dataset.wire;
    drawing.addEventListener("click", (event) => {
      if (wireAt(event)) change({ wire: wireAt(event) });
    });
    // Right or up is to the right on the slider.
    drawing.addEventListener("pointerdown", (event) => {
      if (!event.target.closest(".touch-grip")) return;
      change({ wire: wireAt(event) });
      const input = inputOf(grips[wireAt(event)]);
      const start = Number(input.value);
      const turn = ({ clientX, clientY }) => {
        const way = clientX - event.clientX - clientY + event.clientY;
        input.value = start + way * input.max / 120;
        input.dispatchEvent(new Event("input", { bubbles: true }));
      };
      drawing.setPointerCapture(event.pointerId);
      drawing.onpointermove = turn;
      drawing.onlostpointercapture = () => { drawing.onpointermove = null; };
    });

    stage.classList.add("touch-beside");
    stage.append(drawing, html("div", { class: "touch-lines" },
      html("p", {}, "Drag a number in a frame, or tap a wire."), ...lists));
    return { controls: [built, backwards, chosen, ...Object.values(sliders)], show };
  }

  touchable("gates", { compute, open });
}
