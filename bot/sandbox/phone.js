// The demo page. Everything that comes from the server is put in as text, never as markup.
"use strict";

const AGAIN_MS = 2000; // when the sandbox does not answer
const BOTTOM_PX = 80; // nearer to the end than this, the chat follows new messages

const find = (id) => document.getElementById(id);
const drawn = new Map(); // part of the page -> the JSON it shows, so that only what changed is drawn again
let shopper = new URLSearchParams(location.search).get("shopper") || "";
let state = null;
let stream = null; // tells what happens by itself
const looked = new Set(); // messages this phone has already told it read
const away = new Set(); // who has left the shop

function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function button(text, className, act, key) {
  const node = make("button", className, text);
  node.type = "button";
  if (key) node.dataset.key = key;
  node.addEventListener("click", act);
  return node;
}

// talking to the server

async function act(name, wish = {}) {
  const body = JSON.stringify({ shopper, ...wish });
  try {
    const answer = await fetch("/page/" + name, { method: "POST", headers: { "Content-Type": "application/json" }, body });
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.error);
    find("trouble").textContent = "";
    take(told);
  } catch (error) {
    find("trouble").textContent = error instanceof TypeError ? "The sandbox does not answer. Is it still running?" : error.message;
  }
}

// a state comes as the answer to an act or over the stream; whichever is newer is shown
function take(told) {
  if (shopper && told.shopper !== shopper) return;
  if (!state || told.shopper !== state.shopper || told.number > state.number) show(told);
}

function listen() {
  stream?.close();
  stream = null;
  if (document.hidden) return; // a browser has six streams for a site: a page nobody sees takes none
  stream = new EventSource("/page/live?shopper=" + encodeURIComponent(shopper));
  stream.addEventListener("message", (event) => {
    find("trouble").textContent = "";
    take(JSON.parse(event.data));
  });
  stream.addEventListener("error", () => {
    find("trouble").textContent = "The sandbox does not answer. Is it still running?";
    if (stream?.readyState === EventSource.CLOSED) setTimeout(listen, AGAIN_MS);
  });
}

function look(messages) {
  const unread = messages.filter((one) => !one.mine && one.tick === "delivered" && !looked.has(one.id));
  if (!unread.length || document.hidden) return;
  unread.forEach((one) => looked.add(one.id));
  act("look");
}

// showing

function part(name, value, draw) {
  const now = JSON.stringify(value);
  if (drawn.get(name) === now) return;
  drawn.set(name, now);
  const key = document.activeElement && document.activeElement.dataset.key;
  draw(value);
  if (key && !document.activeElement.dataset.key) document.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
}

function show(next) {
  state = next;
  shopper = next.shopper;
  const me = next.shop.shoppers.find((one) => one.key === shopper);
  part("clock", [next.now, next.next, me], showClock);
  part("people", [next.shop.shoppers, shopper], showPeople);
  part("products", [next.shop.products, next.shop.currency], showProducts);
  part("cart", [next.cart, shopper, away.has(shopper)], showCart);
  part("orders", next.orders, showOrders);
  part("account", [me.whatsapp, me.ads], showAccount);
  part("head", [next.phone.business, me.name, next.phone.stopped], showChatHead);
  part("owner", me.locale, showOwner);
  showMessages(next.phone.messages, me);
  part("desk", next.staff, showDesk);
  part("door", next.desk, showDoor);
  part("mind", [next.mind, next.now.slice(0, 16), me], showMind);
  part("faults", next.faults, showFaults);
  look(next.phone.messages);
}

const money = (minor) => new Intl.NumberFormat("en-IE", { style: "currency", currency: state.shop.currency }).format(minor / 100);
const hour = (at, me) => new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: me.timezone }).format(new Date(at));
const day = (at, me) => new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", timeZone: me.timezone }).format(new Date(at));

