"""The WhatsApp Cloud API: sending through pywa, reading webhooks ourselves."""
