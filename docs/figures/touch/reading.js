// What the figure of letters.js draws and says of a reading: the text, coloured, and what may come
// next. `choose` is told the place of a letter that is pressed, `take` a letter that may come next.
touchable.reading = ({ html, number, button, unit, about, choose, take }) => {
  const ROWS = 6;
  const DARKEST = 8; // bits
  const LEGENDS = {
    surprise: "The stronger its colour, the more a letter surprised the network.",
    unit: "Blue: the unit is above zero. Grey: below.",
    reach: "The stronger its colour, the more the chance of the framed letter depends on it.",
  };
  const [FORWARD, BACKWARD, GREY] = ["--forward", "--backward", "--md-default-fg-color--lighter"];

  const NAMES = { " ": "space", "\n": "new line" };
  const named = (letter) => NAMES[letter] ?? `“${letter}”`;
  const percent = (p) => `${Math.round(100 * p)} %`;
  const tint = (colour, share) =>
    `color-mix(in srgb, var(${colour}) ${Math.round(50 * Math.min(share, 1))}%, transparent)`;

  // Numbers. Places count from 1; the letter at a place was predicted at the one before.

  function bits({ places }, place) {
    const { code } = places[place];
    places[place].bits ??= -Math.log2(touchable.network.chances(places[place - 1].logits)[code]);
    return places[place].bits;
  }

  // The chances of what comes next or, for a chosen letter, of what might have stood in its place.
  const chances = ({ places, letter, temperature }) => letter
    ? touchable.network.chances(places[letter - 1].logits)
    : touchable.network.chances(places.at(-1).logits, temperature);

  const likely = (p) => [...p.keys()].sort((a, b) => p[b] - p[a]).slice(0, ROWS);

  const activation = ({ places, unit: number }, place) =>
    places[place].steps[unit.layer][unit.field][number];

  // For each letter a colour, and its share from 0 to 1.
  function shades(reading, count) {
    const { letter, norms, colour } = reading;
    const letters = Array.from({ length: count }, (_, n) => n + 1);
    if (letter) {
      const most = norms.reduce((most, norm) => Math.max(most, norm), 0);
      return letters.map((place) => [BACKWARD, (norms[place] ?? 0) / most || 0]);
    }
    if (colour === "surprise")
      return letters.map((place) => [GREY, bits(reading, place) / DARKEST]);
    const values = letters.map((place) => activation(reading, place));
    const most = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    return values.map((value) => [value > 0 ? FORWARD : GREY, Math.abs(value) / most]);
  }

  // Elements

  const coloured = html("p", { class: "letters-text", tabindex: 0, role: "group",
    "aria-label": "What the network has read" });
  coloured.addEventListener("click", ({ target }) => {
    const place = [...coloured.children].indexOf(target) + 1;
    if (place) choose(place);
  });
  const tints = new WeakMap(); // of each element, as a browser says a colour in words of its own
  const legend = html("p", { class: "letters-legend" });
  const rows = Array.from({ length: ROWS }, () => {
    const row = { letter: html("b"), bar: html("i"), chance: html("span") };
    row.press = button(row.bar, () => take(row.taken));
    row.press.append(row.letter, " ", row.chance);
    return row;
  });
  const next = html("div", { class: "letters-next", role: "group" },
    ...rows.map(({ press }) => press));

  // Only what has changed is set: a page takes its time for each.
  const set = (element, name, value) => {
    if (element[name] !== value) element[name] = value;
  };

  function paintText(reading) {
    const text = reading.text.slice(0, reading.places.length - 1);
    const before = coloured.children.length;
    while (coloured.children.length > text.length) coloured.lastChild.remove();
    while (coloured.children.length < text.length) coloured.append(html("span"));
    const shaded = shades(reading, text.length);
    [...coloured.children].forEach((span, n) => {
      set(span, "textContent", text[n] === "\n" ? "↵\n" : text[n]);
      set(span, "className", n + 1 === reading.letter ? "chosen" : "");
      const colour = tint(...shaded[n]);
      if (tints.get(span) !== colour) span.style.backgroundColor = colour;
      tints.set(span, colour);
    });
    if (text.length !== before) coloured.scrollTop = coloured.scrollHeight;
    legend.textContent = LEGENDS[reading.letter ? "reach" : reading.colour];
  }

  function paintNext(reading) {
    const { network, letter } = reading;
    const p = chances(reading);
    likely(p).forEach((code, n) => {
      const row = rows[n];
      row.taken = network.characters[code];
      row.letter.textContent = NAMES[row.taken] ?? row.taken;
      row.bar.style.width = `${100 * p[code]}%`;
      row.chance.textContent = percent(p[code]);
    });
    next.setAttribute("aria-label",
      letter ? `What might have stood in place ${letter}` : "What may come next");
  }

  // A text that is still being read is drawn as far as it is known.
  function paint(reading) {
    if (reading.places.length <= reading.letter) return;
    paintText(reading);
    paintNext(reading);
  }

  // Sentences

  function aboutLetter(reading) {
    const { letter, norms, text } = reading;
    const cost = bits(reading, letter);
    const all = norms.reduce((sum, norm) => sum + norm, 0);
    let [near, sum] = [0, 0];
    while (sum < all / 2) sum += norms[letter - ++near];
    const reach = near > 1 ? `${near} letters` : "letter";
    return `${named(text[letter - 1])} had a chance of ${percent(2 ** -cost)} and cost`
      + ` ${number(cost)} bits. Half of the gradient's reach lies in the ${reach} before it.`;
  }

  function aboutUnit(reading) {
    const now = `Unit ${reading.unit} is at ${number(activation(reading, reading.text.length))}.`;
    if (reading.unit !== unit.number) return now;
    return `${now} Of all units it follows the position in the line best: on other text the`
      + ` correlation is ${number(unit.correlation)}, by chance at most ${number(unit.chance)}.`;
  }

  function aboutText(reading) {
    const { network, text } = reading;
    const p = chances(reading);
    const three = likely(p).slice(0, 3)
      .map((code) => `${named(network.characters[code])} ${percent(p[code])}`);
    const costs = [...text].map((_, n) => bits(reading, n + 1));
    const mean = costs.reduce((sum, cost) => sum + cost, 0) / costs.length;
    const cost = text && ` A letter of the text cost ${number(mean)} bits in the mean.`;
    return `Next: ${three.join(", ")}.${cost}`;
  }

  function sentence(reading) {
    if (reading.letter) return aboutLetter(reading);
    return reading.colour === "unit" ? aboutUnit(reading) : aboutText(reading);
  }

  const known = html("p", { class: "letters-legend" }, about);
  return { elements: [coloured, legend, next, known], paint, sentence };
};
