"""Plain numpy: shift differences and tumbling."""
