"""Requests that nobody thought of: made from the OpenAPI document, and from a model of the contract."""
