"""Where observations and points go; no sink knows a domain."""
