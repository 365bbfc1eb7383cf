// Add the paths: the gradient of one weight, as a sum over the paths from the weight to the losses.
{
  // h_t = u_t + w h_{t-1}; each state is a loss of its own. The path that enters at step k and
  // leaves at step t adds h_{k-1} w^(t-k) to the derivative by w.
  function compute({ start, inputs }, T, w) {
    const states = [start];
    for (const u of inputs.slice(0, T)) states.push(u + w * states.at(-1));
    const paths = [];
    for (let t = 1; t <= T; t++)
      for (let k = 1; k <= t; k++) paths.push({ t, k, value: states[k - 1] * w ** (t - k) });
    return { states, paths, gradient: paths.reduce((sum, { value }) => sum + value, 0) };
  }

  function open({ data, stage, change, width, svg, html, number, slider, button }) {
    const T = slider({ name: "T", label: "Steps T", min: 1, max: 5, step: 1, value: 3 });
    const w = slider({ name: "w", label: "Weight w", min: -1.5, max: 1.5, step: 0.1, value: 0.5 });
    const path = slider({ name: "path", label: "Path", min: 1, max: 15, step: 1, value: 1 });
    const input = path.element.querySelector("input");
    const drawing = html("div");

    // The graph, with the path that enters at step k and leaves at step t.
    function graph({ states }, w, { k, t }) {
      const T = states.length - 1;
      const wide = width();
      const x = (step) => 24 + step * ((wide - 48) / T);
      const arrow = (lit, from, to) => svg("path", {
        class: `touch-arrow${lit ? " lit" : ""}`, d: `M${from}L${to}`,
        "marker-end": "url(#touch-tip)",
      });
      const label = (text, x, y, lit) => svg("text", { x, y, class: lit && "backward" }, text);
      const drawn = states.flatMap((state, step) => [
        svg("circle", { cx: x(step), cy: 70, r: 12 }),
        label(`h${"₀₁₂₃₄₅"[step]}`, x(step), 75),
        label(number(state), x(step) - (step && 25), 100, step === k - 1),
        ...(step === 0 ? [] : [
          arrow(k < step && step <= t, [x(step - 1) + 13, 70], [x(step) - 14, 70]),
          arrow(step === k, [x(step), 134], [x(step), 85]),
          arrow(step === t, [x(step), 58], [x(step), 28]),
          label("w", x(step), 150),
          label(`L${"₀₁₂₃₄₅"[step]}`, x(step), 18),
        ]),
        ...(k < step && step <= t ? [label(number(w), (x(step - 1) + x(step)) / 2, 60, true)] : []),
      ]);
      const tip = svg("marker", { id: "touch-tip", viewBox: "0 0 8 8", refX: 6, refY: 4,
        markerWidth: 8, markerHeight: 8, markerUnits: "userSpaceOnUse", orient: "auto",
      }, svg("path", { d: "M0 0L8 4L0 8z" }));
      return svg("svg", { viewBox: `0 0 ${wide} 156`, width: wide, "aria-hidden": true }, tip,
        ...drawn);
    }

    // One button for each path, in row t and column k.
    const places = compute(data, data.inputs.length, 1).paths;
    const buttons = places.map((_, n) => button("", () => change({ path: n + 1 })));
    const rows = data.inputs.map((_, row) => html("tr", {},
      ...buttons.filter((_, n) => places[n].t === row + 1).map((press) => html("td", {}, press))));
    const table = html("table", { class: "touch-products" }, html("tbody", {}, ...rows));
    function showProducts({ paths }, chosen) {
      rows.forEach((row, n) => { row.hidden = n >= paths.at(-1).t; });
      paths.forEach(({ t, k, value }, n) => {
        buttons[n].textContent = number(value);
        buttons[n].setAttribute("aria-label", `from step ${k} to loss ${t}: ${number(value)}`);
        buttons[n].setAttribute("aria-pressed", n === chosen);
      });
    }

    function show(state) {
      const found = compute(data, state.T, state.w);
      input.max = found.paths.length;
      const chosen = Math.min(state.path, found.paths.length) - 1;
      const { t, k, value } = found.paths[chosen];
      drawing.replaceChildren(graph(found, state.w, found.paths[chosen]));
      showProducts(found, chosen);
      const factors = [found.states[k - 1], ...Array(t - k).fill(state.w)].map(number).join(" × ");
      const sum = found.paths.slice(0, chosen + 1).reduce((sum, { value }) => sum + value, 0);
      return `Path ${chosen + 1} of ${found.paths.length}, from step ${k} to loss ${t}: ${factors}`
        + `${t > k ? ` = ${number(value)}` : ""}. Added so far: ${number(sum)}. `
        + `All paths: ${number(found.gradient)}, the gradient.`;
    }

    stage.append(drawing, table);
    return { controls: [T, w, path], show };
  }

  touchable("paths", { compute, open });
}
