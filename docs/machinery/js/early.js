// What has to be there before the theme's script: what a browser may lack, and what that script does
// too early. A browser lacks what it does not know, and what its owner or a policy takes from it.
const provide = (name, value) =>
  Object.defineProperty(window, name, { value, configurable: true, writable: true });

// A browser that does not say what is in sight, or what changes its size: all is in sight, and all
// changes with the window.
class Always {
  constructor(tell) {
    this.tell = tell;
  }
  observe(target) {
    const tell = () => this.tell([{ target, isIntersecting: true }]);
    queueMicrotask(tell);
    addEventListener("resize", tell);
  }
  unobserve() {}
  disconnect() {}
}

for (const name of ["IntersectionObserver", "ResizeObserver"]) {
  if (!window[name]) provide(name, Always);
}

// The theme starts a worker and fetches an index of several hundred KB with every page. Here both
// wait until somebody searches, or comes from a search (`?h=`).
const wanted = new Promise((begin) => {
  if (new URLSearchParams(location.search).has("h")) begin();
  document.addEventListener("change", ({ target }) => target.id === "__search" && begin());
});

function startWorker(url, receive) {
  const worker = new NativeWorker(url);
  worker.onmessage = ({ data }) => receive(data);
  return (data) => worker.postMessage(data);
}

// Where there are no workers, as for a page from the file system, a hidden frame runs the script.
function startFrame(url, receive) {
  const frame = document.createElement("iframe");
  frame.hidden = true;
  frame.srcdoc = "<!doctype html>";
  const loaded = new Promise((done) => {
    frame.onload = () => {
      const script = frame.contentDocument.createElement("script");
      script.src = new URL(url, location);
      script.onload = done;
      frame.contentWindow.postMessage = receive;
      frame.contentDocument.head.append(script);
    };
  });
  document.body.append(frame);
  return (data) =>
    loaded.then(() => frame.contentWindow.dispatchEvent(new MessageEvent("message", { data })));
}

function start(url, receive) {
  if (location.protocol === "file:") return startFrame(url, receive);
  try {
    return startWorker(url, receive);
  } catch {
    return startFrame(url, receive);
  }
}

const NativeWorker = window.Worker;

provide("Worker", class extends EventTarget {
  constructor(url) {
    super();
    const receive = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
    this.post = wanted.then(() => start(url, receive));
  }
  postMessage(data) {
    this.post.then((post) => post(data));
  }
});

provide("XMLHttpRequest", class extends XMLHttpRequest {
  send() {
    wanted.then(() => super.send());
  }
});

// A link to a tab opens it.
const target = document.getElementById(location.hash.slice(1));
if (target?.name) target.checked = target.name.startsWith("__tabbed_");
