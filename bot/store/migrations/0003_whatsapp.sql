-- WhatsApp, complete: what customers send besides words, what Meta's limits are at, what messages cost, files.

-- ---- conversations and people

alter table conversation add column free_until integer;  -- the 72 hours after a click on an ad, in which nothing costs anything

-- ---- pacing

-- ---- prices

-- ---- files
