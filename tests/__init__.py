"""The tests: one folder a room, journeys through the whole house, kills, pages in a real browser."""
