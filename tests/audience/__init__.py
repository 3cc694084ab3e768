"""Lists for paid ads: who is in, what is written, and that nothing leaks."""
