// Keeps a page of the desk up to date. Without it everything works, too: forms are forms, and a reload shows what is new.
"use strict";

const main = document.querySelector("[data-live]");
const composer = document.querySelector(".composer");
const title = document.title;
let since = main?.dataset.version;
let stream = null;

function show(parts) {
  for (const [id, html] of Object.entries(parts)) {
    // the server rendered and escaped it, as it did the page itself
    const fresh = new DOMParser().parseFromString(html, "text/html").body;
    if (id === "lines") merge(document.getElementById(id), new DOMParser().parseFromString(`<ol>${html}</ol>`, "text/html").querySelector("ol"));
    else replace(document.getElementById(id), fresh);
  }
  settle();
}

function replace(place, fresh) {
  if (!place || place.innerHTML === fresh.innerHTML) return;
  const key = place.contains(document.activeElement) && document.activeElement.dataset.key;
  place.replaceChildren(...fresh.childNodes);
  if (key) place.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
}

// one line at a time: a screen reader reads out only what is new
function merge(list, fresh) {
  const there = [...list.children];
  [...fresh.children].forEach((line, index) => {
    const old = there[index];
    if (!old) list.append(line);
    else if (old.outerHTML !== line.outerHTML) old.replaceWith(line);
  });
  there.slice(fresh.children.length).forEach((line) => line.remove());
}

// what the parts say about the rest of the page
function settle() {
  const waiting = Number(document.querySelector("[data-count]")?.dataset.count || 0);
  document.title = waiting ? `(${waiting}) ${title}` : title;
  const holder = document.querySelector("[data-may]");
  if (!composer || !holder) return;
  const may = holder.dataset.may === "yes";
  composer.elements.seen.value = holder.dataset.seen;
  composer.elements.text.disabled = !may;
  composer.querySelector("button").disabled = !may;
}

function listen() {
  if (!main || stream || document.hidden) return; // six streams are all a browser has for a site: a page nobody sees takes none
  stream = new EventSource(`${main.dataset.live}?since=${encodeURIComponent(since)}`);
  stream.addEventListener("parts", (event) => {
    since = event.lastEventId;
    show(JSON.parse(event.data));
  });
  stream.addEventListener("over", () => location.reload());
  stream.addEventListener("error", () => {
    if (stream?.readyState === EventSource.CLOSED) {
      hush();
      setTimeout(listen, 5000);
    }
  });
}

function hush() {
  stream?.close();
  stream = null;
}

document.addEventListener("visibilitychange", () => (document.hidden ? hush() : listen()));
addEventListener("pagehide", hush);
addEventListener("pageshow", listen);
composer?.elements.text.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    composer.requestSubmit();
  }
});
settle();
listen();
