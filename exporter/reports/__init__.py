"""What was: reports for people, made of what Prometheus (and InfluxDB) keep.

Pure: ``quantity`` numbers and how they are shown · ``report`` what a report consists of ·
``questions`` what is asked · ``facts`` what the answers mean · ``segments`` who contributes most ·
``sections`` the parts that several reports share · ``kinds`` the reports, one file each · ``plot``
lines in a box · ``formats`` how a report becomes bytes, one file each.

Edges: ``prometheus``, ``influx``, ``alertmanager`` the servers · ``reporting`` asks, writes, tells.
"""
