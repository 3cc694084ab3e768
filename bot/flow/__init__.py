"""What a flow is and how it runs. Pure: no clock, no database, no randomness, no logging; time and facts are arguments."""
