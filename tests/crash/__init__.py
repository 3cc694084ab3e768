"""The bot as a process: killed, stopped, starved of disk, locked out of its database, and looked at from the outside."""
