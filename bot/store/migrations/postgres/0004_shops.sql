-- Stores, whole: what they tell by their own interfaces, what the law asks, who looks at what, and what becomes of a purchase.
select 1; -- a script of comments alone is none to the server

-- ---- back-fill and reconciliation

-- ---- privacy

-- ---- visitors

-- ---- products

-- ---- attribution and purchases

alter table shop_order add column click text;          -- of the recovery link the buyer came by
alter table shop_order add column returned bigint not null default 0;  -- 1: something of it was given or paid back
update shop_order set returned = 1
where coalesce(told_refunded, 0) > 0 or payment in ('partly_refunded', 'refunded') or exists (
  select 1 from order_word w where w.shop = shop_order.shop and w.order_key = shop_order.key and w.kind = 'refund');

alter table outbox add column delivered_at bigint;    -- when it was in the customer's hands: the earliest time a status told
alter table run add column goal_order bigint;         -- the order that was its goal

create table credit (                              -- the one flow that brought an order about, as far as that can be told
  shop_order bigint primary key references shop_order (id),
  contact bigint not null references contact (id),
  shop text not null,
  placed_at bigint not null,
  kind text not null,                             -- code, click, view_through
  flow text not null,
  run bigint references run (id),
  message bigint references outbox (id),         -- the last message of the run before the order; null: none went
  minor bigint not null,                         -- what is left of the order; 0, where it does not count any more
  back_minor bigint not null,                    -- what was given or paid back of it
  currency text not null
);
create index credit_placed on credit (placed_at);
create index credit_contact on credit (contact);
