"""A WhatsApp Cloud API and a small shop on this machine, to try everything without an account. Known to the rest by HTTP alone."""
