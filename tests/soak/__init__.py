"""The service as processes against a gateway that fails, with faults drawn from a seed.

What must hold is read from two places that know nothing of each other: the ledger of the twin,
which is what handsets got, and the store, which is what the service says became of each message.
"""
