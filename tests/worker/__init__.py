"""The room `worker`: the dispatcher and the sender on a real database, with the flows that ship and a clock turned by hand."""
