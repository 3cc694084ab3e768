// Sends every kind of message, moves files and manages templates with a client from npm, as its own README says. Node 18 or later.
//
// Reads what it must know as JSON from its first argument (base, token, number, account, to, asked) and writes what it did as JSON:
// { sent: { kind: message id }, ... }. Whether it arrived is looked up by the test, on the customer's phone.

import { Buffer } from "node:buffer";
import { GraphApiError, WhatsAppClient, buildTemplateSendPayload } from "@kapso/whatsapp-cloud-api";

const { base, token, number: phoneNumberId, account: businessAccountId, to, asked } = JSON.parse(process.argv[2]);
const client = new WhatsAppClient({ accessToken: token, baseUrl: base, graphVersion: "v24.0" });
const head = { phoneNumberId, to };
const link = "https://shop.example/cup.jpg";
const sent = {};
const note = async (kind, promise) => {
  const answer = await promise;
  sent[kind] = answer.messages[0].id;
  return answer;
};

// files
const jpeg = Buffer.from("ffd8ffe000104a46494600010100000100010000ffd9", "hex");
const pdf = Buffer.from("%PDF-1.4\n%%EOF\n");
const upload = (file, type, fileName) => client.media.upload({ phoneNumberId, type, file: new Blob([file], { type }), fileName });
const image = await upload(jpeg, "image/jpeg", "cup.jpg");
const document = await upload(pdf, "application/pdf", "invoice.pdf");
const audio = await upload(Buffer.from("OggS\0\x02"), "audio/ogg", "voice.ogg");
const sticker = await upload(Buffer.from("RIFF\0\0\0\0WEBPVP8L"), "image/webp", "sticker.webp");
const told = await client.media.get({ mediaId: image.id, phoneNumberId });
const bytes = await client.media.download({ mediaId: image.id, phoneNumberId, auth: "always" });
const unsigned = await client.media.download({ mediaId: image.id, phoneNumberId, auth: "never", as: "response" });
const doomed = await upload(jpeg, "image/jpeg", "gone.jpg");
const deleted = await client.media.delete({ mediaId: doomed.id, phoneNumberId });

// messages
const messages = client.messages;
const first = await note("text", messages.sendText({
  ...head, body: "Look: https://shop.example", previewUrl: true, contextMessageId: asked, bizOpaqueCallbackData: "ob:1",
}));
await note("image", messages.sendImage({ ...head, image: { id: image.id, caption: "A cup" } }));
await note("image_link", messages.sendImage({ ...head, image: { link } }));
await note("document", messages.sendDocument({ ...head, document: { id: document.id, filename: "invoice.pdf", caption: "Yours" } }));
await note("video", messages.sendVideo({ ...head, video: { link: "https://shop.example/v.mp4", caption: "How it is made" } }));
await note("audio", messages.sendAudio({ ...head, audio: { id: audio.id } }));
await note("voice", messages.sendAudio({ ...head, audio: { id: audio.id, voice: true } }));
await note("sticker", messages.sendSticker({ ...head, sticker: { id: sticker.id } }));
await note("location", messages.sendLocation({ ...head, location: { latitude: 40.4, longitude: -3.7, name: "Café", address: "Plaza 1" } }));
await note("contacts", messages.sendContacts({
  ...head, contacts: [{ name: { formattedName: "Rosa Díaz", firstName: "Rosa" }, phones: [{ phone: "+34600000099", type: "WORK" }] }],
}));
await note("reaction", messages.sendReaction({ ...head, reaction: { messageId: asked, emoji: "👍" } }));
await note("buttons", messages.sendInteractiveButtons({
  ...head, header: { type: "image", image: { id: image.id } }, bodyText: "Well?", footerText: "Foot",
  buttons: [{ id: "yes", title: "Yes" }, { id: "no", title: "No" }],
}));
await note("list", messages.sendInteractiveList({
  ...head, header: { type: "text", text: "Head" }, bodyText: "Which?", buttonText: "Choose",
  sections: [{ title: "Sizes", rows: [{ id: "s", title: "S", description: "small" }] }, { title: "Else", rows: [{ id: "stop", title: "Stop" }] }],
}));
await note("link", messages.sendInteractiveCtaUrl({
  ...head, bodyText: "Shop", parameters: { displayText: "Open", url: "https://shop.example/a" },
}));
await note("carousel", messages.sendInteractiveCarousel({
  ...head, bodyText: "Both",
  cards: [1, 2].map((place) => ({
    cardIndex: place - 1,
    header: { type: "image", image: { link: `https://shop.example/${place}.jpg` } },
    bodyText: `Card ${place}`,
    action: { displayText: "View", url: `https://shop.example/p/${place}` },
  })),
}));
await note("product", messages.sendInteractiveProduct({ ...head, bodyText: "This one", catalogId: "c-1", productRetailerId: "p-2" }));
await note("products", messages.sendInteractiveProductList({
  ...head, header: { type: "text", text: "Ours" }, bodyText: "Have a look", catalogId: "c-1",
  sections: [{ title: "Coffee", productItems: [{ productRetailerId: "p-1" }, { productRetailerId: "p-2" }] }],
}));
await note("catalog", messages.sendInteractiveCatalogMessage({
  ...head, bodyText: "All of it", parameters: { thumbnailProductRetailerId: "p-1" },
}));
await note("location_request", messages.sendInteractiveLocationRequest({
  ...head, bodyText: "Where are you?", parameters: { requestMessage: "Where are you?" },
}));
await note("address", messages.sendInteractiveAddress({ ...head, bodyText: "Your address?", parameters: { country: "IN" } }));
await note("form", messages.sendInteractiveFlow({
  ...head, bodyText: "A form", parameters: { flowId: "42", flowCta: "Fill in", flowToken: "t", mode: "published" },
}));
const read = await messages.markRead({ phoneNumberId, messageId: asked, typingIndicator: { type: "text" } });

