-- Stores, whole: what they tell by their own interfaces, what the law asks, who looks at what, and what becomes of a purchase.

-- ---- back-fill and reconciliation

-- ---- privacy

-- ---- visitors

-- ---- products

-- ---- attribution and purchases
