"""What a flow is, what is wrong with one, and how one runs."""
