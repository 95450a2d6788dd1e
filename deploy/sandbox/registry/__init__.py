"""A domain registry that really speaks EPP over TLS (RFC 5730-5734, 3915, 5910), for development and tests.

It shares no code with the client it is there to test: two readings of the same RFCs find more than one reading twice.
"""