function showClock([now, next, me]) {
  find("time").textContent = find("phone-time").textContent = hour(now, me);
  find("time").dateTime = now;
  find("day").textContent = `${day(now, me)}, ${me.city}`;
  find("next").disabled = !next;
  find("next-in").textContent = next ? ` in ${span(new Date(next) - new Date(now))}` : ": nothing yet";
}

function span(ms) {
  const minutes = Math.max(Math.ceil(ms / 60000), 0);
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60 ? `${minutes % 60} min` : ""}`.trim();
  return `${Math.round(minutes / 1440)} days`;
}

function showPeople([people]) {
  find("people").replaceChildren(...people.map(person));
}

function person(one) {
  const label = make("label", "person");
  const radio = make("input");
  Object.assign(radio, { type: "radio", name: "shopper", value: one.key, checked: one.key === shopper });
  radio.dataset.key = "person-" + one.key;
  radio.addEventListener("change", () => become(one.key));
  const name = make("span", "person-name", one.name);
  if (one.unread && one.key !== shopper) name.append(make("span", "badge", String(one.unread)), make("span", "unseen", " unread"));
  label.append(radio, name, make("span", "person-city", one.city));
  return label;
}

function become(key) {
  shopper = key;
  find("words").value = "";
  history.replaceState(null, "", "?shopper=" + encodeURIComponent(key));
  listen();
}

function showProducts([products]) {
  find("products").replaceChildren(...products.map(product));
}

function product(one) {
  const card = make("li", "product");
  card.id = one.id;
  const art = make("img", "art");
  Object.assign(art, { src: `/art/${one.id}.svg`, alt: "", width: 240, height: 180 });
  const foot = make("div", "product-foot");
  const add = button("Add", "add", () => act("cart", { product: one.id, quantity: 1 }), "add-" + one.id);
  add.setAttribute("aria-label", `Add ${one.title} to the cart`);
  foot.append(make("span", "price", money(one.price)), add);
  card.append(art, make("h3", "product-title", one.title), make("p", "product-words", one.words), foot);
  return card;
}

function showCart([cart]) {
  const full = cart.lines.length > 0;
  find("cart-empty").hidden = full;
  find("cart-total").hidden = !full;
  find("cart-sum").textContent = money(cart.total);
  find("buy").disabled = find("leave").disabled = !full;
  find("buy").textContent = full ? `Buy for ${money(cart.total)}` : "Buy";
  find("cart").replaceChildren(...cart.lines.map(line));
  const gone = away.has(shopper);
  find("inside").hidden = gone;
  find("away").hidden = !gone;
  const name = state.shop.shoppers.find((one) => one.key === shopper).name;
  find("away-title").textContent = full ? `${name} left, ${money(cart.total)} still in the cart.` : `${name} left.`;
}

function line(one) {
  const row = make("li");
  const steps = make("span", "steps");
  const change = (by, sign, words) => {
    const node = button(sign, "step", () => act("cart", { product: one.product, quantity: by }), `line-${one.product}-${by}`);
    node.setAttribute("aria-label", `${words} ${one.title}`);
    return node;
  };
  steps.append(change(-1, "−", "One less"), make("span", "pieces", String(one.quantity)), change(1, "+", "One more"));
  row.append(make("span", "line-title", one.title), steps, make("span", "line-price", money(one.price)));
  return row;
}

function showOrders(orders) {
  find("orders-part").hidden = orders.length === 0;
  find("orders").replaceChildren(...orders.map(order));
}

function order(one) {
  const row = make("li", "order");
  const words = make("p");
  const things = one.lines.map((each) => `${each.quantity} × ${each.title}`).join(", ");
  words.append(make("strong", "", one.number), ` ${things}`);
  const sum = make("p", "quiet");
  sum.textContent = one.code ? `${money(one.total)}, ${money(one.discount)} off with ${one.code}` : money(one.total);
  const buttons = make("div", "order-buttons");
  buttons.append(make("span", "state state-" + one.status, one.status));
  if (one.status === "paid") {
    buttons.append(
      button("Parcel arrives", "small", () => act("order", { order: one.key, step: "deliver" }), "deliver-" + one.key),
      button("Cancel", "small", () => act("order", { order: one.key, step: "cancel" }), "cancel-" + one.key),
    );
  }
  row.append(words, sum, buttons);
  return row;
}

function showAccount([whatsapp, ads]) {
  find("agree-whatsapp").checked = whatsapp;
  find("agree-ads").checked = ads;
}

function showChatHead([business, name, stopped]) {
  find("business").textContent = business;
  find("shop-name").textContent = state.shop.name;
  find("owner").textContent = `${name}'s phone`;
  find("face").textContent = business.split(/\s+/).map((word) => word[0]).join("").slice(0, 2);
  find("stop").textContent = stopped ? "Resume offers" : "Stop offers";
}

