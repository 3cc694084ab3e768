"""Tests of the way to the customer."""
