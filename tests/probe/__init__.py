"""`vstream probe`: its checks on made machines, its report, and the command as a shell sees it."""
