"""Video Metrics Exporter: beacons in, Prometheus counters and InfluxDB points out.

The way of a beacon, in the order in which to read the modules:

1. ``receiver``   HTTP in: limits, keys, CORS, answers
2. ``formats``    bytes to events or rejections; ``privacy`` decides what may be written down
3. ``journal``    on disk before it is acknowledged
4. ``dedup``      what was seen before
5. ``sessions``   what did not happen; the domains in ``events`` say what it means
6. ``pipeline``   record to observations and points
7. ``checkpoint`` position, counters, sessions, dedup state and outbox, in one transaction
8. ``sinks``      to Prometheus and to InfluxDB

Beside that way: ``reports`` reads back from Prometheus what became of it, ``retention`` says how
long InfluxDB keeps it.
"""

__version__ = "0.1.0"
