"""Exit codes that say more than success or failure (sysexits.h)."""

EX_TEMPFAIL = 75  # not now: another process has the database, a shop does not answer
EX_CONFIG = 78  # the configuration is wrong
