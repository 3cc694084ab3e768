"""Tests of what an owner does with a running house: copy it, restore it, watch it, restart it."""
