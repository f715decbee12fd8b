"""Grafana: what it is provisioned with, what builds that, and what asks it for every panel."""
