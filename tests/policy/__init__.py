"""May we write, and when: tables at the boundaries, properties over every time zone."""
