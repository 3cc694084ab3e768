"""Play a flow before anyone is written to: the real engine and policy on a scratch store, with a clock that jumps."""
