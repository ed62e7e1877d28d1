"""Metrics, health and status for operators, on a thread and a port of their own."""
