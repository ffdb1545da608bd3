# Generated from openapi/delivery.yaml by openapi-python-client 0.29.1. Do not edit.

__version__ = "0.2.0"
