"""The camera, file, pipe and test-pattern sources."""
