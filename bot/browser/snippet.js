// Comeback on a shop's pages: tells the bot which product is looked at and what is in the cart, so that who leaves can be reminded.
// It sets no cookie, reads nothing that is typed, sends nothing personal, and keeps one random key in this shop's own local storage.
// With Do Not Track or Global Privacy Control it does nothing at all; with data-consent="wait" nothing before comeback("consent", true).
// What is served has no comments and no indentation; TOKEN is put in then.
(() => {
  "use strict";
  if (window.comeback?.on) return;
  const { currentScript: script } = document;
  const address = script.src.replace(/\.js([?#].*)?$/, "");
  const refuses = navigator.globalPrivacyControl || navigator.doNotTrack === "1";
  let allowed = !refuses && script.dataset.consent !== "wait";
  let waiting = [];
  let timer, key, told;

  // ---- who: a random key, whose first eight letters stand in the messages that this browser writes

  const random = (length) =>
    [...crypto.getRandomValues(new Uint8Array(length))].map((byte) => "23456789ABCDEFGHJKMNPQRSTUVWXYZ"[byte % 31]).join("");
  const kept = (name, value) => {
    try {
      return value === undefined ? localStorage.getItem(name) : value === null ? localStorage.removeItem(name) : localStorage.setItem(name, value);
    } catch {} // a browser may keep nothing
  };
  const visitor = () => {
    if (!key) kept("comeback", (key = /^[2-9A-HJKMNP-Z]{24}$/.test(kept("comeback")) ? kept("comeback") : random(24)));
    return key;
  };

  // ---- telling

  const flush = () => {
    clearTimeout(timer);
    if (!allowed || !waiting.length) return;
    const body = JSON.stringify({ token: "TOKEN", visitor: visitor(), events: waiting.splice(0, 10) });
    // a beacon of a page with a strict Referrer-Policy does not say which page it is of
    if ("keepalive" in Request.prototype) fetch(address, { method: "POST", body, keepalive: true, credentials: "omit" }).catch(() => {});
    else navigator.sendBeacon(address, body);
    flush();
  };
  const tell = (type, values) => {
    if (refuses || waiting.length > 29) return;
    waiting.push({ ...values, type, id: random(12), at: Math.floor(Date.now() / 1000) });
    clearTimeout(timer);
    timer = setTimeout(flush, 100);
  };
  const text = (value) => (value == null ? undefined : String(value));
  const viewed = (one) => {
    const { product, title, url = location.origin + location.pathname, image, price, currency } = one;
    if (product) tell("viewed", { product: text(product), title, url, image, ...(price && currency ? { price: text(price), currency } : {}) });
  };
  const cart = ({ items, total, currency, url = location.origin + "/cart" }) => {
    const lines = items.slice(0, 30).map((one) => ({
      product: text(one.product), variant: text(one.variant), title: one.title, quantity: one.quantity, price: text(one.price),
    }));
    const fresh = JSON.stringify(lines);
    if (fresh === (told ?? kept("comeback_cart") ?? "[]")) return;
    told = fresh;
    if (allowed) kept("comeback_cart", fresh);
    tell("cart", { items: lines, total: text(total), currency, url });
  };

  // ---- what the page says of itself

  const parsed = (node) => {
    try {
      return JSON.parse(node.textContent);
    } catch {}
  };
  const first = (value) => (Array.isArray(value) ? value[0] : value);
  const page = () => {
    const all = [...document.querySelectorAll('script[type="application/ld+json"]')].map(parsed).flat();
    const found = all.flatMap((one) => one?.["@graph"] ?? one).find((one) => /^Product/.test(first(one?.["@type"])));
    const shopify = window.ShopifyAnalytics?.meta?.product;
    const woo = /\bsingle-product\b/.test(document.body.className) && document.body.className.match(/\bpostid-(\d+)/);
    if (!found && !shopify && !woo) return;
    const offer = first(found?.offers), image = first(found?.image);
    viewed({
      product: shopify?.id ?? woo?.[1] ?? found.productID ?? found.sku,
      title: found?.name ?? document.querySelector('meta[property="og:title"]')?.content,
      image: image?.url ?? image,
      price: offer?.price ?? offer?.lowPrice,
      currency: offer?.priceCurrency,
    });
  };

  // ---- carts: Shopify's, WooCommerce's, and any that stands in a data-comeback-cart

  const asked = (path, options) => fetch(path, options).then((answer) => answer.json());
  const root = window.Shopify?.routes?.root ?? "/";
  const shopify = async () => {
    const { items, total_price: total, currency, attributes } = await asked(root + "cart.js");
    const line = (one) => ({
      product: one.product_id, variant: one.variant_id, title: one.product_title, quantity: one.quantity, price: (one.price / 100).toFixed(2),
    });
    cart({ items: items.map(line), total: (total / 100).toFixed(2), currency });
    if (!allowed || !items.length || attributes?.comeback_visitor === visitor()) return;
    const noted = { comeback_visitor: visitor(), ...(click ? { comeback: click } : {}) };
    const headers = { "Content-Type": "application/json" };
    await asked(root + "cart/update.js", { method: "POST", headers, body: JSON.stringify({ attributes: noted }) });
  };
  const woo = async () => {
    const { items, totals } = await asked("/wp-json/wc/store/v1/cart");
    const amount = (minor) => (minor / 10 ** totals.currency_minor_unit).toFixed(totals.currency_minor_unit);
    const line = (one) => ({ product: one.id, title: one.name, quantity: one.quantity, price: amount(one.prices.price) });
    cart({ items: items.map(line), total: amount(totals.total_price), currency: totals.currency_code });
  };
  const look = () => {
    const form = allowed && document.querySelector("form.checkout"); // WooCommerce's, and of any shop that keeps the field with the order
    if (form && !form.comeback_visitor) {
      form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "comeback_visitor", value: visitor() }));
    }
    const written = parsed({ textContent: document.querySelector("[data-comeback-cart]")?.dataset.comebackCart });
    if (written?.items) cart(written);
    if (window.Shopify) shopify().catch(() => {});
    else if (/woocommerce_items_in_cart/.test(document.cookie)) woo().catch(() => {});
  };

  // ---- links: ours bring an id and lose it here; those to WhatsApp say who will write

  const click = (new URLSearchParams(location.search).get("comeback") ?? "").match(/^[a-z2-7]{16}$/)?.[0];
  const referred = (href) => {
    const url = new URL(href), said = url.searchParams.get("text") ?? "";
    if (!allowed || /\(ref: /.test(said)) return href;
    url.searchParams.set("text", `${said} (ref: ${visitor().slice(0, 8)})`.trim());
    tell("came", {});
    flush();
    return url.href.replaceAll("+", "%20");
  };
  document.addEventListener("click", ({ target }) => {
    const link = target.closest?.('a[href*="//wa.me/"], a[href*="//api.whatsapp.com/send"]');
    if (link) link.href = referred(link.href);
  }, true);

  // ---- the shop's own calls: comeback("viewed", {...}), ("cart", {...}), ("consent", true), ("link", "https://wa.me/...")

  const consent = (yes) => {
    allowed = !!yes && !refuses;
    if (allowed) return flush(), look();
    waiting = [];
    key = undefined;
    kept("comeback", null);
    kept("comeback_cart", null);
  };
  const calls = { viewed, cart, consent, link: referred };
  const earlier = window.comeback?.q ?? [];
  window.comeback = (name, value) => calls[name]?.(value);
  window.comeback.on = true;

  const begin = () => {
    if (click) {
      tell("came", { click });
      const rest = location.search.slice(1).split("&").filter((one) => !one.startsWith("comeback=")).join("&");
      history.replaceState(history.state, "", location.pathname + (rest && "?" + rest) + location.hash);
    }
    if (!refuses) {
      page();
      look();
      const later = () => setTimeout(look, 1500);
      document.addEventListener("submit", later);
      window.jQuery?.(document.body).on("added_to_cart removed_from_cart updated_cart_totals", later);
    }
    for (const one of earlier) window.comeback(...one);
  };
  if (document.readyState === "complete") begin();
  else addEventListener("load", begin);
  addEventListener("pagehide", flush);
})();