// templates
const body = "Hi {{name}}, you left {{item}} in your cart.";
const created = await client.templates.create({
  businessAccountId, name: "cart_reminder", language: "en_US", category: "MARKETING", parameterFormat: "NAMED",
  components: [
    { type: "HEADER", format: "IMAGE", example: { headerHandle: ["4::handle"] } },
    { type: "BODY", text: body, example: { bodyTextNamedParams: [{ paramName: "name", example: "Ann" }, { paramName: "item", example: "Shoes" }] } },
    { type: "FOOTER", text: "Reply STOP to opt out" },
    { type: "BUTTONS", buttons: [
      { type: "URL", text: "Checkout", url: "https://shop.example/c/{{1}}", example: ["https://shop.example/c/42"] },
      { type: "COPY_CODE", example: "SAVE20" },
      { type: "QUICK_REPLY", text: "Stop" },
    ] },
  ],
});
await client.templates.create({
  businessAccountId, name: "order_update", language: "en_US", category: "UTILITY",
  components: [{ type: "BODY", text: "Your order {{1}} is on its way.", example: { bodyText: [["#42"]] } }],
});
const listed = await client.templates.list({ businessAccountId, limit: 1 });
const rest = await client.templates.list({ businessAccountId, limit: 1, after: listed.paging.cursors.after });
const approved = await client.templates.list({ businessAccountId, status: "APPROVED", name: "cart" });
const template = buildTemplateSendPayload({
  name: "cart_reminder", language: "en_US",
  header: { type: "image", image: { link } },
  body: [{ type: "text", parameterName: "name", text: "Ana" }, { type: "text", parameterName: "item", text: "café" }],
  buttons: [
    { type: "button", subType: "url", index: 0, parameters: [{ type: "text", text: "ch-1" }] },
    { type: "button", subType: "copy_code", index: 1, parameters: [{ type: "coupon_code", coupon_code: "WELCOME10" }] },
    { type: "button", subType: "quick_reply", index: 2, parameters: [{ type: "payload", payload: "optout" }] },
  ],
});
const answered = await note("template", messages.sendTemplate({ ...head, template, bizOpaqueCallbackData: "ob:9" }));
const gone = await client.templates.delete({ businessAccountId, name: "order_update" });

// the number
await client.phoneNumbers.businessProfile.update({ phoneNumberId, about: "Coffee" });
const profile = await client.phoneNumbers.businessProfile.get({ phoneNumberId, fields: "about" });

// a refusal
let refusal = null;
try {
  await messages.sendTemplate({ ...head, template: { name: "cart_remainder", language: { code: "en_US" } } });
} catch (error) {
  refusal = { ours: error instanceof GraphApiError, code: error.code, status: error.httpStatus };
}

console.log(JSON.stringify({
  sent,
  first,
  told: { mimeType: told.mimeType, fileSize: Number(told.fileSize), sha256: told.sha256 },
  same: Buffer.from(bytes).equals(jpeg),
  unsigned: unsigned.status,
  deleted: deleted.success,
  read: read.success,
  created: { status: created.status, category: created.category },
  pages: [listed.data.map((one) => one.name), rest.data.map((one) => one.name)],
  approved: approved.data.map((one) => one.name),
  accepted: answered.messages[0].messageStatus,
  gone: gone.success,
  about: profile.data[0].about,
  refusal,
}));
