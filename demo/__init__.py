"""The product with made-up traffic, on one machine."""
