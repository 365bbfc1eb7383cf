// Type and watch: a network reads what the reader types, says what comes next, and goes on by
// itself. The network's mathematics stands in network.js, what is drawn and said in reading.js, and
// the weights in a folder beside them; all that is fetched when the figure is opened.
{
  const here = document.currentScript.src;
  const LONGEST = 600; // letters of a text
  const WRITTEN = 150; // letters, each time that it goes on
  const SLICE = 8; // milliseconds of work before the page may answer
  const SIGHT = 300; // milliseconds of work until what is done so far is drawn
  const PAUSE = 40; // milliseconds between letters that are written
  const LARGE = 1e6; // bytes, which are fetched on request only

  const script = (name) => new Promise((done, fail) => {
    const element = document.createElement("script");
    Object.assign(element, { src: new URL(name, here), onload: done, onerror: fail });
    document.head.append(element);
  });

  // Works through a generator in slices, so that the page may answer in between, unless another
  // takes its place. Tells whether the first slice was enough.
  function worker(draw) {
    let task;
    return (generator, after) => {
      task = generator;
      let drawn = performance.now();
      const slice = () => {
        const begin = performance.now();
        let step = generator.next();
        while (!step.done && performance.now() < begin + SLICE) step = generator.next();
        if (step.done) after(step.value);
        else setTimeout(goOn);
        return step.done;
      };
      const goOn = () => {
        if (task !== generator || slice() || performance.now() < drawn + SIGHT) return;
        draw();
        drawn = performance.now();
      };
      return slice();
    };
  }

  const OFFLINE = "A page from the file system may fetch no network; where the site is on the web,"
    + " one can type here.";

  function open({ data, figure, stage, change, html, number, slider, choice, button, still }) {
    if (location.protocol === "file:") {
      figure.classList.add("letters-still"); // the picture stays
      return { controls: [], show: () => OFFLINE };
    }

    let network; // once it is fetched,
    let view; // and what is drawn of it
    let state;
    let reached = {}; // how far the chosen letter reaches back
    const places = []; // what the network made of each letter; the first is a line break

    // Controls

    const knows = (letter) => !network || network.characters.includes(letter);
    const area = html("textarea", { rows: 3, maxlength: LONGEST, autocapitalize: "off",
      autocomplete: "off", spellcheck: false });
    let unknown = ""; // what was typed last and is no letter of the network
    let composing = false;
    area.addEventListener("compositionstart", () => { composing = true; });
    area.addEventListener("compositionend", () => { composing = false; change(); });
    area.addEventListener("input", () => {
      stop();
      unknown = [...new Set(area.value)].filter((letter) => !knows(letter)).join(" ");
    });
    const go = button("Go on", () => {
      if (left) return stop();
      left = WRITTEN;
      change({ letter: 0 });
    });
    go.disabled = true; // until the network is there
    const typed = {
      name: "text", value: data.text,
      element: html("p", { class: "letters-typed" }, html("label", {}, "Type here", area), go),
      read: () => [...area.value].filter(knows).join("").slice(0, LONGEST),
      set(text) {
        if (composing || area.value === text) return;
        const after = area.value.length - area.selectionEnd;
        area.value = text;
        area.setSelectionRange(text.length - after, text.length - after);
      },
    };
    const dial = slider({ name: "temperature", label: "Temperature", min: 0, max: 2, step: 0.1,
      value: 1 });
    const letter = slider({ name: "letter", label: "Letter", min: 0, max: LONGEST, step: 1,
      value: 0, say: (place) => place ? `${place}: ${area.value[place - 1]}` : "the next" });
    const colour = choice({ name: "colour", label: "Colour by", options: ["surprise", "unit"],
      value: "surprise" });
    const unit = slider({ name: "unit", label: "Unit", min: 0, max: data.unit.count - 1, step: 1,
      value: data.unit.number });
    unit.element.addEventListener("input", () => colour.set("unit"));

    // Work

    const work = worker(() => view.paint(reading()));
    const reading = () => ({ ...state, network, places, norms: reached.norms });
    const codes = (text) => [...`\n${text}`].map((letter) => network.characters.indexOf(letter));

    function* read(text, place) {
      const key = `${place} ${text.slice(0, place)}`;
      if (reached.key !== key) {
        const norms = [];
        reached = { key, norms, steps: touchable.network.reach(network, places, place, norms) };
      }
      yield* touchable.network.read(network, codes(text), places);
      if (place) yield* reached.steps; // from where it was left, if it was
    }

    function* write(text, temperature, count) {
      for (let n = 0; n < count; n++) {
        yield* touchable.network.read(network, codes(text), places);
        const p = touchable.network.chances(places.at(-1).logits, temperature);
        text += network.characters[touchable.network.draw(p, Math.random())];
      }
      return text;
    }

    // It writes letter by letter, or all at once for a reader who wants nothing to move.
    let left = 0;
    let timer;
    function goOn({ text, temperature }) {
      const count = Math.min(still ? left : 1, LONGEST - text.length);
      if (count < 1) return stop();
      go.textContent = "Stop";
      clearTimeout(timer);
      timer = setTimeout(() => work(write(text, temperature, count), (longer) => {
        if (!left) return; // it was stopped meanwhile
        left -= count;
        if (!left) stop();
        change({ text: longer });
      }), PAUSE);
    }

    function stop() {
      left = 0;
      clearTimeout(timer);
      go.textContent = "Go on";
    }

    // What a press on a letter does: it is chosen, or no longer.
    function choose(place) {
      stop();
      change({ letter: place === state.letter ? 0 : place });
    }

    // And on a letter that may come next: it takes the place of the chosen one and all after it.
    function take(next) {
      stop();
      const kept = state.letter ? state.text.slice(0, state.letter - 1) : state.text;
      change({ text: kept + next, letter: 0 });
    }

    // Fetching

    let news = "A network is there to be fetched.";
    const progress = html("progress", { max: data.bytes, "aria-label": "Fetched so far" });
    const size = number(data.bytes / 1e6);
    const ask = button(`Fetch the network (${size} MB)`, () => fetchNetwork(true));

    async function fetchNetwork(asked) {
      news = "The network is being fetched.";
      stage.replaceChildren(progress);
      change();
      try {
        await Promise.all([script("network.js"), script("reading.js")]);
        network = await touchable.network.load(new URL(`${data.network}/`, here), (bytes) => {
          progress.value = bytes;
        });
        view = touchable.reading({ ...data, html, number, button, choose, take });
        stage.replaceChildren(...view.elements);
        go.disabled = false;
        if (asked) area.focus({ preventScroll: true });
      } catch {
        news = "The network could not be fetched.";
        stage.replaceChildren(ask);
      }
      change();
    }

    if (data.bytes > LARGE) stage.append(ask);
    else Promise.resolve().then(fetchNetwork);

    function show(asked) {
      state = { ...asked, letter: Math.min(asked.letter, asked.text.length) };
      letter.element.querySelector("input").max = state.text.length;
      if (!network) return news;
      let late = false;
      const ready = work(read(state.text, state.letter), () => late && change());
      late = true;
      view.paint(reading());
      if (!ready) return "The network reads.";
      if (left) goOn(state);
      const dropped = unknown && `The network knows no ${unknown}, so it is left out. `;
      const full = state.text.length < LONGEST ? "" : `${LONGEST} letters are the most. `;
      return dropped + full + view.sentence(reading());
    }

    return { controls: [typed, dial, letter, colour, unit], show, close: stop };
  }

  touchable("letters", { open });
}
