"""Grafana dashboards of the declared metrics: `python -m proxy.telemetry.dashboards FOLDER` (`make docs`).

queries   PromQL over declared metrics, with their units.   panels   what Grafana draws, and where.
now       what is wrong, in ten seconds.                    trend    how it has gone, over weeks.
"""
