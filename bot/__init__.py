"""Comeback: chat-first WhatsApp remarketing for online stores.

A store owner writes conversation flows in YAML. Comeback listens to WhatsApp and to the store (signed webhooks), runs the
flows, respects consent, quiet hours and limits, lets staff take a conversation over, and tags who engaged for paid audiences.

The rooms, top to bottom; an import may only go down, and rooms on one floor do not know each other:

    6  __main__  command  app  settings   the commands; the one place that puts the parts together
       shops                              what the settings say of each shop, put together
       owner_files  clock                 flows and translations on disk, read again when they change; the time on the wall
    5  web          the door: signed webhooks in, health, the desk's pages
       rehearsal    play a flow with the real engine and policy, on a scratch store and a clock that jumps
       sandbox      a WhatsApp Cloud API and a small shop on this machine, known to the rest by HTTP alone
    4  worker       moves the work: dispatcher (inbox -> flows), sender (outbox -> WhatsApp), clock, discounts, nightly
       desk         staff: open conversations, take over, answer, hand back
    3  channel      the way to the customer: whatsapp/ (Channel, SendError, what came in)
       shop         the way to the store: canonical shop events, discount codes
       audience     lists for paid ads: who is in, who is left out and why, hashed CSV
    2  store        the memory; no other room knows SQL
    1  flow         what a flow is and how it runs; pure
       policy       may we write to this person, and when; pure

How the work flows:

    WhatsApp, shop -> web: signature, split, one row an update -> inbox, committed -> 200
    due timers and staff actions are inbox rows too
    dispatcher: one transaction a batch: contact + runs + facts -> interpreter -> runs, timers, tags, consent, outbox
    sender: policy at the moment of sending -> `sending` committed -> WhatsApp -> sent | refused | retry | unknown
    sent, delivered, read and failed come back through the inbox

`tests/test_layers.py` keeps the rule of layers.
"""

__version__ = "0.1.0"
