-- A database of schema 3, as version 0.1.0 left it: never to be changed.
BEGIN TRANSACTION;
CREATE TABLE also_known (                         -- names a shop told of a person: perhaps somebody else's, so they prove nothing
  kind text not null,
  scope text not null,
  value text not null,
  contact integer not null references contact (id),
  primary key (kind, scope, value, contact)
) without rowid;
INSERT INTO "also_known" VALUES('phone','','+34600111222',1);
INSERT INTO "also_known" VALUES('wa_id','','34600111222',1);
INSERT INTO "also_known" VALUES('phone','','+34600999888',2);
INSERT INTO "also_known" VALUES('wa_id','','34600999888',2);
CREATE TABLE attachment (                         -- a file that came with a message
  id integer primary key,
  message integer not null references message (id),
  number text not null,
  kind text not null,                             -- image, video, audio, document, sticker
  media_id text not null,                         -- the platform's
  told_mime text not null,
  told_sha256 text,
  filename text,                                  -- as the customer called it
  voice integer not null,
  at integer not null,
  state text not null default 'wanted',           -- wanted, kept, refused, expired
  why text,                                       -- why it is not here, or not yet: a sentence for staff
  sha256 text,                                    -- its file, once it is kept
  attempts integer not null default 0,
  retry_at integer not null                       -- when it is next tried; while somebody fetches it, when their lease ends
);
INSERT INTO "attachment" VALUES(1,1,'106540352242922','image','77','image/png',NULL,NULL,0,1793617200000000,'kept',NULL,'0000000000000000000000000000000000000000000000000000000000000000',0,1793617200000000);
CREATE TABLE audit (
  id integer primary key,
  contact integer,
  at integer not null,
  about text not null,                            -- a flow, a message key, consent, desk ...
  text text not null
);
INSERT INTO "audit" VALUES(1,1,1793610000000000,'welcome','started as run 1');
INSERT INTO "audit" VALUES(2,1,1793610000000000,'consent','agreed to marketing messages (casa: checkout)');
INSERT INTO "audit" VALUES(3,2,1793610000000000,'consent','agreed to marketing messages (casa: checkout)');
INSERT INTO "audit" VALUES(4,1,1793613600000000,'welcome','ended: left');
INSERT INTO "audit" VALUES(5,1,1793613600000000,'cart_reminder','started as run 2');
INSERT INTO "audit" VALUES(6,2,1793613600000000,'cart_reminder','started as run 3');
INSERT INTO "audit" VALUES(7,2,1793617200000000,'cart_reminder','order_placed: the goal of cart_reminder is reached');
INSERT INTO "audit" VALUES(8,1,1793617200000000,'cart_reminder','the person stopped marketing messages');
INSERT INTO "audit" VALUES(9,1,1793617200000000,'consent','stopped marketing messages (word: wamid.in5)');
CREATE TABLE awaited_purchase (                   -- when somebody will need something again
  contact integer not null references contact (id),
  shop text not null,
  what text not null,                             -- reorder:<category>, or reorder_product:<product>: the kind of its timer
  shop_order integer not null references shop_order (id),  -- the last purchase of it
  since integer not null,                         -- when that was, as of its purchase
  due integer not null,
  generation integer not null,                    -- a timer with another one is stale
  asked integer not null default 0,               -- 1: they were asked in this cycle
  primary key (contact, shop, what)
) without rowid;
INSERT INTO "awaited_purchase" VALUES(2,'casa','reorder:coffee',1,1793617200000000,1795777200000000,0,0);
CREATE TABLE bought (                              -- by each name an order carried: a cart of that name that comes late is bought
  key blob primary key,                            -- a hash of shop, kind and name
  placed_at integer not null                       -- of the newest such order
) without rowid;
INSERT INTO "bought" VALUES(X'00112233445566778899AABBCCDDEEFF',1793617200000000);
CREATE TABLE charge (                             -- what Meta counts a message as, once however many statuses tell it
  message integer primary key,                     -- in outbox
  run integer,
  flow text,
  number text not null,
  country text not null,                          -- of the person's number, ISO 3166; '' where nobody knows
  category text not null,                         -- marketing, utility, service ... in Meta's words, also those nobody knows yet
  type text not null,                             -- regular, free_entry_point ...
  day text not null,                              -- of the status, by the store's clock: 2026-11-22
  at integer not null,
  micros integer,                                  -- what it costs, in millionths of the currency; null: its price is not in store.yaml
  currency text
);
INSERT INTO "charge" VALUES(4,3,'cart_reminder','106540352242922','ES','marketing','regular','2026-11-02',1793617200000000,61500,'EUR');
CREATE TABLE checkout (
  id integer primary key,
  shop text not null,
  key text not null,
  contact integer not null references contact (id),
  state text not null default 'open',             -- open, emptied, ordered, superseded
  updated_at integer not null,
  generation integer not null default 0,          -- rises with each activity: a timer for an older one is stale
  lines text not null,
  total_minor integer not null,
  currency text not null,
  link text, cart_key text, click text, started_at integer not null default 0,
  unique (shop, key)
);
INSERT INTO "checkout" VALUES(1,'casa','k1',1,'open',1793610000000000,1,'[["Huila, 1 kg", 2, 3000, "EUR", "p-huila", "coffee"]]',6000,'EUR','https://casa.example/c',NULL,NULL,1793610000000000);
INSERT INTO "checkout" VALUES(2,'casa','k2',2,'ordered',1793610000000000,2,'[["Huila, 1 kg", 2, 3000, "EUR", "p-huila", "coffee"]]',6000,'EUR','https://casa.example/c',NULL,NULL,1793610000000000);
CREATE TABLE closed_country (                     -- where a number may not write to (Cloud API: error 130497)
  number text not null,
  country text not null,
  since integer not null,
  primary key (number, country)
) without rowid;
INSERT INTO "closed_country" VALUES('106540352242922','IN',1793617200000000);
CREATE TABLE code_budget (                        -- a row to queue at: two that spend the last of a budget do it one after the other
  flow text primary key,
  looked integer not null
) without rowid;
INSERT INTO "code_budget" VALUES('cart_reminder',1793617200000000);
CREATE TABLE code_pool (                          -- codes that exist in a store before they are promised
  id integer primary key,
  shop text not null,                             -- empty for a file of the owner's: its codes are nobody's but the file's
  source text not null,                           -- pool, or the name of the file
  flow text not null,
  worth text not null,                            -- '5%', '10.00 EUR'
  percent text,
  amount_minor integer,
  currency text,
  until integer not null,                           -- until when codes are taken from it, and more are made
  ends integer not null,                            -- of every code in it, in the store
  code text not null,                             -- of the parent discount, decided before the store hears of it
  place text,                                     -- the store's id of the parent discount; null: not made yet
  asked integer not null default 0,               -- 1: the store was asked for the parent, perhaps without an answer
  bulk text,                                      -- the store's id of what it is working on
  retry_at integer not null,
  attempts integer not null default 0,
  why text,                                       -- the last failure, a sentence for the owner
  unique (shop, source, flow, worth, ends)
);
INSERT INTO "code_pool" VALUES(1,'casa','pool','cart_reminder','5%','5',NULL,NULL,1793703600000000,1793703600000000,'CASA-PARENT','gid://shopify/DiscountCodeNode/1',0,NULL,1793703600000000,0,NULL);
CREATE TABLE consent_record (                     -- append-only: the proof
  id integer primary key,
  contact integer not null references contact (id),
  channel text not null,                          -- whatsapp, ads
  state text not null,
  at integer not null,
  method text not null,                           -- shop, button, word, platform, flow
  source text not null,
  text text,                                      -- what the person read when they agreed
  recorded_at integer not null,
  effective integer not null                      -- 0: recorded, but it changed nothing (late, or a shop against a STOP in the chat)
);
INSERT INTO "consent_record" VALUES(1,1,'whatsapp','granted',1793610000000000,'shop','casa: checkout',NULL,1793610000000000,1);
INSERT INTO "consent_record" VALUES(2,2,'whatsapp','granted',1793610000000000,'shop','casa: checkout',NULL,1793610000000000,1);
INSERT INTO "consent_record" VALUES(3,1,'whatsapp','withdrawn',1793617200000000,'word','wamid.in5',NULL,1793617200000000,1);
CREATE TABLE contact (
  id integer primary key,
  merged_into integer references contact (id),
  created_at integer not null,
  first_name text,
  language text,
  country text,
  timezone text,
  consent text not null default 'unknown',        -- to marketing messages: unknown, granted, withdrawn
  ads_consent text not null default 'unknown',    -- to being put on a list for paid ads
  unreachable integer not null default 0,
  not_before integer,                             -- the platform asked for a pause with this person
  -- summary columns, kept in the same transaction as what they sum up
  orders_count integer not null default 0,
  orders_minor integer not null default 0,
  orders_currency text,
  last_order_at integer,
  last_engaged_at integer
);
INSERT INTO "contact" VALUES(1,NULL,1793610000000000,NULL,NULL,NULL,NULL,'withdrawn','unknown',0,NULL,0,0,NULL,NULL,1793617200000000);
INSERT INTO "contact" VALUES(2,NULL,1793610000000000,NULL,NULL,NULL,NULL,'granted','unknown',0,NULL,1,6000,'EUR',1793617200000000,NULL);
CREATE TABLE conversation (
  contact integer not null references contact (id),
  number text not null,
  control text not null default 'bot',            -- bot, waiting, human
  epoch integer not null default 0,               -- rises with each change of control
  reason text,
  staff text,
  changed_at integer not null,
  last_inbound_at integer, free_until integer, referred_at integer,
  primary key (contact, number)
) without rowid;
INSERT INTO "conversation" VALUES(1,'106540352242922','bot',0,NULL,NULL,1793610000000000,1793617200000000,NULL,NULL);
CREATE TABLE "discount" (                       -- as before, but one code may be promised to one person twice
  id integer primary key,
  run integer not null references run (id),
  generation integer not null,
  contact integer not null references contact (id),
  shop text not null,
  code text not null,
  percent text,
  amount_minor integer,
  currency text,
  ends integer not null,
  state text not null default 'wanted',           -- wanted, made, issued, redeemed, expired, revoked, released, refused, held
  why text,
  attempts integer not null default 0,
  retry_at integer not null,
  created_at integer not null,
  flow text not null default '',
  canonical text not null default '',             -- the code as orders are compared with it: upper case, trimmed
  source text,                                    -- null: made for this person; pool, static, or the name of a file
  counted integer not null default 0,             -- 1: it counts against the budget of its flow and the cap of its person
  cost_minor integer,                               -- what it is thought to cost, in the store's currency
  terms text not null default '{}',
  first integer,                                    -- the grant whose code this is once more; null: a code of its own
  pool integer,
  issued_at integer,
  redeemed_order text,                            -- the order's key in its shop
  leaked_order text,                              -- somebody else's order
  close_at integer,                                 -- when to take it out of the store; null: nothing to take out
  unique (run, generation)
);
INSERT INTO "discount" VALUES(1,2,1,1,'casa','CASA5','5',NULL,NULL,1793703600000000,'issued',NULL,0,1793617200000000,1793617200000000,'cart_reminder','CASA5','pool',1,300,'{}',NULL,NULL,1793617200000000,NULL,NULL,NULL);
CREATE TABLE file (                               -- a file on the shelf (bot/store/shelf.py), once however many messages show it
  sha256 text primary key,                        -- of its bytes, hexadecimal: its name there
  size integer not null,                          -- bytes
  mime text not null,                             -- what its bytes say it is
  used_at integer not null,                       -- when a message last showed it: it is kept so long from then
  owned integer not null default 0,               -- 1: the owner's own, which flows name; it is kept while they do
  deleted_at integer
) without rowid;
INSERT INTO "file" VALUES('0000000000000000000000000000000000000000000000000000000000000000',3,'image/png',1793617200000000,0,NULL);
CREATE TABLE heard (                               -- when a shop last told us anything, give or take some minutes
  shop text primary key,
  at integer not null
) without rowid;
INSERT INTO "heard" VALUES('casa',1793617200000000);
CREATE TABLE identity (
  kind text not null,
  scope text not null,
  value text not null,
  contact integer not null references contact (id),
  since integer not null,
  primary key (kind, scope, value)
) without rowid;
INSERT INTO "identity" VALUES('checkout','casa','k1',1,1793610000000000);
INSERT INTO "identity" VALUES('checkout','casa','k2',2,1793610000000000);
INSERT INTO "identity" VALUES('phone','','+34600111222',1,1793610000000000);
INSERT INTO "identity" VALUES('phone','','+34600999888',2,1793610000000000);
INSERT INTO "identity" VALUES('wa_id','','34600111222',1,1793610000000000);
INSERT INTO "identity" VALUES('wa_id','','34600999888',2,1793610000000000);
CREATE TABLE inbox (
  id integer primary key,
  source text not null,
  kind text not null,
  place text not null,                            -- the phone number id or the shop it came to
  contact integer,                                -- known already for timers and staff, else found by the names
  body blob not null,
  occurred_at integer not null,
  received_at integer not null,
  state text not null default 'waiting',          -- waiting, done, dead
  attempts integer not null default 0,
  retry_at integer,
  why text
);
INSERT INTO "inbox" VALUES(1,'whatsapp','message','106540352242922',1,X'7B226669656C64223A226D65737361676573222C226163636F756E74223A2231222C226174223A313739333631303030302C226D65746164617461223A7B2270686F6E655F6E756D6265725F6964223A22313036353430333532323432393232227D2C22636F6E74616374223A7B2277615F6964223A223334363030313131323232227D2C2270617274223A226D65737361676573222C226974656D223A7B2266726F6D223A223334363030313131323232222C226964223A2277616D69642E696E31222C2274696D657374616D70223A2231373933363130303030222C2274797065223A2274657874222C2274657874223A7B22626F6479223A2248656C6C6F227D7D7D',1793610000000000,1793610000000000,'done',0,NULL,NULL);
INSERT INTO "inbox" VALUES(2,'shop','checkout.updated','casa',1,X'7B2274797065223A2022636865636B6F75742E75706461746564222C202274696D657374616D70223A2022323032362D31312D30325430393A30303A30302B30303A3030222C202264617461223A207B2263757272656E6379223A2022455552222C2022636865636B6F75745F6B6579223A20226B31222C20226974656D73223A205B7B2270726F647563745F6964223A2022702D6875696C61222C20227469746C65223A20224875696C612C2031206B67222C20227175616E74697479223A20322C2022756E69745F7072696365223A202233302E3030222C202263617465676F7279223A2022636F66666565227D5D2C2022746F74616C223A202236302E3030222C20227265636F766572795F75726C223A202268747470733A2F2F636173612E6578616D706C652F63222C202270686F6E65223A20222B3334363030313131323232222C2022636F6E73656E74223A207B227768617473617070223A207B227374617465223A20226772616E746564222C2022736F75726365223A2022636865636B6F7574227D7D7D7D',1793610000000000,1793610000000000,'done',0,NULL,NULL);
INSERT INTO "inbox" VALUES(3,'shop','checkout.updated','casa',2,X'7B2274797065223A2022636865636B6F75742E75706461746564222C202274696D657374616D70223A2022323032362D31312D30325430393A30303A30302B30303A3030222C202264617461223A207B2263757272656E6379223A2022455552222C2022636865636B6F75745F6B6579223A20226B32222C20226974656D73223A205B7B2270726F647563745F6964223A2022702D6875696C61222C20227469746C65223A20224875696C612C2031206B67222C20227175616E74697479223A20322C2022756E69745F7072696365223A202233302E3030222C202263617465676F7279223A2022636F66666565227D5D2C2022746F74616C223A202236302E3030222C20227265636F766572795F75726C223A202268747470733A2F2F636173612E6578616D706C652F63222C202270686F6E65223A20222B3334363030393939383838222C2022636F6E73656E74223A207B227768617473617070223A207B227374617465223A20226772616E746564222C2022736F75726365223A2022636865636B6F7574227D7D7D7D',1793610000000000,1793610000000000,'done',0,NULL,NULL);
INSERT INTO "inbox" VALUES(4,'clock','run','',1,X'7B227375626A656374223A20312C202267656E65726174696F6E223A20312C2022647565223A20313739333631303630303030303030307D',1793613600000000,1793613600000000,'done',0,NULL,NULL);
INSERT INTO "inbox" VALUES(5,'clock','start:cart_reminder','',1,X'7B227375626A656374223A20312C202267656E65726174696F6E223A20312C2022647565223A20313739333631333630303030303030307D',1793613600000000,1793613600000000,'done',0,NULL,NULL);
INSERT INTO "inbox" VALUES(6,'clock','start:cart_reminder','',2,X'7B227375626A656374223A20322C202267656E65726174696F6E223A20312C2022647565223A20313739333631333630303030303030307D',1793613600000000,1793613600000000,'done',0,NULL,NULL);
INSERT INTO "inbox" VALUES(7,'shop','order.created','casa',2,X'7B2274797065223A20226F726465722E63726561746564222C202274696D657374616D70223A2022323032362D31312D30325431313A30303A30302B30303A3030222C202264617461223A207B2263757272656E6379223A2022455552222C20226F726465725F6B6579223A20226F31222C2022746F74616C223A202236302E3030222C20226974656D73223A205B7B2270726F647563745F6964223A2022702D6875696C61222C20227469746C65223A20224875696C612C2031206B67222C20227175616E74697479223A20322C2022756E69745F7072696365223A202233302E3030222C202263617465676F7279223A2022636F66666565227D5D2C2022706C616365645F6174223A2022323032362D31312D30325431313A30303A30302B30303A3030222C202270686F6E65223A20222B3334363030393939383838227D7D',1793617200000000,1793617200000000,'done',0,NULL,NULL);
INSERT INTO "inbox" VALUES(8,'whatsapp','message','106540352242922',1,X'7B226669656C64223A226D65737361676573222C226163636F756E74223A2231222C226174223A313739333631373230302C226D65746164617461223A7B2270686F6E655F6E756D6265725F6964223A22313036353430333532323432393232227D2C22636F6E74616374223A7B2277615F6964223A223334363030313131323232227D2C2270617274223A226D65737361676573222C226974656D223A7B2266726F6D223A223334363030313131323232222C226964223A2277616D69642E696E35222C2274696D657374616D70223A2231373933363137323030222C2274797065223A2274657874222C2274657874223A7B22626F6479223A2253544F50227D7D7D',1793617200000000,1793617200000000,'done',0,NULL,NULL);
INSERT INTO "inbox" VALUES(9,'whatsapp','status','106540352242922',NULL,X'7B226669656C64223A226D65737361676573222C226163636F756E74223A2231222C226174223A313739333631373230302C226D65746164617461223A7B2270686F6E655F6E756D6265725F6964223A22313036353430333532323432393232227D2C22636F6E74616374223A7B2277615F6964223A223334363030313131323232227D2C2270617274223A227374617475736573222C226974656D223A7B226964223A2277616D69642E6F662E36356334393565633A333A31222C22737461747573223A2264656C697665726564222C2274696D657374616D70223A2231373933363137323030222C22726563697069656E745F6964223A223334363030313131323232222C2262697A5F6F70617175655F63616C6C6261636B5F64617461223A2236356334393565633A333A31227D7D',1793617200000000,1793617200000000,'waiting',1,1793617201000000,NULL);
CREATE TABLE inbox_name (                         -- the names an unread row carries: nothing is sent to whoever goes by one
  kind text not null,
  scope text not null,
  value text not null,
  inbox integer not null references inbox (id),
  primary key (kind, scope, value, inbox)
) without rowid;
INSERT INTO "inbox_name" VALUES('phone','','+34600111222',9);
INSERT INTO "inbox_name" VALUES('wa_id','','34600111222',9);
CREATE TABLE message (                            -- what came in, and what staff wrote elsewhere; what we sent is in outbox
  id integer primary key,
  contact integer not null references contact (id),
  number text not null,
  author text not null,                           -- customer, staff
  kind text not null,
  text text not null,
  provider_id text,
  at integer not null
, about text, edited_at integer, revoked_at integer, quotes text);
INSERT INTO "message" VALUES(1,1,'106540352242922','customer','text','Hello','wamid.in1',1793610000000000,NULL,NULL,NULL,NULL);
INSERT INTO "message" VALUES(2,1,'106540352242922','customer','text','STOP','wamid.in5',1793617200000000,NULL,NULL,NULL,NULL);
CREATE TABLE meta (
  name text primary key,
  value text not null
) without rowid;
INSERT INTO "meta" VALUES('epoch','1');
INSERT INTO "meta" VALUES('instance','65c495ec');
CREATE TABLE number_state (                       -- a sending number that must rest
  number text primary key,
  paused_until integer,                           -- nothing goes out before
  marketing_stopped text,                         -- why no marketing goes out until a person has looked
  stopped text                                    -- why nothing goes out until the owner has acted
, awaits text, stopped_until integer) without rowid;
CREATE TABLE order_word (                          -- what is told of an order apart from it, perhaps before it
  shop text not null,
  order_key text not null,
  kind text not null,                              -- refund, delivered, removed
  key text not null,                               -- of a refund, the shop's
  at integer not null,
  minor integer,                                   -- what was paid back; null: the shop did not say
  lines text not null,                             -- the pieces that came back
  primary key (shop, order_key, kind, key)
) without rowid;
INSERT INTO "order_word" VALUES('casa','o9','refund','r1',1793617200000000,500,'[]');
CREATE TABLE outbox (
  id integer primary key,
  key text not null unique,                       -- biz_opaque_callback_data: the same for the same step of the same run
  contact integer not null references contact (id),
  number text not null,
  shop text not null,
  run integer references run (id),
  flow text,
  author text not null,                           -- flow, staff, house
  marketing integer not null,
  reply integer not null,
  content text not null,                          -- bot/flow/codec.py
  body text not null,                             -- what the customer reads
  created_at integer not null,
  not_before integer not null,
  expires_at integer not null,
  state text not null default 'queued',           -- queued, verifying, sending, sent, refused, unknown, cancelled, held
  why text,                                       -- a policy reason or a sentence of the channel
  attempts integer not null default 0,
  owner text,                                     -- who sends it: process, its epoch, and until when it may
  epoch integer,
  lease_until integer,
  provider_id text,
  delivery text,                                  -- sent, delivered, read, failed; only climbs
  sent_at integer
, code integer, counts integer not null default 0, needs text, needs_of integer, verified_at integer);
INSERT INTO "outbox" VALUES(1,'65c495ec:1:1',1,'106540352242922','',1,'welcome','flow',0,1,'{"text":{"body":"Hi there, welcome to Casa Bonita!"}}','Hi there, welcome to Casa Bonita!',1793610000000000,1793610000000000,1793696100000000,'sent',NULL,1,'test',1,NULL,'wamid.1',NULL,1793610000000000,NULL,0,NULL,NULL,NULL);
INSERT INTO "outbox" VALUES(2,'65c495ec:1:2',1,'106540352242922','',1,'welcome','flow',0,1,'{"text":{"body":"How can we help you?","buttons":[{"title":"Where is my order?","payload":"run:1:1:0"},{"title":"Returns","payload":"run:1:1:1"},{"title":"Talk to a person","payload":"run:1:1:2"}]}}','How can we help you?
[Where is my order?]
[Returns]
[Talk to a person]',1793610000000000,1793610000000000,1793696100000000,'sent',NULL,1,'test',1,NULL,'wamid.2',NULL,1793610000000000,NULL,0,NULL,NULL,NULL);
INSERT INTO "outbox" VALUES(3,'65c495ec:2:1',1,'106540352242922','casa',2,'cart_reminder','flow',1,0,'{"template":{"name":"cart_waiting","language":"en","values":{"name":"there","items":"2 × Huila, 1 kg"},"body":"Hi there, you left something behind: 2 × Huila, 1 kg.\nYour cart is waiting. Shall we help you finish your order?","buttons":[{"title":"Finish my order","payload":"run:2:1:0"},{"title":"I have a question","payload":"run:2:1:1"},{"title":"Stop these messages","payload":"run:2:1:2:stop"}]}}','Hi there, you left something behind: 2 × Huila, 1 kg.
Your cart is waiting. Shall we help you finish your order?
[Finish my order]
[I have a question]
[Stop these messages]',1793613600000000,1793613600000000,1793872800000000,'sent',NULL,1,'test',1,NULL,'wamid.3',NULL,1793613600000000,NULL,0,NULL,NULL,NULL);
INSERT INTO "outbox" VALUES(4,'65c495ec:3:1',2,'106540352242922','casa',3,'cart_reminder','flow',1,0,'{"template":{"name":"cart_waiting","language":"en","values":{"name":"there","items":"2 × Huila, 1 kg"},"body":"Hi there, you left something behind: 2 × Huila, 1 kg.\nYour cart is waiting. Shall we help you finish your order?","buttons":[{"title":"Finish my order","payload":"run:3:1:0"},{"title":"I have a question","payload":"run:3:1:1"},{"title":"Stop these messages","payload":"run:3:1:2:stop"}]}}','Hi there, you left something behind: 2 × Huila, 1 kg.
Your cart is waiting. Shall we help you finish your order?
[Finish my order]
[I have a question]
[Stop these messages]',1793613600000000,1793613600000000,1793872800000000,'sent',NULL,1,'test',1,NULL,'wamid.4',NULL,1793613600000000,NULL,0,NULL,NULL,NULL);
INSERT INTO "outbox" VALUES(5,'65c495ec:stopped:1:wamid.in5',1,'106540352242922','',NULL,NULL,'house',0,1,'{"text":{"body":"Done: we will not send you offers any more. You can still write to us here whenever you like."}}','Done: we will not send you offers any more. You can still write to us here whenever you like.',1793617200000000,1793617200000000,1793703300000000,'queued',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL);
CREATE TABLE pair (                               -- the limit of messages from one number to one person, as a debt that time pays off
  contact integer not null,
  number text not null,
  free_at integer not null,                       -- when it is paid off
  primary key (contact, number)
) without rowid;
INSERT INTO "pair" VALUES(2,'106540352242922',1793617200000000);
CREATE TABLE pool_code (
  id integer primary key,
  pool integer not null references code_pool (id),
  shop text not null,
  code text not null,
  state text not null,                            -- planned, asked, ready, taken, lost
  store_id text,                                  -- the store's own id of it
  discount integer,                                 -- who got it
  unique (shop, code)
);
INSERT INTO "pool_code" VALUES(1,1,'casa','CASA5','taken','gid://shopify/DiscountRedeemCode/1',1);
INSERT INTO "pool_code" VALUES(2,1,'casa','CASA6','ready',NULL,NULL);
CREATE TABLE portfolio (                          -- one row: how many people a day all our numbers together may write to first
  id integer primary key,
  people integer,                                 -- null: nobody told
  told_at integer,
  own_people integer,                             -- what the owner set, which goes before what was told
  own_per_second integer,                         -- the same for each of our numbers
  reached integer not null default 0,             -- rows in `reached`
  allotted integer not null default 0             -- whoever waits was given a time up to this one
);
INSERT INTO "portfolio" VALUES(1,2000,1793617200000000,NULL,NULL,0,0);
CREATE TABLE product_evidence (                   -- what all people did with a product, worked out each night
  shop text not null,
  product text not null,
  buyers integer not null,
  people integer not null,                        -- of them who came back
  gaps integer not null,
  half_days integer,                              -- days between two purchases in the middle, doubled: a median may end in a half
  early integer,                                  -- days after which a quarter had come back
  late integer,                                   -- and three quarters
  worked_out_at integer not null,
  primary key (shop, product)
) without rowid;
INSERT INTO "product_evidence" VALUES('casa','p-huila',20,12,30,61,20,45,1793617200000000);
CREATE TABLE purchase (                           -- a product of an order that counts, as far as it was not given back
  shop_order integer not null references shop_order (id),
  product text not null,                          -- the shop's key; where it has none, its SKU, else its name
  contact integer not null references contact (id),
  shop text not null,
  pieces integer not null,
  at integer not null,                            -- delivered, where that is known, else ordered
  primary key (shop_order, product)
) without rowid;
INSERT INTO "purchase" VALUES(1,'p-huila',2,'casa',2,1793617200000000);
CREATE TABLE reached (                            -- whom we wrote to first, in the last 24 hours
  contact integer primary key,
  message integer not null,                       -- the outbox row that counted them
  at integer not null
);
INSERT INTO "reached" VALUES(2,4,1793617200000000);
CREATE TABLE reaction (                           -- the emoji a customer put to a message, theirs or ours
  contact integer not null references contact (id),
  provider_id text not null,                      -- of the message, the platform's
  emoji text not null,
  at integer not null,
  primary key (contact, provider_id)
) without rowid;
INSERT INTO "reaction" VALUES(1,'wamid.2','👍',1793617200000000);
CREATE TABLE referral (                           -- the ad or post that brought somebody to us, once a click
  id integer primary key,
  contact integer not null references contact (id),
  number text not null,
  at integer not null,
  click text,                                     -- Cloud API: ctwa_clid; ads in a status have none
  source_type text,
  source_id text,
  source_url text,
  headline text,
  body text
);
INSERT INTO "referral" VALUES(1,1,'106540352242922',1793617200000000,'click-1','ad','12','https://fb.me/1','Coffee','Fresh');
CREATE TABLE revision (
  id text primary key,
  flow text not null,
  source text not null,
  stored_at integer not null
) without rowid;
INSERT INTO "revision" VALUES('8e44b78e070205ac','welcome','{"flow":"welcome","language":"en","templates":{},"text":"# yaml-language-server: $schema=../bot/flow/flow.schema.json\nname: Welcome\nabout: Greets people who write to us and answers the usual questions.\npurpose: service\n\nstart:\n  when: message_received\n\nsteps:\n  - if: conversation.is_first\n    then:\n      - send: |\n          Hi {contact.first_name or \"there\"}, welcome to {store.name}!\n\n  - label: menu\n    ask: How can we help you?\n    answers:\n      - button: Where is my order?\n        words: [order, track, tracking, parcel, delivery]\n        then:\n          - if: orders.count is 0\n            then:\n              - send: I cannot find an order under this number. A colleague will look for it.\n              - hand_over: Asks about an order we cannot find\n          - send: |\n              This is about your order {orders.last.number} of {orders.last.placed_at}.\n              Follow it here: {orders.last.tracking_link or \"there is no link yet\"}\n          - go_to: anything more\n      - button: Returns\n        words: [return, refund, exchange]\n        then:\n          - send: |\n              You can send anything back within 30 days, free of charge.\n              Start here: {store.links.returns}\n          - go_to: anything more\n      - button: Talk to a person\n        words: [human, agent, person, help]\n        then:\n          - go_to: person\n      - anything_else:\n          - send: Sorry, I did not understand that.\n          - go_to: person\n    no_answer:\n      after: 10 minutes\n      then:\n        - end: left\n\n  - label: anything more\n    ask: Is there anything else?\n    answers:\n      - button: Yes\n        then:\n          - go_to: menu\n      - button: No, thanks\n        words: [no, nothing]\n        then:\n          - go_to: offers\n      - anything_else:\n          - go_to: person\n    no_answer:\n      after: 10 minutes\n      then:\n        - end: helped\n\n  - label: offers\n    ask: |\n      Happy to help! May we write to you now and then\n      about offers? You can say stop at any time.\n    answers:\n      - button: Yes, please\n        words: [yes]\n        then:\n          - opt_in\n          - send: Thank you! We will keep it short.\n          - end: helped, wants offers\n      - button: No\n        then:\n          - send: No problem at all.\n          - end: helped\n      - anything_else:\n          - end: unclear about offers\n    no_answer:\n      after: 1 hour\n      then:\n        - end: no answer about offers\n\n  - label: person\n    if: staff.is_available\n    then:\n      - send: One moment, a colleague is on the way.\n    else:\n      - send: We are back at {staff.next_open}. We will answer you first thing.\n  - hand_over: Asked for a person\n","translations":{"ar":{"Happy to help! May we write to you now and then\nabout offers? You can say stop at any time.":"سعدنا بمساعدتك! هل يمكننا مراسلتك من حين لآخر\nبشأن العروض؟ يمكنك إرسال «إيقاف» في أي وقت.","Hi {contact.first_name or \"there\"}, welcome to {store.name}!":"مرحبًا {contact.first_name or \"بك\"}، أهلًا وسهلًا في {store.name}!","How can we help you?":"كيف يمكننا مساعدتك؟","I cannot find an order under this number. A colleague will look for it.":"لم أجد طلبًا مسجلًا بهذا الرقم. سيبحث عنه أحد زملائنا.","Is there anything else?":"هل تحتاج إلى شيء آخر؟","No":"لا","No problem at all.":"لا بأس إطلاقًا.","No, thanks":"لا، شكرًا","One moment, a colleague is on the way.":"لحظة من فضلك، سينضم إليك أحد زملائنا.","Returns":"الإرجاع","Sorry, I did not understand that.":"عذرًا، لم أفهم ذلك.","Talk to a person":"التحدث مع شخص","Thank you! We will keep it short.":"شكرًا لك! سنختصر قدر الإمكان.","This is about your order {orders.last.number} of {orders.last.placed_at}.\nFollow it here: {orders.last.tracking_link or \"there is no link yet\"}":"بخصوص طلبك رقم {orders.last.number} بتاريخ {orders.last.placed_at}.\nيمكنك تتبعه هنا: {orders.last.tracking_link or \"لا يوجد رابط بعد\"}","We are back at {staff.next_open}. We will answer you first thing.":"نعود إلى العمل {staff.next_open}، وسنجيبك قبل أي شيء آخر.","Where is my order?":"أين طلبي؟","Yes":"نعم","Yes, please":"نعم، من فضلكم","You can send anything back within 30 days, free of charge.\nStart here: {store.links.returns}":"يمكنك إرجاع أي منتج خلال 30 يومًا مجانًا.\nابدأ من هنا: {store.links.returns}","agent":"موظف","delivery":"توصيل","exchange":"استبدال","help":"مساعدة","human":"إنسان","no":"لا","nothing":"لا شيء","order":"طلب","parcel":"طرد","person":"شخص","refund":"استرداد","return":"إرجاع","track":"تتبع","tracking":"رقم التتبع","yes":"نعم"},"es":{"Happy to help! May we write to you now and then\nabout offers? You can say stop at any time.":"¡Un placer! ¿Podemos escribirte de vez en cuando\ncon ofertas? Puedes decir \"baja\" cuando quieras.","Hi {contact.first_name or \"there\"}, welcome to {store.name}!":"¡Hola, {contact.first_name or \"qué tal\"}! Te damos la bienvenida a {store.name}.","How can we help you?":"¿En qué podemos ayudarte?","I cannot find an order under this number. A colleague will look for it.":"No encuentro ningún pedido con este número. Alguien del equipo lo buscará.","Is there anything else?":"¿Necesitas algo más?","No":"No","No problem at all.":"Ningún problema.","No, thanks":"No, gracias","One moment, a colleague is on the way.":"Un momento, enseguida te atiende alguien del equipo.","Returns":"Devoluciones","Sorry, I did not understand that.":"Perdona, no te he entendido.","Talk to a person":"Hablar con alguien","Thank you! We will keep it short.":"¡Gracias! Seremos breves.","This is about your order {orders.last.number} of {orders.last.placed_at}.\nFollow it here: {orders.last.tracking_link or \"there is no link yet\"}":"Se trata de tu pedido {orders.last.number} ({orders.last.placed_at}).\nPuedes seguirlo aquí: {orders.last.tracking_link or \"todavía no hay enlace\"}","We are back at {staff.next_open}. We will answer you first thing.":"Volvemos el {staff.next_open}. Te responderemos lo primero.","Where is my order?":"¿Y mi pedido?","Yes":"Sí","Yes, please":"Sí, por favor","You can send anything back within 30 days, free of charge.\nStart here: {store.links.returns}":"Puedes devolver lo que quieras en 30 días, sin coste.\nEmpieza aquí: {store.links.returns}","agent":"agente","delivery":"envío","exchange":"cambio","help":"ayuda","human":"humano","no":"no","nothing":"nada","order":"pedido","parcel":"paquete","person":"persona","refund":"reembolso","return":"devolver","track":"seguir","tracking":"seguimiento","yes":"sí"},"pt_BR":{"Happy to help! May we write to you now and then\nabout offers? You can say stop at any time.":"Foi um prazer! Podemos escrever de vez em quando\ncom ofertas? Você pode dizer \"parar\" quando quiser.","Hi {contact.first_name or \"there\"}, welcome to {store.name}!":"Oi, {contact.first_name or \"tudo bem\"}! Boas-vindas à {store.name}.","How can we help you?":"Como podemos ajudar?","I cannot find an order under this number. A colleague will look for it.":"Não encontro nenhum pedido com este número. Alguém da equipe vai procurar.","Is there anything else?":"Precisa de mais alguma coisa?","No":"Não","No problem at all.":"Sem problema nenhum.","No, thanks":"Não, obrigado","One moment, a colleague is on the way.":"Um momento, alguém da equipe já vem.","Returns":"Devoluções","Sorry, I did not understand that.":"Desculpe, não entendi.","Talk to a person":"Falar com alguém","Thank you! We will keep it short.":"Obrigado! Seremos breves.","This is about your order {orders.last.number} of {orders.last.placed_at}.\nFollow it here: {orders.last.tracking_link or \"there is no link yet\"}":"É sobre o seu pedido {orders.last.number} ({orders.last.placed_at}).\nAcompanhe aqui: {orders.last.tracking_link or \"ainda não há link\"}","We are back at {staff.next_open}. We will answer you first thing.":"Voltamos em {staff.next_open}. Você será a primeira pessoa que vamos responder.","Where is my order?":"Cadê meu pedido?","Yes":"Sim","Yes, please":"Sim, por favor","You can send anything back within 30 days, free of charge.\nStart here: {store.links.returns}":"Você pode devolver o que quiser em até 30 dias, sem custo.\nComece aqui: {store.links.returns}","agent":"atendente","delivery":"entrega","exchange":"troca","help":"ajuda","human":"humano","no":"não","nothing":"nada","order":"pedido","parcel":"pacote","person":"pessoa","refund":"reembolso","return":"devolver","track":"rastrear","tracking":"rastreio","yes":"sim"}}}',1793610000000000);
INSERT INTO "revision" VALUES('916a6d3b334af356','cart_reminder','{"flow":"cart_reminder","language":"en","templates":{"cart_discount":"category: marketing\nbody: |\n  Hi {name}, your cart is still here, and now it costs {percent} less.\n  Your code is {code}. It is valid until {ends}.\nfooter: Reply STOP to opt out\nbuttons:\n  - quick_reply: Use my discount\n  - quick_reply: No, thank you\n  - quick_reply: Stop these messages\n","cart_last_chance":"category: marketing\nheader: Last chance\nbody: |\n  Hi {name}, your first order with us is {percent} cheaper until {ends}.\n  Copy the code below and use it at checkout.\nfooter: Reply STOP to opt out\nbuttons:\n  - copy_code: WELCOME10\n","cart_waiting":"category: marketing\nbody: |\n  Hi {name}, you left something behind: {items}.\n  Your cart is waiting. Shall we help you finish your order?\nfooter: Reply STOP to opt out\nbuttons:\n  - quick_reply: Finish my order\n  - quick_reply: I have a question\n  - quick_reply: Stop these messages\n"},"text":"# yaml-language-server: $schema=../bot/flow/flow.schema.json\nname: Cart reminder\nabout: Reminds shoppers of the cart they left behind. The discount grows only if they hesitate.\npurpose: marketing\n\nstart:\n  when: cart_abandoned\n  for: 1 hour\n  if: cart.total is at least 20\nagain_after: 14 days\ngoal: order_placed\nstop_when: cart_emptied\n\nsteps:\n  # First reminder: no discount yet.\n  - ask:\n      template: cart_waiting\n      with:\n        name: contact.first_name or \"there\"\n        items: cart.summary\n    answers:\n      - button: Finish my order\n        then:\n          - send: \"Here is your cart: {cart.link}\"\n          - wait: 1 day\n          - tag: hesitant\n          - continue\n      - button: I have a question\n        then:\n          - send: Of course! A colleague will answer you here.\n          - hand_over: Question about an abandoned cart\n      - button: Stop these messages\n        then:\n          - opt_out\n      - words: [discount, cheaper, expensive]\n        then:\n          - tag: price_sensitive\n          - go_to: small discount\n      - anything_else:\n          - hand_over: Replied to the cart reminder\n    no_answer:\n      after: 1 day\n      then:\n        - tag: hesitant\n        - continue\n\n  # Second reminder: a small discount.\n  - label: small discount\n    discount: 5%\n    valid_for: 3 days\n  - ask:\n      template: cart_discount\n      with:\n        name: contact.first_name or \"there\"\n        percent: discount.percent\n        code: discount.code\n        ends: discount.ends\n    answers:\n      - button: Use my discount\n        then:\n          - send: \"Here is your cart with the code {discount.code}: {cart.link}\"\n          - end: used small discount\n      - button: No, thank you\n        then:\n          - send: No problem. Your cart stays where it is.\n          - end: not interested\n      - button: Stop these messages\n        then:\n          - opt_out\n      - anything_else:\n          - hand_over: Replied to the discount\n    no_answer:\n      after: 2 days\n      then:\n        - if: in first_time_buyers and cart.total is at least 50\n          then:\n            - continue\n          else:\n            - end: no answer\n\n  # Last chance: only first-time buyers with a large cart come this far.\n  - discount: 10%\n    valid_for: 1 day\n  - send:\n      template: cart_last_chance\n      with:\n        name: contact.first_name or \"there\"\n        percent: discount.percent\n        ends: discount.ends\n  - end: last chance sent\n","translations":{"ar":{"Finish my order":"إكمال طلبي","Here is your cart with the code {discount.code}: {cart.link}":"هذه سلتك مع الرمز {discount.code}: {cart.link}","Here is your cart: {cart.link}":"هذه سلتك: {cart.link}","Hi {name}, you left something behind: {items}.\nYour cart is waiting. Shall we help you finish your order?":"مرحبًا {name}، لقد تركت شيئًا في سلتك: {items}.\nسلتك بانتظارك. هل نساعدك في إكمال طلبك؟","Hi {name}, your cart is still here, and now it costs {percent} less.\nYour code is {code}. It is valid until {ends}.":"مرحبًا {name}، سلتك ما زالت هنا، وسعرها الآن أقل بنسبة {percent}.\nرمزك هو {code}، وهو صالح حتى {ends}.","Hi {name}, your first order with us is {percent} cheaper until {ends}.\nCopy the code below and use it at checkout.":"مرحبًا {name}، طلبك الأول معنا أرخص بنسبة {percent} حتى {ends}.\nانسخ الرمز أدناه واستخدمه عند الدفع.","I have a question":"لدي سؤال","Last chance":"الفرصة الأخيرة","No problem. Your cart stays where it is.":"لا بأس. ستبقى سلتك كما هي.","No, thank you":"لا، شكرًا","Of course! A colleague will answer you here.":"بالتأكيد! سيجيبك أحد زملائنا هنا.","Reply STOP to opt out":"أرسل «إيقاف» لوقف الرسائل","Stop these messages":"إيقاف هذه الرسائل","Use my discount":"استخدام الخصم","cheaper":"أرخص","discount":"خصم","expensive":"غالي","there":"بك"},"es":{"Finish my order":"Terminar mi pedido","Here is your cart with the code {discount.code}: {cart.link}":"Aquí tienes tu carrito con el código {discount.code}: {cart.link}","Here is your cart: {cart.link}":"Aquí tienes tu carrito: {cart.link}","Hi {name}, you left something behind: {items}.\nYour cart is waiting. Shall we help you finish your order?":"Hola, {name}: te has dejado algo: {items}.\nTu carrito te espera. ¿Te ayudamos a terminar el pedido?","Hi {name}, your cart is still here, and now it costs {percent} less.\nYour code is {code}. It is valid until {ends}.":"Hola, {name}: tu carrito sigue aquí y ahora cuesta un {percent} menos.\nTu código es {code}. Es válido hasta el {ends}.","Hi {name}, your first order with us is {percent} cheaper until {ends}.\nCopy the code below and use it at checkout.":"Hola, {name}: tu primer pedido con nosotros cuesta un {percent} menos hasta el {ends}.\nCopia el código de abajo y úsalo al pagar.","I have a question":"Tengo una pregunta","Last chance":"Última oportunidad","No problem. Your cart stays where it is.":"No pasa nada. Tu carrito se queda como está.","No, thank you":"No, gracias","Of course! A colleague will answer you here.":"¡Claro! Alguien del equipo te responderá por aquí.","Reply STOP to opt out":"Responde BAJA para no recibir más","Stop these messages":"No más mensajes","Use my discount":"Usar mi descuento","cheaper":"barato","discount":"descuento","expensive":"caro","there":"qué tal"},"pt_BR":{"Finish my order":"Finalizar meu pedido","Here is your cart with the code {discount.code}: {cart.link}":"Aqui está o seu carrinho com o código {discount.code}: {cart.link}","Here is your cart: {cart.link}":"Aqui está o seu carrinho: {cart.link}","Hi {name}, you left something behind: {items}.\nYour cart is waiting. Shall we help you finish your order?":"Oi, {name}! Você deixou algo para trás: {items}.\nO seu carrinho está esperando. Quer ajuda para finalizar o pedido?","Hi {name}, your cart is still here, and now it costs {percent} less.\nYour code is {code}. It is valid until {ends}.":"Oi, {name}! O seu carrinho continua aqui e agora custa {percent} menos.\nO seu código é {code}. Ele vale até {ends}.","Hi {name}, your first order with us is {percent} cheaper until {ends}.\nCopy the code below and use it at checkout.":"Oi, {name}! O seu primeiro pedido com a gente custa {percent} menos até {ends}.\nCopie o código abaixo e use ao pagar.","I have a question":"Tenho uma pergunta","Last chance":"Última chance","No problem. Your cart stays where it is.":"Sem problema. O seu carrinho continua como está.","No, thank you":"Não, obrigado","Of course! A colleague will answer you here.":"Claro! Alguém da equipe vai responder por aqui.","Reply STOP to opt out":"Responda PARAR para não receber mais","Stop these messages":"Parar as mensagens","Use my discount":"Usar meu desconto","cheaper":"barato","discount":"desconto","expensive":"caro","there":"tudo bem"}}}',1793613600000000);
CREATE TABLE run (
  id integer primary key,
  contact integer not null references contact (id),
  number text not null,
  shop text not null,
  flow text not null,
  revision text not null references revision (id),
  state text not null,                            -- active, waiting, ended
  outcome text,
  body text not null,                             -- bot/flow/codec.py
  started_at integer not null,
  ended_at integer
);
INSERT INTO "run" VALUES(1,1,'106540352242922','','welcome','8e44b78e070205ac','ended','left','{"id":1,"flow":"welcome","revision":"8e44b78e070205ac","position":"steps.1","generation":1,"sends":2,"outcome":"left"}',1793610000000000,1793613600000000);
INSERT INTO "run" VALUES(2,1,'106540352242922','casa','cart_reminder','916a6d3b334af356','ended','opted out','{"id":2,"flow":"cart_reminder","revision":"916a6d3b334af356","position":"steps.0","generation":2,"sends":1,"subject":{"kind":"cart","id":1},"outcome":"opted out"}',1793613600000000,1793617200000000);
INSERT INTO "run" VALUES(3,2,'106540352242922','casa','cart_reminder','916a6d3b334af356','ended','goal reached','{"id":3,"flow":"cart_reminder","revision":"916a6d3b334af356","position":"steps.0","generation":2,"sends":1,"subject":{"kind":"cart","id":2},"outcome":"goal reached"}',1793613600000000,1793617200000000);
CREATE TABLE seen (                               -- dedupe keys, apart from bodies: they outlive them
  key blob primary key
) without rowid;
INSERT INTO "seen" VALUES(X'6AE851106B4BF93189624BF25EDEFC7D');
INSERT INTO "seen" VALUES(X'6AE85110D5455810F85BE87D5A0C55C7');
INSERT INTO "seen" VALUES(X'6AE85110FEF9BD72284F70764DAD02B6');
INSERT INTO "seen" VALUES(X'6AE86D300190CA68CA9763D3F3D5B777');
INSERT INTO "seen" VALUES(X'6AE86D3073D55EDD4D49E1882278C05F');
INSERT INTO "seen" VALUES(X'6AE86D30C847FEC0364F409CC51B6E78');
CREATE TABLE sending_number (                     -- a number of ours: what Meta says of it, and how fast it goes
  number text primary key,
  phone text,                                     -- the digits it is displayed with: some webhooks give it no other name
  per_second integer,                             -- messages a second, in and out together; null: nobody told
  with_app integer not null default 0,            -- 1: staff use the phone app on it, too
  quality text,                                   -- GREEN, YELLOW, RED, UNKNOWN
  told_at integer,
  -- by the clock of the machine that keeps the database, not by the house's
  next_at integer not null default 0,             -- when the next message that can wait may start
  answer_at integer not null default 0,           -- the same for answers, which overtake those that can wait
  share integer not null default 1000,            -- thousandths of its rate that it kept when it was last told to slow down
  slowed_at integer not null default 0
) without rowid;
INSERT INTO "sending_number" VALUES('106540352242922','34911000000',80,0,'GREEN',1793617200000000,0,0,1000,0);
CREATE TABLE shop_order (
  id integer primary key,
  shop text not null,
  key text not null,
  contact integer not null references contact (id),
  number text not null,
  status text not null,
  checkout_key text,
  placed_at integer not null,
  updated_at integer not null,
  lines text not null,
  total_minor integer not null,
  currency text not null,
  tracking_link text,
  reorder_link text,
  codes text not null,
  counted integer not null default 0, payment text not null default 'unknown', payment_link text, reached text, told_lines text, told_minor integer, told_refunded integer, delivered_at integer,             -- it is part of the contact's summary columns
  unique (shop, key)
);
INSERT INTO "shop_order" VALUES(1,'casa','o1',2,'o1','placed',NULL,1793617200000000,1793617200000000,'[["Huila, 1 kg", 2, 3000, "EUR", "p-huila", "coffee"]]',6000,'EUR',NULL,NULL,'[]',1,'unknown',NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE sold_product (                       -- what orders called it last
  shop text not null,
  product text not null,
  name text not null,
  sku text,
  category text,
  primary key (shop, product)
) without rowid;
INSERT INTO "sold_product" VALUES('casa','p-huila','Huila, 1 kg',NULL,'coffee');
CREATE TABLE tag (
  contact integer not null references contact (id),
  tag text not null,
  since integer not null,
  primary key (contact, tag)
) without rowid;
CREATE TABLE template (
  name text not null,
  language text not null,
  status text,                                    -- APPROVED, REJECTED, PAUSED, DISABLED ...
  category text,                                  -- MARKETING, UTILITY ...
  quality text,                                   -- GREEN, YELLOW, RED, UNKNOWN
  told_at integer not null, stopped text, ask integer not null default 0,
  primary key (name, language)
) without rowid;
INSERT INTO "template" VALUES('cart_waiting','en','APPROVED','MARKETING','GREEN',1793610000000000,NULL,0);
INSERT INTO "template" VALUES('cart_waiting','es','PAUSED','MARKETING','RED',1793613600000000,NULL,0);
INSERT INTO "template" VALUES('reorder_reminder','en','APPROVED','MARKETING',NULL,1793610000000000,NULL,0);
CREATE TABLE timer (
  due integer not null,
  contact integer not null,
  kind text not null,                             -- run, or start:<flow>
  subject integer not null,                       -- the run, checkout or order
  generation integer not null,
  primary key (due, contact, kind, subject, generation)
) without rowid;
INSERT INTO "timer" VALUES(1793700000000000,1,'run',2,1);
INSERT INTO "timer" VALUES(1793700000000000,2,'run',3,1);
INSERT INTO "timer" VALUES(1795777200000000,2,'reorder:coffee',1,0);
CREATE TABLE upload (                             -- a file as the platform knows it: used again until its id is too old
  number text not null,
  sha256 text not null,
  media_id text not null,
  uploaded_at integer not null,
  primary key (number, sha256)
) without rowid;
INSERT INTO "upload" VALUES('106540352242922','0000000000000000000000000000000000000000000000000000000000000000','78',1793617200000000);
CREATE INDEX identity_contact on identity (contact);
CREATE INDEX also_known_contact on also_known (contact);
CREATE INDEX consent_record_contact on consent_record (contact);
CREATE INDEX inbox_waiting on inbox (id) where state = 'waiting';
CREATE INDEX inbox_waiting_contact on inbox (contact) where state = 'waiting' and contact is not null;
CREATE INDEX inbox_dead on inbox (id) where state = 'dead';
CREATE INDEX inbox_name_inbox on inbox_name (inbox);
CREATE INDEX conversation_open on conversation (changed_at) where control <> 'bot';
CREATE INDEX message_contact on message (contact, at);
CREATE INDEX checkout_contact on checkout (contact, state);
CREATE INDEX shop_order_contact on shop_order (contact, placed_at);
CREATE INDEX shop_order_checkout on shop_order (shop, checkout_key) where checkout_key is not null;
CREATE INDEX run_live on run (contact) where state <> 'ended';
CREATE INDEX run_flow on run (contact, flow, started_at);
CREATE INDEX outbox_live on outbox (contact, id) where state in ('queued', 'verifying', 'sending');
CREATE INDEX outbox_sending on outbox (id) where state = 'sending';
CREATE INDEX outbox_run on outbox (run, id) where run is not null;
CREATE INDEX outbox_unknown on outbox (id) where state = 'unknown';
CREATE INDEX outbox_marketing on outbox (contact, sent_at) where marketing = 1 and sent_at is not null;
CREATE INDEX outbox_contact on outbox (contact, created_at);
CREATE INDEX outbox_provider on outbox (provider_id) where provider_id is not null;
CREATE INDEX audit_contact on audit (contact, id);
CREATE INDEX outbox_queued on outbox (number, marketing, reply, not_before, id) where state = 'queued';
CREATE INDEX inbox_retry on inbox (retry_at) where state = 'waiting' and retry_at is not null;
CREATE UNIQUE INDEX referral_click on referral (click) where click is not null;
CREATE INDEX referral_contact on referral (contact, at);
CREATE INDEX audit_alarm on audit (at) where about = 'alarm';
CREATE INDEX reached_at on reached (at);
CREATE INDEX outbox_for_tomorrow on outbox (not_before) where state = 'queued' and why = 'daily_limit';
CREATE INDEX charge_day on charge (day);
CREATE INDEX file_kept on file (used_at) where deleted_at is null and owned = 0;
CREATE INDEX attachment_message on attachment (message);
CREATE INDEX attachment_wanted on attachment (retry_at) where state = 'wanted';
CREATE INDEX attachment_kept on attachment (at) where state = 'kept';
CREATE INDEX checkout_cart on checkout (shop, cart_key) where cart_key is not null;
CREATE INDEX checkout_click on checkout (shop, click) where click is not null;
CREATE INDEX bought_old on bought (placed_at);
CREATE INDEX outbox_verifying on outbox (not_before) where state = 'verifying';
CREATE INDEX discount_wanted on discount (retry_at) where state = 'wanted';
CREATE INDEX discount_live on discount (contact, created_at);
CREATE INDEX discount_canonical on discount (canonical);
CREATE INDEX discount_flow on discount (flow, created_at) where counted = 1;
CREATE INDEX discount_ending on discount (ends) where state in ('made', 'issued');
CREATE INDEX discount_closing on discount (close_at) where close_at is not null;
CREATE INDEX discount_redeemed on discount (redeemed_order) where redeemed_order is not null;
CREATE INDEX discount_leaked on discount (leaked_order) where leaked_order is not null;
CREATE INDEX code_pool_due on code_pool (retry_at);
CREATE INDEX pool_code_state on pool_code (pool, state, id);
CREATE UNIQUE INDEX pool_code_discount on pool_code (discount) where discount is not null;
CREATE INDEX purchase_product on purchase (shop, product, contact, at);
CREATE INDEX purchase_contact on purchase (contact, shop, product);
CREATE INDEX awaited_purchase_order on awaited_purchase (shop_order);
COMMIT;
PRAGMA user_version=3;
