"""The pages of the real house in a real Chromium."""
