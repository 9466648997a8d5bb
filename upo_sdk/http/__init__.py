"""Asking a service that the user named: its address, its key, patience, and one request at a time.

Importing :mod:`upo_sdk.http.client` imports httpx2: do so where a request is made.
"""
