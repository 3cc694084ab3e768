"""A WhatsApp Cloud API on this machine: what Meta's answers, keeps to and tells, and the faults of the real one."""
