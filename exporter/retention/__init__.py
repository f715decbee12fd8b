"""How long InfluxDB 2 keeps what it was told: buckets, tasks that summarise, mappings for InfluxQL.

``plan`` what there should be (pure) · ``api`` the server · ``setup`` makes it so · ``command``
the command line.
"""
