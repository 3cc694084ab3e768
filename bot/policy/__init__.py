"""May we write to this person, and when? Pure: what is known comes in, a decision with its reason goes out."""
