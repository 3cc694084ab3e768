-- Stores, whole: what they tell by their own interfaces, what the law asks, who looks at what, and what becomes of a purchase.

-- ---- back-fill and reconciliation

-- ---- privacy

-- ---- visitors

-- ---- products

-- ---- attribution and purchases

alter table shop_order add column click text;          -- of the recovery link the buyer came by
alter table shop_order add column returned integer not null default 0;  -- 1: something of it was given or paid back
update shop_order set returned = 1
where coalesce(told_refunded, 0) > 0 or payment in ('partly_refunded', 'refunded') or exists (
  select 1 from order_word w where w.shop = shop_order.shop and w.order_key = shop_order.key and w.kind = 'refund');

alter table outbox add column delivered_at integer;    -- when it was in the customer's hands: the earliest time a status told
alter table run add column goal_order integer;         -- the order that was its goal

create table credit (                              -- the one flow that brought an order about, as far as that can be told
  shop_order integer primary key references shop_order (id),
  contact integer not null references contact (id),
  shop text not null,
  placed_at integer not null,
  kind text not null,                             -- code, click, view_through
  flow text not null,
  run integer references run (id),
  message integer references outbox (id),         -- the last message of the run before the order; null: none went
  minor integer not null,                         -- what is left of the order; 0, where it does not count any more
  back_minor integer not null,                    -- what was given or paid back of it
  currency text not null
);
create index credit_placed on credit (placed_at);
create index credit_contact on credit (contact);
