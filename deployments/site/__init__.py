"""A facility's side: its data roots, its rules, its keys, and the folder it watches."""
