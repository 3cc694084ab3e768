"""Lists for paid ads: who is in, who is left out and why, written as hashed files."""
