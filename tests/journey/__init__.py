"""Journeys: the whole house over HTTP against the sandbox, with a clock turned by hand."""
