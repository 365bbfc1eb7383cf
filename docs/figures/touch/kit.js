// What all figures share that a reader may touch: their controls, their drawing, and their state,
// which stands in the address, so that a setting can be linked. A figure's script calls
//
//   touchable("paths", { compute, open })
//
// `compute` is its mathematics, a function of data and numbers alone, which the tests compare with
// NumPy. `open(kit)` puts what it draws into `kit.stage` and returns its controls and `show(state)`,
// which draws a state and returns what it shows, in a sentence.
window.touchable = (() => {
  const scripts = {};
  const opened = new Map();
  const wait = { write: 300, say: 600 }; // milliseconds without a change

  // Elements -------------------------------------------------------------------------------------

  const make = (space) => (tag, attributes = {}, ...children) => {
    const element = document.createElementNS(space, tag);
    for (const [name, value] of Object.entries(attributes))
      if (value !== false && value !== undefined) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const svg = make("http://www.w3.org/2000/svg");
  const html = make("http://www.w3.org/1999/xhtml");

  // Three significant digits and a true minus, as in the figures of the pages.
  const number = (value) => {
    const rounded = Number(value.toPrecision(3));
    const [digits, power] = String(
      rounded && (Math.abs(rounded) < 1e-3 || Math.abs(rounded) >= 1e6)
        ? rounded.toExponential() : rounded).split("e");
    const raised = (n) => [...String(n)].map((sign) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign] ?? "⁻").join("");
    return `${digits}${power ? ` × 10${raised(Number(power))}` : ""}`.replace("-", "−");
  };

  // Controls: each has a name, a value to begin with, an element, and how to read and to set it.

  let count = 0;
  function labelled(label, control, ...more) {
    control.id = `touch-${count++}`;
    return html("p", { class: "touch-control" }, html("label", { for: control.id }, label), control,
      ...more);
  }

  function slider({ name, label, min, max, step, value, say = number }) {
    const input = html("input", { type: "range", min, max, step });
    const output = html("output");
    return { // what has not changed is not set: it would be styled and laid out anew
      name, value, element: labelled(label, input, output),
      read: () => Number(input.value),
      set(value) {
        input.value = value;
        const said = say(Number(input.value));
        if (said === output.textContent) return;
        output.textContent = said;
        input.setAttribute("aria-valuetext", said);
      },
    };
  }

  function choice({ name, label, options, value }) {
    const select = html("select", {}, ...options.map((option) => html("option", {}, option)));
    return {
      name, value, element: labelled(label, select),
      read: () => select.value,
      set(value) {
        if (value !== select.value && options.includes(value)) select.value = value;
      },
    };
  }

  function toggle({ name, label, value }) {
    const input = html("input", { type: "checkbox" });
    return {
      name, value, element: labelled(label, input),
      read: () => input.checked,
      set: (value) => { input.checked = value; },
    };
  }

  function button(label, press) {
    const element = html("button", { type: "button" }, label);
    element.addEventListener("click", press);
    return element;
  }

  // State ----------------------------------------------------------------------------------------

  const parsed = (text, like) => {
    if (typeof like === "boolean") return text === "true";
    if (typeof like === "number") return Number.isFinite(Number(text)) ? Number(text) : like;
    return text;
  };

  function fromAddress(prefix, controls) {
    const query = new URLSearchParams(location.search);
    return Object.fromEntries(controls.map(({ name, value }) =>
      [name, query.has(prefix + name) ? parsed(query.get(prefix + name), value) : value]));
  }

  // Only what differs from the beginning; `state` is null for a figure that is closed.
  function toAddress(prefix, controls, state) {
    const url = new URL(location);
    for (const { name, value } of controls) {
      const key = prefix + name;
      if (state && state[name] !== value) url.searchParams.set(key, state[name]);
      else url.searchParams.delete(key);
    }
    try {
      if (url.href !== location.href) history.replaceState(history.state, "", url);
    } catch {
      // Some browsers let no address be changed for a page from the file system.
    }
  }

  // A function that runs once, after a while without another call.
  function later(milliseconds, act) {
    let timer;
    return (...values) => {
      clearTimeout(timer);
      timer = setTimeout(() => act(...values), milliseconds);
    };
  }

  // Opening and closing --------------------------------------------------------------------------

  const kit = {
    svg, html, number, slider, choice, toggle, button,
    still: matchMedia("(prefers-reduced-motion: reduce)").matches,
  };

  function open(figure) {
    const name = /([^/]+)\.js/.exec(figure.dataset.touch)[1];
    const prefix = `${figure.id.replace("figure-", "")}.`;
    const stage = html("div", { class: "touch-stage" });
    const status = html("p", { class: "touch-status", role: "status" });
    const data = JSON.parse(figure.querySelector("script").textContent);
    // Drawn as wide as there is room for, so that letters have one size everywhere. It is measured
    // when it changes: to ask while drawing would lay the page out twice.
    let room = 0;
    const width = () => Math.min(room, 560);
    let asked = false;
    const change = (values = {}) => {
      for (const control of controls) if (control.name in values) control.set(values[control.name]);
      if (!asked) requestAnimationFrame(draw);
      asked = true;
    };
    const { controls, show, close = () => {} } =
      scripts[name].open({ ...kit, data, stage, change, width, figure });
    const read = () => Object.fromEntries(controls.map(({ name, read }) => [name, read()]));
    const say = later(wait.say, (sentence) => { status.textContent = sentence; });
    const write = later(wait.write, (state) => {
      if (opened.has(figure)) toAddress(prefix, controls, state);
    });
    function draw() {
      asked = false;
      if (!room) return; // on paper the picture stands in its place
      const state = read();
      // A control may say its value in other words than its own, once another has changed.
      for (const control of controls) control.set(state[control.name]);
      say(show(state));
      write(state);
    }
    const panel = html("div", { class: "touch-panel", role: "group" }, stage,
      html("div", { class: "touch-controls" }, ...controls.map(({ element }) => element)), status);
    const place = figure.querySelector(".touch");
    panel.setAttribute("aria-label", place.dataset.invitation);
    for (const control of controls) control.set(control.value);
    change(fromAddress(prefix, controls));
    panel.addEventListener("input", () => change());
    const resized = new ResizeObserver(([{ contentRect }]) => {
      if (room !== contentRect.width) change();
      room = contentRect.width;
    });
    place.before(panel);
    room = stage.clientWidth;
    resized.observe(stage);
    opened.set(figure, () => {
      close();
      resized.disconnect();
      panel.remove();
      toAddress(prefix, controls, null);
    });
  }

  function toggleFigure(figure) {
    const close = opened.get(figure);
    if (close) {
      opened.delete(figure);
      close();
    } else open(figure);
    figure.classList.toggle("touched", !close);
    const place = figure.querySelector(".touch");
    place.firstChild.textContent = close ? place.dataset.invitation : "Back to the picture";
    place.firstChild.setAttribute("aria-expanded", !close);
  }

  return Object.assign((name, script) => { scripts[name] = script; },
    { scripts, toggle: toggleFigure });
})();
