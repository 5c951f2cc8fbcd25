"""The only room that names concretes: opens what a command needs, in order, and closes it in reverse."""
