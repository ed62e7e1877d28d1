# Written by packaging/stamp-build into what is built; a checkout has none.
commit: str
date: str
