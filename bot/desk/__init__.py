"""Staff: open conversations, take over, answer, hand back."""
