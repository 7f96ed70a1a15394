"""Audits: whether a service does the work anew each time, shown by what it takes and answers on other data."""