// the chat

const RIGHT_TO_LEFT = /^(ar|fa|he|ur)\b/;

function showOwner(locale) {
  find("messages").replaceChildren();
  find("chat").lang = find("words").lang = locale;
  find("chat").dir = RIGHT_TO_LEFT.test(locale) ? "rtl" : "ltr";
}

function showMessages(messages, me) {
  const list = find("messages");
  const chat = find("chat");
  const atEnd = chat.scrollHeight - chat.scrollTop - chat.clientHeight < BOTTOM_PX;
  const there = new Map([...list.children].map((node) => [node.dataset.id, node]));
  let lastDay = "";
  let grew = false;
  for (const one of messages) {
    const shape = JSON.stringify(one);
    const old = there.get(one.id);
    if (!old || old.dataset.shape !== shape) {
      const node = bubble(one, me, messages, day(one.at, me) !== lastDay);
      node.dataset.id = one.id;
      node.dataset.shape = shape;
      if (old) keepFocus(old, node);
      else list.append(node);
      grew = grew || !old;
    }
    lastDay = day(one.at, me);
  }
  find("chat-empty").hidden = messages.length > 0;
  if (grew && atEnd) chat.scrollTop = chat.scrollHeight;
}

function keepFocus(old, node) {
  const key = old.contains(document.activeElement) && document.activeElement.dataset.key;
  old.replaceWith(node);
  if (key) node.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
}

function bubble(one, me, messages, newDay) {
  const row = make("li", one.mine ? "mine" : "theirs");
  if (newDay) row.append(make("span", "day-chip", day(one.at, me)));
  const box = make("div", "bubble");
  box.append(make("span", "unseen", one.mine ? "You: " : `${state.phone.business}: `));
  const quoted = one.reply_to && messages.find((each) => each.id === one.reply_to);
  if (quoted) box.append(make("span", "quote", quoted.body.slice(0, 90)));
  if (one.header) box.append(make("span", "bubble-header", one.header));
  box.append(formatted(one.body));
  if (one.footer) box.append(make("span", "bubble-footer", one.footer));
  box.append(stamp(one, me));
  const message = make("div", "message");
  message.append(box);
  if (one.buttons.length) message.append(buttonsOf(one));
  row.append(message);
  return row;
}

const TICKS = { accepted: ["◷", "on its way"], sent: ["✓", "sent"], delivered: ["✓✓", "delivered"], read: ["✓✓", "read"], failed: ["!", "failed"] };

function stamp(one, me) {
  const node = make("span", "stamp", hour(one.at, me));
  const [sign, words] = TICKS[one.tick];
  const tick = make("span", "tick tick-" + one.tick, sign);
  tick.setAttribute("aria-hidden", "true");
  node.append(tick, make("span", "unseen", words));
  return node;
}

function buttonsOf(one) {
  const row = make("div", "answers" + (one.menu ? " list" : ""));
  if (one.menu) row.append(make("span", "menu", one.menu));
  one.buttons.forEach((each, index) => row.append(answer(one, each, index)));
  return row;
}

