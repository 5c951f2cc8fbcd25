"""Work that comes round by the clock, done once per slot over all replicas."""
