// What the figure of letters.js draws and says of a reading: the text, coloured, and what may come
// next. `choose` is told the place of a letter that is pressed, `take` a letter that may come next.
touchable.reading = ({ html, number, button, unit, choose, take }) => {
  const ROWS = 6;
  const DARKEST = 8; // bits
  const LEGENDS = {
    surprise: "The darker a letter, the more it surprised the network.",
    unit: "Blue: the unit is above zero. Grey: below.",
    reach: "The darker a letter, the more the chance of the framed one depends on it.",
  };

  const named = (letter) => ({ " ": "space", "\n": "line break" })[letter] ?? `“${letter}”`;
  const sign = (letter) => ({ " ": "␣", "\n": "↵" })[letter] ?? letter;
  const percent = (p) => `${Math.round(100 * p)} %`;
  const tint = (colour, share) =>
    `color-mix(in srgb, var(--${colour}) ${Math.round(50 * Math.min(share, 1))}%, transparent)`;

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
      return letters.map((place) => ["backward", (norms[place] ?? 0) / most || 0]);
    }
    if (colour === "surprise")
      return letters.map((place) => ["surprise", bits(reading, place) / DARKEST]);
    const values = letters.map((place) => activation(reading, place));
    const most = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    return values.map((value) => [value > 0 ? "forward" : "below", Math.abs(value) / most]);
  }

  // Elements

  const coloured = html("p", { class: "letters-text", tabindex: 0, role: "group",
    "aria-label": "What the network has read" });
  coloured.addEventListener("click", ({ target }) => {
    const place = [...coloured.children].indexOf(target) + 1;
    if (place) choose(place);
  });
  const legend = html("p", { class: "letters-legend" });
  const rows = Array.from({ length: ROWS }, () => {
    const row = { letter: html("b"), bar: html("i"), chance: html("span") };
    row.press = button(row.bar, () => take(row.taken));
    row.press.append(row.letter, row.chance);
    return row;
  });
  const next = html("div", { class: "letters-next", role: "group" },
    ...rows.map(({ press }) => press));

  function paintText(reading) {
    const text = reading.text.slice(0, reading.places.length - 1);
    while (coloured.children.length > text.length) coloured.lastChild.remove();
    while (coloured.children.length < text.length) coloured.append(html("span"));
    const shaded = shades(reading, text.length);
    [...coloured.children].forEach((span, n) => {
      const shown = text[n] === "\n" ? "↵\n" : text[n];
      if (span.textContent !== shown) span.textContent = shown;
      span.style.backgroundColor = tint(...shaded[n]);
      span.classList.toggle("chosen", n + 1 === reading.letter);
    });
    if (!reading.letter) coloured.scrollTop = coloured.scrollHeight;
    legend.textContent = LEGENDS[reading.letter ? "reach" : reading.colour];
  }

  function paintNext(reading) {
    const { network, letter } = reading;
    const p = chances(reading);
    likely(p).forEach((code, n) => {
      const row = rows[n];
      row.taken = network.characters[code];
      row.letter.textContent = sign(row.taken);
      row.bar.style.width = `${100 * p[code]}%`;
      row.chance.textContent = percent(p[code]);
      row.press.setAttribute("aria-label", `${named(row.taken)}, ${percent(p[code])}`);
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
      + ` ${number(cost)} bits. Half of its reach lies in the ${reach} before it.`;
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

  return { elements: [coloured, legend, next], paint, sentence };
};
