"""The manifests: rendered, checked against schemas and standards, and run."""
