"""The `halos` command."""
