"""The database that `comeback serve` works on, for commands that need one to be there."""

import os

from bot import settings as settings_module
from bot.settings import Settings
from bot.store.database import StoreUnavailable, is_there, shown


def settings_of_served() -> Settings:
    """The settings from the environment. Raises SettingsError, and StoreUnavailable when there is no database yet."""
    settings = settings_module.read(os.environ, serving=False)
    if not is_there(settings.database):
        where = shown(settings.database)
        raise StoreUnavailable(f"there is no database at {where} yet: start 'comeback serve' first, or set COMEBACK_DATABASE")
    return settings
