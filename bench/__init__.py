"""What vstream promises, measured beside a peer and beside the bare system calls; one command a claim."""
