"""The dashboards, as code: ``python -m grafana.build`` writes the JSON that Grafana provisions.

``style`` is how they look, ``kpis`` what is said about a KPI, and each other module is one
dashboard, with its uid for a name.
"""
