"""Exit codes that say more than success or failure (sysexits.h)."""

EX_TEMPFAIL = 75  # another process has the database
EX_CONFIG = 78  # the configuration is wrong
