"""One check a file; each has a function `check` that looks at a subject and gives a finding."""
