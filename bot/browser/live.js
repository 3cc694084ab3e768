// What htmx leaves to our pages, the demo page and the desk: a stream that rests while nobody looks, lists that keep their rows,
// and where the focus goes. Everything else is markup from the server.
"use strict";

(() => {
  const find = (selector) => selector && document.querySelector(selector);
  let stream = null;
  let next = ""; // where the focus goes once what was pressed is gone

  // Rows keep their node while they keep their id: focus, typed words and open details stay, and a screen reader reads out only
  // what is new. What became of a row (its ticks) stands in [data-fate] and is all that changes in it.
  htmx.defineExtension("rows", {
    handleSwap(style, list, fresh) {
      if (style !== "rows") return false;
      const rows = [...fresh.children];
      const stays = new Set(rows.map((row) => row.id));
      for (const row of [...list.children]) if (!stays.has(row.id)) row.remove();
      return rows.filter((row, place) => {
        const old = [...list.children].find((one) => one.id === row.id);
        if (!old) {
          list.insertBefore(row, list.children[place] || null);
          return true;
        }
        const [was, is] = [old, row].map((one) => [...one.querySelectorAll("[data-fate]")]);
        was.forEach((node, at) => is[at] && node.outerHTML !== is[at].outerHTML && node.replaceWith(is[at]));
        return false;
      });
    },
  });

  // The stream. A browser has six for a site, so a page that nobody sees takes none; back again, it says what it has.
  htmx.createEventSource = (url) => {
    stream = new EventSource(url);
    if (document.hidden) stream.close();
    return stream;
  };
  const rest = () => stream?.close();
  const listen = () => {
    const old = find("#live");
    if (!old || document.hidden || stream?.readyState !== EventSource.CLOSED) return;
    const fresh = old.cloneNode();
    old.replaceWith(fresh);
    htmx.process(fresh);
  };
  const on = (name, then) => document.addEventListener(name, then);
  on("visibilitychange", () => (document.hidden ? rest() : listen()));
  addEventListener("pagehide", rest);
  addEventListener("pageshow", listen);
  on("htmx:sseMessage", (event) => {
    const live = find("#live");
    live.setAttribute("sse-connect", live.getAttribute("sse-connect").replace(/since=\w*/, "since=" + event.detail.lastEventId));
    settle();
  });
  on("htmx:sseClose", (event) => event.detail.type === "message" && location.reload());

  // What goes wrong is said in words.
  const say = (words) => {
    const place = find("#trouble");
    if (place && place.textContent !== words) place.textContent = words;
  };
  const SILENCE = "There is no answer. Is it still running?";
  const silence = () => say(SILENCE);
  on("htmx:sendError", silence);
  on("htmx:sseError", silence);
  on("htmx:sseOpen", () => find("#trouble")?.textContent === SILENCE && say("")); // what else went wrong is still to be read
  on("htmx:responseError", (event) => say(event.detail.xhr.responseText));
  on("htmx:beforeRequest", (event) => {
    say("");
    next = event.target.dataset.next || "";
    event.target.closest("[popover]")?.hidePopover(); // what was chosen needs no menu any more
    find(event.target.dataset.end)?.scrollTo(0, 0); // reversed: it begins at its end
  });

  // A sent form is empty again, ready for the next words.
  on("htmx:beforeSend", (event) => event.target.matches("[data-reset]") && event.target.reset());

  on("click", (event) => {
    const copy = event.target.closest("[data-copy]");
    if (!copy) return;
    navigator.clipboard?.writeText(copy.dataset.copy).catch(() => {});
    const field = find(copy.dataset.into);
    if (field) field.value = copy.dataset.copy;
    copy.classList.add("copied");
  });

  // After each change: the focus goes where it should, and the desk's form follows what the head of the conversation says.
  function settle() {
    const place = find(next);
    if (place && !place.disabled && place.checkVisibility()) {
      place.focus({ preventScroll: true });
      next = "";
    }
    const head = find("[data-may]");
    const form = find(".composer[action^='/desk/']");
    if (!head || !form) return;
    form.elements.seen.value = head.dataset.seen;
    for (const name of ["text", "send", "file"]) form.elements[name].disabled = head.dataset.may !== "yes";
  }
  on("htmx:afterSettle", settle);
  on("DOMContentLoaded", settle);
  on("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.target.tagName !== "TEXTAREA") return;
    event.preventDefault();
    event.target.form.requestSubmit();
  });
})();
