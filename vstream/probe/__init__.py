"""`vstream probe`: finds out why there is no picture."""
