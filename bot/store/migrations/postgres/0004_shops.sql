-- Stores, whole: what they tell by their own interfaces, what the law asks, who looks at what, and what becomes of a purchase.
select 1; -- a script of comments alone is none to the server

-- ---- back-fill and reconciliation

-- ---- privacy

-- ---- visitors

-- ---- products

-- ---- attribution and purchases
