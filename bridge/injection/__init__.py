"""Faults on request, for the app under test: what it is told instead of the answer that came."""
