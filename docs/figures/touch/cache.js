// State or cache: what one layer carries after t steps, and what its next step costs.
{
  const BYTES = 8; // of a number in float64

  // Inputs as wide as the layer, H. Work is counted in multiply-adds of matrix products: H * 2H for
  // each block of a cell; three projections, H * H each, for attention; then, with a cache, t H for
  // the scores and t H for the mean, and with a matrix H * H to add to it and H * H to read it.
  function compute(H, t) {
    const cell = (blocks, states) =>
      ({ bytes: BYTES * states * H, work: blocks * 2 * H * H });
    return {
      RNN: cell(1, 1),
      GRU: cell(3, 1),
      LSTM: cell(4, 2),
      "linear attention": { bytes: BYTES * H * H, work: 5 * H * H },
      attention: { bytes: BYTES * 2 * H * t, work: 3 * H * H + 2 * t * H },
    };
  }

  // The first step after which attention takes more than an LSTM: 3 H H + 2 t H > 8 H H.
  const dearer = (H) => Math.floor(2.5 * H) + 1;

  const whole = (value) => Math.round(value).toLocaleString("en").replaceAll(",", "\u202f");

  function open({ stage, width, svg, number, slider }) {
    // Steps and units on a scale of powers: the sliders hold the exponents.
    const steps = (exponent) => Math.round(10 ** exponent);
    const units = (exponent) => 2 ** exponent;
    const controls = [
      slider({ name: "t", label: "Steps t", min: 0, max: 6, step: 0.05, value: 0.7,
        say: (exponent) => whole(steps(exponent)) }),
      slider({ name: "H", label: "Units H", min: 3, max: 12, step: 1, value: 9,
        say: (exponent) => whole(units(exponent)) }),
    ];

    // What is carried, as squares: one state that is replaced, or a store that grows.
    function squares(t, wide) {
      const room = Math.floor((wide - 90) / 11);
      const shown = Math.min(t, room);
      const square = (n, y) =>
        svg("rect", { x: 72 + 11 * n, y, width: 8, height: 8, class: "touch-value" });
      const name = (text, y) => svg("text", { x: 0, y, class: "start" }, text);
      const rest = t > room ? [svg("text", { x: wide - 10, y: 40 }, "…")] : [];
      return [name("state", 14), square(0, 6), name("cache", 40),
        ...Array.from({ length: shown }, (_, n) => square(n, 32)), ...rest];
    }

    // A bar for each architecture, on a scale of powers of ten that stands still.
    function bars(found, kind, title, top, wide) {
      const full = Math.log10(kind === "bytes" ? 16 * 4096 * 1e6 : 2 * 4096 * 1e6);
      const rows = Object.entries(found).map(([name, { [kind]: value }], row) => {
        const y = top + 26 + 34 * row;
        return [
          svg("text", { x: 0, y, class: "start" }, name),
          svg("text", { x: wide, y, class: "end" }, whole(value)),
          svg("rect", { x: 0, y: y + 5, height: 8, width: wide * Math.log10(value) / full,
            class: "touch-value" }),
        ];
      });
      return [
        svg("text", { x: 0, y: top, class: "start strong" }, title),
        svg("text", { x: wide, y: top, class: "end" }, "log scale"),
        ...rows.flat(),
      ];
    }

    function show(state) {
      const t = steps(state.t);
      const H = units(state.H);
      const found = compute(H, t);
      const wide = width();
      stage.replaceChildren(svg("svg",
        { viewBox: `0 0 ${wide} 470`, width: wide, "aria-hidden": true },
        ...squares(t, wide),
        ...bars(found, "bytes", "Carried, in bytes", 80, wide),
        ...bars(found, "work", "Multiply-adds of a step", 290, wide)));
      const { LSTM, attention } = found;
      return `After ${whole(t)} steps of ${whole(H)} units the cache holds ${whole(t)} times the `
        + `LSTM's bytes. A step of attention costs ${number(attention.work / LSTM.work)} times an `
        + `LSTM's; from step ${whole(dearer(H))} on it is the dearer one.`;
    }

    return { controls, show };
  }

  touchable("cache", { compute, dearer, open });
}
