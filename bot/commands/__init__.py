"""The command line: one file per group of commands, one for what all of them show on the screen."""
