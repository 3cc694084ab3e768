"""The room `web`: the door and the desk's socket, over real HTTP."""
