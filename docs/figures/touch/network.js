// The character network of chapter 9, forwards and back: `bptt.lm.network` for one text, in the
// browser. Its numbers are kept in the arrays that it is asked for, Float32Array or Float64Array.
touchable.network = (() => {
  // A safetensors file has the length of its header, the header in JSON, then the arrays.

  const KINDS = { F32: Float32Array, I8: Int8Array };

  function arrays(buffer) {
    const length = Number(new DataView(buffer).getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
    delete header.__metadata__;
    const place = (offset) => 8 + length + offset;
    return Object.fromEntries(Object.entries(header).map(([name, { dtype, data_offsets }]) =>
      [name, new KINDS[dtype](buffer.slice(...data_offsets.map(place)))]));
  }

  // A matrix is kept in 8 bits, with a scale for each column; a vector as it is.
  function create({ characters, embedding, widths }, buffer, Numbers = Float32Array) {
    const stored = arrays(buffer);
    const matrix = (name) => ({ whole: stored[name], scale: stored[`${name}.scale`] });
    return {
      characters, embedding, widths, Numbers,
      E: matrix("E"), W_y: matrix("W_y"), b_y: stored.b_y,
      layers: widths.map((_, n) => ({
        W_x: matrix(`layers.${n}.W_x`), W_h: matrix(`layers.${n}.W_h`), b: stored[`layers.${n}.b`],
      })),
    };
  }

  // Fetches it from a folder; `tell` is told how many bytes of the weights have come.
  async function load(folder, tell) {
    const form = await fetch(new URL("config.json", folder));
    const weights = await fetch(new URL("model.safetensors", folder));
    if (!form.ok || !weights.ok) throw new Error(`${folder} cannot be fetched`);
    const reader = weights.body.getReader();
    const parts = [];
    let bytes = 0;
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      parts.push(part.value);
      tell(bytes += part.value.length);
    }
    return create(await form.json(), await new Blob(parts).arrayBuffer());
  }

  // Products. Sums are kept in the 64 bits of JavaScript's numbers. Several terms at a time take
  // half the time: two columns, or four rows, so all sizes but that of the logits divide by four.

  // y + x W
  function plus(y, x, { whole: q, scale }) {
    const columns = scale.length;
    const sums = new Float64Array(columns);
    for (let i = 0; i < x.length; i += 4) {
      const [a, b, c, d] = x.subarray(i, i + 4);
      for (let j = 0, at = i * columns; j < columns; j++, at++)
        sums[j] += a * q[at] + b * q[at + columns]
          + c * q[at + 2 * columns] + d * q[at + 3 * columns];
    }
    return sums.map((sum, j) => y[j] + sum * scale[j]);
  }

  // y W^T
  function back(y, { whole: q, scale }, Numbers) {
    const columns = scale.length;
    const scaled = Float64Array.from(y, (value, j) => value * scale[j]);
    const x = new Numbers(q.length / columns);
    for (let i = 0, at = 0; i < x.length; i++) {
      let [even, odd] = [0, 0];
      for (let j = 0; j < columns - 1; j += 2, at += 2) {
        even += scaled[j] * q[at];
        odd += scaled[j + 1] * q[at + 1];
      }
      if (columns % 2) even += scaled[columns - 1] * q[at++];
      x[i] = even + odd;
    }
    return x;
  }

  // Forwards -------------------------------------------------------------------------------------

  const sigmoid = (a) => 1 / (1 + Math.exp(-a));

  // One step of a layer: `bptt.lstm.step`, whose equations are those of chapter 6.
  function step({ W_x, W_h, b }, x, before, Numbers) {
    const H = before.h.length;
    const a = plus(plus(b, x, W_x), before.h, W_h);
    const now = { c_before: before.c };
    for (const name of ["i", "f", "g", "o", "c", "tanh_c", "h"]) now[name] = new Numbers(H);
    const { i, f, g, o, c, tanh_c, h } = now;
    for (let n = 0; n < H; n++) {
      i[n] = sigmoid(a[n]);
      f[n] = sigmoid(a[H + n]);
      g[n] = Math.tanh(a[2 * H + n]);
      o[n] = sigmoid(a[3 * H + n]);
      c[n] = f[n] * before.c[n] + i[n] * g[n];
      tanh_c[n] = Math.tanh(c[n]);
      h[n] = o[n] * tanh_c[n];
    }
    return now;
  }

  // Reads one character: the steps of all layers, and the logits of the next.
  function readOne(network, code, before) {
    const { E, embedding, widths, Numbers } = network;
    const row = E.whole.subarray(code * embedding, (code + 1) * embedding);
    let x = Numbers.from(row, (value, j) => value * E.scale[j]);
    const steps = network.layers.map((layer, n) => {
      const H = widths[n];
      const zero = { h: new Numbers(H), c: new Numbers(H) };
      const now = step(layer, x, before ? before.steps[n] : zero, Numbers);
      x = now.h;
      return now;
    });
    return { code, steps, logits: Numbers.from(plus(network.b_y, x, network.W_y)) };
  }

  // Makes `places` those of a text, an entry for each character; what both begin with is kept.
  // Here and below, a generator stops after each step, so that the page may answer meanwhile.
  function* read(network, codes, places) {
    const same = codes.findIndex((code, n) => places[n]?.code !== code);
    places.length = Math.min(places.length, same < 0 ? codes.length : same);
    while (places.length < codes.length) {
      places.push(readOne(network, codes[places.length], places.at(-1)));
      yield;
    }
  }

  // The chances of the next character, at a temperature: `bptt.lm.sample.probabilities`.
  function chances(logits, temperature = 1) {
    const top = Math.max(...logits);
    const powers = Float64Array.from(logits, (y) => temperature
      ? Math.exp((y - top) / temperature) : Number(y === top));
    const sum = powers.reduce((sum, power) => sum + power, 0);
    return powers.map((power) => power / sum);
  }

  // The character at which the sum of the chances passes a number from 0 to 1.
  function draw(p, number) {
    let sum = 0;
    const code = p.findIndex((chance) => (sum += chance) > number);
    return code < 0 ? p.indexOf(Math.max(...p)) : code; // a sum that is rounded may end below 1
  }

  // Backwards ------------------------------------------------------------------------------------

  // The derivative of one step, from dh and dc of what left it: `bptt.lstm.step_backward`.
  function stepBack({ W_x, W_h }, { i, f, g, o, c_before, tanh_c }, dh, dc, Numbers) {
    const H = dh.length;
    const da = new Numbers(4 * H);
    const dc_before = new Numbers(H);
    for (let n = 0; n < H; n++) {
      const dc_n = dc[n] + dh[n] * o[n] * (1 - tanh_c[n] ** 2);
      da[n] = dc_n * g[n] * i[n] * (1 - i[n]);
      da[H + n] = dc_n * c_before[n] * f[n] * (1 - f[n]);
      da[2 * H + n] = dc_n * i[n] * (1 - g[n] ** 2);
      da[3 * H + n] = dh[n] * tanh_c[n] * o[n] * (1 - o[n]);
      dc_before[n] = dc_n * f[n];
    }
    return { dx: back(da, W_x, Numbers), dh: back(da, W_h, Numbers), dc: dc_before };
  }

  // How strongly the log probability of the character at a place answers to each before it: fills
  // `norms` with the norm of its derivative by the input there, from the last back to the first.
  function* reach(network, places, place, norms) {
    const { widths, W_y, Numbers } = network;
    const p = chances(places[place - 1].logits);
    const dlogits = Numbers.from(p, (chance, code) => Number(code === places[place].code) - chance);
    const carried = widths.map((H) => ({ dh: new Numbers(H), dc: new Numbers(H) }));
    let above = back(dlogits, W_y, Numbers);
    for (let t = place - 1; t >= 0; t--) {
      for (let n = widths.length - 1; n >= 0; n--) {
        const dh = carried[n].dh.map((value, k) => value + above[k]);
        carried[n] = stepBack(network.layers[n], places[t].steps[n], dh, carried[n].dc, Numbers);
        above = carried[n].dx;
      }
      norms[t] = Math.hypot(...above);
      above = new Numbers(widths.at(-1)); // only the last place has a prediction that counts
      yield;
    }
  }

  return { load, create, read, chances, draw, reach };
})();