function answer(message, one, index) {
  const key = `answer-${message.id}-${index}`;
  if (one.kind === "link" && /^https?:\/\//i.test(one.value)) {
    const link = make("a", "answer link", one.title);
    Object.assign(link, { href: one.value, target: "_blank", rel: "noopener noreferrer" });
    return link;
  }
  if (one.kind === "code") {
    return button(`${one.title}: ${one.value}`, "answer code", () => keep(one.value), key);
  }
  if (!["reply", "row", "quick_reply"].includes(one.kind)) return make("span", "answer", one.title);
  const node = button(one.title, "answer " + one.kind, () => press(message, one), key);
  if (one.description) node.append(make("span", "answer-words", one.description));
  return node;
}

function press(message, one) {
  find("chat").scrollTop = find("chat").scrollHeight;
  act("press", { message: message.id, value: one.value });
}

function keep(code) {
  find("code").value = code;
  navigator.clipboard?.writeText(code).catch(() => {});
}

// WhatsApp's own marks: *bold* _italic_ ~struck~, and links
const MARKS = /(https?:\/\/[^\s<>"]+)|\*([^*\n]+)\*|_([^_\n]+)_|~([^~\n]+)~/g;

function formatted(text) {
  const node = make("span", "words");
  node.dir = "auto";
  let at = 0;
  for (const found of text.matchAll(MARKS)) {
    node.append(text.slice(at, found.index), marked(found));
    at = found.index + found[0].length;
  }
  node.append(text.slice(at));
  return node;
}

function marked([, link, bold, italic, struck]) {
  if (!link) return bold ? make("b", "", bold) : italic ? make("i", "", italic) : make("s", "", struck);
  const node = make("a", "", link);
  Object.assign(node, { href: link, target: "_blank", rel: "noopener noreferrer" });
  return node;
}

// the desk

function showDesk(waiting) {
  find("desk").hidden = waiting === null;
  if (!waiting) return;
  find("desk-empty").hidden = waiting.length > 0;
  const typed = new Map([...find("waiting").querySelectorAll("input")].map((node) => [node.dataset.key, node.value]));
  find("waiting").replaceChildren(...waiting.map(waitingPerson));
  for (const node of find("waiting").querySelectorAll("input")) node.value = typed.get(node.dataset.key) || "";
}

function waitingPerson(one) {
  const row = make("li", "waiting");
  const words = make("p");
  words.append(make("strong", "", one.name), one.holder ? ` is with ${one.holder}` : " waits for a person");
  if (one.reason && !one.holder) words.append(make("span", "reason", one.reason));
  row.append(words);
  const person = { shopper: one.shopper };
  if (!one.holder) {
    row.append(button("Take over", "primary", () => act("take", person), "take-" + one.shopper));
    return row;
  }
  const form = make("form", "desk-reply");
  const input = make("input");
  Object.assign(input, { placeholder: `Answer ${one.name}`, maxLength: 4096, autocomplete: "off" });
  input.setAttribute("aria-label", `Answer ${one.name}`);
  input.dataset.key = "desk-" + one.shopper;
  form.append(input, make("button", "primary", "Answer"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!input.value.trim()) return;
    act("answer", { ...person, text: input.value });
    input.value = "";
  });
  row.append(form, button("Hand back to the bot", "secondary", () => act("hand_back", person), "back-" + one.shopper));
  return row;
}

function showDoor(door) {
  find("door").hidden = !door;
  if (!door) return;
  find("door-link").href = door.url;
  find("door-password").textContent = door.password;
}

// the bot's mind

function showMind([mind, now, me]) {
  find("mind").hidden = !mind;
  document.body.classList.toggle("with-mind", Boolean(mind));
  if (!mind) return;
  find("facts").replaceChildren(...mind.facts.map((fact) => make("li", "", fact)));
  find("flows").replaceChildren(...mind.flows.map(flow));
  find("coming-empty").hidden = mind.coming.length > 0;
  find("coming").replaceChildren(...mind.coming.map((one) => coming(one, now, me)));
  find("timeline-empty").hidden = mind.timeline.length > 0;
  find("timeline").replaceChildren(...mind.timeline.map((one) => thought(one, me)));
}

function flow(one) {
  const card = make("section", "flow" + (one.over ? " over" : ""));
  const title = make("h3", "", one.name);
  title.append(make("span", "flow-state", one.state));
  card.append(title);
  if (one.lines.length) {
    const list = make("ol", "steps-list");
    list.append(...one.lines.map(flowLine));
    card.append(list);
  }
  return card;
}

function flowLine(one) {
  const row = make("li", (one.verb ? "flow-step" : "flow-branch") + " depth-" + Math.min(one.depth, 4));
  if (one.verb) row.append(make("b", "", one.verb.replace("_", " ")), " ");
  row.append(make("span", "", one.text));
  if (one.lit) {
    row.classList.add("lit");
    row.setAttribute("aria-current", "step");
    row.append(make("span", "here", "here"));
  }
  return row;
}

const when = (at, me) => (day(at, me) === day(state.now, me) ? hour(at, me) : `${day(at, me)}, ${hour(at, me)}`);

function coming(one, now, me) {
  const row = make("li");
  row.append(make("span", "coming-in", `in ${span(new Date(one.due) - new Date(state.now))}`), make("span", "", one.text), make("span", "moment", when(one.due, me)));
  return row;
}

function thought(one, me) {
  const row = make("li", "thought mood-" + one.mood);
  const head = make("p", "thought-head");
  head.append(make("b", "", one.about), make("span", "moment", when(one.at, me)));
  const words = make("p", "thought-words", one.text);
  words.dir = "auto";
  row.append(head, words);
  if (one.why) row.append(make("p", "thought-why", one.why));
  return row;
}

const FAULTS = {
  rate_limited: "Too many requests (429)",
  pair_limited: "Too many to this person",
  graph_500: "WhatsApp's server fails",
  accept_then_cut: "Taken, but the answer is lost",
};

function showFaults(faults) {
  find("twice").checked = faults.twice;
  find("faults").replaceChildren(...Object.entries(faults.next).map(fault));
}

function fault([name, times]) {
  const row = make("li");
  const node = button(FAULTS[name], "fault", () => act("fault", { fault: name }), "fault-" + name);
  if (times) node.append(make("span", "badge", String(times)), make("span", "unseen", " times, armed"));
  row.append(node);
  return row;
}

// what stays on the page

const phoneIsBelow = () => find("phone").getBoundingClientRect().top > innerHeight - 100;

new IntersectionObserver(([seen]) => {
  find("to-phone").hidden = seen.isIntersecting;
}).observe(find("phone"));

for (const node of document.querySelectorAll("[data-minutes]")) {
  node.addEventListener("click", () => act("clock", { minutes: Number(node.dataset.minutes) }));
}
find("next").addEventListener("click", () => act("clock"));
find("till").addEventListener("submit", async (event) => {
  event.preventDefault();
  await act("buy", { code: find("code").value });
  find("code").value = "";
});
find("leave").addEventListener("click", () => {
  away.add(shopper);
  show(state);
  find("away-title").focus();
  if (phoneIsBelow()) find("phone").scrollIntoView({ behavior: "smooth", block: "start" });
});
find("return").addEventListener("click", () => {
  away.delete(shopper);
  show(state);
  find("leave").focus();
});
for (const node of document.querySelectorAll("[data-channel]")) {
  node.addEventListener("change", () => act("consent", { channel: node.dataset.channel, granted: node.checked }));
}
find("stop").addEventListener("click", () => act("preference", { stop: !state.phone.stopped }));
find("reply").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = find("words").value.trim();
  if (!text) return;
  find("words").value = "";
  find("chat").scrollTop = find("chat").scrollHeight;
  act("say", { text });
});

find("twice").addEventListener("change", () => act("twice", { on: find("twice").checked }));
find("door-copy").addEventListener("click", () => navigator.clipboard?.writeText(state.desk.password).catch(() => {}));
document.addEventListener("visibilitychange", listen);
addEventListener("pagehide", () => stream?.close());

listen();
