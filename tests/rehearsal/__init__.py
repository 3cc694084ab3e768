"""Rehearsals: crowds and single plays."""
