"""The WhatsApp Cloud API: parts of messages by pywa, requests and webhooks by ourselves."""
