"""Monitors as one document. Its routes are those of app/api/monitors, and are registered with them."""
