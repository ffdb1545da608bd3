# Generated from openapi/delivery.yaml by openapi-python-client 0.29.1. Do not edit.


"""A client library for accessing Numora Delivery"""

from .client import AuthenticatedClient, Client

__all__ = (
    "AuthenticatedClient",
    "Client",
)
