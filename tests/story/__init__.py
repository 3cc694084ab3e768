"""Stories, and the guide that owners learn the flows from."""
