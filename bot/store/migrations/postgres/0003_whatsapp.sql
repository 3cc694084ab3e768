-- WhatsApp, complete: what customers send besides words, what Meta's limits are at, what messages cost, files.

-- ---- conversations and people

-- ---- pacing

-- ---- prices

-- ---- files
