"""The sandbox's pages: a phone for each customer, beside the demo's shop and desk or beside the Cloud API alone."""
