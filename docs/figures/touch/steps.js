// Forty steps back: how much of a gradient is left, in one unit, in tanh networks and in LSTMs.
{
  const STEPS = 40, UNITS = 20, INPUTS = 10;
  const NETWORKS = 13; // so that the quartiles are three of them

  // Random networks ------------------------------------------------------------------------------

  // The generator "mulberry32": it is short, and the same in every browser and in the tests.
  function generator(seed) {
    const uniform = () => {
      seed = (seed + 0x6d2b79f5) | 0;
      let bits = Math.imul(seed ^ (seed >>> 15), seed | 1);
      bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
      return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
    };
    const normal = () =>
      Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
    return { uniform, normal };
  }

  const listed = (length, draw) => Array.from({ length }, draw);

  function dot(a, b) {
    let sum = 0;
    for (let j = 0; j < a.length; j++) sum += a[j] * b[j];
    return sum;
  }
  const norm = (...rows) => Math.sqrt(rows.reduce((sum, row) => sum + dot(row, row), 0));

  // A matrix is a list of its columns: a row times it, and a row times its transpose.
  const times = (row, columns) => columns.map((column) => dot(row, column));
  function timesTransposed(row, columns) {
    const result = columns[0].map(() => 0);
    for (let k = 0; k < row.length; k++) {
      const column = columns[k], factor = row[k];
      for (let j = 0; j < result.length; j++) result[j] += factor * column[j];
    }
    return result;
  }

  // Gram and Schmidt make normal columns orthogonal, which is what `weights.orthogonal` returns.
  function orthogonal(normal) {
    const columns = [];
    for (let n = 0; n < UNITS; n++) {
      const column = listed(UNITS, normal);
      for (const other of columns) {
        const share = dot(column, other);
        column.forEach((_, j) => { column[j] -= share * other[j]; });
      }
      const length = norm(column);
      columns.push(column.map((value) => value / length));
    }
    return columns;
  }

  // The first weights of `rnn.init`, or of `lstm.init` with its four blocks; normal inputs, of which
  // only what they add to the weighted sums is kept; and the gradient at the last state.
  function network(seed, blocks) {
    const { uniform, normal } = generator(seed);
    const xs = listed(STEPS, () => listed(INPUTS, normal));
    const row = listed(UNITS, normal), length = norm(row);
    const range = Math.sqrt(6 / (INPUTS + UNITS));
    const W_x = listed(blocks * UNITS, () => listed(INPUTS, () => range * (2 * uniform() - 1)));
    const W_h = listed(blocks, () => orthogonal(normal)).flat();
    return { W_h, added: xs.map((x) => times(x, W_x)), last: row.map((value) => value / length) };
  }

  // One unit without inputs is a network too.
  const unit = {
    W_h: [[1]], added: listed(STEPS, () => [0]), last: [1],
  };

  // Forwards, and back ---------------------------------------------------------------------------

  // W_h is `sigma` times as large as it was drawn, the inputs `size` times.
  const sums = ({ W_h }, h, added, { sigma, size }) =>
    times(h, W_h).map((sum, j) => sigma * sum + size * added[j]);

  function tanh(net, settings) {
    const hs = [];
    let h = net.last.map(() => settings.start ?? 0);
    for (const added of net.added) hs.push(h = sums(net, h, added, settings).map(Math.tanh));
    let dh = net.last;
    const norms = [norm(dh)];
    for (const h of hs.reverse()) {
      const da = dh.map((d, j) => d * (1 - h[j] ** 2));
      dh = timesTransposed(da, net.W_h).map((d) => settings.sigma * d);
      norms.push(norm(dh));
    }
    return norms;
  }

  const sigmoid = (a) => (1 + Math.tanh(a / 2)) / 2;

  // As `lstm.step` and `lstm.step_backward`, unit by unit; the norm is that of dh and dc together.
  function lstm(net, settings) {
    const H = UNITS, tape = [];
    let h = net.last.map(() => 0), c = h;
    for (const added of net.added) {
      const a = sums(net, h, added, settings), units = [];
      for (let j = 0; j < H; j++) {
        const i = sigmoid(a[j]), f = sigmoid(a[H + j] + settings.bias);
        const g = Math.tanh(a[2 * H + j]), o = sigmoid(a[3 * H + j]);
        units.push({ i, f, g, o, c_prev: c[j], tanh_c: Math.tanh(f * c[j] + i * g) });
      }
      h = units.map(({ o, tanh_c }) => o * tanh_c);
      c = units.map(({ i, f, g, c_prev }) => f * c_prev + i * g);
      tape.push(units);
    }
    let dh = net.last;
    const dc = h.map(() => 0), da = listed(4 * H, () => 0), norms = [norm(dh)];
    for (const units of tape.reverse()) {
      for (let j = 0; j < H; j++) {
        const { i, f, g, o, c_prev, tanh_c } = units[j];
        const d = dc[j] + dh[j] * o * (1 - tanh_c * tanh_c);
        da[j] = d * g * i * (1 - i);
        da[H + j] = d * c_prev * f * (1 - f);
        da[2 * H + j] = d * i * (1 - g * g);
        da[3 * H + j] = dh[j] * tanh_c * o * (1 - o);
        dc[j] = d * f;
      }
      dh = timesTransposed(da, net.W_h).map((d) => settings.sigma * d);
      norms.push(norm(dh, dc));
    }
    return norms;
  }

  // Networks are drawn once, and all figures of a page share them.
  const drawn = new Map();
  function drawnOnce(seed, blocks) {
    const key = `${seed} ${blocks}`;
    if (!drawn.has(key)) drawn.set(key, network(seed, blocks));
    return drawn.get(key);
  }

  // Norms of the gradient 0 to 40 steps back, in the network of a seed.
  const CELLS = {
    unit: (seed, { w, start }) => tanh(unit, { start, sigma: w, size: 0 }),
    tanh: (seed, settings) => tanh(drawnOnce(seed, 1), settings),
    lstm: (seed, settings) => lstm(drawnOnce(seed, 4), settings),
  };
  const one = ({ lines }, settings, seed) => Object.fromEntries(
    lines.filter((line) => line in CELLS).map((cell) => [cell, CELLS[cell](seed, settings)]));

  const seeds = ({ lines }) => listed(lines.includes("unit") ? 1 : NETWORKS, (_, n) => n + 1);
  const compute = (data, settings) => seeds(data).map((seed) => one(data, settings, seed));

  // The same, in slices: a slow phone draws and scrolls in between.
  async function computeInSlices(data, settings) {
    const found = [];
    let began = performance.now();
    for (const seed of seeds(data)) {
      if (performance.now() - began > 5) {
        await new Promise((goOn) => setTimeout(goOn));
        began = performance.now();
      }
      found.push(one(data, settings, seed));
    }
    return found;
  }

  // The drawing ----------------------------------------------------------------------------------

  const powers = (factor) => listed(STEPS + 1, (_, k) => factor ** k);

  // At each distance: the lower quartile, the median and the upper quartile.
  function quartiles(draws) {
    const at = draws[0].map((_, k) => draws.map((norms) => norms[k]).sort((a, b) => a - b));
    return [1, 2, 3].map((n) => at.map((norms) => norms[((norms.length - 1) * n) / 4 | 0]));
  }

  // What multiplies the gradient in each step back, where that is one number.
  const FACTORS = { bound: ({ w, sigma }) => w ?? sigma, alone: ({ bias }) => sigmoid(bias) };

  const NAMES = {
    unit: "the unit", tanh: "tanh", lstm: "LSTM", bound: "bound of tanh", alone: "cell alone",
  };

  // The values of a line, and for several networks the band around them.
  function values(line, found, settings) {
    if (line in FACTORS) return { values: powers(FACTORS[line](settings)) };
    const [low, values, high] = quartiles(found.map((net) => net[line]));
    return { values, band: found.length > 1 && [low, high] };
  }

  function open({ data, stage, change, width, figure, svg, html, number, slider }) {
    const labels = {
      w: "Weight w", start: "State h₀", size: "Input size", bias: "Forget bias",
      sigma: html("span", {}, "Scale of W", html("sub", {}, "h")),
    };
    const controls = Object.entries(data.sliders).map(([name, [min, max, step, value]]) =>
      slider({ name, label: labels[name], min, max, step, value }));
    const drawing = html("div", { class: "touch-steps" });
    const ends = data.lines.map(() => html("b"));
    const many = seeds(data).length > 1 && `; median and middle half of ${NETWORKS} networks`;
    stage.classList.add("touch-legended");
    stage.append(drawing, html("p", { class: "touch-legend" },
      html("span", {}, `Left of the state's gradient after ${STEPS} steps${many || ""}`),
      ...data.lines.map((line, n) => html("span", {},
        svg("svg", { width: 28, height: 8, "aria-hidden": true },
          svg("path", { class: `touch-line ${line}`, d: "M0 4H28" })),
        `${NAMES[line]} `, ends[n]))));

    function graph(drawn) {
      const wide = width(), height = 250;
      const left = 46, right = wide - 12, top = 10, bottom = height - 44;
      const x = (k) => left + (k / STEPS) * (right - left);
      const y = (power) => top + (0.5 - power / data.decades / 2) * (bottom - top);
      const at = (values) => values.map((value, k) =>
        `${x(k).toFixed(1)} ${y(Math.log10(Math.max(value, 1e-99))).toFixed(1)}`);
      const text = (x, y, ...words) => svg("text", { x, y, class: "touch-tick" }, ...words);
      const ticks = [-1, -0.5, 0, 0.5, 1].map((part) => part * data.decades);
      const raised = (power) => (power
        ? ["10", svg("tspan", { dy: -5, class: "touch-power" }, number(power))] : ["1"]);
      const clip = `clip-${figure.id}`;
      return svg("svg", { width: wide, height, "aria-hidden": true },
        svg("clipPath", { id: clip },
          svg("rect", { x: left, y: top, width: right - left, height: bottom - top })),
        ...ticks.flatMap((power) => [
          svg("path", { class: "touch-grid", d: `M${left} ${y(power)}H${right}` }),
          text(left - 22, y(power) + 5, ...raised(power)),
        ]),
        ...[0, 10, 20, 30, 40].map((k) => text(x(k), bottom + 18, String(k))),
        text((left + right) / 2, bottom + 38, "steps back"),
        svg("g", { "clip-path": `url(#${clip})` },
          ...drawn.filter(({ band }) => band).map(({ line, band: [low, high] }) => svg("path", {
            class: `touch-band ${line}`, d: `M${at(low).concat(at(high).reverse()).join("L")}Z`,
          })),
          ...drawn.map(({ line, values }) =>
            svg("path", { class: `touch-line ${line}`, d: `M${at(values).join("L")}` })).reverse()));
    }

    // The last settings that were asked for are computed next, once the present ones are done.
    let drawn = [], computed, busy = false;
    async function work(settings) {
      busy = true;
      const found = await computeInSlices(data, settings);
      drawn = data.lines.map((line) => ({ line, ...values(line, found, settings) }));
      computed = JSON.stringify(settings);
      busy = false;
      change();
    }

    function show(settings) {
      if (!busy && computed !== JSON.stringify(settings)) work(settings);
      drawing.replaceChildren(graph(drawn));
      drawn.forEach(({ values }, n) => { ends[n].textContent = number(values[STEPS]); });
      const left = drawn.map(({ line, values }) => `${NAMES[line]} ${number(values[STEPS])}`);
      return `Left after ${STEPS} steps: ${left.join(", ")}.`;
    }

    return { controls, show };
  }

  touchable("steps", { compute, open });
}
