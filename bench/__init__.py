"""Measures the service as it is run, beside the barest Flask application on the same server.

`python -m bench`, or `make bench`. docs/performance.md says how to read it. Nothing of the service
imports this room. Absolute figures are worth little elsewhere: the ratios are the result, so
whatever is compared is measured in turns within one run.
"""
